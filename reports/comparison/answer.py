"""The first screen: which settings control each target best, and how sure that is."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from latentlab.comparison.choice import ANSWERS, BEST, NONE, ONLY, TIE, UNKNOWN
from reports.comparison.contents import ComparisonContents
from reports.findings import ROLE_TITLES
from reports.numbers import finite, number, shown, told
from reports.page import (
    Alert,
    Alerts,
    Block,
    Cell,
    Column,
    Mark,
    Paragraph,
    Row,
    Section,
    Table,
    Text,
)

NAMED = ("Smiling", "smile", "mouth_smile")  # of these the first that is there is spoken of


def section(contents: ComparisonContents) -> Section:
    """What was compared, the answer in sentences, the alerts, and the table of answers."""
    blocks: list[Block] = [_lead(contents), *_headlines(contents)]
    alerts = _alerts(contents)
    if alerts:
        blocks.append(Alerts(tuple(alerts)))
    answered = contents.choices[~contents.choices["answer"].isin((NONE, UNKNOWN))]
    if len(answered):
        blocks.append(_table(contents, answered))
    blocks += _without_answer(contents)
    blocks.append(
        Paragraph(
            f"The rule: of the {_plural(contents)} at which a single latent moves the target in"
            " more than half of the runs, the one with the highest mean control. Control is the"
            " selectivity of that latent, and 0 in a run where none moves the target. It is best"
            " where a test over runs tells it from each of the others (p at most 0.05 after Holm"
            " over all pairs); otherwise there is a tie, and another reason may decide."
        )
    )
    return Section("answer", _question(contents), "Answer", tuple(blocks))


def _question(contents: ComparisonContents) -> str:
    spoken = spoken_of(contents.choices, contents.asked)
    return f"Which {contents.kind} for controlling {spoken[0]['target'] if spoken else 'a target'}?"


def spoken_of(choices: pd.DataFrame, asked: Sequence[str]) -> list[dict[str, Any]]:
    """The choices that have a sentence: of the target that was asked for, else the first of NAMED;
    and where that has no answer, of the one with the highest control besides."""
    rows = {row["target"]: row for row in choices.to_dict("records")}
    wanted = [rows[name] for name in (*asked[:1], *NAMED) if name in rows]
    best = choices[choices["control"].notna()]
    best = best.sort_values("control", ascending=False, kind="stable")
    first = wanted[:1]
    if not first or first[0]["answer"] in (NONE, UNKNOWN):
        first += best.to_dict("records")[:1]
    return first


def _headlines(contents: ComparisonContents) -> list[Paragraph]:
    """The answer for a target in a sentence, then the counts of answers over all."""
    made = [_sentence(contents, row) for row in spoken_of(contents.choices, contents.asked)]
    counts = {answer: int((contents.choices["answer"] == answer).sum()) for answer in ANSWERS}
    kind, total = contents.kind, len(contents.choices)
    said = {
        BEST: f"with one best {kind}",
        TIE: "with a tie",
        ONLY: f"that a latent moves in most runs of one {kind} only",
        NONE: "that no single latent moves in most runs",
        UNKNOWN: "that most runs cannot measure",
    }
    parts = [f"{counts[answer]} {words}" for answer, words in said.items() if counts[answer]]
    text = f"Of {total} targets: {', '.join(parts)}." if total else "No target was probed."
    facts = tuple((f"answers_{key.replace(' ', '_')}", float(n)) for key, n in counts.items())
    made.append(Paragraph(text, facts))
    return made


def _sentence(contents: ComparisonContents, row: dict[str, Any]) -> Paragraph:
    target, answer = row["target"], row["answer"]
    if answer in (NONE, UNKNOWN):
        return Paragraph(f"{target}: no answer, since {row['reason']}.", style="headline")
    text = f"{target}: {row['group']}, with control {_said(row, 'control', 'low', 'high')}"
    text += f" and effect {_said(row, 'effect', 'effect_low', 'effect_high')}"
    text += f"; {_verdicts(row)}."
    p, found = finite(row["p_holm"]), finite(row["detectable"])
    if answer == TIE:
        text += f" It is a tie with {_listed(contents, row)}"
        if p is not None and found is not None:
            text += f" (p {shown(p, 'q')} against {row['runner_up']}, where so many runs show a"
            text += f" lead from {shown(found, 'short')})"
        text += "."
    elif answer == BEST:
        text += " It is told from all others"
        text += f" (p {shown(p or 0.0, 'q')} against the next, {row['runner_up']})."
    else:
        text += f" It is the only one: {row['reason']}."
    facts = tuple(
        (f"{key} of {target}", finite(row[key]))
        for key in ("control", "low", "high", "effect", "p_holm", "detectable")
    )
    return Paragraph(text, facts, style="headline")


def _said(row: dict[str, Any], value: str, low: str, high: str) -> str:
    one = number(row[value], row[low], row[high], form="short")
    return f"{one.text} {one.interval}".strip()


def _listed(contents: ComparisonContents, row: dict[str, Any]) -> str:
    """The groups of a tie: `1, 2 and 8`."""
    names = [contents.short(name) for name in told(row["tied"]).split("; ")]
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def _verdicts(row: dict[str, Any]) -> str:
    moved, supported, runs = int(row["moved"]), int(row["supported"]), int(row["runs"])
    return f"a latent moves it in {moved} of {runs} runs; the verdict is supported in {supported}"


def _lead(contents: ComparisonContents) -> Paragraph:
    """What was compared, in plain sentences."""
    runs = sum(len(group.runs) for group in contents.groups)
    seeds = {len(group.runs) for group in contents.groups}
    each = f"{min(seeds)}" if len(seeds) == 1 else f"{min(seeds)} to {max(seeds)}"
    if contents.grouping.axis:
        values = ", ".join(contents.short(group.name) for group in contents.groups)
        what = f"{len(contents.groups)} values of {contents.grouping.axis} ({values})"
    elif contents.grouping.differing:
        what = f"{len(contents.groups)} groups that differ in"
        what += f" {', '.join(contents.grouping.differing)}"
    else:
        what = "one group: they differ in nothing but their seed"
    text = (
        f"{runs} runs in {what}; {each} seed{'' if each == '1' else 's'} each. Numbers are means"
        " over seeds; brackets are 95 % intervals of such a mean (Student's t), and count what"
        " training once more changes. All were measured on the same"
        f" {contents.images:,} test images."
    )
    facts = (("runs", float(runs)), ("groups", float(len(contents.groups))))
    return Paragraph(text, (*facts, ("test_images", float(contents.images))), style="lead")


COLUMNS = (
    Column("target", "Target"),
    Column("group", "Take", "The group with the highest mean control"),
    Column("answer", "How sure"),
    Column(
        "control",
        "Control",
        "Mean selectivity of the latent that moves it; 0 in a run where none does",
        numeric=True,
    ),
    Column(
        "effect",
        "Effect",
        "Size of the slope: standard deviations of the target in the real data per standard"
        " deviation of the latent",
        numeric=True,
    ),
    Column("verdicts", "Verdicts", "Of the group's runs"),
    Column("difference", "Lead", "Of its control over the runner-up's", numeric=True),
    Column("p", "p", "Of that lead, after Holm over all pairs of groups", numeric=True),
)


def _table(contents: ComparisonContents, answered: pd.DataFrame) -> Table:
    ordered = answered.sort_values("control", ascending=False, kind="stable").to_dict("records")
    roles = list(ROLE_TITLES)
    ordered.sort(key=lambda row: roles.index(row["role"]))
    caption = (
        "For every target that a single latent moves in most runs of some group, best first."
        " Brackets are 95 % intervals over seeds; that of the lead is of one pair alone, while p"
        " counts all pairs."
    )
    return Table(
        "choices", caption, COLUMNS, tuple(_row(contents, row) for row in ordered), "cards wraps"
    )


def _row(contents: ComparisonContents, row: dict[str, Any]) -> Row:
    answer = str(row["answer"])
    sure = True if answer == BEST else None
    words = f"tie with {_listed(contents, row)}" if answer == TIE else answer
    why = told(row["reason"]) or "one run: no interval"
    n = int(row["n"])
    cells: tuple[Cell, ...] = (
        Text(str(row["target"])),
        Text(str(row["group"])),
        Mark(sure, words),
        number(
            row["control"], row["low"], row["high"], scale=(0.0, 1.0), about=f"{n} runs have it"
        ),
        number(row["effect"], row["effect_low"], row["effect_high"]),
        Text(
            f"moved {row['moved']} of {row['runs']}",
            note=f"supported {row['supported']} of {row['runs']}",
        ),
        number(
            row["difference"],
            row["difference_low"],
            row["difference_high"],
            form="signed",
            reason=why,
            quiet=True,
        ),
        number(row["p_holm"], form="q", reason=why, quiet=True),
    )
    return Row(cells, ROLE_TITLES.get(str(row["role"]), str(row["role"])))


def _without_answer(contents: ComparisonContents) -> list[Block]:
    """The other targets, by why there is no answer."""
    made: list[Block] = []
    for answer, title in (
        (NONE, "No single latent moves these in most runs of any group"),
        (UNKNOWN, "Most runs cannot measure these"),
    ):
        rows = contents.choices[contents.choices["answer"] == answer]
        if len(rows):
            made.append(Paragraph(f"{title}: {', '.join(rows['target'])}."))
    return made


def _alerts(contents: ComparisonContents) -> list[Alert]:
    made = []
    if contents.left_out:
        members = tuple(f"{one.name} ({one.reason})" for one in contents.left_out)
        made.append(
            Alert(
                f"{_count(len(members), 'run')} left out",
                "Asked for, and not compared:",
                members,
                (("left_out", float(len(members))),),
            )
        )
    single = [group.name for group in contents.groups if len(group.runs) == 1]
    if single:
        made.append(
            Alert(
                f"{_count(len(single), 'group')} of one seed only",
                "Such a group has no interval and no test, and its numbers may be chance:",
                tuple(single),
            )
        )
    active = contents.values[contents.values["number"] == "active_units"]
    dead = active.loc[active["value"] == 0, ["run", "group"]]
    if len(dead):
        made.append(
            Alert(
                f"{_count(len(dead), 'run')} collapsed",
                "No dimension carries anything, so nothing can be moved:",
                tuple(f"{row.run} ({row.group})" for row in dead.itertuples()),
                (("collapsed", float(len(dead))),),
            )
        )
    without = contents.values.loc[
        (contents.values["number"] == "verdicts_supported") & contents.values["value"].isna(), "run"
    ]
    if len(without):
        made.append(
            Alert(
                f"{_count(len(without), 'run')} without verdicts",
                "Nothing was moved there, so they have no part in the answer:",
                tuple(without),
            )
        )
    if contents.grouping.unlike_instruments:
        made.append(
            Alert(
                "Groups were not measured alike",
                "Their numbers differ also by settings of the instruments:",
                contents.grouping.unlike_instruments,
            )
        )
    if len(set(contents.likelihoods.values())) > 1:
        made.append(
            Alert(
                "Groups have different likelihoods",
                "Their nats of reconstruction are not of one kind: they are not compared, and drawn"
                " apart.",
            )
        )
    return made


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _plural(contents: ComparisonContents) -> str:
    return "values of beta" if contents.kind == "beta" else "groups"
