"""`latentlab landmarks` in parts, on many machines."""

from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import console
from pipelines.parts import Asked, make_all

if TYPE_CHECKING:
    from latentlab.artifacts import DataFolder
    from latentlab.shards import Parts


def landmark_parts(data: "DataFolder", model: Path) -> "Parts":
    """The parts of a data folder's landmarks.parquet."""
    from latentlab import files
    from latentlab.landmarks.detector import CHUNK
    from latentlab.shards import Parts, key_of, parts_folder

    return Parts(
        parts_folder(data.path, "landmarks"),
        key_of({"data": data.digest, "model": files.digest(model)}),
        data.image_ids,
        CHUNK,
    )


def measure_part(asked: tuple[Path, Path, int, str]) -> None:
    """Measure one part of a data folder's pictures: the folder, MediaPipe's model, processes, and
    i/n."""
    from latentlab.artifacts import DataFolder
    from latentlab.data.prepared import originals
    from latentlab.landmarks.detector import measure_source
    from latentlab.shards import Shard

    folder, model, workers, text = asked
    data, shard = DataFolder.open(folder), Shard.parse(text)
    parts = landmark_parts(data, model)
    source = originals(data, parts.rows(shard))
    frames = measure_source(source, model=model, workers=workers, apart=True)
    parts.write(shard, frames, {"data": data.digest})


def measure_in_parts(data: "DataFolder", *, model: Path | None, workers: int, asked: Asked) -> Path:
    """Do what was asked for.

    Args:
        workers: Processes of one part; parts made by an engine are measured in one process each.

    Returns:
        The file that it made.
    """
    from latentlab.landmarks.model_file import find_model
    from latentlab.shards import Shard
    from pipelines.prepare import alone

    found, place = find_model(model).resolve(), data.path.resolve()
    parts = landmark_parts(data, found)
    if asked.shard is not None:
        shard = Shard.parse(asked.shard)
        if parts.there(shard):
            console.say(f"part {shard} is there already")
        else:
            measure_part((place, found, workers, asked.shard))
        return parts.path(shard)
    with alone(data.path, data.path / ".landmarks.lock"):
        if asked.engine is not None:
            make_all(parts, asked, measure_part, lambda text: (place, found, 1, text))
        parts.join(data.landmarks_path, {"data": data.digest})
    return data.landmarks_path
