"""Reads the text on images: what stands where, as lines with boxes."""
