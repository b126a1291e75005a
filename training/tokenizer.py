"""Pocket's tokenizer: bytes, and whole words and phrases of its own answers.

A byte-level BPE whose merges stay within runs of letters, so that numbers are read digit by digit and a word is cut
alike wherever it stands; the words of captions, LaTeX commands, the fixed parts of a receipt's JSON and the presets'
prompts are tokens of their own, so chats stay short.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable

from tokenizers import AddedToken, Regex, Tokenizer
from tokenizers.decoders import ByteLevel as ByteDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split
from tokenizers.trainers import BpeTrainer
from transformers import PreTrainedTokenizerFast

from backend.evidence.asked import NOT_PRINTED
from backend.evidence.copying import TEXT_ALONE
from backend.reader.prompt import CLOSE, INTRODUCTION
from backend.tasks.forms import own_schema
from backend.tasks.presets import document, read_text, table
from training import formulas, page_chat, prompts, typeset, words
from training.values import Chat

BEGIN, START, END, TURN, PAD, IMAGE = (
    "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>",
    "<|finetune_right_pad_id|>", "<|image|>",
)  # fmt: skip

TEMPLATE = (
    "{{- bos_token }}"
    "{%- for message in messages %}"
    "{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}"
    "{%- if message['content'] is string %}{{- message['content'] }}{%- else %}"
    "{%- for part in message['content'] %}{%- if part['type'] == 'image' %}{{- '<|image|>' }}{%- endif %}{%- endfor %}"
    "{%- for part in message['content'] %}{%- if part['type'] == 'text' %}{{- part['text'] }}{%- endif %}{%- endfor %}"
    "{%- endif %}"
    "{{- '<|eot_id|>' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}"
)
"""Llama 3.2's form, without its date lines and tools."""

_KEYS = ("address", "date", "time", "currency", "subtotal", "discount", "total", "payment", "quantity", "unit_price",
         "amount", "rate")  # fmt: skip
_LATEX = ("\\frac{", "}{", "\\sqrt{", "^{", "_{", "\\sum", "\\int", "}^{", "}_{")
_WORD = re.compile(r" ?[A-Za-z]{2,}")


def json_chunks() -> list[str]:
    """The fixed parts of a receipt's JSON."""
    chunks = ['{"shop":', '{"shop":"', "null", ',"items":[{"name":"', '","items":[{"name":"', '},{"name":"',
              '],"total":', '}],"subtotal":', ',"taxes":[{"name":"', ',"taxes":[', '}],"total":', '"}',
              "}"]  # fmt: skip
    for key in _KEYS:
        chunks += [f',"{key}":', f'","{key}":', f',"{key}":"', f'","{key}":"']
    return chunks


def latex_chunks() -> list[str]:
    """Commands and braces."""
    commands = {*typeset.GLYPHS, *(text for text in formulas.RELATIONS + formulas.SIGNS)}
    grids = [f"\\{side}{{{kind}}}" for side in ("begin", "end") for kind in (*typeset.BRACKETS, "cases")]
    return [*_LATEX, *sorted(command for command in commands if command.startswith("\\")), *grids, "\\\\", "&"]


def common_words(chats: Iterable[Chat], limit: int) -> list[str]:
    """The most frequent words of questions and answers that are no part of a name."""
    names = {part for text in _name_lists() for part in text.split()}
    counts: Counter[str] = Counter()
    for chat in chats:
        for turn in chat.turns:
            # JSON and LaTeX have tokens of their own; their letters are to be read one by one.
            answer = "" if turn.text.startswith("{") or "\\" in turn.text or chat.kind == "formula" else turn.text
            for text in (turn.question, answer):
                counts.update(_WORD.findall(text))
    # The tail of the receipt's prompt says the same each time: one token instead of eighty.
    tail = prompts.RECEIPT[prompts.RECEIPT.index(" shop,") :]
    common = [word for word, count in counts.most_common() if count >= 8 and word.strip() not in names]
    return [tail, " a", *common[:limit]]


