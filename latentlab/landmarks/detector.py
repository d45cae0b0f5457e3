"""MediaPipe's face landmarker over many pictures, in worker processes."""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from latentlab import files
from latentlab.alignment import TEXT
from latentlab.data.prepared import Originals
from latentlab.errors import DataError
from latentlab.landmarks.statistics import STATISTICS, Face
from latentlab.landmarks.workers import Task, measured_apart

SMALLEST = 256  # pixels; smaller pictures are enlarged to this, since the detector misses them
CHUNK = 64  # pictures a worker measures at a time

NO_FACE = "no face was found"
CRASHED = "the native library crashed on this picture"


class FaceDetector:
    """MediaPipe's face landmarker for single pictures; use it in a `with` block.

    Args:
        model: face_landmarker.task.
    """

    def __init__(self, model: Path):
        self.model = model
        self._landmarker: Any = None

    def __enter__(self) -> "FaceDetector":
        with _silence():
            try:
                self._landmarker = _landmarker(self.model)
                # The first picture makes the library build its graph, and talk about it.
                self.detect(np.zeros((SMALLEST, SMALLEST, 3), dtype=np.uint8))
            except RuntimeError as error:  # of want of memory the library says no more than this
                raise DataError(
                    f"MediaPipe cannot start ({_first_line(error)}). There is"
                    " perhaps not enough memory: lower --workers, or close other programs;"
                    " `latentlab doctor` tries it alone."
                ) from error
            except (ImportError, OSError) as error:  # a system library is not there
                raise DataError(
                    f"MediaPipe cannot start ({error}). On Debian and Ubuntu: apt-get install"
                    " libegl1 libgles2 libgl1 libglib2.0-0; or leave the face statistics out with"
                    " --set landmarks.enabled=false."
                ) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._landmarker.close()

    def detect(self, picture: np.ndarray) -> Face | None:
        """The face in a picture, uint8 (height, width, 1 or 3); None where none is found.

        A picture whose shorter side is under 256 pixels is enlarged to that, bicubically; the
        points come back in pixels of the picture as it was given.
        """
        import mediapipe as mp

        height, width = picture.shape[:2]
        enlarged = np.ascontiguousarray(_enlarged(picture))
        found = self._landmarker.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=enlarged))
        if not found.face_landmarks:
            return None
        points = np.array([(point.x, point.y, point.z) for point in found.face_landmarks[0]])
        return Face(
            points=points * [width, height, width],  # z has the scale of x
            blendshapes={shape.category_name: shape.score for shape in found.face_blendshapes[0]},
            transform=np.asarray(found.facial_transformation_matrixes[0]),
        )


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(": ")


def _landmarker(model: Path) -> Any:
    import mediapipe as mp

    vision = mp.tasks.vision
    options = vision.FaceLandmarkerOptions(
        base_options=mp.tasks.BaseOptions(model_asset_path=str(model)),
        running_mode=vision.RunningMode.IMAGE,
        num_faces=1,
        output_face_blendshapes=True,
        output_facial_transformation_matrixes=True,
    )
    return vision.FaceLandmarker.create_from_options(options)


def measure(
    pictures: Iterable[np.ndarray], ids: Sequence[str], detector: FaceDetector
) -> pd.DataFrame:
    """Every statistic of every picture.

    Args:
        pictures: uint8 (height, width, 1 or 3) each.
        ids: Their names, in the same order.

    Returns:
        One row a picture: `image_id`, `detected`, one float column a statistic, null where no
        face was found, and the `reason` for that.
    """
    rows: list[dict[str, Any]] = []
    for image_id, picture in zip(ids, pictures, strict=True):
        face = detector.detect(picture)
        row = {"image_id": image_id, "detected": face is not None}
        if face is None:
            rows.append({**row, "reason": NO_FACE})
        else:
            values = {name: _finite(statistic(face)) for name, statistic in STATISTICS.items()}
            rows.append({**row, **values})
    return _table(rows)


def _table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["image_id", "detected", *STATISTICS, "reason"])
    return table.astype({**dict.fromkeys(STATISTICS, "float64"), "reason": TEXT})


def measure_source(
    source: Originals,
    *,
    model: Path,
    workers: int = 0,
    apart: bool = False,
    start: int = 0,
    stop: int | None = None,
    detector: Callable[[Path], AbstractContextManager[Any]] = FaceDetector,
    progress: Callable[[int], None] = lambda pictures: None,
) -> Iterator[pd.DataFrame]:
    """Measure original pictures, in order, a chunk at a time.

    A picture that makes the native library crash ends a worker process. Its row then says so as
    its `reason`, and another process goes on.

    Args:
        source: The original pictures of a data folder.
        model: face_landmarker.task.
        workers: Processes; 0 takes one a core. One is this process itself, which a crash ends.
        apart: Take a process beside this one even where one is enough.
        start, stop: Measure only these rows of the data folder; all of them by default.
        detector: What is opened on the model to detect faces.
        progress: Called with the number of pictures just measured.

    Yields:
        Frames as `measure` gives them, with the detector's version in the column `detector`.

    Raises:
        DataError: a picture cannot be read, or the native library crashes on every picture.
    """
    wanted = range(len(source.image_ids))[start:stop]
    chunks = [wanted[first : first + CHUNK] for first in range(0, len(wanted), CHUNK)]
    workers = min(workers or os.cpu_count() or 1, len(chunks))
    version = f"mediapipe {metadata.version('mediapipe')} {files.digest(model)[:12]}"
    for frame in _measured(source, chunks, workers, apart, partial(detector, model)):
        progress(len(frame))
        yield frame.assign(detector=version)


def _measured(
    source: Originals,
    chunks: list[range],
    workers: int,
    apart: bool,
    detector: Callable[[], AbstractContextManager[Any]],
) -> Iterator[pd.DataFrame]:
    if workers > 1 or (apart and workers):
        task = Task(partial(_opened, detector), partial(_measure_chunk, source))
        yield from measured_apart(task, chunks, workers, partial(_crashed, source.image_ids))
        return
    with detector() as opened:
        for chunk in chunks:
            yield _measure_chunk(source, opened, chunk)


def _opened(detector: Callable[[], AbstractContextManager[Any]]) -> Any:
    """A detector that is open as long as its process."""
    return detector().__enter__()


def _measure_chunk(
    source: Originals,
    detector: Any,
    chunk: range,
) -> pd.DataFrame:
    ids = source.image_ids[chunk.start : chunk.stop]
    return measure((source.original(index) for index in chunk), ids, detector)


def _crashed(ids: Sequence[str], index: int) -> pd.DataFrame:
    """The row of a picture that nothing is known of."""
    return _table([{"image_id": ids[index], "detected": False, "reason": CRASHED}])


def _enlarged(picture: np.ndarray) -> np.ndarray:
    if picture.shape[-1] == 1:
        picture = np.repeat(picture, 3, axis=-1)
    height, width = picture.shape[:2]
    if min(height, width) >= SMALLEST:
        return picture
    scale = SMALLEST / min(height, width)
    size = (round(width * scale), round(height * scale))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


def _finite(value: float) -> float | None:
    """A degenerate mesh (two points in one place) gives no number, rather than a wrong one."""
    return value if np.isfinite(value) else None


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep the native libraries' notes off the terminal; their errors arrive as exceptions."""
    os.environ.setdefault("GLOG_minloglevel", "3")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    saved = os.dup(2)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
