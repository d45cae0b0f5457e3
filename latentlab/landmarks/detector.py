"""MediaPipe's face landmarker over many pictures, in worker processes."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from latentlab import files
from latentlab.data.prepared import Originals
from latentlab.errors import DataError
from latentlab.landmarks.statistics import STATISTICS, Face

SMALLEST = 256  # pixels; smaller pictures are enlarged to this, since the detector misses them
CHUNK = 64  # pictures a worker measures at a time
AHEAD = 2  # chunks in flight for each worker: enough to keep it busy, few enough for memory


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
            except (ImportError, OSError) as error:  # a system library is not there
                raise DataError(
                    f"MediaPipe cannot start ({error}). On Debian and Ubuntu: apt-get install"
                    " libegl1 libgles2 libgl1 libglib2.0-0; or leave the face statistics out with"
                    " --set landmarks.enabled=false."
                ) from error
            # The first picture makes the library build its graph, and talk about it.
            self.detect(np.zeros((SMALLEST, SMALLEST, 3), dtype=np.uint8))
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
        face was found.
    """
    rows = []
    for image_id, picture in zip(ids, pictures, strict=True):
        face = detector.detect(picture)
        values: dict[str, float | None] = dict.fromkeys(STATISTICS)
        if face is not None:
            values |= {name: _finite(statistic(face)) for name, statistic in STATISTICS.items()}
        rows.append({"image_id": image_id, "detected": face is not None, **values})
    table = pd.DataFrame(rows, columns=["image_id", "detected", *STATISTICS])
    return table.astype(dict.fromkeys(STATISTICS, "float64"))


def measure_source(
    source: Originals,
    *,
    model: Path,
    workers: int = 0,
    start: int = 0,
    stop: int | None = None,
    progress: Callable[[int], None] = lambda pictures: None,
) -> Iterator[pd.DataFrame]:
    """Measure original pictures, in order, a chunk at a time.

    Args:
        source: The original pictures of a data folder.
        model: face_landmarker.task.
        workers: Processes; 0 takes one a core, 1 stays in this process.
        start, stop: Measure only these rows of the data folder; all of them by default.
        progress: Called with the number of pictures just measured.

    Yields:
        Frames as `measure` gives them, with the detector's version in the column `detector`.

    Raises:
        DataError: a picture cannot be read, or the native library crashed; the range is named.
    """
    wanted = range(len(source.image_ids))[start:stop]
    chunks = [wanted[first : first + CHUNK] for first in range(0, len(wanted), CHUNK)]
    workers = min(workers or os.cpu_count() or 1, len(chunks))
    version = f"mediapipe {metadata.version('mediapipe')} {files.digest(model)[:12]}"
    for frame in _measured(source, chunks, model, workers):
        progress(len(frame))
        yield frame.assign(detector=version)


def _measured(
    source: Originals, chunks: list[range], model: Path, workers: int
) -> Iterator[pd.DataFrame]:
    if workers <= 1:
        with FaceDetector(model) as detector:
            for chunk in chunks:
                yield _measure_chunk(source, chunk, detector)
        return
    # Fresh interpreters: a forked copy of torch's or MediaPipe's threads can hang.
    context = multiprocessing.get_context("spawn")
    stopping = context.RawValue("b", 0)  # no lock, so that none is held by a worker that dies
    pool = ProcessPoolExecutor(
        workers,
        mp_context=context,
        initializer=_start_worker,
        initargs=(source, model, stopping),
    )
    waiting: deque[tuple[range, Future[pd.DataFrame]]] = deque()
    remaining = iter(chunks)
    try:
        for _ in chunks:
            with _interrupts_held():  # the first `submit` starts the processes
                while len(waiting) < AHEAD * workers and (ahead := next(remaining, None)):
                    waiting.append((ahead, pool.submit(_measure_in_worker, ahead)))
            frame = waiting[0][1].result()
            waiting.popleft()
            yield frame
    except BrokenProcessPool:
        names = source.image_ids
        first, last = waiting[0][0].start, waiting[-1][0].stop - 1
        raise DataError(
            f"a face landmark process was killed or crashed on one of images {first} to {last}"
            f" ({names[first]} to {names[last]}). Look for a damaged picture among"
            " them, and if memory ran out use fewer --workers."
        ) from None
    finally:
        stopping.value = (
            1  # where the caller leaves early, chunks under way end at the next picture
        )
        pool.shutdown(cancel_futures=True)


_worker: tuple[Originals, FaceDetector, Any] | None = None  # of this worker process


def _start_worker(source: Originals, model: Path, stopping: Any) -> None:
    global _worker
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _worker = (source, FaceDetector(model).__enter__(), stopping)


def _end_with_parent() -> None:
    """A worker whose parent was killed would otherwise wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back. Processes started meanwhile never hear it: their parent ends them."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _measure_in_worker(chunk: range) -> pd.DataFrame:
    assert _worker is not None
    source, detector, stopping = _worker
    return _measure_chunk(source, chunk, detector, lambda: bool(stopping.value))


def _measure_chunk(
    source: Originals,
    chunk: range,
    detector: FaceDetector,
    stopped: Callable[[], bool] = lambda: False,
) -> pd.DataFrame:
    def originals() -> Iterator[np.ndarray]:
        for index in chunk:
            if stopped():
                raise InterruptedError("nobody waits for this chunk any more")
            yield source.original(index)

    ids = source.image_ids[chunk.start : chunk.stop]
    return measure(originals(), ids, detector)


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
