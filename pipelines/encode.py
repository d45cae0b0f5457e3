"""`latentlab encode`: a model and its images to latents.parquet."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines import console

if TYPE_CHECKING:
    from pipelines.stages import Workspace


def ensure_encoded(work: "Workspace", *, fresh: bool = False) -> None:
    """Write the posterior of every image, unless the table stands for this model and data."""
    from latentlab import artifacts, checkpoints, files
    from latentlab.encoding import encode_images
    from latentlab.training import choose_device
    from pipelines.stages import Stage

    run, config = work.run, work.config
    model = checkpoints.load_model(run.model_folder)
    digest = files.digest(run.model_folder / "model.safetensors")
    stage = Stage(run, "encode", {"data": work.data.digest, "model": digest}, (run.latents_path,))
    if stage.current and not fresh:
        return
    samples = work.data.samples()
    about = {
        "run": config.name,
        "model": digest,
        "latents": model.latents,
        "beta": config.objective.settings.get("beta"),
        "posterior": "mean and log-variance of a diagonal Gaussian",
    }
    with (
        stage.recorded(),
        console.progress("encode", len(samples)) as advance,
        artifacts.table_writer(run.latents_path, about) as write,
    ):
        for frame in encode_images(
            model,
            work.data.images(),
            samples,
            batch_size=config.encode.batch_size,
            device=choose_device(config.train.device),
            progress=advance,
        ):
            write(frame)


def encode(
    run: Annotated[Path, typer.Argument(help="A run folder with a trained model.")],
    device: Annotated[str | None, typer.Option(help="Compute on auto, cpu, cuda or mps.")] = None,
) -> None:
    """Write the posterior mean and log-variance of every image."""
    from latentlab import files
    from pipelines.stages import open_workspace

    work = open_workspace(run, device)
    with files.sole_writer(work.run.path):
        ensure_encoded(work, fresh=True)
    console.result({"latents": str(work.run.latents_path)}, f"Wrote {work.run.latents_path}")
