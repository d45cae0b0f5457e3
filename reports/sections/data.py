"""What the data hold: images, labels, what was refused, and which labels go together."""

from typing import Any

import pandas as pd

from latentlab.census import CORRELATED
from latentlab.licences import terms_of
from reports.contents import Contents
from reports.numbers import finite, number, shown, told
from reports.page import Block, Column, Details, Paragraph, Row, Section, Table, Text, Tiles
from reports.pictures import Album

FEW_LABELS = 16  # so many are open at first
NUMBERS = {"factor": "True factors", "statistic": "Face statistics"}


def section(contents: Contents, album: Album) -> Section | None:
    """Counts in sentences, some of the images, labels, numbers and pairs of labels; None where
    nothing is known of the data."""
    census = contents.census
    blocks: list[Block] = []
    counts = _counts(contents)
    if counts is not None:
        blocks.append(counts)
    if len(census.pictures):
        n = len(census.pictures)
        blocks.append(
            Tiles(
                album.add(census.pictures),
                n,
                f"{n} images of the data",
                title="Some of the images",
                caption=f"{n} images, evenly spaced over the data set, as the model sees them.",
                wrap=True,
            )
        )
    if not census.targets.empty:
        blocks += _labels(census.targets)
        blocks += _numbers(census.targets)
    if "r" in census.pairs:
        blocks.append(_pairs(census.pairs))
    if not census.refused.empty:
        blocks.append(_refused(census.refused))
    if blocks and "source" in contents.data:
        terms = terms_of(str(contents.data["source"]))
        blocks.append(Paragraph(f"{terms.licence} {terms.labels}"))
    return Section("data", "The data", "Data", tuple(blocks)) if blocks else None


def _counts(contents: Contents) -> Paragraph | None:
    """How many images there are, where they came from, and what became of the others."""
    data, targets = contents.data, contents.census.targets
    facts: dict[str, float | None] = {}
    parts = []
    images = finite(data.get("images"))
    if images is not None:
        facts["images"] = images
        source = f" from the source {data['source']}" if "source" in data else ""
        text = f"{shown(images, 'count')} images{source}"
        splits = {name: finite(n) for name, n in data.get("splits", {}).items()}
        named = [f"{shown(n, 'count')} {name}" for name, n in splits.items() if n is not None]
        facts |= {f"images_{name}": n for name, n in splits.items()}
        text += f": {', '.join(named)}" if named else ""
        policy = data.get("split", {}).get("policy")
        parts.append(f"{text} (split: {policy})." if policy else f"{text}.")
    for what, key in (("pictures", "pictures"), ("rows of labels", "label_rows")):
        found, sentence = _went(what, data.get("census", {}).get(key, {}))
        facts |= {f"{key}_{name}": value for name, value in found.items()}
        parts += [sentence] if sentence else []
    if contents.faces is not None and contents.faces[1]:
        seen, looked = contents.faces
        facts |= {"faces_found": seen, "faces_looked_for": looked}
        parts.append(
            f"A face was found in {shown(seen, 'count')} of {shown(looked, 'count')} images"
            f" ({shown(seen / looked, 'share')})."
        )
    if not targets.empty:
        missing = int(targets.loc[targets["role"] == "attribute", "missing"].sum())
        facts["missing_labels"] = missing
        parts.append(
            f"{shown(missing, 'count')} labels are missing." if missing else "No label is missing."
        )
    return Paragraph(" ".join(parts), tuple(facts.items())) if parts else None


def _went(what: str, counts: dict[str, Any]) -> tuple[dict[str, float | None], str]:
    """What became of pictures or rows: numbers, and a sentence where any are not used."""
    known = {name: finite(counts.get(name)) for name in ("found", "used", "refused", "left_out")}
    if any(value is None for value in known.values()):
        return {}, ""
    text = f"Of {shown(known['found'] or 0, 'count')} {what}, {shown(known['used'] or 0, 'count')}"
    text += " are used"
    if known["left_out"]:
        text += f", {shown(known['left_out'], 'count')} are beyond the limit that was set"
    if known["refused"]:
        text += f", {shown(known['refused'], 'count')} could not be used"
    return known, f"{text}."


