"""Grammars without a model: what one accepts, byte by byte, and sentences built from pieces that it allows."""

import json
import random
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import gradio
from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper

from backend.types import Grammar

_CHECK = """
const katex = (await import(process.env.KATEX)).default;
const wrong = [];
for (const formula of JSON.parse((await import("fs")).readFileSync(0, "utf8"))) {
  try { katex.renderToString(formula, { displayMode: true, throwOnError: true, strict: "ignore" }); }
  catch (error) { wrong.push([formula, error.message]); }
}
console.log(JSON.stringify(wrong));
"""


class _Bytes:
    bos_token_id = None
    eos_token_id = 256
    special_token_ids = (256,)
    tokens = (*(bytes([byte]) for byte in range(256)), b"<end>")

    def __call__(self, text: bytes | str) -> list[int]:
        return list(text if isinstance(text, bytes) else text.encode())


_BYTES = LLTokenizer(TokenizerWrapper(_Bytes()), n_vocab=257)


def matcher(grammar: Grammar) -> LLMatcher:
    write = LLMatcher.grammar_from_json_schema if grammar.kind == "json" else LLMatcher.grammar_from_lark
    found = LLMatcher(_BYTES, write(grammar.text))
    assert not found.is_error(), found.get_error()
    return found


def begins(grammar: LLMatcher, text: str) -> LLMatcher | None:
    """The matcher after the text; None where the grammar does not allow it."""
    after = grammar.deep_copy()
    spelt = list(text.encode())
    return after if after.try_consume_tokens(spelt) == len(spelt) else None


def accepts(grammar: LLMatcher, text: str) -> bool:
    after = begins(grammar, text)
    return after is not None and after.is_accepting()


def with_any_total(grammar: Grammar, answer: str) -> Iterator[str]:
    """A receipt as it is and, where its total is null, with each number of its grammar: the test is not about it."""
    yield answer
    if '"total":null' in answer:
        for number in dict.fromkeys(re.findall(r'"(-?\d+(?:\.\d+)?)"', grammar.text)):
            yield answer.replace('"total":null', f'"total":{number}')


def sentence(grammar: LLMatcher, pieces: Sequence[str], closers: Sequence[str], draw: random.Random) -> str:
    """A sentence of the grammar: pieces at random wherever they are allowed, then closers until it may end; or ""."""
    text = ""
    for _ in range(draw.randint(1, 25)):
        piece = draw.choice(pieces)
        text, grammar = (text + piece, after) if (after := begins(grammar, piece)) else (text, grammar)
    for _ in range(60):
        if grammar.is_accepting():
            return text
        found = next(((piece, after) for piece in closers if (after := begins(grammar, piece))), None)
        if found is None:
            return ""
        text, grammar = text + found[0], found[1]
    return ""


def katex_errors(formulas: Sequence[str], folder: Path) -> list[list[str]] | None:
    """What the KaTeX of Gradio's page says against formulas; None where there is no node to run it."""
    bundle = next((Path(gradio.__file__).parent / "templates" / "frontend" / "assets").glob("katex-*.js"), None)
    node = shutil.which("node")
    if node is None or bundle is None:
        return None
    module = shutil.copy(bundle, folder / "katex.mjs")
    given = json.dumps(list(formulas))
    run = [node, "--input-type=module", "--eval", _CHECK]
    ran = subprocess.run(run, input=given, capture_output=True, text=True, check=True, env={"KATEX": str(module)})
    return list(json.loads(ran.stdout))
