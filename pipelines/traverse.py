"""`latentlab traverse`: pictures along one dimension, one direction, or all active dimensions."""

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
    out: Annotated[Path | None, typer.Option(help="The PNG to write.")] = None,
) -> None:
    """Decode pictures along lines through latent space into one PNG."""
    from latentlab import checkpoints, files, pictures, traversals
    from latentlab import config as configs
    from latentlab.artifacts import RunFolder, latent_columns
    from latentlab.errors import ConfigError

    if dimension is not None and target is not None:
        raise ConfigError("--dimension and --target exclude each other. Give one of them.")
    if unit not in traversals.UNITS:
        raise ConfigError(f"--unit {unit} is not known. Take sd or latent.")
    folder = RunFolder.open(run)
    defaults = configs.load_saved(folder.config_path).traverse
    model = checkpoints.load_model(folder.model_folder)
    latents = folder.latents()
    codes = latents[latent_columns(latents)].to_numpy()
    directions = _directions(folder, latents, dimension, target)
    anchor = _anchor(folder, model, latents, image, prior)
    strips = [
        traversals.traverse(
            model,
            anchor,
            direction,
            scale=traversals.spread(codes, direction) if unit == "sd" else 1.0,
            steps=steps or defaults.steps,
            span=span or defaults.span,
            unit=unit,
        )
        for direction in directions.values()
    ]
    sheet = pictures.labelled(pictures.tile([strip.images for strip in strips]), list(directions))
    name = target or (f"dimension_{dimension}" if dimension is not None else "dimensions")
    path = out or folder.path / "traversals" / f"{name}.png"
    files.write_bytes(path, pictures.png(sheet))
    first = strips[0]
    console.result(
        {"picture": str(path), "rows": list(directions), "offsets": list(first.offsets)},
        f"Wrote {path}: {len(strips)} row(s), {first.offsets[0]:+g} to {first.offsets[-1]:+g}"
        f" {first.unit}",
    )


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
                f"--dimension {dimension} is not one of this model's: 0 to {len(names) - 1}."
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
    from latentlab.errors import ConfigError
    from pipelines.places import places_of_images, places_of_prior

    if prior is not None:
        if image is not None:
            raise ConfigError("--image and --prior exclude each other. Give one of them.")
        return places_of_prior(run, model, 1, prior)
    first = latents.loc[latents["split"] == "test", "image_id"].iloc[0]
    return places_of_images(run, model, latents, [image or first])
