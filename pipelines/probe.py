"""`latentlab probe`: which latents know which attribute, and how sure that is."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines import console, memory

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.stages import Workspace

TABLES = (
    "probes", "controls", "directions", "probe_weights", "rankings", "needed", "dimensions",
)  # fmt: skip


def ensure_probed(work: "Workspace", *, fresh: bool = False) -> None:
    """Fit and score the probes and rank the dimensions, unless that was done on these inputs."""
    from latentlab import files
    from latentlab.artifacts import latent_columns
    from latentlab.dimensions import summarize_dimensions
    from latentlab.probes.analysis import probe_targets
    from latentlab.probes.weights import weight_table
    from latentlab.rankings import dimensions_needed, rank_dimensions
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
        tuple(map(run.table_path, TABLES)),
    )
    if stage.current and not fresh:
        return
    targets = data.targets()
    with stage.recorded(), work.arithmetic():
        memory.claim_for_products()
        with console.progress("probe", len(targets.roles), "targets") as advance:
            results = probe_targets(
                latents,
                targets,
                resamples=config.probe.resamples,
                min_positives=config.probe.min_positives,
                seed=config.seed,
                nonlinear=config.probe.nonlinear,
                controls=_controls(work, latents) if config.probe.controls else None,
                progress=advance,
            )
        run.write_table("probes", results.probes)
        run.write_table("controls", results.controls)
        run.write_table("directions", results.directions)
        run.write_table("probe_weights", weight_table(results.fits, latent_columns(latents)))
        run.write_table("dimensions", summarize_dimensions(latents))
        run.write_table(
            "rankings",
            rank_dimensions(
                latents, targets, results, resamples=config.probe.resamples, seed=config.seed
            ),
        )
        with console.progress("dimensions needed", len(results.fits), "targets") as advance:
            run.write_table(
                "needed",
                dimensions_needed(latents, targets, results, seed=config.seed, progress=advance),
            )


def _controls(work: "Workspace", latents: "pd.DataFrame") -> "dict[str, pd.DataFrame]":
    """Codes of the same width that nobody trained: of an encoder as it was built, and of pixels."""
    import pandas as pd

    from latentlab.artifacts import latent_columns
    from latentlab.encoding import encode_images
    from latentlab.feeding import pictures_for
    from latentlab.models import build_model
    from latentlab.probes.controls import PIXELS, UNTRAINED, pixel_components
    from latentlab.training import choose_device

    config, data = work.config, work.data
    about, samples = data.description, data.samples()
    model = build_model(
        config.model.name,
        config.model.settings,
        channels=about["channels"],
        side=about["side"],
        seed=config.seed,
    )
    untrained = encode_images(
        model,
        pictures_for(model, data),
        samples,
        batch_size=config.encode.batch_size,
        features=config.encode.features,
        device=choose_device(config.train.device),
        seed=config.seed,
    )
    width = len(latent_columns(latents))
    return {
        UNTRAINED: pd.concat(untrained, ignore_index=True),
        PIXELS: pixel_components(data.images(), samples, width, seed=config.seed),
    }


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
    best = table[(table["metric"] == "auc") & table["value"].notna()].nlargest(5, "value")
    console.result(
        {"tables": str(work.run.path / "tables"), "targets": int(table["target"].nunique())},
        f"{table['target'].nunique()} targets probed; best AUC on test: "
        + ", ".join(f"{row.target} {row.value:.3f}" for row in best.itertuples()),
    )
