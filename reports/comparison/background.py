"""What the page rests on: the runs, their settings, and every word explained."""

import json
from collections.abc import Iterator
from typing import Any

from latentlab.comparison.numbers import OF_RUNS, OF_TARGETS
from reports.comparison.contents import ComparisonContents
from reports.numbers import number
from reports.page import Column, Details, Glossary, Row, Section, Table, Term, Text

METHODS = (
    Term(
        "Interval over seeds",
        "Mean plus and minus Student's t times the standard error over the runs of a group. With"
        " three seeds t is 4.3: wide intervals are what three seeds can tell. It counts what"
        " training once more changes, unlike the intervals of a single run's report, which hold the"
        " model fixed. It is about the mean: a single training may well lie outside. It is cut off"
        " where the number cannot lie.",
    ),
    Term(
        "Paired test",
        "Student's t of the differences seed by seed, where both groups have the same seeds; else"
        " Welch's t.",
        "Welch 1947",
        "https://doi.org/10.1093/biomet/34.1-2.28",
    ),
    Term(
        "Holm",
        "p-values multiplied so that the chance of any false finding among the pairs of groups of"
        " one number stays below 5 %. Nothing corrects for looking at many numbers.",
        "Holm 1979",
        "https://www.jstor.org/stable/4615733",
    ),
    Term(
        "Could find",
        "The smallest difference that would have had p = 0.05 after Holm with this pair's spread,"
        " had it been the clearest. A tie says no more than that the difference may be below it.",
    ),
    Term(
        "Match",
        "The one-to-one assignment of dimensions with the largest sum of absolute correlations. Two"
        " runs of few images match by chance too; the shuffled control says how well.",
        "Li et al. 2016",
        "https://arxiv.org/abs/1511.07543",
    ),
    Term(
        "Likeness of change",
        "Each dimension is moved one standard deviation up and down from the same test images; half"
        " the difference of the decoded pictures, averaged over images, is its change. The cosine"
        " of two changes is turned by the sign of the correlation of the codes.",
    ),
    Term(
        "UDR",
        "How alike a run's dimensions are to those of the other runs of its group, one to one; 1 is"
        " the same up to order, sign and size. The runs score each other, so a mean of them has no"
        " interval.",
        "Duan et al. 2020",
        "https://arxiv.org/abs/1905.12614",
    ),
    Term(
        "Normalised beta",
        "beta * latents / pixels, a pixel counting once a channel: for comparing across models and"
        " sides.",
        "Higgins et al. 2017",
        "https://openreview.net/forum?id=Sy2fzU9gl",
    ),
    Term(
        "Rank agreement",
        "Spearman's correlation over runs, interval by Fisher's z.",
        "Bonett and Wright 2000",
        "https://doi.org/10.1007/BF02294183",
    ),
)


def settings(contents: ComparisonContents) -> Section:
    """The runs by group, those left out, and the settings that all share."""
    columns = (
        Column("group", contents.kind.capitalize()),
        Column("runs", "Runs"),
        Column("seeds", "Seeds"),
        Column("likelihood", "Likelihood"),
        Column("normalized", "Normalised beta", numeric=True),
    )
    rows = tuple(
        Row(
            (
                Text(group.name),
                Text(", ".join(group.runs)),
                Text(", ".join(map(str, group.seeds))),
                Text((contents.likelihoods[group.name] or "none named").replace("_", " ")),
                number(
                    contents.normalized[group.name], form="amount", reason="no beta", quiet=True
                ),
            )
        )
        for group in contents.groups
    )
    blocks = [Table("compared", "The runs that were compared", columns, rows)]
    if contents.left_out:
        absent = tuple(Row((Text(one.name), Text(one.reason))) for one in contents.left_out)
        names = (Column("run", "Run"), Column("reason", "Why"))
        blocks.append(Table("left-out", "Left out", names, absent))
    shared = tuple(Row((Text(key), Text(value))) for key, value in _flat(contents.common))
    pairs = (Column("key", "Name"), Column("value", "Value"))
    table = Table("settings-common", "The same in every run", pairs, shared)
    common = Details("common", "Settings that all runs share", (table,))
    return Section("runs", "Runs and settings", "Runs", (*blocks, common))


def glossary() -> Section:
    terms = [Term(one.title, one.about) for one in (*OF_TARGETS.values(), *OF_RUNS.values())]
    unique = {term.name: term for term in reversed(terms)}  # control of a target explains both
    return Section(
        "words",
        "Methods and numbers in plain words",
        "Words",
        (Glossary((*METHODS, *reversed(unique.values()))),),
    )


def _flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        elif value is not None:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield f"{prefix}{key}", text
