"""Single settings that replace those of a config: `key.key=value`, on nested plain values."""

from collections.abc import Iterator
from typing import Any

import yaml

from latentlab.errors import ConfigError


def overridden(content: dict[str, Any], override: str) -> dict[str, Any]:
    """The nested plain values with the one that `key.key=value` names replaced.

    Raises:
        ConfigError: it is not of this form.
    """
    key, equals, text = override.partition("=")
    if not (key and equals):
        raise ConfigError(f"--set {override}: write it as key=value, e.g. objective.beta=4.")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError(
            f"--set {override}: {text!r} is not a YAML value. Put quotes around it."
        ) from None
    return with_value(content, key, value)


def values_of(override: str) -> tuple[str, tuple[Any, ...]]:
    """The key and the values of `key=value,value`; commas within brackets or quotes part nothing.

    Raises:
        ConfigError: it is not of this form, or a value is empty.
    """
    key, equals, text = override.partition("=")
    try:
        values = yaml.safe_load(f"[{text}]") if key and equals else []
    except yaml.YAMLError:
        values = []
    if not isinstance(values, list) or not values:
        raise ConfigError(
            f"--set {override}: write it as key=value or key=value,value, e.g. objective.beta=1,4."
        )
    return key, tuple(values)


def with_value(content: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """The nested plain values with the one at `key.key` replaced."""
    *sections, last = key.split(".")

    def placed(level: Any, path: list[str]) -> dict[str, Any]:
        level = level if isinstance(level, dict) else {}
        if path:
            return {**level, path[0]: placed(level.get(path[0]), path[1:])}
        if sections and last == "name" and level.get("name") not in (None, value):
            level = {}  # another component: the old one's settings do not carry over
        return {**level, last: value}

    return placed(content, sections)


def with_values(content: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """The same with every value of a nested mapping; a section's `name` comes first."""

    def leaves(level: dict[str, Any], above: str) -> Iterator[tuple[str, Any]]:
        for key, value in sorted(level.items(), key=lambda item: item[0] != "name"):
            if isinstance(value, dict) and value:
                yield from leaves(value, f"{above}{key}.")
            else:
                yield f"{above}{key}", value

    for key, value in leaves(values, ""):
        content = with_value(content, key, value)
    return content
