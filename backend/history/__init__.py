"""Conversations, kept in SQLite across restarts and kills. Knows no engine, no page and no media files."""

from backend.history.history import History
from backend.history.values import INTERRUPTED, Summary, Turn

__all__ = ["INTERRUPTED", "History", "Summary", "Turn"]
