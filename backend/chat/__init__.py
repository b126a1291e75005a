"""Runs the turns of a conversation: text and files in, events out, kept in the history. Knows no page and no model."""

from backend.chat.chat import Chat

__all__ = ["Chat"]
