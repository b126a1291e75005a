"""Runs the engine in a supervised child process: restarted when it dies, reached by messages over a pipe."""
