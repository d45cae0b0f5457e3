"""Processes that die, by a detector that really kills its own process."""

import multiprocessing
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from latentlab.data.prepared import Originals
from latentlab.errors import DataError
from latentlab.landmarks.detector import CRASHED, NO_FACE, measure_source
from latentlab.landmarks.statistics import STATISTICS

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")


@dataclass(frozen=True)
class Shades:
    """Pictures of one shade each, the number of the picture."""

    deadly: tuple[int, ...] = ()
    seconds: float = 0.0  # that one takes to open

    def original(self, index: int) -> np.ndarray:
        time.sleep(self.seconds)
        value = 255 if index in self.deadly else index
        return np.full((4, 4, 3), value, np.uint8)


class Fragile:
    """Finds no face anywhere, and dies as a native library does of a white picture."""

    def __init__(self, model: Path):
        pass

    def __enter__(self) -> "Fragile":
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def detect(self, picture: np.ndarray) -> None:
        if picture[0, 0, 0] == 255:
            os.kill(os.getpid(), signal.SIGSEGV)


def pictures(count: int, **kind) -> Originals:
    return Originals(Shades(**kind), tuple(f"{n}.jpg" for n in range(count)), tuple(range(count)))


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr("latentlab.landmarks.detector.CHUNK", 8)


def measured(source, model, **how):
    return measure_source(source, model=model, detector=Fragile, **how)


def test_a_picture_that_kills_its_process_costs_that_picture(small, face_model):
    deadly = [10, 11, 37]  # two of them side by side
    source = pictures(40, deadly=tuple(deadly))
    frames = list(measured(source, face_model, workers=2))
    assert not multiprocessing.active_children()
    # Parquet is written frame by frame, so all must have the same types.
    assert all(frame.dtypes.equals(frames[0].dtypes) for frame in frames)
    table = pd.concat(frames, ignore_index=True)
    assert table["image_id"].tolist() == list(source.image_ids)
    assert np.flatnonzero(table["reason"] == CRASHED).tolist() == deadly
    assert (table["reason"].drop(deadly) == NO_FACE).all()
    assert table[list(STATISTICS)].isna().all(axis=None)
    assert not table["detected"].any()
    assert table["detector"].nunique() == 1


def test_processes_that_somebody_kills_cost_nothing(small, face_model):
    source = pictures(120, seconds=0.01)
    frames = measured(source, face_model, workers=2)
    table = [next(frames)]
    for worker in multiprocessing.active_children():
        worker.kill()
    table = pd.concat([*table, *frames], ignore_index=True)
    assert table["image_id"].tolist() == list(source.image_ids)
    assert (table["reason"] == NO_FACE).all()
    assert not multiprocessing.active_children()


def test_a_library_that_crashes_on_every_picture_is_told(small, face_model, monkeypatch):
    monkeypatch.setattr("latentlab.landmarks.workers.DEATHS", 2)
    source = pictures(60, deadly=tuple(range(4, 60)))
    with pytest.raises(DataError, match=r"2 images one after the other, .* 5 \(5.jpg\)"):
        list(measured(source, face_model, workers=1, apart=True))
    assert not multiprocessing.active_children()
