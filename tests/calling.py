"""The command line, called in this process."""

import functools

import typer.main
import typer.testing

from miscope.cli.app import app

# typer's runner builds all commands anew for each call, which takes longer than most of the calls that tests make.
typer.testing._get_command = functools.cache(typer.main.get_command)


def call(*arguments: str, stdin: bytes = b""):
    """What the command printed and its status, as typer's runner has them; what was raised stays in them."""
    runner = typer.testing.CliRunner(env={"COLUMNS": "120", "TERM": "dumb"})
    return runner.invoke(app, [*arguments], input=stdin)