def _name_lists() -> tuple[str, ...]:
    lists: list[str] = []
    for known in (words.TRAINING, words.HELD_OUT):
        lists += [*known.shop_first, *known.shop_second, *known.streets, *known.goods, *known.kinds]
    return tuple(lists)


MERGES = 1400
"""Tokens of several letters."""

SENTENCES = (page_chat.UNKNOWN, NOT_PRINTED, document.NOT_SAID, TEXT_ALONE, "\n\n> ")


def page_chunks() -> list[str]:
    """What stands around a page's text: its heading, columns' blanks, the presets' prompts, a schema's marks."""
    schema = own_schema.prompt({"type": "object", "properties": {}})
    marks = (
        '": {"type": "',
        '"}, "',
        '": {"type": ["',
        '", "null"]}, "',
        "string",
        "number",
        '"required": ["',
        '", "',
    )
    prompts_ = (table.PROMPT, document.PROMPT + "\nQuestion: ", read_text.PROMPT, schema[: schema.index("}")])
    return [INTRODUCTION, CLOSE, "  ", *prompts_, *marks, *SENTENCES]


def letters(texts: Iterable[str], merges: int = MERGES) -> list[tuple[str, str]]:
    """The merges that shorten these texts most, none of them across anything but letters."""
    tokenizer = _bytes([])
    trainer = BpeTrainer(vocab_size=256 + merges, initial_alphabet=sorted(ByteLevel.alphabet()), show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return [tuple(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]


def _bytes(merges: list[tuple[str, str]]) -> Tokenizer:
    pieces = [*sorted(ByteLevel.alphabet()), *dict.fromkeys("".join(pair) for pair in merges)]
    tokenizer = Tokenizer(BPE(vocab={piece: number for number, piece in enumerate(pieces)}, merges=merges))
    runs = Split(Regex(r"\p{L}+|\P{L}"), "isolated")
    tokenizer.pre_tokenizer = Sequence([runs, ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = ByteDecoder()
    return tokenizer


def build(chats: Iterable[Chat], limit: int = 520, merges: int = MERGES) -> PreTrainedTokenizerFast:
    """The tokenizer that fits these chats."""
    kept = list(chats)
    pages = [turn.page for chat in kept for turn in chat.turns if turn.page]
    words_ = common_words((chat for chat in kept if not any(turn.page for turn in chat.turns)), limit)
    return assemble([*json_chunks(), *latex_chunks(), *words_], letters(pages, merges) if pages else [])


def extend(old: PreTrainedTokenizerFast, chats: Iterable[Chat], merges: int = MERGES) -> PreTrainedTokenizerFast:
    """A tokenizer with all whole words and phrases of an earlier one, and the merges that fit these chats' pages."""
    specials = {BEGIN, START, END, TURN, PAD, IMAGE}
    plain = [token.content for _, token in sorted(old.added_tokens_decoder.items()) if token.content not in specials]
    return assemble(plain, letters((turn.page for chat in chats for turn in chat.turns if turn.page), merges))


def assemble(phrases: list[str], merges: list[tuple[str, str]]) -> PreTrainedTokenizerFast:
    """The tokenizer; `<|image|>` comes last, as in Llama 3.2, where the output layer does not have it."""
    tokenizer = _bytes(merges)
    tokenizer.add_special_tokens([_special(text) for text in (BEGIN, START, END, TURN, PAD)])
    plain = ["\n\n", *phrases, *page_chunks()]
    tokenizer.add_tokens([AddedToken(text, normalized=False, special=False) for text in dict.fromkeys(plain)])
    tokenizer.add_special_tokens([_special(IMAGE)])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=BEGIN, eos_token=TURN, pad_token=PAD, model_max_length=4096,
        clean_up_tokenization_spaces=False,
    )  # fmt: skip
    fast.chat_template = TEMPLATE
    return fast


def _special(text: str) -> AddedToken:
    return AddedToken(text, normalized=False, special=True)
