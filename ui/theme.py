"""Defines how the page looks: colours, fonts, style sheet and script. System fonts only, so nothing is fetched."""

from pathlib import Path

import gradio as gr
from gradio.themes import Color

STYLE = Path(__file__).parent.parent / "assets" / "style.css"
SCRIPT = Path(__file__).parent.parent / "assets" / "page.js"
ICON = Path(__file__).parent.parent / "assets" / "icon.svg"

_FONTS = ("Inter", "system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
_MONOSPACE = ("ui-monospace", "SF Mono", "JetBrains Mono", "Menlo", "Consolas", "monospace")
_TEAL = Color(
    "#f0fdfa", "#d5f5ef", "#aae9de", "#75d5c8", "#45b9ac", "#2a9d92", "#1f7f77", "#1c6661", "#1a524f", "#194442",
    "#0b2a29", name="teal",
)  # fmt: skip
_STONE = Color(
    "#fafaf9", "#f4f4f2", "#e7e6e3", "#d5d4cf", "#a6a49e", "#77756f", "#57554f", "#42403c", "#2a2926", "#1b1a18",
    "#121110", name="stone",
)  # fmt: skip


def build_theme() -> gr.themes.Base:
    """Build the theme: calm greys, one accent, round corners; light and dark."""
    theme = gr.themes.Base(
        primary_hue=_TEAL,
        secondary_hue=_TEAL,
        neutral_hue=_STONE,
        radius_size="lg",
        font=list(_FONTS),
        font_mono=list(_MONOSPACE),
    )
    return theme.set(
        body_background_fill="white",
        body_background_fill_dark="*neutral_950",
        background_fill_secondary="*neutral_50",
        background_fill_secondary_dark="*neutral_900",
        block_border_width="0px",
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_shadow="none",
        border_color_primary="*neutral_200",
        border_color_primary_dark="*neutral_800",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover_dark="*primary_500",
        button_primary_text_color="white",
        color_accent="*primary_600",
        color_accent_soft="*primary_50",
        color_accent_soft_dark="*neutral_800",
        input_background_fill="white",
        input_background_fill_dark="*neutral_900",
        input_border_width="1px",
    )
