"""Damaged files of every kind, and what is read of them: `python -m tests.fuzz --help`."""
