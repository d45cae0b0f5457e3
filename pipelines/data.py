"""`latentlab data show`: prepared images with their labels on one sheet, and the census."""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines import census, console

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

LINES, LETTERS = 7, 24  # of a caption


def show(
    data: Annotated[Path, typer.Argument(help="A data folder.")],
    out: Annotated[
        Path | None, typer.Option(help="The PNG; contact_sheet.png in the data folder if none.")
    ] = None,
    images: Annotated[int, typer.Option(min=1, max=400, help="How many.")] = 40,
    target: Annotated[
        str | None,
        typer.Option(help="Half with and half without this attribute, or from low to high."),
    ] = None,
    masks: Annotated[bool, typer.Option("--masks", help="Show the masks, not the images.")] = False,
) -> None:
    """Write a contact sheet of the images with their labels, and print what the data hold."""
    from latentlab import files, pictures
    from latentlab.artifacts import DataFolder
    from latentlab.errors import ConfigError

    folder = DataFolder.open(data)
    samples, columns = folder.samples(), folder.description["columns"]
    shown = folder.masks() if masks else folder.images()
    if shown is None:
        raise ConfigError(f"{folder.path} has no masks; its source gives none. Leave out --masks.")
    rows = _chosen(samples, target, images)
    captions = [_caption(samples.iloc[row], columns, target) for row in rows]
    sheet = pictures.contact_sheet(
        [shown[row] if shown.ndim == 4 else shown[row][..., None] for row in rows], captions
    )
    path = out or folder.path / "contact_sheet.png"
    files.write_bytes(path, pictures.png(sheet))
    result = {"sheet": str(path), "shown": [samples["image_id"].iat[row] for row in rows]}
    console.result({**result, **folder.description}, f"{census.told(folder)}\n\n{path}")


def _chosen(samples: "pd.DataFrame", target: str | None, count: int) -> "list[int]":
    """Row numbers, evenly over the table, or over what the target says."""
    import numpy as np

    from latentlab.errors import ConfigError

    if target is None:
        return _spread(np.arange(len(samples)), count)
    if target not in samples or target in ("image_id", "split", "identity"):
        raise ConfigError(
            f"{target} is no target of these data. Known are"
            f" {', '.join(name for name in samples.columns[2:])}."
        )
    known = np.flatnonzero(samples[target].notna())
    if not len(known):
        raise ConfigError(f"{target} is not known for any image. Choose another --target.")
    values = samples[target].iloc[known].to_numpy(dtype=float)
    if set(np.unique(values)) <= {0.0, 1.0}:
        with_it, without = known[values == 1], known[values == 0]
        half = max(count // 2, count - len(without))
        first = _spread(with_it, half)
        return first + _spread(without, count - len(first))
    return _spread(known[np.argsort(values, kind="stable")], count)


def _spread(rows: "np.ndarray", count: int) -> list[int]:
    from latentlab.data.source import evenly

    return [int(row) for row in rows[evenly(len(rows), min(count, len(rows)))]]


def _caption(sample: "pd.Series", columns: dict[str, list[str]], target: str | None) -> list[str]:
    """Name, split and person, then the attributes that hold, or the factors and statistics."""
    person = sample.get("identity")
    known = person is not None and person == person
    lines = [f"{sample['image_id']}", f"{sample['split']}{f', person {person}' if known else ''}"]
    if target is not None:
        lines.append(f"{target}: {_shown(sample[target])}")
    holds = [name for name in columns["attribute"] if sample[name] is True or sample[name] == 1]
    values = [
        f"{name} {_shown(sample[name])}"
        for role in ("factor", "statistic")
        for name in columns[role]
    ]
    text = ", ".join(holds + ([] if holds else values))
    wrapped = textwrap.wrap(text, LETTERS, break_long_words=False)
    room = LINES - len(lines)
    if len(wrapped) > room:
        wrapped = [*wrapped[: room - 1], wrapped[room - 1] + " …"]
    return lines + wrapped


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    return str(value)
