"""A judge that finds the face in a picture and measures its landmarks."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from latentlab import files
from latentlab.data.arrays import Arrays
from latentlab.data.prepared import Originals
from latentlab.errors import ConfigError, DataError
from latentlab.landmarks.detector import FaceDetector, measure, measure_source
from latentlab.landmarks.statistics import STATISTICS

ALONE = 500  # up to so many pictures are measured in this process: starting others takes seconds

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
        workers: Processes; 0 takes one a core, 1 stays in this process.
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
                f"No face landmark measures {strange[0]}. Measured are"
                f" {', '.join([*STATISTICS, *PROXIES])}."
            )

    def measure(self, images: np.ndarray) -> pd.DataFrame:
        """One row a picture, one column a target; see `judge.Judge`.

        Raises:
            DataError: MediaPipe cannot start, one of its processes crashed, or there is no room
                for the pictures where they are handed over.
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
        if self.workers == 1 or len(images) <= ALONE:
            with FaceDetector(self.model_file) as detector:
                return measure(images, list(map(str, range(len(images)))), detector)
        # The processes read the pictures from one file, whose pages they share.
        try:
            with tempfile.TemporaryDirectory() as folder:
                handed = Path(folder) / "pictures.npy"
                np.save(handed, images)
                source = Originals.of(Arrays(handed))
                frames = measure_source(source, model=self.model_file, workers=self.workers)
                return pd.concat(frames, ignore_index=True)
        except OSError as error:
            if error.errno not in files.UNWRITABLE:
                raise
            raise DataError(
                f"The pictures ({images.nbytes / 1e6:,.0f} MB) cannot be handed to the face"
                f" landmark processes: {error.strerror} in {tempfile.gettempdir()}. Name another"
                " folder with the environment variable TMPDIR, or use one worker."
            ) from error