def _labels(targets: pd.DataFrame) -> list[Block]:
    """Every attribute with its share of positives, most common first."""
    rows = targets[targets["role"] == "attribute"]
    if rows.empty:
        return []
    rows = rows.sort_values("share", ascending=False, kind="stable", na_position="last")
    known = rows[rows["share"].notna()].to_dict("records")
    gaps = bool(rows["missing"].any())
    columns = [
        Column("attribute", "Attribute"),
        Column("share", "Positive", "Share of positives among the known labels", numeric=True),
        Column("positives", "Positives", numeric=True),
        Column("known", "Known", "Images whose label is known", numeric=True),
    ]
    if gaps:
        columns.append(Column("missing", "Missing", "Images without this label", numeric=True))
    made = []
    for row in rows.to_dict("records"):
        counts = [row["positives"], row["known"], *([row["missing"]] if gaps else [])]
        made.append(
            Row(
                (
                    Text(str(row["target"])),
                    number(row["share"], form="share", bar=(0.0, 1.0), reason="no label is known"),
                    *(number(value, form="count") for value in counts),
                )
            )
        )
    caption = "How common each attribute is, whole data set"
    table = Table("labels", caption, tuple(columns), tuple(made), style="census")
    note = ""
    if known:
        first, last = known[0], known[-1]
        note = (
            f"{first['target']} {shown(first['share'], 'share')} to"
            f" {last['target']} {shown(last['share'], 'share')}"
        )
    title = f"{len(rows)} attributes"
    return [Details("data-labels", title, (table,), note=note, open=len(rows) <= FEW_LABELS)]


def _numbers(targets: pd.DataFrame) -> list[Block]:
    """The ranges of factors and of face statistics, where there are any."""
    made: list[Block] = []
    for role, title in NUMBERS.items():
        rows = targets[targets["role"] == role]
        if rows.empty:
            continue
        quantiles = (
            ("low", "Least"), ("quarter", "Quarter below"), ("median", "Median"),
            ("three_quarters", "Three quarters below"), ("high", "Most"),
        )  # fmt: skip
        columns = (
            Column("target", "Name"),
            *(Column(key, name, numeric=True) for key, name in quantiles),
            Column("distinct", "Values", "How many different ones", numeric=True),
            Column("known", "Known", "Images that have it", numeric=True),
            Column("missing", "Missing", numeric=True),
        )
        table = Table(
            f"ranges-{role}",
            f"{title}: the range over the whole data set",
            columns,
            tuple(
                Row(
                    (
                        Text(str(row["target"])),
                        *(
                            number(row[key], reason="never known", quiet=True)
                            for key, _ in quantiles
                        ),
                        *(
                            number(row[key], form="count")
                            for key in ("distinct", "known", "missing")
                        ),
                    )
                )
                for row in rows.to_dict("records")
            ),
        )
        missing = int(rows["missing"].sum())
        note = f"{shown(missing, 'count')} values missing" if missing else "none missing"
        made.append(Details(f"data-{role}", f"{len(rows)} {title.lower()}", (table,), note=note))
    return made


def _pairs(pairs: pd.DataFrame) -> Block:
    """Labels that go together: their dimensions and verdicts are hard to tell apart."""
    if pairs.empty:
        return Paragraph(
            f"No two attributes have a correlation of {CORRELATED:g} or more, either way."
        )
    rows = tuple(
        Row(
            (
                Text(str(row["first"])),
                Text(str(row["second"])),
                number(row["r"], row["low"], row["high"], form="signed"),
                number(row["n"], form="count"),
            )
        )
        for row in pairs.to_dict("records")
    )
    columns = (
        Column("first", "Attribute"),
        Column("second", "Goes with"),
        Column("r", "Correlation", "Pearson's r; brackets by Fisher's z, images taken apart", True),
        Column("n", "Images", "That have both labels", numeric=True),
    )
    caption = (
        f"The pairs of labels with the largest correlation, of {CORRELATED:g} or more, either way."
        " What goes together in the data is hard to tell apart in a model of them"
    )
    table = Table("pairs", caption, columns, rows)
    most = pairs.iloc[0]
    note = f"{most['first']} and {most['second']} {shown(most['r'], 'signed')}"
    return Details("data-pairs", "Labels that go together", (table,), note=note)


def _refused(refused: pd.DataFrame) -> Details:
    rows = tuple(
        Row(
            (Text(told(row["reason"])), Text(told(row["what"])), number(row["count"], form="count"))
        )
        for row in refused.to_dict("records")
    )
    columns = (
        Column("reason", "Why"),
        Column("what", "What"),
        Column("count", "How many", numeric=True),
    )
    caption = "What was found and is not used; refused.csv in the data folder names each"
    table = Table("refused", caption, columns, rows)
    total = shown(float(refused["count"].sum()), "count")
    return Details("data-refused", "What was refused, and why", (table,), note=total)
