"""The panel of results, at the right: what an answer is once it is read, to be corrected and taken away.

Components and what they show; the listeners are in `ui.takeaway`.
"""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from ui.frame import FORMULAS
from ui.sheet import FIELDS

WIDTH = 460  # pixels


@dataclass(frozen=True, slots=True)
class ResultPanel:
    """The components, from top to bottom; `tables` and `formulas` hold those of the two kinds of results."""

    bar: gr.Sidebar
    picker: gr.Radio
    image: gr.Image
    note: gr.Markdown
    tables: gr.Column
    fields: gr.Dataframe
    items: gr.Dataframe
    source: gr.Textbox
    files: tuple[gr.DownloadButton, ...]
    formulas: gr.Column
    formula: gr.Markdown
    latex: gr.Textbox
    mathml: gr.Textbox

    @property
    def outputs(self) -> list[Any]:
        """What a listener that shows a result fills, in order."""
        return [
            self.bar,
            self.picker,
            self.image,
            self.note,
            self.tables,
            self.fields,
            self.items,
            self.source,
            *self.files,
            self.formulas,
            self.formula,
            self.latex,
            self.mathml,
        ]


def build_results() -> ResultPanel:
    """The panel, shut and out of sight until there is a result."""
    with gr.Sidebar(position="right", width=WIDTH, open=False, visible=False, elem_id="results") as bar:
        picker = gr.Radio(choices=[], label="Result", show_label=False, container=False, elem_id="result-picker")
        image = gr.Image(
            label="Source", show_label=False, interactive=False, buttons=["fullscreen"], elem_id="result-image"
        )
        note = gr.Markdown(elem_id="result-note")
        with gr.Column(visible=False) as tables:
            fields = _table("Fields", "result-fields", list(FIELDS))
            items = _table("Items", "result-items", [""])
            with gr.Row():
                files = tuple(
                    gr.DownloadButton(name, size="sm", min_width=60, elem_id=f"take-{name.lower()}")
                    for name in ("JSON", "CSV", "XLSX")
                )
            source = _source("Source", "result-source", interactive=False)
        with gr.Column(visible=False) as formulas:
            formula = gr.Markdown(latex_delimiters=FORMULAS, sanitize_html=True, elem_id="result-formula")
            latex = _source("LaTeX", "result-latex", interactive=True)
            mathml = _source("MathML", "result-mathml", interactive=False)
    return ResultPanel(
        bar, picker, image, note, tables, fields, items, source, files, formulas, formula, latex, mathml
    )


def _table(name: str, elem_id: str, headers: list[str]) -> gr.Dataframe:
    return gr.Dataframe(
        headers=headers,
        label=name,
        show_label=False,
        type="array",
        datatype="str",
        interactive=True,
        wrap=True,
        column_count=len(headers),
        buttons=[],
        elem_id=elem_id,
    )


def _source(name: str, elem_id: str, *, interactive: bool) -> gr.Textbox:
    return gr.Textbox(label=name, lines=2, max_lines=6, interactive=interactive, buttons=["copy"], elem_id=elem_id)
