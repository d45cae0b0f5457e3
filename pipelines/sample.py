"""`latentlab sample`: pictures that the model makes up."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines import console

COLUMNS = 8


def sample(
    run: Annotated[Path, typer.Argument(help="A run folder with a trained model.")],
    count: Annotated[int, typer.Option(min=1, max=4096, help="How many.")] = 64,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other pictures.")] = 0,
    draw: Annotated[
        bool, typer.Option("--draw", help="Draw every pixel too, instead of showing its mean.")
    ] = False,
    condition: Annotated[
        list[str] | None,
        typer.Option(help="Of a conditional model: Name=yes, no or unknown; else as in the data."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="What to write: .png, .webp or .gif.")] = None,
) -> None:
    """Decode draws from the prior into one picture."""
    import numpy as np

    from latentlab import checkpoints, files, pictures
    from latentlab.artifacts import RunFolder
    from latentlab.decoding import decode, draw_pixels
    from pipelines.places import places_of_prior

    folder = RunFolder.open(run)
    path = out or folder.path / "pictures" / f"samples_{seed}.png"
    kind = pictures.kind_of(path)
    model = checkpoints.load_model(folder.model_folder)
    places = places_of_prior(folder, model, count, seed, condition or ())
    made = draw_pixels(model, places, seed) if draw else decode(model, places)
    blank = np.full((-count % COLUMNS, *made.shape[1:]), 255, np.uint8)
    rows = list(np.concatenate([made, blank]).reshape(-1, COLUMNS, *made.shape[1:]))
    files.write_bytes(path, pictures.still(pictures.tile(rows), kind))
    how = "pixels drawn" if draw else "mean images"
    console.result(
        {"picture": str(path), "count": count, "seed": seed, "drawn": draw},
        f"Wrote {path}: {count} draws from the prior, {how}",
    )
