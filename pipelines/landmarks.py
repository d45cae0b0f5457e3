"""`latentlab landmarks`: face statistics measured on the original pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines import console
from pipelines.parts import AddressOption, EngineOption, JoinOption, PartsOption, ShardOption

if TYPE_CHECKING:
    from latentlab.artifacts import DataFolder


def ensure_landmarks(data: "DataFolder", *, model: Path | None, workers: int) -> None:
    """Measure every original picture of a data folder, unless that is done already; who comes
    while another process does it waits for that one."""
    from pipelines.prepare import alone

    if data.landmarks_path.is_file():
        return
    with alone(data.path, data.path / ".landmarks.lock"):
        if not data.landmarks_path.is_file():
            _measure(data, model=model, workers=workers)


def _measure(data: "DataFolder", *, model: Path | None, workers: int) -> None:
    from latentlab import parquet
    from latentlab.data.prepared import originals
    from latentlab.landmarks.detector import CRASHED, FaceDetector, measure_source
    from latentlab.landmarks.model_file import find_model

    found = find_model(model)
    with FaceDetector(found):
        pass  # what keeps MediaPipe from starting is told here in one line, not by every worker
    source = originals(data)
    detected, crashed = 0, list[str]()
    with (
        console.progress("landmarks", len(source.image_ids)) as advance,
        parquet.table_writer(data.landmarks_path, {"data": data.digest}) as write,
    ):
        for frame in measure_source(
            source, model=found, workers=workers, apart=True, progress=advance
        ):
            write(frame)
            detected += int(frame["detected"].sum())
            crashed += frame.loc[frame["reason"] == CRASHED, "image_id"].tolist()
    for image_id in crashed:
        console.say(f"Warning: MediaPipe crashed on {image_id}, which counts as without a face.")
    console.say(f"faces found in {detected:,} of {len(source.image_ids):,} images")


def landmarks(
    data: Annotated[Path, typer.Argument(help="A data folder.")],
    model: Annotated[
        Path | None, typer.Option(help="MediaPipe's face_landmarker.task, if not found by itself.")
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 takes one a core.")] = 0,
    shard: ShardOption = None,
    join: JoinOption = False,
    engine: EngineOption = None,
    parts: PartsOption = 0,
    address: AddressOption = None,
) -> None:
    """Measure mouth, eyes, brows and head of every original picture.

    On many machines: --shard i/n on each, then --join; or --engine ray.
    """
    from latentlab.artifacts import DataFolder
    from pipelines.landmark_parts import measure_in_parts
    from pipelines.parts import Asked

    folder = DataFolder.open(data)
    asked = Asked(shard, join, engine, parts, workers, address)
    if not asked.whole:
        made = measure_in_parts(folder, model=model, workers=workers, asked=asked)
        console.result({"landmarks": str(made)}, f"Wrote {made}")
        return
    ensure_landmarks(folder, model=model, workers=workers)
    table = folder.landmarks()
    assert table is not None  # just made
    rate = float(table["detected"].mean())
    console.result(
        {"landmarks": str(folder.landmarks_path), "images": len(table), "detected": rate},
        f"{folder.landmarks_path}: faces found in {rate:.1%} of {len(table):,} images",
    )
