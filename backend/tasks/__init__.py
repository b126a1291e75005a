"""Presets: questions that a person asks with one choice. One file a task; see `registry` for how they are found."""
