"""Finds where each value of a result stands on the pages that were read. Knows no model and no OCR library."""

from backend.evidence.evidence import (
    evidence_of_csv,
    evidence_of_json,
    evidence_of_quote,
    evidence_of_text,
    values_of_quote,
)
from backend.evidence.places import Evidence, Place, summary

__all__ = [
    "Evidence",
    "Place",
    "evidence_of_csv",
    "evidence_of_json",
    "evidence_of_quote",
    "evidence_of_text",
    "summary",
    "values_of_quote",
]
