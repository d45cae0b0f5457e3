"""`latentlab prepare`: pictures and labels to a data folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines import census, console
from pipelines.parts import (
    AddressOption,
    Asked,
    EngineOption,
    JoinOption,
    PartsOption,
    ShardOption,
)

if TYPE_CHECKING:
    from latentlab.artifacts import DataFolder
    from latentlab.config import DataSettings
    from latentlab.data.building import Order
    from latentlab.data.source import Source


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
    from latentlab.data.prepared import prepare
    from latentlab.errors import ConfigError

    source, order = requested(settings)
    folder = settings.data.folder
    if (folder / "data.yaml").is_file():
        return agreeing(DataFolder.open(folder), source, order)
    if not download:
        _ = source.listing  # what is wrong with the source is told before anything is made
    with alone(folder, lock_of(folder)):
        if (folder / "data.yaml").is_file():  # another process has made it meanwhile
            return agreeing(DataFolder.open(folder), source, order)
        if download:
            if not hasattr(source, "download"):
                raise ConfigError(
                    f"{order.name} cannot be downloaded by latentlab; give its --root."
                )
            source.download(lambda file: console.say(f"fetching {file}"))
        images = len(source.listing.samples)
        files.require_space(folder, images * order.side**2 * source.channels, "the prepared images")
        with console.progress(f"prepare {folder}", images) as advance:
            return prepare(
                source,
                order.name,
                folder,
                side=order.side,
                split=order.split,
                shares=order.shares,
                seed=order.seed,
                on_bad=order.on_bad,
                progress=advance,
            )


def requested(settings: "DataSettings") -> "tuple[Source, Order]":
    """The source that a config names, and what shall be made of it."""
    from latentlab.data import SOURCES
    from latentlab.data.building import Order
    from latentlab.data.splits import Shares

    name, data = settings.source.name, settings.data
    shares = Shares(data.valid, data.test)
    order = Order(name, data.side, data.split, shares, data.split_seed, data.on_bad)
    return SOURCES[name](**settings.source.settings), order


def lock_of(folder: Path) -> Path:
    """Held by who makes this data folder."""
    return folder.with_name(f".{folder.name}.lock")


@contextmanager
def alone(folder: Path, lock: Path) -> Iterator[None]:
    """Be the only process that makes this data folder or adds to it; wait while another does."""
    from latentlab import files

    with files.taking_turns(
        lock, lambda: console.say(f"{folder}: waiting for the process that makes it")
    ):
        yield


def agreeing(data: "DataFolder", source: "Source", order: "Order") -> "DataFolder":
    """The data folder itself, if it was made from this.

    Raises:
        ConfigError: it was made from something else.
    """
    from latentlab.errors import ConfigError

    found = data.description
    for key, value in order.made_from(source, data.path).items():
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
    root: Annotated[
        str | None,
        typer.Option(help="Where the source's files are; of image_folder also an address."),
    ] = None,
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
    shard: ShardOption = None,
    join: JoinOption = False,
    engine: EngineOption = None,
    parts: PartsOption = 0,
    workers: Annotated[int, typer.Option(min=0, help="With --engine: parts at a time.")] = 0,
    address: AddressOption = None,
) -> None:
    """Make a data folder from a source of images.

    On many machines: --shard i/n on each, then --join; or --engine ray. docs/scale.md shows both.
    """
    from latentlab import config as configs
    from latentlab.errors import ConfigError
    from pipelines.prepare_parts import joined, prepared_part

    given: dict[str, Any] = {"root": root, "labels": labels, "limit": limit}
    content = {
        "source": {"name": source}
        | {key: value for key, value in given.items() if value is not None},
        "data": {"folder": out, "side": side, "split": split, "on_bad": on_bad},
    }
    overrides = tuple(f"source.{override}" for override in set_ or [])
    settings = configs.build_data(content, overrides, where="prepare")
    asked = Asked(shard, join, engine, parts, workers, address)
    if download and not asked.whole:
        raise ConfigError(
            "--download is done once: prepare without parts, or fetch the files first."
        )
    if asked.shard is not None:
        part = prepared_part(settings, asked.shard)
        console.result({"part": str(part)}, f"Wrote {part}")
        return
    data = ensure_data(settings, download=download) if asked.whole else joined(settings, asked)
    console.result({"data": str(data.path), **data.description}, census.told(data))
