"""Entries of a registry by name, and the nearest name to one that is not there."""

import difflib
from collections.abc import Mapping
from typing import TypeVar

from latentlab.errors import ConfigError

Entry = TypeVar("Entry")


def chosen(entries: Mapping[str, Entry], name: str, key: str) -> Entry:
    """The entry of this name.

    Args:
        key: The setting that names it, for the error.

    Raises:
        ConfigError: there is no such entry; the nearest one is named.
    """
    if name not in entries:
        raise ConfigError(f"`{key}`: {unknown(name, entries)}")
    return entries[name]


def unknown(name: str, known: Mapping[str, object]) -> str:
    """The end of a sentence about a name that is not known."""
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"unknown name `{name}`, did you mean `{close[0]}`?"
    there = f"known are {', '.join(known)}" if known else "and there is none to name: leave it out"
    return f"unknown name `{name}`, {there}."
