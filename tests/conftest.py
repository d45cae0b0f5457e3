"""Real data for tests: beside the repository where it is at hand, and required in CI."""

import os
from pathlib import Path

# Two workers with two threads each would wait for one another on two cores; torch reads this when
# it is first imported, also in the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data():
    """The folder of real data sets; a test that asks for it is skipped where there is none."""
    if not SHARED.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail("CI must have ../shared/data beside the repository")
        pytest.skip("../shared/data is not beside the repository")
    return SHARED


@pytest.fixture(scope="session")
def face_model():
    """MediaPipe's face_landmarker.task: the shared one, or as `latentlab` itself finds it."""
    from latentlab.landmarks.model_file import find_model

    shared = SHARED / "mediapipe" / "face_landmarker.task"
    return find_model(shared if shared.is_file() else None)
