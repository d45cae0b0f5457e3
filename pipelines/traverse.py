"""`latentlab traverse`: pictures along one dimension, one direction, or all active dimensions."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines import console

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from latentlab.artifacts import RunFolder
    from latentlab.decoding import Places
    from latentlab.models.vae import VAE
    from latentlab.pictures import Strip

COLUMNS = 8  # pictures side by side in an animation
FRAME, TILE = 256, 96  # pixels; width of a picture in it, alone and among others


def traverse(
    run: Annotated[Path, typer.Argument(help="A run folder with latents.")],
    dimension: Annotated[
        int | None, typer.Option(help="The latent dimension to move; all active ones if not given.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="Move along this target's probe direction, e.g. Smiling.")
    ] = None,
    image: Annotated[
        str | None, typer.Option(help="image_id to start from; else the first test image.")
    ] = None,
    prior: Annotated[
        int | None, typer.Option(help="Start from a draw from the prior with this seed instead.")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=2, help="Pictures in a row.")] = None,
    span: Annotated[float | None, typer.Option(help="How far to either side.")] = None,
    unit: Annotated[
        str, typer.Option(help="sd: standard deviations of the codes; latent: latent units.")
    ] = "sd",
    seconds: Annotated[float, typer.Option(min=0.1, max=60, help="Of an animation.")] = 4.0,
    fps: Annotated[int, typer.Option(min=1, max=50, help="Its frames a second.")] = 15,
    out: Annotated[
        Path | None, typer.Option(help="What to write: .png for a grid; .gif and .webp move.")
    ] = None,
) -> None:
    """Decode pictures along lines through latent space: a grid, or an animation there and back."""
    from latentlab import checkpoints, files, pictures, traversals
    from latentlab import config as configs
    from latentlab.artifacts import RunFolder, latent_columns
    from latentlab.errors import ConfigError
    from pipelines.places import check_width

    if dimension is not None and target is not None:
        raise ConfigError("--dimension and --target exclude each other. Give one of them.")
    if image is not None and prior is not None:
        raise ConfigError("--image and --prior exclude each other. Give one of them.")
    if unit not in traversals.UNITS:
        raise ConfigError(f"--unit {unit} is not known. Take sd or latent.")
    folder = RunFolder.open(run)
    name = target or (f"dimension_{dimension}" if dimension is not None else "dimensions")
    path = out or folder.path / "traversals" / f"{name}.png"
    kind = pictures.kind_of(path)
    moves = kind != "PNG"
    defaults = configs.load_saved(folder.config_path).traverse
    model = checkpoints.load_model(folder.model_folder)
    latents = folder.latents()
    check_width(folder, model, latents)
    codes = latents[latent_columns(latents)].to_numpy()
    directions = _directions(folder, latents, dimension, target)
    anchor = _anchor(folder, model, latents, image, prior)
    strips = [
        traversals.traverse(
            model,
            anchor,
            direction,
            scale=traversals.spread(codes, direction) if unit == "sd" else 1.0,
            steps=pictures.frames_there(seconds, fps) if moves else steps or defaults.steps,
            span=span or defaults.span,
            unit=unit,
        )
        for direction in directions.values()
    ]
    first = strips[0]
    if moves:
        frames = pictures.there_and_back(_frames(strips, list(directions)))
        content = pictures.animation(frames, kind, fps=fps, width=frames.shape[2])
        what = f"{len(frames)} frames, {len(frames) / fps:.1f} s, of {len(strips)} line(s)"
    else:
        rows = pictures.tile([strip.images for strip in strips])
        above = [_offset(offset) for offset in first.offsets]
        content = pictures.still(pictures.labelled(rows, list(directions), above), kind)
        what = f"{len(strips)} row(s)"
    files.write_bytes(path, content)
    console.result(
        {"picture": str(path), "rows": list(directions), "offsets": list(first.offsets)},
        f"Wrote {path}: {what}, {first.offsets[0]:+g} to {first.offsets[-1]:+g} {first.unit}",
    )


def _frames(strips: "Sequence[Strip]", labels: Sequence[str]) -> "np.ndarray":
    """All lines at once, each over its label and where it is, uint8 (steps, height, width, 3)."""
    import numpy as np

    from latentlab import pictures

    columns = min(len(strips), COLUMNS)
    width = FRAME if len(strips) == 1 else TILE
    return np.stack(
        [
            pictures.contact_sheet(
                [strip.images[step] for strip in strips],
                [[label, _offset(offset)] for label in labels],
                columns=columns,
                width=width,
            )
            for step, offset in enumerate(strips[0].offsets)
        ]
    )


def _offset(offset: float) -> str:
    return f"{offset:+.2g}" if abs(offset) >= 0.05 else "0"


def _directions(
    run: "RunFolder", latents: "pd.DataFrame", dimension: int | None, target: str | None
) -> "dict[str, np.ndarray]":
    """Row label -> unit direction, (latents,)."""
    import numpy as np

    from latentlab.artifacts import latent_columns
    from latentlab.dimensions import summarize_dimensions
    from latentlab.errors import ConfigError, DataError
    from latentlab.probes.analysis import direction_of

    names = latent_columns(latents)
    if target is not None:
        return {target: direction_of(run.table("directions"), target, names)}
    axes = np.eye(len(names))
    if dimension is not None:
        if not 0 <= dimension < len(names):
            raise ConfigError(
                f"--dimension {dimension} is not one of this model's. Choose one of 0 to"
                f" {len(names) - 1}."
            )
        return {names[dimension]: axes[dimension]}
    summary = summarize_dimensions(latents)
    active = summary[summary["active"]].sort_values("kl", ascending=False)["latent"]
    if active.empty:
        raise DataError(
            f"no dimension of {run.path} is active: the decoder ignores its latents."
            " Train longer, or with a smaller objective.beta."
        )
    return {name: axes[names.index(name)] for name in active}


def _anchor(
    run: "RunFolder", model: "VAE", latents: "pd.DataFrame", image: str | None, prior: int | None
) -> "Places":
    """Where the lines start: a draw from the prior or the posterior mean of an image."""
    from pipelines.places import places_of_images, places_of_prior

    if prior is not None:
        return places_of_prior(run, model, 1, prior)
    first = latents.loc[latents["split"] == "test", "image_id"].iloc[0]
    return places_of_images(run, model, latents, [image or first])
