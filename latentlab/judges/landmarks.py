"""A judge that finds the face in a picture and measures its landmarks."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

import numpy as np
import pandas as pd

from latentlab.errors import ConfigError
from latentlab.landmarks.detector import FaceDetector, measure
from latentlab.landmarks.statistics import STATISTICS

CHUNK = 64  # pictures a thread measures at a time

# Attributes of CelebA and factors of the generated faces that a statistic stands for, and the sign
# that makes it rise with them. Only those whose meaning is the statistic's, and that it follows on
# 64x64 pictures: docs/judges.md has the figures.
PROXIES: dict[str, tuple[str, int]] = {
    "Mouth_Slightly_Open": ("mouth_aspect_ratio", 1),
    "Smiling": ("mouth_smile", 1),
    "Narrow_Eyes": ("eye_aspect_ratio", -1),
    "smile": ("corner_lift", 1),
    "mouth_opening": ("mouth_aspect_ratio", 1),
    "eye_opening": ("eye_aspect_ratio", 1),
    "yaw": ("head_yaw", 1),
    "roll": ("head_roll", 1),
}


@dataclass(frozen=True)
class LandmarksJudge:
    """The face statistics of MediaPipe's landmarks; it has seen no picture of the data folder.

    Pictures are enlarged to 256 pixels for it. Where no face is found every value is NaN, so the
    share of rows that are not is the detection rate.

    Attributes:
        model_file: face_landmarker.task; `landmarks.model_file.find_model` finds it.
        workers: Threads; 0 takes one a core. Processes would only be slower: the native library
            does nine tenths of the work, lets Python go on meanwhile, and needs no pictures copied.
        targets: What to measure, of STATISTICS and PROXIES; all of STATISTICS if not given. A proxy
            is its statistic, with the sign that makes it rise with the target, in the statistic's
            own unit: any increasing score of an attribute, but not a factor's unit.
    """

    model_file: Path
    workers: int = 1
    targets: Sequence[str] | None = None
    name: str = field(default="landmarks", init=False)
    circular: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        strange = [name for name in self.targets or () if name not in {**STATISTICS, **PROXIES}]
        if strange:
            raise ConfigError(
                f"No face landmark measures {strange[0]}. Name one that is measured:"
                f" {', '.join([*STATISTICS, *PROXIES])}."
            )

    def measure(self, images: np.ndarray) -> pd.DataFrame:
        """One row a picture, one column a target; see `judge.Judge`.

        Raises:
            DataError: MediaPipe cannot start.
        """
        measured = self._statistics(images)
        wanted = {name: (name, 1) for name in STATISTICS} | PROXIES
        targets = list(STATISTICS) if self.targets is None else self.targets
        columns = {}
        for target in targets:
            statistic, sign = wanted[target]
            columns[target] = sign * measured[statistic].to_numpy(np.float64)
        return pd.DataFrame(columns, index=pd.RangeIndex(len(images)))

    def _statistics(self, images: np.ndarray) -> pd.DataFrame:
        chunks = [
            range(len(images))[first : first + CHUNK] for first in range(0, len(images), CHUNK)
        ]
        threads = max(1, min(self.workers or os.cpu_count() or 1, len(chunks)))
        with ExitStack() as opened:
            # Each thread has a landmarker of its own. Opened here, since that is not for threads.
            idle: SimpleQueue[FaceDetector] = SimpleQueue()
            for _ in range(threads):
                idle.put(opened.enter_context(FaceDetector(self.model_file)))

            def measured(rows: range) -> pd.DataFrame:
                detector = idle.get()
                try:
                    return measure(images[rows.start : rows.stop], list(map(str, rows)), detector)
                finally:
                    idle.put(detector)

            pool = ThreadPoolExecutor(threads)
            try:
                frames = list(pool.map(measured, chunks or [range(0)]))
            finally:
                pool.shutdown(cancel_futures=True)
        return pd.concat(frames, ignore_index=True)
