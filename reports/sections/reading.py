"""How well a target can be read off the latents, beside what needs less than the latents."""

from dataclasses import replace

from latentlab.probes.analysis import LATENTS, NONLINEAR
from reports.effects import Effects
from reports.findings import METRIC_TITLES, UNKNOWN, Finding
from reports.numbers import Number, finite, number, told
from reports.page import Block, Column, LineChart, Row, Series, Table, Text
from reports.records import Record

FEATURES = {  # of the table `controls`: what was read, and what that tells
    "pixels (PCA)": ("principal components of the pixels", "what variance alone knows"),
    "untrained encoder": ("the same network untrained", "what the architecture alone knows"),
    "random directions": ("the best of as many random directions", "alone, by chance"),
    "shuffled labels": (
        "all latents, labels shuffled",
        "what this way of probing finds in nothing",
    ),
}


def table(one: Finding, moved: Effects) -> Table:
    """The target's main score, that of the best dimension alone, and that of every control."""
    rows = [_row("all latents", "linear probe", one.score)]
    for row in _needed(one, moved)[:1]:
        score = _score({**row, "baseline": one.score.baseline}, one)
        rows.append(_row(f"{row['latents']} alone", "the best single dimension", score))
    for row in moved.controls.get(one.target, ()):
        if row["metric"] != one.metric:
            continue
        features = str(row["features"])
        if features == LATENTS and row["probe"] == NONLINEAR:
            words, why = "all latents", "non-linear probe"
        else:
            words, why = FEATURES.get(features, (features, str(row["probe"])))
        rows.append(_row(words, why, _score(row, one)))
    metric = METRIC_TITLES.get(one.metric, one.metric)
    columns = (
        Column("read", "Read off"),
        Column("score", metric, "On test images", numeric=True, term=_term(one.metric)),
        Column("baseline", "Baseline", "Without any latents", numeric=True, term="Baseline"),
    )
    n = "" if one.n is None else f", {one.n:,.0f} test images"
    caption = f"Reading it{n}"
    return Table(f"{one.anchor}-read", caption, columns, tuple(rows))


def needed(one: Finding, moved: Effects) -> list[Block]:
    """The score with the best dimension, the best two, and so on; nothing where not asked."""
    rows = [row for row in _needed(one, moved) if finite(row["value"]) is not None]
    if len(rows) < 2:
        return []
    value, low, high = (
        tuple(finite(row[name]) for row in rows) for name in ("value", "low", "high")
    )
    k = tuple(float(row["k"]) for row in rows)
    metric = str(rows[0]["metric"])
    series = Series("test images", k, value, low, high)
    title = "How many dimensions it takes"
    chart = LineChart(
        f"{one.anchor}-needed",
        title,
        "best dimensions, read together",
        METRIC_TITLES.get(metric, metric),
        (series,),
        caption="Band: 95 % interval. A curve that rises late is spread over many dimensions.",
    )
    return [chart]


def _needed(one: Finding, moved: Effects) -> list[Record]:
    # A target that could not be probed has a row with the reason alone.
    rows = [row for row in moved.needed.get(one.target, ()) if finite(row["k"]) is not None]
    return sorted(rows, key=lambda row: int(row["k"]))


def _score(row: Record, one: Finding) -> Number:
    reason = told(row["reason"]) or UNKNOWN
    form = one.score.form
    return number(row["value"], row["low"], row["high"], row["baseline"], form=form, reason=reason)


def _row(words: str, why: str, score: Number) -> Row:
    bare = replace(score, baseline=None)
    return Row((Text(words, note=why), bare, number(score.baseline, form=score.form)))


def _term(metric: str) -> str:
    return {"auc": "AUC", "r2": "R²"}.get(metric, "")
