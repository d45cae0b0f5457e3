"""`latentlab probe`: which latents know which attribute, and how sure that is."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines import console

if TYPE_CHECKING:
    from pipelines.stages import Workspace


def ensure_probed(work: "Workspace", *, fresh: bool = False) -> None:
    """Fit and score the probes and rank the dimensions, unless that was done on these inputs."""
    from latentlab import files
    from latentlab.dimensions import summarize_dimensions
    from latentlab.probes.analysis import probe_targets
    from latentlab.rankings import rank_dimensions
    from pipelines.stages import Stage

    run, config, data = work.run, work.config, work.data
    latents = run.latents()
    landmarks = data.landmarks_path
    stage = Stage(
        run,
        "probe",
        {
            "latents": files.digest(run.latents_path),
            "data": data.digest,
            "landmarks": files.digest(landmarks) if landmarks.is_file() else None,
            "probe": config.plain()["probe"],
            "seed": config.seed,
        },
        tuple(run.table_path(name) for name in ("probes", "directions", "rankings", "dimensions")),
    )
    if stage.current and not fresh:
        return
    targets = data.targets()
    with stage.recorded():
        with console.progress("probe", len(targets.roles), "targets") as advance:
            results = probe_targets(
                latents,
                targets,
                resamples=config.probe.resamples,
                min_positives=config.probe.min_positives,
                seed=config.seed,
                progress=advance,
            )
        run.write_table("probes", results.probes)
        run.write_table("directions", results.directions)
        run.write_table("dimensions", summarize_dimensions(latents))
        run.write_table(
            "rankings",
            rank_dimensions(
                latents, targets, results, resamples=config.probe.resamples, seed=config.seed
            ),
        )


def probe(
    run: Annotated[Path, typer.Argument(help="A run folder with latents.")],
) -> None:
    """Fit linear probes to every target and rank the dimensions behind them."""
    from latentlab import files
    from pipelines.stages import open_workspace

    work = open_workspace(run)
    with files.sole_writer(work.run.path):
        ensure_probed(work, fresh=True)
    table = work.run.table("probes")
    best = table[table["metric"] == "auc"].nlargest(5, "value")
    console.result(
        {"tables": str(work.run.path / "tables"), "targets": int(table["target"].nunique())},
        f"{table['target'].nunique()} targets probed; best AUC on test: "
        + ", ".join(f"{row.target} {row.value:.3f}" for row in best.itertuples()),
    )
