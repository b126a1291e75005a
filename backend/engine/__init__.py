"""Engines: one verb, `stream(request) -> events`."""
