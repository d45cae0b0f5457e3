"""Face landmarks in two processes against one, side by side.

    python -m benchmarks.landmarks [--images N] [--rounds N]

`landmarks.processes`: seconds a picture of `measure_source`, starting and ending the processes
included; `instead` is the same with one process. Pictures are JPEGs of 178x218, whose decoding is
the processes' work. `steady` leaves the start out: it is the ratio from the first frame of the
table to the last. `start` are the seconds to the first frame.

Megabytes are anonymous memory: `parent` is what the measuring process held at most beyond what it
held before, `worker` the most of one process, `kept` what the parent holds more afterwards, and
`left` the processes still there then. `busy` are the cores that one process keeps busy: above 1,
two of them would hinder each other on two cores.
"""

import argparse
import multiprocessing
import os
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from benchmarks import measuring, memory
from benchmarks.pictures import CROP, jpegs
from latentlab.data.image_folder import ImageFolder
from latentlab.data.prepared import Originals
from latentlab.landmarks.detector import measure_source
from latentlab.landmarks.model_file import find_model

WANTED = 1.8  # times as fast with two processes


@dataclass
class Round:
    """One pass over all pictures."""

    seconds: float
    first: float  # seconds to the first frame, `pictures` of them
    pictures: int
    busy: float  # cores, children and parent together
    peak: memory.Peak
    left: int
    table: pd.DataFrame = field(repr=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        jpegs(None, given.images, Path(place) / "pictures")
        source = Originals.of(ImageFolder(Path(place) / "pictures", crop=CROP))
        done: dict[int, list[Round]] = {2: [], 1: []}
        for _ in range(given.rounds):
            for workers, rounds in done.items():
                rounds.append(measured(source, workers))
    pd.testing.assert_frame_equal(done[1][0].table, done[2][0].table)
    measuring.write("landmarks", [summed_up(done[2], done[1], given.images)])


def measured(source: Originals, workers: int) -> Round:
    """Measure all pictures by so many processes."""
    began, worked = time.perf_counter(), _processor()
    first, frames = 0.0, []
    with memory.watched() as peak:
        for frame in measure_source(source, model=find_model(None), workers=workers, apart=True):
            frames.append(frame)
            first = first or time.perf_counter() - began
        seconds = time.perf_counter() - began
    return Round(
        seconds,
        first,
        len(frames[0]),
        (_processor() - worked) / seconds,
        peak,
        len(multiprocessing.active_children()),
        pd.concat(frames, ignore_index=True),
    )


def summed_up(two: list[Round], one: list[Round], images: int) -> dict[str, object]:
    """One line of the results."""

    def median(values: list[float]) -> float:
        return statistics.median(values)

    steady = [
        (slow.seconds - slow.first) / (fast.seconds - fast.first)
        for fast, slow in zip(two, one, strict=True)
        if fast.seconds > fast.first  # more than one frame
    ]
    return measuring.result(
        "landmarks.processes",
        [done.seconds for done in two],
        [done.seconds for done in one],
        n=images, unit="seconds an image", wanted=WANTED, pictures="generated faces",
        steady=median(steady) if steady else None,
        start={"two": median([done.first for done in two]),
               "one": median([done.first for done in one])},
        busy={"two": median([done.busy for done in two]),
              "one": median([done.busy for done in one])},
        megabytes={
            "parent": max(done.peak.own - done.peak.before for done in two),
            "worker": max(done.peak.child for done in two),
            "kept": two[-1].peak.after - two[0].peak.after,
        },
        left=max(done.left for done in two + one),
        detected=float(two[0].table["detected"].mean()),
    )  # fmt: skip


def _processor() -> float:
    """Processor seconds of this process and of those it has started and waited for."""
    return sum(os.times()[:4])


if __name__ == "__main__":
    main()
