"""Presets: what a person can ask for with one choice. One file a task; see `registry` for how they are found."""
