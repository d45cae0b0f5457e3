"""`latentlab which`: the answer for one attribute, in the terminal."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines import console

if TYPE_CHECKING:
    import pandas as pd

    from latentlab.artifacts import RunFolder

SHOWN = 3  # dimensions listed per measure
# The measures in the terminal, in words; --json has them all.
TOLD = {
    "correlation": "correlation",
    "conditional": "correlation with the other attributes held",
    "weight": "weight in the probe, per standard deviation",
}


def which(
    target: Annotated[str, typer.Argument(help="An attribute, statistic or factor.")],
    run: Annotated[Path, typer.Argument(help="A run folder that is probed.")],
) -> None:
    """Say which dimensions control an attribute, how sure that is, and what else they move."""
    from latentlab.artifacts import RunFolder
    from latentlab.errors import ConfigError

    if not run.exists() and RunFolder(Path(target)).config_path.is_file():
        raise ConfigError(f"The target comes first: `latentlab which {run} {target}`.")
    folder = RunFolder.open(run)
    probes, rankings = folder.table("probes"), folder.table("rankings")
    scores = _of(target, probes)
    ranks = rankings[(rankings["target"] == target) & rankings["rank"].notna()]
    head = scores.iloc[0]
    lines = [f"{target} ({head['role']}, {int(head['n']):,} test images)"]
    verdict = _verdict(folder, target)
    lines += _in_words(verdict)
    for row in scores.itertuples():
        if _missing(row.value):
            lines.append(f"  {row.metric}: cannot be measured: {row.reason}")
        else:
            lines.append(
                f"  {row.metric}: {row.value:.3f}{_interval(row)}, baseline {row.baseline:.3f}"
            )
    best: dict[str, list[dict[str, Any]]] = {}
    for measure, group in ranks.groupby("measure", sort=False):
        first = group.sort_values("rank").head(SHOWN)
        if measure in TOLD:
            lines.append(f"  dimensions by {TOLD[str(measure)]}:")
        for row in first.itertuples():
            sure = "" if _missing(row.p_first) else f", first in {row.p_first:.0%} of resamples"
            if measure in TOLD:
                lines.append(f"    {row.latent}  {row.value:+.3f}{_interval(row)}{sure}")
        best[str(measure)] = [
            {key: None if _missing(value) else value for key, value in entry.items()}
            for entry in first[["latent", "value", "low", "high", "p_first", "q"]].to_dict(
                "records"
            )
        ]
    if verdict is None:
        lines.append(f"  This is association. What moving does: latentlab intervene {run}")
    answer = {
        "target": target,
        "verdict": verdict,
        "scores": [
            {key: None if _missing(value) else value for key, value in entry.items()}
            for entry in scores[["metric", "value", "low", "high", "baseline", "reason"]].to_dict(
                "records"
            )
        ],
        "dimensions": best,
    }
    console.result(answer, "\n".join(lines))


def _verdict(folder: "RunFolder", target: str) -> dict[str, Any] | None:
    """The verdict and all that carried it; None where the run has no verdicts."""
    if not folder.table_path("verdicts").is_file():
        return None
    from latentlab.errors import DataError
    from pipelines.verdicts import verdicts_of

    table = verdicts_of(folder)
    rows = table[table["target"] == target].to_dict("records")
    if not rows:
        raise DataError(
            f"{folder.table_path('verdicts')} has no verdict on {target}. Make it again with"
            f" `latentlab intervene {folder.path}`."
        )
    row = rows[0]
    return {str(key): None if _missing(value) else value for key, value in row.items()}


def _in_words(verdict: dict[str, Any] | None) -> list[str]:
    if verdict is None:
        return []
    lines = [f"  {verdict['verdict']}: {verdict['rule']}"]
    if verdict["effect"] is not None:
        lines.append(
            f"    along {verdict['direction']} it moves {verdict['effect']:+.2f}"
            f" [{verdict['low']:+.2f}, {verdict['high']:+.2f}] standard deviations per standard"
            f" deviation, by {verdict['judge']}"
        )
    if verdict["selectivity"] is not None:
        low, high = verdict["selectivity_low"], verdict["selectivity_high"]
        interval = "" if low is None else f" [{low:.2f}, {high:.2f}]"
        lines.append(
            f"    selectivity {verdict['selectivity']:.2f}{interval}; most beside it moves"
            f" {verdict['worst']}"
        )
    if verdict["latents"] is not None and "," in verdict["latents"]:
        lines.append(f"    moved by {verdict['latents']}")
    if verdict["other_direction"] is not None:
        lines.append(
            f"    {verdict['other_direction']} moves it {verdict['other_effect']:+.2f}, selectivity"
            f" {verdict['other_selectivity']:.2f}"
        )
    return lines


def _of(target: str, probes: "pd.DataFrame") -> "pd.DataFrame":
    """The probe rows of a target, or an error that names the nearest one."""
    import difflib

    from latentlab.errors import ConfigError

    known = probes["target"].unique().tolist()
    if target not in known:
        close = difflib.get_close_matches(target, known, n=1, cutoff=0.5)
        hint = f"Did you mean {close[0]}?" if close else f"Known are {', '.join(known)}."
        raise ConfigError(f"{target} is not a target of this run. {hint}")
    return probes[probes["target"] == target]


def _interval(row: Any) -> str:
    return "" if _missing(row.low) else f" [{row.low:.3f}, {row.high:.3f}]"


def _missing(value: Any) -> bool:
    return value is None or value != value
