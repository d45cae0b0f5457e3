"""`latentlab compare`: runs over settings and seeds to one page and its tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines import console

if TYPE_CHECKING:
    import pandas as pd

    from latentlab.comparison.groups import Grouping
    from latentlab.comparison.matching import Matching
    from latentlab.comparison.runs import Candidates, ComparedRun
    from pipelines.compared import Asked
    from pipelines.compared_faces import Decoder
    from reports.comparison.contents import ComparisonContents, Faces

MOST_FACES = 8  # targets shown as faces, unless more are named
MOST_LINES = 12  # of the answer in the terminal
# The tables beside the page, each of them a field of `ComparisonContents`.
TABLES = {
    "comparison": "summary",
    "differences": "differences",
    "choices": "choices",
    "matches": "matches",
    "survival": "survival",
    "agreement": "agreement",
}


def compare(
    runs: Annotated[
        list[Path], typer.Argument(help="Run folders of one data folder, or one sweep folder.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the page; SWEEP/comparison, or comparison, if not given."),
    ] = None,
    target: Annotated[
        list[str] | None, typer.Option(help="Show this target's faces, e.g. Smiling; repeatable.")
    ] = None,
    faces: Annotated[
        bool | None,
        typer.Option(
            "--faces/--no-faces",
            help="With pictures, or without any: the page of models of people can then be passed"
            " on. Without, if not given, where the config of one of the runs says so.",
        ),
    ] = None,
) -> None:
    """Hold runs against each other: which beta for which target, and does it survive retraining?"""
    from latentlab.comparison.runs import LEAST, check_comparable
    from pipelines.compared import asked_for, candidates

    asked = asked_for(runs)
    found = [candidates(one) for one in asked]
    if all(len(one.runs) < LEAST for one in found):
        check_comparable(found[0])
    default = runs[0] / "comparison" if _is_sweep(runs[0]) else Path("comparison")
    base = out or default
    made: dict[str, Any] = {}
    said = []
    for one, known in zip(asked, found, strict=True):
        if len(known.runs) < LEAST:  # the other variants of the sweep can be compared meanwhile
            console.say(f"compare: {one.variant} left out. {'; '.join(known.reasons)}")
            continue
        folder = base if one.variant is None else base / one.variant
        contents = _gather(one, known, _title(runs, one), tuple(target or ()), faces=faces)
        _write(folder, contents)
        page = folder / "comparison.html"
        made[one.variant or "comparison"] = {"page": str(page), **_as_json(contents)}
        said += [*_lines(contents), f"Wrote {page.resolve()}", ""]
    console.result(made if len(asked) > 1 else next(iter(made.values())), "\n".join(said).rstrip())


def _is_sweep(path: Path) -> bool:
    from latentlab.sweeps import is_sweep

    return is_sweep(path)


def _title(paths: Sequence[Path], asked: "Asked") -> str:
    if _is_sweep(paths[0]):
        name = paths[0].resolve().name
        return name if asked.variant is None else f"{name}: {asked.variant}"
    return f"Comparison of {len(asked.runs)} runs"


def _gather(
    asked: "Asked",
    found: "Candidates",
    title: str,
    wanted: tuple[str, ...],
    *,
    faces: bool | None,
) -> "ComparisonContents":
    """Everything the page shows, from the run folders.

    Args:
        faces: Whether to show pictures; as the configs of all runs agree if None.
    """
    import pandas as pd

    from latentlab.comparison import choice, summary, survival
    from latentlab.comparison.agreement import rank_agreement
    from latentlab.comparison.groups import group_runs
    from latentlab.comparison.matching import match_all, matches_table
    from latentlab.comparison.numbers import values_of
    from latentlab.comparison.runs import check_comparable, targets_of
    from pipelines.compared_faces import decoders
    from reports.comparison.contents import ComparisonContents

    check_comparable(found)
    runs, roles = found.runs, targets_of(found.runs)
    _check_targets(wanted, roles)
    grouping = group_runs(runs)
    likelihoods = {
        group.name: next(run.likelihood for run in runs if run.name == group.runs[0])
        for group in grouping.groups
    }
    values = values_of(runs, grouping)
    means = summary.summarize(values, grouping)
    tests = summary.differences(values, grouping, likelihoods)
    choices = choice.choose(runs, grouping, means, tests)
    matchings = match_all(runs)
    with console.progress("decode", len(runs), "runs") as advance:
        known = decoders(runs, asked.runs, advance)
    changes = {name: decoder.changes() for name, decoder in known.items()}
    if faces is None:
        faces = all(run.config["report"]["faces"] for run in runs)
    shown = _faces(wanted, choices, grouping, runs, matchings, known) if faces else []
    tallies = choice.tallies(runs, grouping)
    moved = {target for (_, target), tally in tallies.items() if tally.moved}
    unshown = moved - {one.target for one in shown}
    return ComparisonContents(
        title=title,
        grouping=grouping,
        summary=means,
        differences=tests,
        choices=choices,
        matches=matches_table(matchings, runs, grouping),
        survival=survival.survival(runs, grouping, survival.pairs_of(runs, matchings, changes)),
        agreement=rank_agreement(values),
        values=values,
        tallies=tallies,
        roles=roles,
        likelihoods=likelihoods,
        normalized=_normalized(asked, found, grouping),
        images=len(runs[0].test_codes),
        left_out=found.left_out,
        common=_common([run.config for run in runs]),
        faces=tuple(shown),
        unshown=tuple(target for target in roles if target in unshown),
        asked=wanted,
        pictures_left_out=not faces,
        stand_ins=any(
            run.metrics is not None and bool(run.metrics.get("surrogates", pd.Series()).any())
            for run in runs
        ),
    )


def _check_targets(wanted: Sequence[str], roles: Mapping[str, str]) -> None:
    from latentlab.errors import ConfigError
    from latentlab.naming import unknown

    for target in wanted:
        if target not in roles:
            raise ConfigError(f"--target: {unknown(target, roles)}")


def _faces(
    wanted: Sequence[str],
    choices: "pd.DataFrame",
    grouping: "Grouping",
    runs: "Sequence[ComparedRun]",
    matchings: "Mapping[tuple[str, str], Matching]",
    known: "Mapping[str, Decoder]",
) -> "list[Faces]":
    """Of the targets that are named, of the one that the page speaks of first, then of those with
    the highest control."""
    from pipelines.compared_faces import faces
    from reports.comparison.answer import spoken_of

    best = choices[choices["group"].notna()].sort_values("control", ascending=False, kind="stable")
    group_of = dict(zip(best["target"], best["group"], strict=True))
    spoken = [row["target"] for row in spoken_of(choices, wanted)]
    targets = list(dict.fromkeys([*wanted, *spoken, *best["target"]]))
    made = []
    for target in targets[: max(MOST_FACES, len(wanted))]:
        places = [group_of[target]] if target in group_of else [g.name for g in grouping.groups]
        blocks = (faces(target, name, grouping, runs, matchings, known) for name in places)
        block = next((one for one in blocks if one is not None), None)
        if block is not None:
            made.append(block)
        elif target in wanted:
            console.say(f"compare: no faces of {target}, since no single latent moves it")
    return made


def _normalized(
    asked: "Asked", found: "Candidates", grouping: "Grouping"
) -> dict[str, float | None]:
    """Group -> Higgins' normalised beta; None where the size of the images is not known."""
    from latentlab import files
    from latentlab.artifacts import RunFolder
    from latentlab.comparison.groups import normalized_beta

    by_name = {run.name: run for run in found.runs}
    betas: dict[str, float | None] = {}
    for group in grouping.groups:
        run = by_name[group.runs[0]]
        path = RunFolder(asked.runs[run.name]).model_folder / "config.json"
        betas[group.name] = None
        if path.is_file():
            about = files.read_json(path)
            betas[group.name] = normalized_beta(run, about["side"], about["channels"])
    return betas


