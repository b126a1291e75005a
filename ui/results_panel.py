"""Builds the panel of results, at the right, in which results are corrected and downloaded.

Components and what they show; the listeners are in `ui.results_events`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import wraps
from typing import Any

import gradio as gr

from ui.chat_view import FORMULAS
from ui.result_tables import FIELDS

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
    json: gr.DownloadButton
    csv: gr.DownloadButton
    xlsx: gr.DownloadButton
    evidence: gr.Checkbox
    source: gr.Textbox
    formulas: gr.Column
    formula: gr.Markdown
    latex: gr.Textbox
    mathml: gr.Textbox
    text: gr.Markdown
    chosen: gr.State

    def wired(
        self, listener: Callable[..., dict[str, Any]], inputs: list[Any], filled: Sequence[str] = ()
    ) -> tuple[Callable[..., dict[Any, Any]], list[Any], list[Any]]:
        """Adapt a listener that returns updates by name to Gradio; returns it with its inputs and outputs.

        `filled` names the outputs; by default all components are.
        """

        @wraps(listener)
        def shown(*values: Any) -> dict[Any, Any]:
            return {getattr(self, name): update for name, update in listener(*values).items()}

        return shown, inputs, [getattr(self, name) for name in filled or [each.name for each in fields(self)]]


FILES = ("json", "csv", "xlsx")
CORRECTED = ("figure", "note", "fields", "items", "source", *FILES)
FORMULA = ("note", "formula", "mathml")


def build_results() -> ResultPanel:
    """Build the panel, closed and hidden until there is a result."""
    opener = gr.Button("Text on this image", visible=False, size="sm", elem_id="show-text")
    with gr.Sidebar(position="right", width=WIDTH, open=False, visible=False, elem_id="results") as bar:
        picker = gr.Radio(choices=[], label="Result", show_label=False, container=False, elem_id="result-picker")
        figure = _markup("result-figure")
        note = gr.Markdown(elem_id="result-note")
        with gr.Column(visible=False) as tables:
            table = _table("Fields", "result-fields", list(FIELDS))
            items = _table("Items", "result-items", [""])
            with gr.Row(elem_id="result-files"):
                in_json, in_csv, in_xlsx = (
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
        opener, bar, picker, figure, note, tables, table, items, in_json, in_csv, in_xlsx, evidence, source, formulas,
        formula, latex, mathml, text, gr.State(""),
    )  # fmt: skip


def _markup(elem_id: str, *, visible: bool = True) -> gr.Markdown:
    """Make a component for our own markup without Gradio's filter, which removes boxes; `ui.figure` escapes text."""
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
