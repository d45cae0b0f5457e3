"""`latentlab morph`: the way from one image to another, as a strip, an animation or a grid."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines import console

STRIP = 9  # pictures of a strip
GRID = 8  # pictures along a side of a grid
KINDS = {".png": "PNG", ".gif": "GIF", ".webp": "WEBP"}


def morph(
    run: Annotated[Path, typer.Argument(help="A run folder with latents.")],
    images: Annotated[
        list[str] | None,
        typer.Argument(help="Two image_ids, or four for a grid; test images if none."),
    ] = None,
    grid: Annotated[bool, typer.Option("--grid", help="A grid between four images.")] = False,
    steps: Annotated[
        int | None, typer.Option(min=2, max=64, help="Pictures of a strip, or of a grid's side.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.1, max=60, help="Of an animation.")] = 5.0,
    fps: Annotated[int, typer.Option(min=1, max=50, help="Its frames a second.")] = 30,
    out: Annotated[
        Path | None, typer.Option(help="What to write: .png for a strip or grid, .gif, .webp.")
    ] = None,
) -> None:
    """Decode the straight line between the codes of two images."""
    import numpy as np

    from latentlab import checkpoints, files, pictures, traversals
    from latentlab.artifacts import RunFolder, latent_columns
    from latentlab.errors import ConfigError
    from pipelines.traverse import anchor_of

    needed = 4 if grid else 2
    if images and len(images) != needed:
        raise ConfigError(f"{len(images)} images are named, where {needed} are needed.")
    path = out or run / "pictures" / ("morph_grid.png" if grid else "morph.png")
    kind = KINDS.get(path.suffix.lower())
    if kind is None or (grid and kind != "PNG"):
        raise ConfigError(
            f"--out {path.name} cannot be written. Take .png"
            + ("." if grid else " for a strip, .gif or .webp for an animation.")
        )
    folder = RunFolder.open(run)
    latents = folder.latents()
    codes = latents[latent_columns(latents)].to_numpy()
    tests = latents["image_id"][latents["split"] == "test"].tolist()
    names = list(images or tests[:needed])
    ends = np.stack([anchor_of(latents, codes, name, None) for name in names])
    model = checkpoints.load_model(folder.model_folder)
    if grid:
        rows = list(traversals.morph_grid(model, ends, steps or GRID))
        content, what = pictures.png(pictures.tile(rows)), f"a grid of {len(rows)} by {len(rows)}"
    elif kind == "PNG":
        strip = traversals.interpolate(model, ends[0], ends[1], steps or STRIP)
        content, what = pictures.png(pictures.tile([strip])), f"{len(strip)} pictures"
    else:
        there = traversals.interpolate(model, ends[0], ends[1], max(2, round(seconds * fps / 2)))
        frames = np.concatenate([there, there[::-1]])  # and back, so that it has no jump
        content = pictures.animation(frames, kind, fps=fps)
        what = f"{len(frames)} frames, {len(frames) / fps:.1f} s"
    files.write_bytes(path, content)
    console.result(
        {"picture": str(path), "images": names},
        f"Wrote {path}: {what} between {' and '.join(names)}",
    )
