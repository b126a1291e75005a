"""Reads, checks and exports structured answers: JSON, schemas, LaTeX, receipts, tables."""
