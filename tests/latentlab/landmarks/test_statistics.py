"""Statistics on faces built by hand, whose answers are plain."""

import numpy as np
import pytest

from latentlab.landmarks import statistics
from latentlab.landmarks.statistics import STATISTICS, Face


def rotation(axis, degrees):
    """A right-handed rotation about x, y or z in the camera's space (x right, y up, z nearer)."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.eye(4)
    matrix[i, i] = matrix[j, j] = c
    matrix[i, j], matrix[j, i] = -s, s
    return matrix


def face(transform=None):
    """Eyes 40 apart and 8 high of 20, mouth 30 wide and 6 open, corners 3 above its middle."""
    points = np.zeros((478, 3))

    def put(index, x, y):
        points[index, :2] = x, y

    put(10, 50, 0), put(152, 50, 100)
    for eye, left in ((statistics.RIGHT_EYE, 30), (statistics.LEFT_EYE, 50)):
        for index, (x, y) in zip(
            eye, [(0, 40), (7, 36), (13, 36), (20, 40), (13, 44), (7, 44)], strict=True
        ):
            put(index, left + x, y)
    put(468, 40, 40), put(473, 60, 40)
    for index in (*statistics.RIGHT_BROW, *statistics.LEFT_BROW):
        put(index, 50, 30)
    put(13, 50, 75), put(14, 50, 81), put(61, 35, 75), put(291, 65, 75)
    shapes = {"mouthSmileLeft": 0.2, "mouthSmileRight": 0.6}
    return Face(points, shapes, np.eye(4) if transform is None else transform)


EXPECTED = {
    "mouth_aspect_ratio": 6 / 30,
    "mouth_width": 30 / 40,
    "corner_lift": 3 / 40,
    "mouth_smile": 0.4,
    "eye_aspect_ratio": 8 / 20,
    "eye_aspect_ratio_left": 8 / 20,
    "eye_aspect_ratio_right": 8 / 20,
    "brow_height": 10 / 40,
    "head_yaw": 0,
    "head_pitch": 0,
    "head_roll": 0,
}


def test_every_statistic_on_a_face_built_by_hand():
    assert {name: statistic(face()) for name, statistic in STATISTICS.items()} == pytest.approx(
        EXPECTED
    )


@pytest.mark.parametrize("seed", range(5))
def test_size_place_and_tilt_change_nothing(seed):
    rng = np.random.default_rng(seed)
    turn = rotation("z", rng.uniform(-60, 60))[:2, :2]
    points = face().points.copy()
    points[:, :2] = points[:, :2] @ turn.T * rng.uniform(0.3, 4) + rng.uniform(-500, 500, 2)
    moved = Face(points, face().blendshapes, np.eye(4))
    assert {name: statistic(moved) for name, statistic in STATISTICS.items()} == pytest.approx(
        EXPECTED
    )


@pytest.mark.parametrize("degrees", [-30, -5, 10, 40])
def test_angles_of_the_head(degrees):
    assert statistics.head_yaw(face(rotation("y", degrees))) == pytest.approx(degrees)
    assert statistics.head_pitch(face(rotation("x", degrees))) == pytest.approx(-degrees)
    assert statistics.head_roll(face(rotation("z", degrees))) == pytest.approx(-degrees)
