"""`latentlab encode`: a model and its images to latents.parquet."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines import console

if TYPE_CHECKING:
    from pipelines.stages import Workspace

# What the columns of latents are, by their name.
SAID = {
    "mu": "means of the posterior",
    "pooled": "means over the grid of the embeddings of discrete codes",
    "histogram": "shares of the grid's positions with each discrete code",
}


def ensure_encoded(work: "Workspace", *, fresh: bool = False) -> None:
    """Write the posterior of every image, unless the table stands for this model and data."""
    from latentlab import artifacts, checkpoints, files
    from latentlab.encoding import encode_images
    from latentlab.feeding import pictures_for
    from latentlab.training import choose_device
    from pipelines.stages import Stage

    run, config, encode = work.run, work.config, work.config.encode
    model = checkpoints.load_model(run.model_folder)
    digest = files.digest(run.model_folder / "model.safetensors")
    inputs = {
        "data": work.data.digest,
        "model": digest,
        "encode": config.plain()["encode"],
        "seed": config.seed,
    }
    stage = Stage(run, "encode", inputs, (run.latents_path,))
    if stage.current and not fresh:
        return
    samples = work.data.samples()
    about = {
        "run": config.name,
        "model": digest,
        "latents": model.latents,
        "beta": config.objective.settings.get("beta"),
        "features": SAID[model.head.feature if encode.features == "mean" else encode.features],
        "likelihood_samples": encode.likelihood_samples,
    }
    with (
        stage.recorded(),
        console.progress("encode", len(samples)) as advance,
        artifacts.table_writer(run.latents_path, about) as write,
    ):
        for frame in encode_images(
            model,
            pictures_for(model, work.data),
            samples,
            **encode.model_dump(),
            device=choose_device(config.train.device),
            seed=config.seed,
            progress=advance,
        ):
            write(frame)


def encode(
    run: Annotated[Path, typer.Argument(help="A run folder with a trained model.")],
    likelihood_samples: Annotated[
        int | None, typer.Option(min=0, help="Draws that estimate the likelihood of each image.")
    ] = None,
    features: Annotated[
        str | None, typer.Option(help="Of discrete codes: mean, or histogram.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="Compute on auto, cpu, cuda or mps.")] = None,
) -> None:
    """Write the posterior mean and log-variance of every image."""
    from latentlab import files
    from pipelines.stages import device_override, open_workspace

    wanted = {"likelihood_samples": likelihood_samples, "features": features}
    overrides = [f"encode.{key}={value}" for key, value in wanted.items() if value is not None]
    work = open_workspace(run, (*device_override(device), *overrides))
    with files.sole_writer(work.run.path):
        ensure_encoded(work, fresh=True)
    console.result({"latents": str(work.run.latents_path)}, f"Wrote {work.run.latents_path}")
