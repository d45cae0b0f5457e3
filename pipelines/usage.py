"""Mistakes in the words of a command line, told as every other mistake is: in one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
import typer.core

from latentlab.errors import ConfigError

# typer itself names of its errors only this one; what it calls Click may or may not be installed.
UsageError: Any = typer.BadParameter.__base__
SHOWS_HELP = "NoArgsIsHelpError"  # not a mistake: a group that is called without a command


class Command(typer.core.TyperCommand):
    """A command that raises ConfigError for an unknown option, a missing argument, or a value that
    cannot be one."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **more: Any
    ) -> Any:
        with _in_one_line(_named(parent, info_name)):
            return super().make_context(info_name, args, parent, **more)


class Group(typer.core.TyperGroup):
    """Commands that do so, and an unknown one."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **more: Any
    ) -> Any:
        with _in_one_line(_named(parent, info_name)):
            return super().make_context(info_name, args, parent, **more)

    def invoke(self, ctx: Any) -> Any:
        with _in_one_line(_named(ctx.parent, ctx.info_name)):
            return super().invoke(ctx)


@contextmanager
def _in_one_line(command: str) -> Iterator[None]:
    try:
        yield
    except UsageError as error:
        if type(error).__name__ == SHOWS_HELP:
            raise
        said = " ".join(error.format_message().split())
        end = "" if said.endswith((".", "?", "!")) else "."
        raise ConfigError(f"{said}{end} See `{command} --help`.") from None


def _named(parent: Any, name: str | None) -> str:
    """The words before the mistake; the program has one name, however it was started."""
    if parent is None:
        return "latentlab"
    return f"{_named(parent.parent, parent.info_name)} {name}"
