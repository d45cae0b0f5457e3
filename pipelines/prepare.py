"""`latentlab prepare`: pictures and labels to a data folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines import census, console

if TYPE_CHECKING:
    from latentlab.artifacts import DataFolder
    from latentlab.config import DataSettings


def ensure_data(settings: "DataSettings", *, download: bool = False) -> "DataFolder":
    """The data folder a config asks for, prepared now if it is not there yet.

    Args:
        download: Fetch what the source lacks first, if it can be fetched.

    Raises:
        ConfigError: the folder holds data prepared from other settings, or the source cannot be
            downloaded.
    """
    from latentlab import files
    from latentlab.artifacts import DataFolder
    from latentlab.data import SOURCES
    from latentlab.data.prepared import prepare, stored_settings
    from latentlab.data.splits import Shares
    from latentlab.errors import ConfigError

    name, data = settings.source.name, settings.data
    folder = data.folder
    source = SOURCES[name](**settings.source.settings)
    wanted = {
        "source": name,
        "side": data.side,
        "settings": stored_settings(source, folder),
        "split": {
            "policy": data.split, "seed": data.split_seed, "valid": data.valid, "test": data.test,
        },
    }  # fmt: skip
    if (folder / "data.yaml").is_file():
        return _agreeing(DataFolder.open(folder), wanted)
    if not download:
        _ = source.listing  # what is wrong with the source is told before anything is made
    with alone(folder, folder.with_name(f".{folder.name}.lock")):
        if (folder / "data.yaml").is_file():  # another process has made it meanwhile
            return _agreeing(DataFolder.open(folder), wanted)
        if download:
            if not hasattr(source, "download"):
                raise ConfigError(f"{name} cannot be downloaded by latentlab; give its --root.")
            source.download(lambda file: console.say(f"fetching {file}"))
        images = len(source.listing.samples)
        files.require_space(folder, images * data.side**2 * source.channels, "the prepared images")
        with console.progress(f"prepare {folder}", images) as advance:
            return prepare(
                source,
                name,
                folder,
                side=data.side,
                split=data.split,
                shares=Shares(data.valid, data.test),
                seed=data.split_seed,
                on_bad=data.on_bad,
                progress=advance,
            )


@contextmanager
def alone(folder: Path, lock: Path) -> Iterator[None]:
    """Be the only process that makes this data folder or adds to it; wait while another does."""
    from latentlab import files

    with files.taking_turns(
        lock, lambda: console.say(f"{folder}: waiting for the process that makes it")
    ):
        yield


def _agreeing(data: "DataFolder", wanted: dict[str, Any]) -> "DataFolder":
    """The data folder itself, if it was made from these settings."""
    from latentlab.errors import ConfigError

    found = data.description
    for key, value in wanted.items():
        if found.get(key) != value:
            raise ConfigError(
                f"{data.path} was prepared with {key} {found.get(key)}, not with {value}."
                " Choose another data.folder, or delete that one."
            )
    return data


def prepare(
    source: Annotated[
        str,
        typer.Argument(
            help="faces (generated), celeba, celeba_mask_hq, mnist, dsprites, image_folder, arrays."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The data folder to make.")],
    root: Annotated[Path | None, typer.Option(help="Where the source's files are.")] = None,
    labels: Annotated[
        Path | None, typer.Option(help="A label file, or the folder of the label files.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Take this many images at most.")] = None,
    side: Annotated[int, typer.Option(help="Height and width, 28 to 256 pixels.")] = 64,
    split: Annotated[
        str,
        typer.Option(help="auto, published, identity (whole persons) or random."),
    ] = "auto",
    on_bad: Annotated[
        str,
        typer.Option(help="A picture or label that cannot be used: fail, or skip and list it."),
    ] = "fail",
    download: Annotated[
        bool, typer.Option("--download", help="Fetch the published files into --root first.")
    ] = False,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Another setting of the source, key=value.")
    ] = None,
) -> None:
    """Make a data folder from a source of images."""
    from latentlab import config as configs

    given: dict[str, Any] = {"root": root, "labels": labels, "limit": limit}
    content = {
        "source": {"name": source}
        | {key: value for key, value in given.items() if value is not None},
        "data": {"folder": out, "side": side, "split": split, "on_bad": on_bad},
    }
    overrides = tuple(f"source.{override}" for override in set_ or [])
    settings = configs.build_data(content, overrides, where="prepare")
    data = ensure_data(settings, download=download)
    console.result({"data": str(data.path), **data.description}, census.told(data))
