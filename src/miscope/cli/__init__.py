"""The command line: parse, call, print. One file a command group."""

from miscope.cli.app import main

__all__ = ["main"]
