"""`latentlab metrics`: scores of a run's codes and of its reconstructions."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines import console, memory

if TYPE_CHECKING:
    import pandas as pd

    from latentlab.metrics import ImagePairs
    from pipelines.stages import Workspace


def ensure_metrics(work: "Workspace", *, fresh: bool = False) -> None:
    """Score the codes against the known factors and the reconstructions against the originals,
    unless that was done on these inputs."""
    from latentlab import files
    from latentlab.metrics import evaluate
    from pipelines.stages import Stage

    run, settings = work.run, work.config.metrics
    network = run.model_folder / "model.safetensors"
    stage = Stage(
        run,
        "metrics",
        {
            **{
                path.name: files.digest(path) if path.is_file() else None
                for path in (run.latents_path, network)
            },
            "data": work.data.digest,
            "settings": settings.model_dump(mode="json"),
            "seed": work.config.seed,
        },
        (run.table_path("metrics"),),
    )
    if stage.current and not fresh:
        return
    latents = run.latents()
    with stage.recorded(), work.arithmetic():
        memory.claim_for_products()
        table = evaluate(
            latents,
            work.data.targets(),
            seed=work.config.seed,
            surrogates=settings.surrogates,
            dci_estimator=settings.dci,
            images=_images(work, latents),
        )
        run.write_table("metrics", table)


def _images(work: "Workspace", latents: "pd.DataFrame") -> "ImagePairs | None":
    """The first images of test and their reconstructions; None where none are to be scored."""
    import numpy as np

    from latentlab import checkpoints
    from latentlab.decoding import reconstruct
    from latentlab.feeding import pictures_for
    from latentlab.metrics import ImagePairs

    settings = work.config.metrics
    rows = np.flatnonzero(latents["split"].to_numpy() == "test")[: settings.images]
    if not len(rows):
        return None
    model = checkpoints.load_model(work.run.model_folder)
    given = pictures_for(model, work.data)
    lpips = None
    if settings.lpips_backbone is not None and settings.lpips_heads is not None:
        lpips = (settings.lpips_backbone, settings.lpips_heads)
    return ImagePairs(
        originals=given.images[rows],
        others=reconstruct(model, given, rows),
        what="reconstructions",
        lpips=lpips,
        inception=settings.inception,
    )


def metrics(
    run: Annotated[Path, typer.Argument(help="A run folder with latents.")],
    surrogates: Annotated[
        str | None,
        typer.Option(help="Attributes that stand in for factors, with commas between, or all."),
    ] = None,
) -> None:
    """Score the disentanglement of the codes and the quality of the reconstructions."""
    from latentlab import files
    from pipelines.stages import open_workspace

    overrides = () if surrogates is None else (f"metrics.surrogates={_listed(surrogates)}",)
    work = open_workspace(run, overrides)
    with files.sole_writer(work.run.path):
        ensure_metrics(work, fresh=True)
    table = work.run.table("metrics", "metrics")
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    console.result(
        {row["metric"]: row["value"] for row in rows}, "\n".join(_line(row) for row in rows)
    )


def _listed(surrogates: str) -> str:
    """As YAML: `all` as it is, names as a list."""
    return surrogates if surrogates == "all" else f"[{surrogates}]"


def _line(row: "dict[str, Any]") -> str:
    """A score with what chance and a perfect code give on these images."""
    if row["value"] is None:
        return f"{row['metric']}: {row['reason']}"
    beside = [
        f"{name} {row[key]:.4f}"
        for name, key in (("chance", "baseline"), ("ceiling", "ceiling"))
        if row[key] is not None
    ]
    if row["surrogates"]:
        beside.append("attributes as surrogates")
    return f"{row['metric']}: {row['value']:.4f}" + (f" ({', '.join(beside)})" if beside else "")
