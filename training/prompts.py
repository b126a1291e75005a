"""The questions that the page's presets send, and a few other ways to put them."""

from __future__ import annotations

from backend.tasks.presets import caption, clock, describe_video, latex, receipt

CAPTION, DETAILED, ALT = caption.ONE_LINE, caption.DETAILED, caption.ALT_TEXT
RECEIPT, LATEX, VIDEO = receipt.PROMPT, latex.PROMPT, describe_video.PROMPT

CAPTIONS = (CAPTION, DETAILED, ALT)
CAPTION_OTHER = ("What is in this image?", "Describe this image.", "What do you see?", "What is this?")
RECEIPT_OTHER = (
    "Read this receipt.",
    "Read this receipt as JSON.",
    "What does the receipt say?",
    "Read this receipt and answer with JSON only.",
)
LATEX_OTHER = ("Write this formula as LaTeX.", "What is this formula?", "LaTeX?")
VIDEO_OTHER = ("What happens in this video?", "Describe this video.")
CLOCK = clock.PROMPT
CLOCK_OTHER = ("What time is it?", "What time does the clock show?", "What is the time?", "Read the clock.")
DISPLAY = "Read the display: what number does it show?"
DISPLAY_OTHER = (
    "What is on the display?",
    "What number is it?",
    "Read the display.",
    "What does the calculator show?",
)
