"""Draws the data that Pocket learns from, trains it and scores it; `python -m training` is `make pocket`."""
