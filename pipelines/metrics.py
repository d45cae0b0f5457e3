"""`latentlab metrics`: disentanglement scores of a run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines import console

if TYPE_CHECKING:
    from pipelines.stages import Workspace


def ensure_metrics(work: "Workspace", *, fresh: bool = False) -> None:
    """Score the codes against the known factors, unless that was done on these inputs."""
    from latentlab import files
    from latentlab.metrics import evaluate
    from pipelines.stages import Stage

    run = work.run
    stage = Stage(
        run,
        "metrics",
        {
            "latents": files.digest(run.latents_path) if run.latents_path.is_file() else None,
            "data": work.data.digest,
            "seed": work.config.seed,
        },
        (run.table_path("metrics"),),
    )
    if stage.current and not fresh:
        return
    latents = run.latents()
    with stage.recorded():
        run.write_table("metrics", evaluate(latents, work.data.targets(), seed=work.config.seed))


def metrics(
    run: Annotated[Path, typer.Argument(help="A run folder with latents.")],
) -> None:
    """Score the disentanglement of the codes."""
    from latentlab import files
    from pipelines.stages import open_workspace

    work = open_workspace(run)
    with files.sole_writer(work.run.path):
        ensure_metrics(work, fresh=True)
    table = work.run.table("metrics", "metrics")
    scores = dict(zip(table["metric"], table["value"].astype(object), strict=True))
    reasons = dict(zip(table["metric"], table["reason"], strict=True))
    console.result(
        {name: None if value != value else value for name, value in scores.items()},
        "\n".join(
            f"{name}: {reasons[name] if value != value else format(value, '.4f')}"
            for name, value in scores.items()
        ),
    )
