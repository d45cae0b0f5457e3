"""What a person at the terminal sees: messages, progress, results, and the way errors end."""

import functools
import inspect
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from latentlab.memory import ran_out
from pipelines import memory
from pipelines.stopping import CTRL_C, Interrupted

REPORT_EVERY = 30.0  # seconds between progress lines where there is no terminal


@dataclass
class _Manner:
    quiet: bool = False
    json: bool = False
    debug: bool = False


manner = _Manner()  # set once from the command line, read when something is shown


MANNER_OPTIONS = {
    "quiet": Annotated[bool, typer.Option("--quiet", help="Print errors only.")],
    "json": Annotated[bool, typer.Option("--json", help="Print the result as JSON.")],
    "debug": Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")],
}


def with_manner(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command with --quiet, --json and --debug beside its own options."""

    @functools.wraps(command)
    def wrapped(**given: Any) -> Any:
        for flag in MANNER_OPTIONS:
            setattr(manner, flag, given.pop(flag))
        try:
            return command(**given)
        except Interrupted as stop:  # typer would end without a word
            tell_interrupted(stop)
            raise typer.Exit(stop.exit_code) from None
        except KeyboardInterrupt:  # of whoever calls a command without `main`
            raise typer.Exit(CTRL_C) from None
        except Exception as error:
            reason = ran_out(error)
            if reason is None:
                raise
            raise memory.told(error, reason, command.__name__) from error

    signature = inspect.signature(command)
    added = [
        inspect.Parameter(flag, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=option)
        for flag, option in MANNER_OPTIONS.items()
    ]
    parameters = [*signature.parameters.values(), *added]
    wrapped.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {**command.__annotations__, **MANNER_OPTIONS}
    return wrapped


def tell_interrupted(stop: Interrupted) -> None:
    stop.told = True
    typer.echo("latentlab: interrupted. Repeat the command to go on.", err=True)


def say(text: str) -> None:
    """A line for the person; on standard error, so that standard output stays a result."""
    if not manner.quiet:
        typer.echo(text, err=True)


def result(value: dict[str, Any], text: str) -> None:
    """The answer of a command: JSON for programs, text for people."""
    if manner.json:
        typer.echo(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False))
    elif not manner.quiet:
        typer.echo(text)


@contextmanager
def progress(what: str, total: int, unit: str = "images") -> Iterator[Callable[..., None]]:
    """Yield `advance(n, note="")`: a bar with rate and time left, or a line every 30 s."""
    if manner.quiet or manner.json:
        yield lambda n, note="": None
    elif sys.stderr.isatty():
        with _bar(what, total, unit) as advance:
            yield advance
    else:
        with _lines(what, total, unit) as advance:
            yield advance


@contextmanager
def _bar(what: str, total: int, unit: str) -> Iterator[Callable[..., None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f}/{task.total:,.0f} " + unit),
        TextColumn("{task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=Console(stderr=True),
    )
    with bar:
        task = bar.add_task(what, total=total, rate=0.0, note="")
        began, done = time.monotonic(), 0

        def advance(n: int, note: str | None = None) -> None:
            nonlocal done
            done += n
            rate = done / max(time.monotonic() - began, 1e-9)
            fields = {"rate": rate} if note is None else {"rate": rate, "note": note}
            bar.update(task, advance=n, **fields)

        yield advance


@contextmanager
def _lines(what: str, total: int, unit: str) -> Iterator[Callable[..., None]]:
    began = shown = time.monotonic()
    done = 0

    def advance(n: int, note: str | None = None) -> None:
        nonlocal done, shown
        done += n
        now = time.monotonic()
        if now - shown >= REPORT_EVERY:
            shown = now
            rate = done / (now - began)
            left = (total - done) / max(rate, 1e-9)
            say(
                f"{what}: {done:,}/{total:,} {unit}, {rate:,.0f}/s, {left:,.0f} s left {note or ''}"
            )

    yield advance
    seconds = time.monotonic() - began
    say(f"{what}: {done:,} {unit} in {seconds:,.1f} s")
