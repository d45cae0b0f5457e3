"""Does the answer survive retraining?"""

from typing import Any

from latentlab.comparison.survival import QUESTIONS
from reports.comparison.contents import ComparisonContents
from reports.numbers import finite, number, shown, told
from reports.page import (
    Block,
    Cell,
    Column,
    Details,
    Glossary,
    Paragraph,
    Row,
    Section,
    Table,
    Term,
    Text,
)

TITLES = {
    "encoded": "Encoded",
    "moved": "Moved",
    "supported": "Supported",
    "same_verdict": "Same verdict",
    "same_axis": "Same latent",
    "same_change": "Same change",
    "match_strength": "Match strength",
    "matched_change": "Likeness of change",
}
OF_TARGETS = ("encoded", "moved", "supported", "same_verdict", "same_axis", "same_change")
EVERY = "any two runs"


def section(contents: ComparisonContents) -> Section:
    """Matching of the whole code, then each target that something moves."""
    blocks: list[Block] = [
        Paragraph(
            "Dimensions of two runs are matched one to one by the absolute correlation of their"
            f" codes of the same {contents.images:,} test images, so as to make its sum as large as"
            " it can be. Shares of runs have Wilson's 95 % interval; pairs of runs share runs, so"
            " what is said of pairs has none."
        ),
        _whole(contents),
    ]
    moved = _moved_targets(contents)
    rows = _rows(contents)
    for place, (group, title) in enumerate(_teams(contents)):
        table = _of_targets(contents, rows, group, title, moved, place)
        if table.rows:
            note = f"{len(table.rows)} targets"
            blocks.append(Details(f"survival-{place}", title, (table,), note=note, open=place == 0))
    if not moved:
        blocks.append(Paragraph("No single latent moves any target in any run."))
    terms = tuple(Term(TITLES[key], text) for key, text in QUESTIONS.items())
    words = Glossary(terms, linked=False)
    blocks.append(Details("survival-words", "What these numbers are", (words,)))
    title = "Does the answer survive retraining?"
    return Section("survival", title, "Retraining", tuple(blocks))


def _teams(contents: ComparisonContents) -> list[tuple[str, str]]:
    """(key of `group` in the table, title); the empty key is of all runs."""
    teams = [(group.name, f"Seeds of {group.name}") for group in contents.groups]
    return [*teams, ("", "Over all runs")] if len(teams) > 1 else teams


def _rows(contents: ComparisonContents) -> dict[tuple[str, str, str], dict[str, Any]]:
    """(group, target, question) -> its row; empty names for null."""
    return {
        (told(row["group"]), told(row["target"]), str(row["question"])): row
        for row in contents.survival.to_dict("records")
    }


def _whole(contents: ComparisonContents) -> Table:
    rows, known = [], _rows(contents)
    for group, title in _teams(contents):
        strength, change = known[group, "", "match_strength"], known[group, "", "matched_change"]
        pairs = contents.matches
        if group:
            inside = (pairs["group_a"] == group) & (pairs["group_b"] == group)
            pairs = pairs[inside]
        alone = pairs["strength"].isna().sum()
        rows.append(
            Row(
                (
                    Text(title if group else EVERY.capitalize()),
                    number(
                        strength["value"], baseline=strength["baseline"], form="short",
                        reason=told(strength["reason"]),
                    ),
                    number(strength["baseline"], form="short", reason="not known", quiet=True),
                    number(
                        change["value"], baseline=change["baseline"], form="short",
                        reason=told(change["reason"]), quiet=True,
                    ),
                    number(change["baseline"], form="short", reason="not known", quiet=True),
                    number(alone, form="count"),
                    number(strength["n"], form="count"),
                )
            )
        )  # fmt: skip
    columns = (
        Column("group", "Pairs of runs"),
        Column("strength", "Match strength", QUESTIONS["match_strength"], numeric=True),
        Column("shuffled", "Shuffled", "The same with one run's images shuffled", numeric=True),
        Column("change", "Likeness of change", QUESTIONS["matched_change"], numeric=True),
        Column("unmatched", "Unmatched", "Likeness of change of dimensions not matched", True),
        Column("alone", "Without partner", "Dimensions, over all pairs", numeric=True),
        Column("pairs", "Pairs", numeric=True),
    )
    return Table("matching", "The whole code, means over pairs of runs", columns, tuple(rows))


def _moved_targets(contents: ComparisonContents) -> list[str]:
    return [
        target
        for target in contents.roles
        if any(contents.tallies[group.name, target].moved for group in contents.groups)
    ]


def _of_targets(
    contents: ComparisonContents,
    known: dict[tuple[str, str, str], dict[str, Any]],
    group: str,
    title: str,
    targets: list[str],
    place: int,
) -> Table:
    rows = []
    for target in targets:
        found = {question: known[group, target, question] for question in OF_TARGETS}
        cells: list[Cell] = [Text(target)]
        for question, row in found.items():
            if question == "same_change":
                cells.append(_cosine(row))
            else:
                answer = told(row["answer"])
                cells.append(_count(row, answer))
        rows.append(Row(tuple(cells)))
    columns = (
        Column("target", "Target"),
        *(
            Column(question, TITLES[question], QUESTIONS[question], numeric=True)
            for question in OF_TARGETS
        ),
    )
    caption = f"{title}: targets that a single latent moves in some run of the comparison"
    return Table(f"survival-table-{place}", caption, columns, tuple(rows))


def _count(row: dict[str, Any], answer: str) -> Cell:
    """A share with its exact count as its unit: `67 % 2 of 3`."""
    about = ""
    if finite(row["value"]) is not None:
        about = f"{row['count']} of {row['n']}"
        about += f" {answer}" if answer else ""
        if finite(row["baseline"]) is not None:
            about += f"; at random {shown(float(row['baseline']), 'share')}"
    return number(
        row["value"], row["low"], row["high"], row["baseline"], form="share",
        reason=told(row["reason"]), quiet=True, about=about, of=about,
    )  # fmt: skip


def _cosine(row: dict[str, Any]) -> Cell:
    about = ""
    if finite(row["baseline"]) is not None:
        about = f"unmatched {shown(float(row['baseline']), 'short')}"
    return number(
        row["value"], baseline=row["baseline"], form="short", reason=told(row["reason"]),
        quiet=True, about=about, of=about,
    )  # fmt: skip
