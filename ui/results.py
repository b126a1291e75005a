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
    """The components, from top to bottom; `tables` and `formulas` hold those of the two kinds of results.

    `opener` stands in the chat where there is text to show and no result; `text` is what was read on the images;
    `chosen` is what is shown, as `picker` names it.
    """

    opener: gr.Button
    bar: gr.Sidebar
    picker: gr.Radio
    figure: gr.Markdown
    note: gr.Markdown
    tables: gr.Column
    fields: gr.Dataframe
    items: gr.Dataframe
    files: tuple[gr.DownloadButton, ...]
    evidence: gr.Checkbox
    source: gr.Textbox
    formulas: gr.Column
    formula: gr.Markdown
    latex: gr.Textbox
    mathml: gr.Textbox
    text: gr.Markdown
    chosen: gr.State

    @property
    def outputs(self) -> list[Any]:
        """What a listener that shows a result fills, in order."""
        return [
            self.bar,
            self.opener,
            self.picker,
            self.figure,
            self.note,
            self.tables,
            self.fields,
            self.items,
            *self.files,
            self.evidence,
            self.source,
            self.formulas,
            self.formula,
            self.latex,
            self.mathml,
            self.text,
            self.chosen,
        ]

    @property
    def corrected(self) -> list[Any]:
        """What a listener that takes a correction fills, in order."""
        return [self.figure, self.note, self.fields, self.items, *self.files, self.source]


def build_results() -> ResultPanel:
    """The panel, shut and out of sight until there is a result."""
    opener = gr.Button("Text on this image", visible=False, size="sm", elem_id="show-text")
    with gr.Sidebar(position="right", width=WIDTH, open=False, visible=False, elem_id="results") as bar:
        picker = gr.Radio(choices=[], label="Result", show_label=False, container=False, elem_id="result-picker")
        figure = _markup("result-figure")
        note = gr.Markdown(elem_id="result-note")
        with gr.Column(visible=False) as tables:
            fields = _table("Fields", "result-fields", list(FIELDS))
            items = _table("Items", "result-items", [""])
            with gr.Row(elem_id="result-files"):
                files = tuple(
                    gr.DownloadButton(name, size="sm", min_width=60, elem_id=f"take-{name.lower()}")
                    for name in ("JSON", "CSV", "XLSX")
                )
            evidence = gr.Checkbox(
                label="Evidence: the files also say where each value stands",
                container=False,
                visible=False,
                elem_id="take-evidence",
            )
            source = _source("Source", "result-source", interactive=False)
        with gr.Column(visible=False) as formulas:
            formula = gr.Markdown(latex_delimiters=FORMULAS, sanitize_html=True, elem_id="result-formula")
            latex = _source("LaTeX", "result-latex", interactive=True)
            mathml = _source("MathML", "result-mathml", interactive=False)
        text = _markup("result-text", visible=False)
    return ResultPanel(
        opener, bar, picker, figure, note, tables, fields, items, files, evidence, source, formulas, formula, latex,
        mathml, text, gr.State(""),
    )  # fmt: skip


def _markup(elem_id: str, *, visible: bool = True) -> gr.Markdown:
    """A place for markup of our own, which Gradio's filter would rob of its boxes; `ui.figure` escapes all text."""
    return gr.Markdown(latex_delimiters=[], sanitize_html=False, visible=visible, elem_id=elem_id)


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
