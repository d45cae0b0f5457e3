"""Ten thousand, a hundred thousand, a million images: seconds and memory of every stage.

    python -m benchmarks.many_images [--largest N] [--only STAGE ...] [--place FOLDER]

`many_images.STAGE`: every size in a process of its own, which says how long the stage itself took
and the most memory that it and the processes below it held (anonymous memory; see
`benchmarks.memory`). Sizes are the largest, a tenth and a hundredth of it.

- `prepare`: a folder of JPEGs of 178x218, 2,000 generated faces linked again and again.
- `encode`: the stage of a run at side 32, trained for a moment, on its images repeated.
- `decode`: `intervene`, so many pictures decoded and looked at by a judge that takes their mean.
- `report`: the page of that run, with the latents, labels and images of `encode`.
- `landmarks`: the same JPEGs on all cores; a hundredth of the other sizes, as a million take three
  hours on two cores.

Side 32 instead of 64, since a million images are then 3 GB instead of 12; what a stage does with an
image is the same. `bend` is the time that an image adds between the larger two sizes over what it
adds between the smaller two, less 1: 0 where time is linear, whatever the start costs.
`bytes_an_image` is what memory grows by from the middle size to the largest, an image: near 0 where
it is flat. Up to 7 GB of disk at a million; all of it is removed.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import measuring, memory, small_run
from benchmarks.pictures import CROP, jpegs
from latentlab import artifacts, parquet
from latentlab.artifacts import ROLES, DataFolder
from latentlab.data.image_folder import ImageFolder
from latentlab.data.prepared import Originals, prepare
from latentlab.data.source import Block, Listing

SIDE = 32
PICTURES, FACES = 2000, 600  # JPEGs that are linked; images of the small run
IN_A_FOLDER = 1000
STEPS = (100, 10, 1)  # the largest size over these


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--largest", type=int, default=100_000)
    parser.add_argument("--only", nargs="+", choices=STAGES, default=list(STAGES))
    parser.add_argument("--place", type=Path, help="a folder on a disk with room")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        stage, place, size = given.child
        print(json.dumps(alone(STAGES[stage], Path(place), int(size))))
        return
    with tempfile.TemporaryDirectory(dir=given.place) as folder:
        place = Path(folder)
        jpegs(None, min(PICTURES, given.largest), place / "pictures")
        small_run.make(place / "small", images=FACES, side=SIDE)
        found: dict[str, list[dict[str, Any]]] = {stage: [] for stage in given.only}
        for step in STEPS:
            for stage in STAGES:  # one after the other, as the report is of what was encoded
                if stage not in given.only and not (stage == "encode" and "report" in given.only):
                    continue
                size = given.largest // step // (100 if stage == "landmarks" else 1)
                line = child(stage, place, size)
                print(stage, line, flush=True)
                if stage in found:
                    found[stage].append(line)
            tidy(place)
    write([summed_up(stage, lines) for stage, lines in found.items()])


def child(stage: str, place: Path, size: int) -> dict[str, Any]:
    """A stage in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.many_images", "--child", stage, place, str(size)]
    done = subprocess.run(
        list(map(str, command)), cwd=small_run.ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def alone(stage: "Stage", place: Path, size: int) -> dict[str, Any]:
    """Seconds and memory of a stage, without what makes it ready."""
    work, images = stage(Task(place, size))
    with memory.watched() as peak:
        began = time.perf_counter()
        work()
        seconds = time.perf_counter() - began
    return {
        "images": images,
        "seconds": seconds,
        "images_per_second": images / seconds,
        "megabytes": peak.own,
        "of_children": peak.children,
    }


def tidy(place: Path) -> None:
    """Remove what was made for one size."""
    for path in place.iterdir():
        if path.name not in ("pictures", "small"):
            shutil.rmtree(path)


def summed_up(stage: str, lines: list[dict[str, Any]]) -> dict[str, Any]:
    """One line of the results."""
    held = [line["megabytes"] + line["of_children"] for line in lines]
    seconds, images = ([line[key] for line in lines] for key in ("seconds", "images"))
    added = [more / count for more, count in zip(np.diff(seconds), np.diff(images), strict=True)]
    return {
        "name": f"many_images.{stage}",
        "sizes": lines,
        "bend": float(added[1] / added[0] - 1),
        "bytes_an_image": (held[2] - held[1]) * 2**20 / (images[2] - images[1]),
        "side": SIDE,
        **measuring.circumstances(),
    }


def write(results: list[dict[str, Any]]) -> None:
    """Renew these lines of the results and keep the others."""
    measuring.renew("many_images", results)
    for one in results:
        for line in one["sizes"]:
            print(f"{one['name']}: {line['images']:,} images, {line['images_per_second']:,.0f}/s,"
                  f" {line['megabytes'] + line['of_children']:,.0f} MB")  # fmt: skip
        print(f"  bend {one['bend']:+.0%}, {one['bytes_an_image']:,.0f} bytes an image")


@dataclass(frozen=True)
class Task:
    """A size, and what is at hand for it."""

    place: Path
    size: int

    @property
    def run(self) -> Path:
        return self.place / "run"

    @property
    def data(self) -> Path:
        return self.place / "data"

    def linked(self) -> Path:
        """So many JPEGs in folders, which are names for a few."""
        made = sorted((self.place / "pictures").iterdir())
        folder = self.place / f"linked{self.size}"
        for number in range(self.size):
            inside = folder / f"{number // IN_A_FOLDER:04d}"
            if number % IN_A_FOLDER == 0:
                inside.mkdir(parents=True)
            (inside / f"{number:07d}.jpg").hardlink_to(made[number % len(made)])
        return folder


# What a stage does once all is ready, and with how many images.
Work = tuple[Callable[[], object], int]
Stage = Callable[[Task], Work]


@dataclass(frozen=True)
class Repeated:
    """A source: the images and labels of a data folder, again and again."""

    base: Path
    limit: int

    @cached_property
    def _data(self) -> DataFolder:
        return DataFolder.open(self.base)

    @property
    def channels(self) -> int:
        return int(self._data.description["channels"])

    @cached_property
    def listing(self) -> Listing:
        samples = self._data.samples()
        rows = np.arange(self.limit) % len(samples)
        again = samples.iloc[rows].reset_index(drop=True)
        again["image_id"] = [f"{number:08d}" for number in range(self.limit)]
        columns = self._data.description["columns"]
        roles = {name: role for role in ROLES for name in columns.get(role, ())}
        return Listing(again, roles)

    def read(self, start: int, stop: int, side: int) -> Block:
        images = self._data.images()
        return Block(images[np.arange(start, stop) % len(images)])

    def original(self, index: int) -> np.ndarray:
        images = self._data.images()
        return images[index % len(images)]


def preparing(task: Task) -> Work:
    folder = task.linked()
    out = task.place / f"prepared{task.size}"
    source = ImageFolder(folder, crop=CROP)
    return lambda: prepare(source, "image_folder", out, side=SIDE), task.size


def encoding(task: Task) -> Work:
    from pipelines.encode import ensure_encoded
    from pipelines.stages import open_workspace

    for path in (task.run, task.data):
        shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(task.place / "small" / "run", task.run)
    prepare(Repeated(task.place / "small" / "data", task.size), "faces", task.data, side=SIDE)
    return lambda: ensure_encoded(open_workspace(task.run, moved(task)), fresh=True), task.size


def decoding(task: Task) -> Work:
    from latentlab.checkpoints import load_model
    from latentlab.decoding import Places, decode
    from latentlab.interventions.directions import latent_directions
    from latentlab.interventions.experiment import Experiment
    from latentlab.interventions.intervene import intervene

    small = task.place / "small" / "run"
    model = load_model(small / "model")
    table = parquet.read_table(small / "latents.parquet")
    names = artifacts.latent_columns(table)
    codes = table[names].to_numpy(np.float64)
    directions = latent_directions(names, np.ones(len(names), bool))
    steps = 5
    each = 1 + len(directions) * (steps - 1)  # pictures of an anchor
    anchors = codes[np.arange(max(1, task.size // each)) % len(codes)]

    def decoded(z: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return decode(model, Places(z))

    judge = Brightness()
    reference = {judge.name: judge.measure(decode(model, Places(codes)))}
    experiment = Experiment(anchors, decoded, [judge], directions, codes=codes, steps=steps)
    work = lambda: intervene(experiment, reference=reference, resamples=100, seed=0)  # noqa: E731
    return work, len(anchors) * each


@dataclass(frozen=True)
class Brightness:
    """A judge that costs next to nothing."""

    name = "brightness"
    circular = False

    def measure(self, images: np.ndarray) -> pd.DataFrame:
        return pd.DataFrame({"brightness": images.mean(axis=(1, 2, 3))})


def reporting(task: Task) -> Work:
    from pipelines.report import ensure_report
    from pipelines.stages import open_workspace

    return lambda: ensure_report(open_workspace(task.run, moved(task)), fresh=True), task.size


def measuring_faces(task: Task) -> Work:
    from latentlab.landmarks.detector import measure_source
    from latentlab.landmarks.model_file import find_model

    source = Originals.of(ImageFolder(task.linked(), crop=CROP))

    def measure() -> None:
        for _ in measure_source(source, model=find_model(None), apart=True):
            pass  # the stage writes each frame and lets it go

    return measure, task.size


def moved(task: Task) -> tuple[str, ...]:
    """The settings of the small run, with other data."""
    return (f"data.folder={task.data}",)


STAGES: dict[str, Stage] = {
    "prepare": preparing,
    "encode": encoding,
    "decode": decoding,
    "report": reporting,
    "landmarks": measuring_faces,
}


if __name__ == "__main__":
    main()
