"""`latentlab morph`: the way from one image to another, as a strip, an animation or a grid."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines import console

if TYPE_CHECKING:
    import numpy as np

    from latentlab.artifacts import RunFolder
    from latentlab.decoding import Places
    from latentlab.models.vae import VAE

STRIP = 9  # pictures of a strip
GRID = 8  # pictures along a side of a grid
FRAME = 256  # pixels; width of a picture in an animation


def morph(
    run: Annotated[Path, typer.Argument(help="A run folder with latents.")],
    images: Annotated[
        list[str] | None,
        typer.Argument(help="Two image_ids, or four for a grid; test images if none."),
    ] = None,
    grid: Annotated[bool, typer.Option("--grid", help="A grid between four images.")] = False,
    beside: Annotated[
        Path | None,
        typer.Option(help="Another run of the same images: its way beside that of RUN."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=2, max=64, help="Pictures of a strip, or of a grid's side.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.1, max=60, help="Of an animation.")] = 5.0,
    fps: Annotated[int, typer.Option(min=1, max=50, help="Its frames a second.")] = 30,
    out: Annotated[
        Path | None,
        typer.Option(help="What to write: .png for a strip or grid; .gif, .webp move."),
    ] = None,
) -> None:
    """Decode the straight line between the codes of two images."""
    from latentlab import files, pictures, traversals
    from latentlab.artifacts import RunFolder
    from latentlab.errors import ConfigError
    from pipelines.places import titles

    needed = 4 if grid else 2
    if images and len(images) != needed:
        raise ConfigError(
            f"{len(images)} image(s) are named, where {needed} are needed. Name {needed}, or none."
        )
    if grid and beside is not None:
        raise ConfigError("--grid and --beside exclude each other. Give one of them.")
    runs = [run] if beside is None else [run, beside]
    names = titles(runs)
    stem = "morph_grid" if grid else "morph" if beside is None else f"morph_beside_{beside.name}"
    path = out or run / "pictures" / f"{stem}.png"
    kind = pictures.kind_of(path, [".png"] if grid else pictures.KINDS)
    folders = [RunFolder.open(one) for one in runs]
    ids = list(images or _test_images(folders[0], needed))
    ends = [_ends(folder, ids) for folder in folders]
    if grid:
        rows = list(traversals.morph_grid(*ends[0], steps or GRID))
        content, what = pictures.png(pictures.tile(rows)), f"a grid of {len(rows)} by {len(rows)}"
    elif kind == "PNG":
        ways = _ways(names, ends, steps or STRIP)
        sheet = pictures.tile(ways)
        if beside is not None:
            sheet = pictures.labelled(sheet, names)
        content, what = pictures.png(sheet), f"{steps or STRIP} pictures"
    else:
        ways = _ways(names, ends, pictures.frames_there(seconds, fps))
        there = ways[0] if beside is None else _side_by_side(ways, names)
        frames = pictures.there_and_back(there)
        width = FRAME if beside is None else frames.shape[2]
        content = pictures.animation(frames, kind, fps=fps, width=width)
        what = f"{len(frames)} frames, {len(frames) / fps:.1f} s"
    files.write_bytes(path, content)
    console.result(
        {"picture": str(path), "images": ids, "runs": [str(one) for one in runs]},
        f"Wrote {path}: {what} between {' and '.join(ids)}"
        + (f", {' and '.join(names)}" if beside is not None else ""),
    )


def _test_images(run: "RunFolder", count: int) -> list[str]:
    """The image_ids of the first test images."""
    from latentlab.errors import ConfigError

    latents = run.latents()
    ids = latents.loc[latents["split"] == "test", "image_id"].head(count).tolist()
    if len(ids) < count:
        raise ConfigError(f"{run.latents_path} has {len(ids)} test images. Name {count} images.")
    return ids


def _ends(run: "RunFolder", images: Sequence[str]) -> "tuple[VAE, Places]":
    """The model of a run, and where these images lie in its latent space."""
    from latentlab import checkpoints
    from latentlab.errors import ConfigError
    from pipelines.places import places_of_images

    model = checkpoints.load_model(run.model_folder)
    try:
        return model, places_of_images(run, model, run.latents(), images)
    except ConfigError as error:
        raise ConfigError(f"{run.path}: {error}") from error


def _ways(
    names: Sequence[str], ends: "Sequence[tuple[VAE, Places]]", steps: int
) -> "list[np.ndarray]":
    """The way of each run, uint8 (steps, side, side, channels); 3 channels where one has 3."""
    import numpy as np

    from latentlab import traversals
    from latentlab.errors import ConfigError

    ways = [traversals.interpolate(model, places, steps) for model, places in ends]
    sides = [way.shape[1] for way in ways]
    if len(set(sides)) > 1:
        raise ConfigError(
            f"{names[0]} makes pictures of {sides[0]} pixels a side, {names[1]} of {sides[1]};"
            " --beside needs one side."
        )
    channels = max(way.shape[3] for way in ways)
    return [np.broadcast_to(way, (*way.shape[:3], channels)) for way in ways]


def _side_by_side(ways: "Sequence[np.ndarray]", names: Sequence[str]) -> "np.ndarray":
    """Frames with a picture of every run over its name, uint8 (steps, height, width, 3)."""
    import numpy as np

    from latentlab import pictures

    captions = [[name] for name in names]
    return np.stack(
        [
            pictures.contact_sheet(moment, captions, columns=len(names), width=FRAME)
            for moment in zip(*ways, strict=True)
        ]
    )
