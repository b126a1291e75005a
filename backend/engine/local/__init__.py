"""Loads a model with transformers and generates answers with it."""
