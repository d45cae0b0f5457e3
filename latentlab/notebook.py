"""Results as a notebook shows them: small tables and strips, in the colours of the notebook.

Every result object of the library shows itself (`_repr_html_`); `show` does the same for a table.
All text is escaped, and no colour is fixed, so that light and dark notebooks can be read alike.
"""

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd

MOST_ROWS = 12
MAIN = ("value", "slope", "effect", "mean", "selectivity")  # `low` and `high` are of the first
MISSING = "\N{EM DASH}"
TILE = 64  # pixels of a picture, at most

_LINE = "border-bottom:1px solid;border-color:color-mix(in srgb,currentColor 20%,transparent)"
_QUIET = "opacity:.7"


@dataclass(frozen=True)
class Html:
    """A piece of HTML that a notebook shows as it is."""

    text: str

    def _repr_html_(self) -> str:
        return self.text


def show(table: pd.DataFrame, title: str = "", most: int = MOST_ROWS) -> Html:
    """A table of latentlab with its intervals, for a notebook: `show(run.table("verdicts"))`.

    Args:
        title: Stands above it.
        most: Rows shown.
    """
    return Html(table_html(table, title, most))


def table_html(table: pd.DataFrame, title: str = "", most: int = MOST_ROWS) -> str:
    """A table's first rows; each number with its interval beside it, and nulls with their reason.

    Columns that hold nothing are left out, `low` and `high` go with the number they belong to, and
    a `reason` stands where its row's main number is missing.
    """
    shown = table.head(most)
    intervals = _intervals(list(map(str, table.columns)))
    inside = {name for pair in intervals.values() for name in pair}
    main = next((name for name in MAIN if name in table), None)
    columns = [
        name
        for name in map(str, shown.columns)
        if name not in inside
        and not (name == "reason" and main is not None)
        and not (name != main and shown[name].isna().all())
    ]
    numeric = {name for name in columns if _is_numeric(table[name])}
    head = "".join(_cell("th", escape(name.replace("_", " ")), name in numeric) for name in columns)
    rows = []
    for record in shown.to_dict("records"):
        cells = (
            _cell("td", _content(record, name, intervals.get(name), name == main), name in numeric)
            for name in columns
        )
        rows.append(f"<tr>{''.join(cells)}</tr>")
    rest = len(table) - len(shown)
    more = f"<p style='{_QUIET}'>{rest:,} more rows</p>" if rest else ""
    return (
        f"<div>{_heading(title)}<table style='border-collapse:collapse'><thead><tr>{head}</tr>"
        f"</thead><tbody>{''.join(rows)}</tbody></table>{more}</div>"
    )


def facts_html(title: str, facts: dict[str, Any]) -> str:
    """Names and values, one below the other."""
    rows = "".join(
        f"<tr>{_cell('th', escape(name))}{_cell('td', escape(_shown(value)))}</tr>"
        for name, value in facts.items()
    )
    return f"<div>{_heading(title)}<table style='border-collapse:collapse'>{rows}</table></div>"


def pictures_html(images: np.ndarray, labels: Sequence[str], title: str, caption: str = "") -> str:
    """Pictures side by side, each over its label.

    Args:
        images: uint8, (n, side, side, 1 or 3).
        labels: One a picture.
    """
    from latentlab.pictures import png

    tiles = "".join(
        f"<figure style='display:inline-block;margin:0 2px 0 0;text-align:center'>"
        f"<img alt='{escape(label)}' width='{TILE}' src='data:image/png;base64,"
        f"{base64.b64encode(png(image)).decode()}'>"
        f"<figcaption style='font-size:.8em;{_QUIET}'>{escape(label)}</figcaption></figure>"
        for image, label in zip(images, labels, strict=True)
    )
    said = f"<p style='{_QUIET}'>{escape(caption)}</p>" if caption else ""
    return f"<div>{_heading(title)}<div style='white-space:nowrap'>{tiles}</div>{said}</div>"


def _heading(title: str) -> str:
    return f"<p><strong>{escape(title)}</strong></p>" if title else ""


def _intervals(columns: list[str]) -> dict[str, tuple[str, str]]:
    """Number -> the columns of its interval: `x_low` and `x_high`, else `low` and `high`."""
    found = {
        name: (f"{name}_low", f"{name}_high")
        for name in columns
        if f"{name}_low" in columns and f"{name}_high" in columns
    }
    if "low" in columns and "high" in columns:
        bare = next((name for name in MAIN if name in columns and name not in found), None)
        if bare is not None:
            found[bare] = ("low", "high")
    return found


def _is_numeric(column: "pd.Series") -> bool:
    kinds = pd.api.types
    return kinds.is_numeric_dtype(column) and not kinds.is_bool_dtype(column)


def _content(
    record: dict[Any, Any], name: str, interval: tuple[str, str] | None, main: bool
) -> str:
    """A value with its interval, or a dash with the reason where the row has one."""
    value = record[name]
    if _missing(value):
        reason = record.get("reason") if main else None
        told = isinstance(reason, str) and bool(reason)
        return MISSING + (f" <span style='{_QUIET}'>{escape(str(reason))}</span>" if told else "")
    text = escape(_shown(value))
    if interval is not None and not any(_missing(record[end]) for end in interval):
        low, high = (escape(_shown(record[end])) for end in interval)
        text += f" <span style='{_QUIET}'>[{low}, {high}]</span>"
    return text


def _cell(tag: str, content: str, numeric: bool = False) -> str:
    side = "right" if numeric else "left"
    return f"<{tag} style='text-align:{side};padding:.2em .7em;{_LINE}'>{content}</{tag}>"


def _missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def _shown(value: Any) -> str:
    """Numbers with about three digits, everything else as it is."""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    if isinstance(value, float | np.floating):
        number = float(value)
        if not math.isfinite(number):
            return MISSING
        if number.is_integer() and abs(number) < 1e15:
            return f"{number:,.0f}"
        return f"{number:,.3f}" if 0.001 <= abs(number) < 1e6 else f"{number:.3g}"
    return str(value)
