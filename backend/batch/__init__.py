"""Asks a preset of every file of a folder: one row a file, resumable, errors as rows. Knows no page and no model."""
