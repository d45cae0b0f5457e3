"""`latentlab prepare`: pictures and labels to a data folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines import console

if TYPE_CHECKING:
    from latentlab.artifacts import DataFolder
    from latentlab.config import DataSettings


def ensure_data(settings: "DataSettings") -> "DataFolder":
    """The data folder a config asks for, prepared now if it is not there yet.

    Raises:
        ConfigError: the folder holds data prepared from other settings.
    """
    from latentlab import files
    from latentlab.artifacts import DataFolder
    from latentlab.data import SOURCES
    from latentlab.data.prepared import prepare, stored_settings
    from latentlab.errors import ConfigError

    folder = settings.data.folder
    source = SOURCES[settings.source.name](**settings.source.settings)
    wanted = {
        "source": settings.source.name,
        "side": settings.data.side,
        "settings": stored_settings(source, folder),
    }
    if (folder / "data.yaml").is_file():
        found = files.read_yaml(folder / "data.yaml")
        different = [key for key, value in wanted.items() if found.get(key) != value]
        if different:
            key = different[0]
            raise ConfigError(
                f"{folder} was prepared with {key} {found.get(key)}, not with {wanted[key]}."
                " Choose another data.folder, or delete that one."
            )
        return DataFolder.open(folder)
    with console.progress(f"prepare {folder}", len(source.samples)) as advance:
        data = prepare(
            source, settings.source.name, folder, side=settings.data.side, progress=advance
        )
    for note in data.description["notes"]:
        console.say(note)
    return data


def prepare(
    source: Annotated[str, typer.Argument(help="faces (generated) or celeba.")],
    out: Annotated[Path, typer.Option(help="The data folder to make.")],
    root: Annotated[Path | None, typer.Option(help="Where the source's files are.")] = None,
    limit: Annotated[int | None, typer.Option(help="Take this many images at most.")] = None,
    side: Annotated[int, typer.Option(help="Height and width, 28 to 256 pixels.")] = 64,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Another setting of the source, key=value.")
    ] = None,
) -> None:
    """Make a data folder from a source of images."""
    from latentlab import config as configs

    given = {"root": root, "limit": limit}
    content = {
        "source": {"name": source}
        | {key: value for key, value in given.items() if value is not None},
        "data": {"folder": out, "side": side},
    }
    overrides = tuple(f"source.{override}" for override in set_ or [])
    data = ensure_data(configs.build_data(content, overrides, where="prepare"))
    facts = data.description
    console.result(
        {"data": str(data.path), **facts},
        f"{data.path}: {facts['images']:,} images of {facts['side']}x{facts['side']}, "
        + ", ".join(f"{count:,} {split}" for split, count in facts["splits"].items()),
    )
