"""A preset asked of every file of a folder: rows in, resumable, errors as rows. Knows no page and no model."""
