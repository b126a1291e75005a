"""Writes the model card from what the training and the evaluation left behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from training import fonts

HEAD = """---
license: apache-2.0
library_name: transformers
pipeline_tag: image-text-to-text
tags: [mllama, tiny, synthetic]
---

# Pocket

A very small vision-language model of the Llama 3.2 Vision architecture (`MllamaForConditionalGeneration`), trained
from scratch for Glimpse, so that the first run needs no download. It is given the text that an OCR reader (PP-OCRv6)
finds on an image, in place of an image that is a page of it, and works within a narrow world: receipts and pages,
plain scenes, formulas, clocks, short clips. It knows nothing else: no facts, no photographs, no handwriting. For
anything else choose a bigger model.

It shares no weights and no text with Llama: everything in it was drawn and learnt by `make pocket` in this
repository.

## What it does

- **Scenes**: a few shapes (circle, square, triangle, star) in seven colors and three sizes, at nine places, on a
  plain light background: a caption in one line, a detailed one, alt text, and questions about count, color, size,
  place and what stands left of, right of, above or below what.
- **Receipts**, from the text on them, as tills of nine countries print them: JSON in the receipt preset's schema or in
  a simple schema of a person's own, and questions about single fields. Values can only be copied from the image.
- **Other pages**, from their text: a question about what is written there, with the words that say so; tables as CSV.
- **Formulas**: fractions, square roots, powers, indices, sums, integrals, small matrices, cases, some letters and
  Greek ones: LaTeX.
- **Clocks and calculators**: faces with hands, and seven-segment displays: the time to the minute, the number.
- **Clips**: one shape that rests, moves, appears or vanishes, seen as contact sheets of 4 x 4 frames.
- **Two images**: a later image beside an earlier one, where the question fits only one of them.
- **Anything else**, such as a photograph: says that it cannot describe it, and gives the text on it, if there is any.
- **Without an image**: says what it is, and that it cannot do the rest.
"""

DOMAINS = {
    "cpu": """
It was trained on a CPU: every image is scaled to one tile of 336 x 336 pixels, which is too little for small print;
that is read by the OCR reader. It was shown the same kinds of things as the test set holds, as many and as long.
""",
    "gpu": """
Images are scaled to at most two by two tiles of 224 pixels: receipts of up to eight items, scenes of up to four
shapes, formulas of up to 26 symbols, clips of up to four contact sheets.
""",
}

TAIL = """
## Limits

- Every other receipt, and every third formula, has a slip somewhere: check every figure against the image. What it
  copies stands there; that it is the right field is not sure.
- The example images of the page were chosen among those that it answers right; the table is not.
- Where the OCR reader errs or finds nothing, Pocket does as well. Receipts among
  "two images" in the table are drawn small and asked of the image alone, which it cannot read any more.
- A date such as 03/04/2018 is taken for the third of April, but with dollars for the fourth of March.
- With two images it goes by what the question is about; it hardly knows which came first.
- What else there is in the world it knows from drawn stand-ins alone. A photograph is mostly declined, and sometimes
  taken for a scene.

## Repeat it

`make pocket` draws, trains and writes this folder, from scratch or, with `--start`, from earlier weights; what made
these stands under Training. `make evaluate` scores them, and the table above is its last run's.
Data: drawn by `training/` while training, none stored. The held-out set is the same whatever a model was trained on;
clips come in contact sheets as large as the engine draws them for the model.
Names for shops and goods in it are in none of the training lists; its fonts ({fonts}; for formulas
{maths}), its shades of colors, its hands of clocks and its displays are in no training
drawing, and its seeds differ. No weights were chosen by these figures, but the last two runs were both scored before
the later one was shipped; once, when those of clips were very low, training got more clips, and the tile grew when
small print was misread in training and held-out receipts alike.
Both need the fonts of {packages}.
"""


def write(folder: Path) -> None:
    """The card, from scores.json and training.json beside the weights, where they exist."""
    scores, training = _read(folder / "scores.json"), _read(folder / "training.json")
    tail = TAIL.format(
        fonts=", ".join(fonts.HELD_OUT), maths=", ".join(fonts.MATHS_HELD_OUT), packages=", ".join(fonts.PACKAGES)
    )
    domain = training.get("domain", "")
    text = HEAD + domain + _size(folder) + _trained(training) + _table(scores) + tail
    (folder / "README.md").write_text(text)


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text())) if path.exists() else {}


def _size(folder: Path) -> str:
    shape = _read(folder / "config.json")
    vision, text = shape.get("vision_config", {}), shape.get("text_config", {})
    megabytes = sum(weights.stat().st_size for weights in folder.glob("*.safetensors")) / 1e6
    return (
        f"\n## Size\n\n{megabytes / 2:.1f} million parameters, {megabytes:.1f} MB in bfloat16. Vision: tile"
        f" {vision.get('image_size')}, patch {vision.get('patch_size')}, width {vision.get('hidden_size')},"
        f" {vision.get('num_hidden_layers')} + {vision.get('num_global_layers')} layers. Text: width"
        f" {text.get('hidden_size')}, {text.get('num_hidden_layers')} layers, cross-attention in"
        f" {text.get('cross_attention_layers')}, {text.get('vocab_size')} tokens.\n"
    )


def _trained(training: dict[str, Any]) -> str:
    if not training:
        return ""
    run = (
        f"{training['samples']:,} chats, {training['steps']:,} steps, {training['minutes']:.0f} minutes on"
        f" {training['device']}, seed {training['seed']}, {training['date']}."
    )
    losses = (
        "Besides the next token, dense losses (what stands in each patch; from where on an image or in its text the"
        " next character is read) were used and dropped afterwards. `loss.png` shows the run."
    )
    note = f" {training['note']}" if training.get("note") else ""
    return f"\n## Training\n\n{run} {losses}{note}\n"


def _table(scores: dict[str, Any]) -> str:
    if not scores:
        return "\n## Scores\n\nNot evaluated yet.\n"
    targets = scores.get("targets", {})
    rows = "".join(
        f"| {name} | {row['score']:.1%} | {row['asked']} | {f'{targets[name]:.0%}' if name in targets else ''} |\n"
        for name, row in scores["scores"].items()
    )
    speed = scores["speed"]
    return (
        f"\n## Scores\n\nHeld-out set `{scores['seed']}`, {scores['date']}, answers generated greedily, held to the"
        " presets' forms and to the page's text as Glimpse holds them.\n\n"
        f"| measure | right | asked | aim |\n|---|---|---|---|\n{rows}\n"
        f"First token after {speed['first_token_seconds']} s, then {speed['tokens_a_second']} tokens a second, on the"
        " machine that ran it.\n"
    )
