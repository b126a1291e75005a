"""Messages become the text of a model's own chat template, which may know system prompts in one way, another or none.

Messages here are the template's: dicts with a role and a list of parts, each {"type": "text", "text": ...} or media.
"""

import contextlib
from typing import Any

from jinja2 import TemplateError

ChatMessage = dict[str, Any]


def render(processor: Any, system: str, messages: list[ChatMessage], reads_images: bool) -> str:
    """The text of a conversation up to where the answer begins, the system prompt in it unless it is empty.

    `processor` is a processor, or the tokenizer of a model that reads text alone; the first message is the user's.
    """
    bare = _apply(processor, messages, reads_images)
    if not system.strip():
        return bare
    # Some templates take the system prompt as a string and write a list as Python would; some take lists alone.
    parts = [{"type": "text", "text": system}]
    for content in (system, parts):
        with contextlib.suppress(TemplateError, ValueError, TypeError):
            text = _apply(processor, [{"role": "system", "content": content}, *messages], reads_images)
            if text.count(system.strip()) > bare.count(system.strip()) and repr(parts) not in text:
                return text
    # Some know no system prompt at all, and Llama 3.2's refuses one beside images.
    return _apply(processor, [_with_system(messages[0], system), *messages[1:]], reads_images)


def _apply(processor: Any, messages: list[ChatMessage], reads_images: bool) -> str:
    if not reads_images:
        messages = [{**message, "content": _text(message["content"])} for message in messages]
    return str(processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False))


def _with_system(message: ChatMessage, system: str) -> ChatMessage:
    """A user message that begins with the system prompt, after its images."""
    content = list(message["content"])
    last = content.pop()["text"] if content and content[-1]["type"] == "text" else ""
    return {**message, "content": [*content, {"type": "text", "text": f"{system}\n\n{last}".rstrip()}]}


def _text(content: str | list[dict[str, Any]]) -> str:
    return content if isinstance(content, str) else "\n".join(part["text"] for part in content)
