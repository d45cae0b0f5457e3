"""Scores of the whole code."""

import json
from collections.abc import Hashable
from typing import Any

from latentlab.metrics.titles import metric_title
from reports.contents import Contents
from reports.numbers import number, shown, told
from reports.page import Column, Paragraph, Row, Section, Table, Text


def section(contents: Contents) -> Section | None:
    """Disentanglement scores of the whole code, and how good the reconstructions are."""
    if contents.metrics.empty:
        return None
    records = contents.metrics.to_dict("records")
    settings = [_settings(told(row["settings"])) for row in records]
    shared = _shared(settings)
    rows = []
    for row, own in zip(records, settings, strict=True):
        score = number(
            row["value"],
            row["low"],
            row["high"],
            row.get("baseline"),
            reason=told(row["reason"]) or "not computed",
        )
        apart = {key: value for key, value in own.items() if key not in shared}
        rows.append(
            Row(
                (
                    Text(metric_title(str(row["metric"]))),
                    score,
                    number(row.get("baseline")),
                    number(row.get("ceiling")),
                    Text(", ".join(f"{key} {value}" for key, value in apart.items())),
                ),
                _asked_of(row),
            )
        )
    columns = (
        Column("metric", "Metric"),
        Column("value", "Score", numeric=True),
        Column("baseline", "Chance", "The score with rows shuffled", numeric=True),
        Column("ceiling", "Ceiling", "The score of codes that equal the factors", numeric=True),
        Column("settings", "Settings"),
    )
    text = (
        "Chance is the score with the rows of the factors shuffled, or of each latent where there"
        " are none. The ceiling is that of codes that equal the factors, one latent each: what"
        " unbalanced and dependent factors allow."
    )
    if shared:
        alike = ", ".join(f"{key} {value}" for key, value in shared.items())
        text += f" All scores of codes: {alike}."
    if any(row.get("surrogates") is True for row in records):
        text += (
            " Attributes stand in for the factors as surrogates: read those scores against their"
            " ceiling, never as scores against the truth."
        )
    caption = "Scores of the codes, and of the reconstructed pictures"
    table = Table("disentanglement", caption, columns, tuple(rows))
    return Section("metrics", "Disentanglement", "Metrics", (Paragraph(text), table))


def _asked_of(row: dict[Hashable, Any]) -> str:
    """The group of a metric's row: what the score is held against."""
    values = _parsed(told(row["settings"]))
    if row.get("surrogates") is True:
        return "Against attributes as surrogates"
    if "factors" in values:
        return "Against the true factors"
    return "Of the codes alone" if "codes" in values else "Of pictures, and of several models"


def _shared(settings: list[dict[str, str]]) -> dict[str, str]:
    """What all scores of codes have in common, if there are several."""
    of_codes = [own for own in settings if "codes" in own]
    if len(of_codes) < 2:
        return {}
    first = of_codes[0]
    return {
        key: value for key, value in first.items() if all(own.get(key) == value for own in of_codes)
    }


def _settings(text: str) -> dict[str, str]:
    """The plain settings of a metric in words; nested ones are in the table's file."""
    return {
        key.replace("_", " "): _plain(value)
        for key, value in _parsed(text).items()
        if not isinstance(value, dict | list | bool)
    }


def _plain(value: Any) -> str:
    if isinstance(value, int):
        return shown(value, "count")
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _parsed(text: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except ValueError:
        return {"settings": text} if text else {}
    return values if isinstance(values, dict) else {}
