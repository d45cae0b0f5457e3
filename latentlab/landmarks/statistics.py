"""What is measured on a face. One function each, one line in STATISTICS.

Indices are those of MediaPipe's 478-point mesh; "left" and "right" are the person's own, as in the
mesh's documentation, so that "right" is on the left side of a picture that is not mirrored.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

UPPER_LIP, LOWER_LIP = 13, 14  # inner edges, in the middle
RIGHT_CORNER, LEFT_CORNER = 61, 291  # of the mouth
RIGHT_EYE = (33, 160, 158, 133, 153, 144)  # p1..p6 of Soukupova and Cech
LEFT_EYE = (362, 385, 387, 263, 373, 380)
RIGHT_PUPIL, LEFT_PUPIL = 468, 473
RIGHT_OUTER_EYE, LEFT_OUTER_EYE = 33, 263
RIGHT_BROW, LEFT_BROW = (70, 63, 105, 66, 107), (336, 296, 334, 293, 300)  # upper edges
FOREHEAD, CHIN = 10, 152


@dataclass(frozen=True)
class Face:
    """One detected face.

    Attributes:
        points: (478, 3), pixels of the picture: x to the right, y down, z away from the viewer.
        blendshapes: Name -> score in [0, 1].
        transform: (4, 4), from the canonical face to the camera's metric space.
    """

    points: np.ndarray
    blendshapes: dict[str, float]
    transform: np.ndarray


def mouth_aspect_ratio(face: Face) -> float:
    """Distance of the inner lips over the width of the mouth: 0 closed, about 1 wide open."""
    opening = _distance(face, UPPER_LIP, LOWER_LIP)
    return opening / _distance(face, RIGHT_CORNER, LEFT_CORNER)


def mouth_width(face: Face) -> float:
    """Width of the mouth over the distance of the outer corners of the eyes."""
    return _distance(face, RIGHT_CORNER, LEFT_CORNER) / _eye_distance(face)


def corner_lift(face: Face) -> float:
    """How far the corners of the mouth are above its middle, over the distance of the eyes.

    "Above" is along the face's own axis from chin to forehead, so a tilted head changes nothing.
    """
    points = face.points[:, :2]
    middle = (points[UPPER_LIP] + points[LOWER_LIP]) / 2
    corners = (points[RIGHT_CORNER] + points[LEFT_CORNER]) / 2
    return float((corners - middle) @ _up(face)) / _eye_distance(face)


def mouth_smile(face: Face) -> float:
    """Mean of the blendshapes mouthSmileLeft and mouthSmileRight, in [0, 1]."""
    return (face.blendshapes["mouthSmileLeft"] + face.blendshapes["mouthSmileRight"]) / 2


def eye_aspect_ratio_left(face: Face) -> float:
    """(|p2 p6| + |p3 p5|) / (2 |p1 p4|) of the left eye. Source: Soukupova and Cech 2016."""
    return _eye_aspect_ratio(face, LEFT_EYE)


def eye_aspect_ratio_right(face: Face) -> float:
    """The same of the right eye."""
    return _eye_aspect_ratio(face, RIGHT_EYE)


def eye_aspect_ratio(face: Face) -> float:
    """Mean of both eyes."""
    return (eye_aspect_ratio_left(face) + eye_aspect_ratio_right(face)) / 2


def brow_height(face: Face) -> float:
    """Height of the upper edges of the brows above the pupils, over the distance of the eyes."""
    points = face.points[:, :2]
    brows = points[[*RIGHT_BROW, *LEFT_BROW]].mean(axis=0)
    pupils = points[[RIGHT_PUPIL, LEFT_PUPIL]].mean(axis=0)
    return float((brows - pupils) @ _up(face)) / _eye_distance(face)


def head_yaw(face: Face) -> float:
    """Degrees the head is turned; positive towards the right of the picture."""
    forward = face.transform[:3, 2]
    return float(np.degrees(np.arctan2(forward[0], forward[2])))


def head_pitch(face: Face) -> float:
    """Degrees the head is raised or lowered; positive upwards."""
    forward = face.transform[:3, 2]
    return float(np.degrees(np.arctan2(forward[1], np.hypot(forward[0], forward[2]))))


def head_roll(face: Face) -> float:
    """Degrees the head is tilted in the plane of the picture; positive with the clock."""
    across = face.transform[:3, 0]
    return float(np.degrees(np.arctan2(-across[1], across[0])))


STATISTICS: dict[str, Callable[[Face], float]] = {
    statistic.__name__: statistic
    for statistic in (
        mouth_aspect_ratio,
        mouth_width,
        corner_lift,
        mouth_smile,
        eye_aspect_ratio,
        eye_aspect_ratio_left,
        eye_aspect_ratio_right,
        brow_height,
        head_yaw,
        head_pitch,
        head_roll,
    )
}


def _distance(face: Face, first: int, second: int) -> float:
    """Pixels between two points in the plane of the picture."""
    return float(np.linalg.norm(face.points[first, :2] - face.points[second, :2]))


def _eye_distance(face: Face) -> float:
    return _distance(face, RIGHT_OUTER_EYE, LEFT_OUTER_EYE)


def _up(face: Face) -> np.ndarray:
    """Unit vector from chin to forehead in the plane of the picture, (2,)."""
    axis = face.points[FOREHEAD, :2] - face.points[CHIN, :2]
    return np.asarray(axis / np.linalg.norm(axis))


def _eye_aspect_ratio(face: Face, eye: tuple[int, ...]) -> float:
    p1, p2, p3, p4, p5, p6 = eye
    height = _distance(face, p2, p6) + _distance(face, p3, p5)
    return height / (2 * _distance(face, p1, p4))
