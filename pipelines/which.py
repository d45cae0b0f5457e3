"""`latentlab which`: the answer for one attribute, in the terminal."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines import console

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 3  # dimensions listed per measure


def which(
    target: Annotated[str, typer.Argument(help="An attribute, statistic or factor.")],
    run: Annotated[Path, typer.Argument(help="A run folder that is probed.")],
) -> None:
    """Say which dimensions go with an attribute, and how sure that is."""
    from latentlab.artifacts import RunFolder
    from latentlab.errors import ConfigError

    if not run.exists() and RunFolder(Path(target)).config_path.is_file():
        raise ConfigError(f"the target comes first: latentlab which {run} {target}")
    folder = RunFolder.open(run)
    probes, rankings = folder.table("probes"), folder.table("rankings")
    scores = _of(target, probes)
    ranks = rankings[(rankings["target"] == target) & rankings["rank"].notna()]
    head = scores.iloc[0]
    lines = [f"{target} ({head['role']}, {int(head['n']):,} test images)"]
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
        lines.append(f"  dimensions by absolute {measure}:")
        for row in first.itertuples():
            sure = "" if _missing(row.p_first) else f", first in {row.p_first:.0%} of resamples"
            lines.append(f"    {row.latent}  {row.value:+.3f}{_interval(row)}{sure}")
        best[str(measure)] = [
            {key: None if _missing(value) else value for key, value in entry.items()}
            for entry in first[["latent", "value", "low", "high", "p_first", "q"]].to_dict(
                "records"
            )
        ]
    lines.append(
        "  This is association; the strips in the report show what moving a dimension does."
    )
    answer = {
        "target": target,
        "scores": [
            {key: None if _missing(value) else value for key, value in entry.items()}
            for entry in scores[["metric", "value", "low", "high", "baseline", "reason"]].to_dict(
                "records"
            )
        ],
        "dimensions": best,
    }
    console.result(answer, "\n".join(lines))


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
