"""Confined processes that decode files from strangers."""