def _common(configs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The settings that are the same in all; of a path no more than the last name."""
    common: dict[str, Any] = {}
    for key, value in configs[0].items():
        others = [config.get(key) for config in configs[1:]]
        if isinstance(value, dict) and all(isinstance(other, dict) for other in others):
            common[key] = _common([value, *(dict(other) for other in others)])  # type: ignore[arg-type]
        elif all(other == value for other in others):
            shown = isinstance(value, str) and "/" in value
            common[key] = Path(value).name if shown else value
    return common


def _write(folder: Path, contents: "ComparisonContents") -> None:
    from latentlab import files, parquet
    from reports.comparison.page import build, claims

    for name, field in TABLES.items():
        parquet.write_table(folder / "tables" / f"{name}.parquet", getattr(contents, field))
    files.write_json(folder / "claims.json", claims(contents))
    files.write_text(folder / "comparison.html", build(contents))


def _as_json(contents: "ComparisonContents") -> dict[str, Any]:
    rows = contents.choices.astype(object).where(contents.choices.notna(), None)
    return {
        "groups": {group.name: list(group.runs) for group in contents.groups},
        "left_out": {one.name: one.reason for one in contents.left_out},
        "answers": rows.to_dict("records"),
    }


@dataclass(frozen=True)
class _Line:
    target: str
    take: str
    control: str
    sure: str


def _lines(contents: "ComparisonContents") -> list[str]:
    """The answers with the highest control, then how many more there are and what was left out."""
    known = contents.choices[contents.choices["group"].notna()]
    best = known.sort_values("control", ascending=False, kind="stable").to_dict("records")
    lines = [_Line("target", "take", "control", "how sure"), *map(_line, best[:MOST_LINES])]
    widths = [
        max(len(getattr(one, name)) for one in lines) for name in ("target", "take", "control")
    ]
    said = [
        f"{one.target:{widths[0]}}  {one.take:{widths[1]}}  {one.control:{widths[2]}}  {one.sure}"
        for one in lines
    ]
    if not best:
        said = ["No answer for any target: no single latent moves one in most runs of a group."]
    more = len(contents.choices) - len(best[:MOST_LINES])
    if more and best:
        said.append(f"{more} more targets are on the page, {len(best)} of all with an answer")
    said += [f"left out: {one.name} ({one.reason})" for one in contents.left_out]
    return said


def _line(row: dict[str, Any]) -> _Line:
    control = f"{row['control']:.2f}"
    if row["low"] == row["low"]:
        control += f" [{row['low']:.2f}, {row['high']:.2f}]"
    sure = f"tie with {row['tied']}" if row["answer"] == "tie" else str(row["answer"])
    if row["p_holm"] == row["p_holm"]:
        sure += f" (p {row['p_holm']:.3f} against {row['runner_up']})"
    sure += f"; supported {row['supported']} of {row['runs']}"
    return _Line(str(row["target"]), str(row["group"]), control, sure)
