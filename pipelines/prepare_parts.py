"""`latentlab prepare` in parts, on many machines."""

from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import console
from pipelines.parts import Asked, make_all
from pipelines.prepare import agreeing, alone, lock_of, requested

if TYPE_CHECKING:
    from latentlab.artifacts import DataFolder
    from latentlab.config import DataSettings
    from latentlab.data.prepared_parts import PreparedParts


def prepared_part(settings: "DataSettings", text: str) -> Path:
    """The table of part i/n, made now if it is not there yet.

    Raises:
        DataError: a picture cannot be used and that is to fail; the part is not there then.
    """
    from latentlab import files
    from latentlab.artifacts import DataFolder
    from latentlab.shards import Shard

    source, order = requested(settings)
    folder, shard = settings.data.folder, Shard.parse(text)
    if (folder / "data.yaml").is_file():
        console.say(f"{folder} is there already")
        return agreeing(DataFolder.open(folder), source, order).path
    parts = _listed(settings)
    if parts.parts.there(shard):
        console.say(f"part {shard} is there already")
    else:
        images = len(parts.parts.some_rows(shard))
        files.require_space(folder, images * order.side**2 * source.channels, "the part")
        with console.progress(f"prepare {folder}, part {shard}", images) as advance:
            parts.make(source, order.side, shard, advance)
    parts.stop_if_told([shard], order.on_bad)
    return parts.parts.path(shard)


def _listed(settings: "DataSettings") -> "PreparedParts":
    """The parts, by the list that is there, or that the first who comes makes."""
    from latentlab.data.prepared_parts import PreparedParts, planned

    source, order = requested(settings)
    folder = settings.data.folder
    made_from = order.made_from(source, folder)
    parts = PreparedParts.of(folder, made_from)
    if parts is None:
        with alone(folder, lock_of(folder)):
            parts = PreparedParts.of(folder, made_from) or planned(source, folder, order)
    return parts


def prepare_part(asked: "tuple[DataSettings, str]") -> None:
    """Make part i/n by the list that is there."""
    from latentlab.shards import Shard

    settings, text = asked
    source, order = requested(settings)
    _listed(settings).make(source, order.side, Shard.parse(text))


def joined(settings: "DataSettings", asked: Asked) -> "DataFolder":
    """The data folder of its parts, which an engine makes first if it was asked for."""
    from latentlab import files
    from latentlab.artifacts import DataFolder
    from latentlab.data.prepared_parts import join, planned, remove_parts

    settings = settings.with_paths(Path.resolve)  # other machines start elsewhere
    source, order = requested(settings)
    folder = settings.data.folder
    with alone(folder, lock_of(folder)):
        if (folder / "data.yaml").is_file():
            data = agreeing(DataFolder.open(folder), source, order)
            remove_parts(folder)  # of a join that was killed at its end
            return data
        parts = planned(source, folder, order)
        images = len(parts.parts.ids)
        copies = 1 if asked.engine is None else 2  # the parts', and the folder's own
        needed = copies * images * order.side**2 * source.channels
        files.require_space(folder, needed, "the prepared images")
        if asked.engine is not None:
            make_all(parts.parts, asked, prepare_part, lambda text: (settings, text))
        with console.progress(f"join {folder}", images) as advance:
            return join(source, folder, order, advance)
