"""One file a preset: a module with a tuple `TASKS` is found by the registry."""
