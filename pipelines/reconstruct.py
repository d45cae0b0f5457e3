"""`latentlab reconstruct`: images through the model and back, under the originals."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines import console

COLUMNS = 10


def reconstruct(
    run: Annotated[Path, typer.Argument(help="A run folder with a trained model.")],
    image: Annotated[
        list[str] | None, typer.Option(help="An image_id; the first test images if none.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=400, help="How many, without --image.")] = 20,
    posterior: Annotated[
        str, typer.Option(help="mean, or sample for one draw from the posterior.")
    ] = "mean",
    seed: Annotated[int, typer.Option(min=0, help="Of the samples.")] = 0,
    out: Annotated[Path | None, typer.Option(help="What to write: .png, .webp or .gif.")] = None,
) -> None:
    """Write images and their reconstructions, row under row, into one picture."""
    import numpy as np

    from latentlab import checkpoints, decoding, files, pictures
    from latentlab.errors import ConfigError
    from latentlab.feeding import pictures_for
    from pipelines.stages import open_workspace

    if posterior not in ("mean", "sample"):
        raise ConfigError(f"--posterior {posterior} is not known. Take mean or sample.")
    work = open_workspace(run)
    path = out or work.run.path / "pictures" / "reconstructions.png"
    kind = pictures.kind_of(path)
    samples = work.data.samples()
    if image:
        rows = samples.index[samples["image_id"].isin(image)].to_numpy()
        absent = set(image) - set(samples["image_id"])
        if absent:
            raise ConfigError(
                f"--image {min(absent)} is not in these data. Their ids look like"
                f" {samples['image_id'].iloc[0]}."
            )
    else:
        rows = np.flatnonzero(samples["split"] == "test")[:count]
    model = checkpoints.load_model(work.run.model_folder)
    given = pictures_for(model, work.data)
    shown = given.images[rows]
    again = decoding.reconstruct(model, given, rows, seed=seed if posterior == "sample" else None)
    columns = min(COLUMNS, len(rows))
    blank = np.full((-len(rows) % columns, *shown.shape[1:]), 255, np.uint8)
    grids = [
        np.concatenate([part, blank]).reshape(-1, columns, *shown.shape[1:])
        for part in (shown, again)
    ]
    pairs = [row for pair in zip(*grids, strict=True) for row in pair]
    files.write_bytes(path, pictures.still(pictures.tile(pairs), kind))
    error = float(np.square(shown.astype(float) - again).mean()) / 255**2
    console.result(
        {"picture": str(path), "images": samples["image_id"].iloc[rows].tolist(), "mse": error},
        f"Wrote {path}: {len(rows)} images over their reconstructions from the posterior"
        f" {posterior}, mean squared error {error:.4f}",
    )
