"""How fast it is, side by side with what others offer. Uses the backend; nothing uses it."""
