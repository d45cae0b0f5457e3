"""`latentlab codes`: where the images of one or more runs lie in two latent dimensions."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines import console

if TYPE_CHECKING:
    import pandas as pd

    from latentlab.artifacts import DataFolder, RunFolder
    from reports.codes_panel import Panel


def codes(
    runs: Annotated[list[Path], typer.Argument(help="Run folders with latents, a panel each.")],
    color_by: Annotated[
        str | None,
        typer.Option(help="An attribute, class, factor or statistic; the data's first if none."),
    ] = None,
    split: Annotated[str, typer.Option(help="train, valid or test.")] = "test",
    limit: Annotated[int, typer.Option(min=1, help="Images a run, evenly over the split.")] = 2000,
    posterior: Annotated[
        str, typer.Option(help="mean, or sample for one draw from the posterior of each image.")
    ] = "mean",
    out: Annotated[Path | None, typer.Option(help="The PNG to write.")] = None,
) -> None:
    """Draw the codes of runs side by side, over the two dimensions of largest spread."""
    from latentlab import config as configs
    from latentlab import files
    from latentlab.artifacts import DataFolder, RunFolder
    from latentlab.errors import ConfigError
    from pipelines.places import titles
    from reports.codes_panel import codes_panel

    if posterior not in ("mean", "sample"):
        raise ConfigError(f"--posterior {posterior} is not known. Take mean or sample.")
    folders = [RunFolder.open(run) for run in runs]
    data = [DataFolder.open(configs.load_saved(one.config_path).data.folder) for one in folders]
    attribute, columns = _columns(data, color_by)
    columns, classes = _as_classes(attribute, columns)
    panels = [
        _panel(folder, title, column, split, limit, draw=posterior == "sample")
        for folder, title, column in zip(folders, titles(runs), columns, strict=True)
    ]
    path = out or runs[0] / "pictures" / "codes.png"
    files.write_bytes(path, codes_panel(panels, attribute, classes))
    told = [f"{one.title}: {one.about} on {' and '.join(one.names)}" for one in panels]
    console.result(
        {
            "picture": str(path),
            "color_by": attribute,
            "classes": classes,
            "runs": {one.title: {"latents": one.names, "n": len(one.points)} for one in panels},
        },
        "\n".join([f"Wrote {path}, coloured by {attribute}", *told]),
    )


def _columns(data: "Sequence[DataFolder]", wanted: str | None) -> "tuple[str, list[pd.Series]]":
    """The name of what colours the points, and its column in each data folder, by image_id."""
    from latentlab.errors import ConfigError
    from latentlab.naming import unknown

    tables = [_colourings(one) for one in data]
    common = [name for name in tables[0] if all(name in table for table in tables)]
    if wanted is None and not common:
        raise ConfigError(
            f"{data[0].path} has nothing to colour the points by"
            + (" that all the other data have too." if len(data) > 1 else ".")
            + " Prepare the data with labels, or draw the runs one by one."
        )
    name = wanted or common[0]
    for one, table in zip(data, tables, strict=True):
        if name not in table:
            raise ConfigError(f"--color-by, of {one.path}: {unknown(name, table)}")
    return name, [table[name] for table in tables]


def _colourings(data: "DataFolder") -> "dict[str, pd.Series]":
    """Name -> column, by image_id: attributes, whole families of them, and all that is known.

    Attributes such as label_cat and label_dog, of which an image never has two, are the family
    `label` with the values cat and dog.
    """
    import pandas as pd

    targets, samples = data.targets(), data.samples().set_index("image_id")
    attributes = [name for name, role in targets.roles.items() if role == "attribute"]
    classes = data.description["columns"].get("class", [])
    found = {name: targets.values[name] for name in attributes}
    found |= {name: samples[name] for name in classes}
    stems = dict.fromkeys(name.rpartition("_")[0] for name in attributes)
    for stem in stems:
        family = [name for name in attributes if name.rpartition("_")[0] == stem]
        holds = targets.values[family].astype("boolean").fillna(False).to_numpy(bool)
        if stem and stem not in found and len(family) > 1 and holds.sum(axis=1).max() <= 1:
            members = pd.Series(family).str.removeprefix(f"{stem}_")
            values = members.iloc[holds.argmax(axis=1)].set_axis(targets.values.index)
            found[stem] = values.where(holds.any(axis=1))
    return found | {name: targets.values[name] for name in targets.roles if name not in found}


def _as_classes(attribute: str, columns: "list[pd.Series]") -> "tuple[list[pd.Series], list[str]]":
    """Columns of text and the texts in order, if there are few; else columns of numbers, and none.

    Numbers are classes if there are no more of them than colours and every one comes twice on
    average: a measurement that few images have does not become one.
    """
    import numpy as np
    import pandas as pd

    from latentlab.errors import ConfigError
    from reports.codes_panel import CLASSES

    every = pd.concat(columns).dropna()
    if pd.api.types.is_bool_dtype(every):
        words = {True: "yes", False: "no"}
        return [column.astype(object).map(words) for column in columns], ["no", "yes"]
    values = sorted(every.unique())
    text = not pd.api.types.is_numeric_dtype(every)
    if len(values) <= len(CLASSES) and (text or 2 * len(values) <= len(every)):
        words = {value: value if text else f"{value:g}" for value in values}
        return [column.astype(object).map(words) for column in columns], list(words.values())
    if text:
        raise ConfigError(
            f"--color-by {attribute} has {len(values)} classes, and at most {len(CLASSES)} colours"
            " can be told apart. Name one of them, as an attribute."
        )
    return [column.astype(np.float64) for column in columns], []


def _panel(
    run: "RunFolder", title: str, column: "pd.Series", split: str, limit: int, *, draw: bool
) -> "Panel":
    """The codes of some images, over the one or two latents of largest spread."""
    import numpy as np

    from latentlab.alignment import check_latents
    from latentlab.artifacts import latent_columns
    from latentlab.data.source import evenly
    from latentlab.errors import DataError
    from latentlab.randomness import numpy_generator
    from pipelines.places import of_split
    from reports.codes_panel import Panel

    latents = run.latents()
    try:
        check_latents(latents)
    except DataError as error:
        raise DataError(f"{run.latents_path}: {error}") from error
    names = latent_columns(latents)
    spread = latents[names].to_numpy(np.float64).std(axis=0)
    widest = sorted(np.argsort(-spread, kind="stable")[:2])
    names = [names[index] for index in widest]
    rows = of_split(latents, split, run)
    rows = rows.iloc[evenly(len(rows), min(limit, len(rows)))]
    if not rows["image_id"].isin(column.index).any():
        raise DataError(
            f"{run.latents_path} and the data of that run have no {split} image in common."
            f" Encode again with `latentlab encode {run.path}`."
        )
    points = rows[names].to_numpy(np.float64)
    about = f"{len(rows):,} {split} image{'s' if len(rows) > 1 else ''}"
    variances = [f"logvar_{name.partition('_')[2]}" for name in names]
    if draw and set(variances) <= set(rows.columns):  # codes without a distribution stay
        deviations = np.exp(0.5 * rows[variances].to_numpy(np.float64))
        noise = numpy_generator(0, "codes").standard_normal(points.shape)
        points, about = points + deviations * noise, f"{about}, one draw each"
    values = column.reindex(rows["image_id"]).reset_index(drop=True)
    return Panel(title, about, points, tuple(names), values, prior=names[0].startswith("mu_"))
