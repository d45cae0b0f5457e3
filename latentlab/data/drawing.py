"""How a face is drawn: flat shapes with soft edges, many faces at a time.

The plane of the picture is (u, v) in [-1, 1], v downwards. A tilt of the head turns (u, v); a turn
of the head slides the features around a cylinder, which gives each pixel the place (x, y) on the
face that it shows. Every shape is a signed distance, and its edge is one pixel wide at any side.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

Array = np.ndarray

YAW = np.deg2rad(16.0)
ROLL = np.deg2rad(6.0)
RADIUS = 0.78  # of the cylinder that the features lie on, a little more than half the head

SKIN = ((0.50, 0.34, 0.26), (0.71, 0.52, 0.42), (0.90, 0.74, 0.66))  # dark, middle, pale
HAIR = ((0.07, 0.06, 0.07), (0.33, 0.20, 0.12), (0.80, 0.65, 0.36))  # black, brown, blond
BACKDROP = ((0.16, 0.19, 0.23), (0.25, 0.28, 0.33))
SHIRT = (0.20, 0.27, 0.36)
FRAME = (0.05, 0.05, 0.07)
SCLERA = (0.96, 0.95, 0.93)
IRIS = (0.20, 0.13, 0.08)
PUPIL = (0.03, 0.02, 0.02)
MOUTH = (0.22, 0.05, 0.06)
TONGUE = (0.66, 0.28, 0.28)
TEETH = (0.97, 0.96, 0.93)
LIP_RED = (0.76, 0.09, 0.17)

EYE_X, EYE_Y, EYE_WIDTH = 0.33, -0.13, 0.20
MOUTH_Y = 0.50


def draw(factors: Mapping[str, Array], side: int) -> Array:
    """Faces from their factors.

    Args:
        factors: Columns as in `faces.FACTORS`, each float32 (n,).
        side: Height and width, pixels.

    Returns:
        uint8, (n, side, side, 3).
    """
    f = {name: values[:, None, None] for name, values in factors.items()}
    scene = _Scene.of(f, side)
    skin = _blend(SKIN, factors["skin_tone"])
    hair = _blend(HAIR, factors["hair_color"])
    _backdrop(scene, factors, hair)
    _head(scene, f, skin, hair)
    _nose(scene, f, skin)
    _eyes(scene, f, factors, skin)
    _mouth(scene, f, factors, skin)
    _fringe(scene, f, hair)
    _brows(scene, f, hair)
    _glasses(scene, f, factors)
    levels = np.clip(scene.canvas * 255 + 0.5, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(levels.transpose(0, 2, 3, 1))


@dataclass
class _Scene:
    """What is painted on, (n, 3, side, side), and where each pixel lies, (n, side, side)."""

    canvas: Array
    u: Array  # upright plane of the picture
    x: Array  # on the face
    y: Array
    pixel: float  # width of a pixel in the units of the plane
    rows: tuple[int, int] = (0, 0)

    @classmethod
    def of(cls, f: Mapping[str, Array], side: int) -> "_Scene":
        centres = ((np.arange(side, dtype=np.float32) + 0.5) * (2 / side)) - 1
        across, down = centres[None, None, :], centres[None, :, None]
        turn = f["roll"] * np.float32(ROLL)
        u = np.cos(turn) * across + np.sin(turn) * down
        v = np.cos(turn) * down - np.sin(turn) * across
        angle = np.arcsin(np.clip(u / RADIUS, -0.999, 0.999)) - f["yaw"] * np.float32(YAW)
        canvas = np.empty((len(u), 3, side, side), dtype=np.float32)
        return cls(canvas, u, RADIUS * np.sin(angle), v, 2 / side)

    def part(self, top: float, bottom: float) -> "_Scene":
        """The rows that show `top` <= y <= `bottom`, with room for the tilt of the head."""
        side = self.canvas.shape[-1]
        first = max(0, int((top - 0.16 + 1) / 2 * side))
        last = min(side, int((bottom + 0.16 + 1) / 2 * side) + 1)
        rows = slice(first, last)
        return _Scene(
            self.canvas[:, :, rows], self.u[:, rows], self.x[:, rows], self.y[:, rows], self.pixel
        )

    def cover(self, distance: Array) -> Array:
        """Signed distance (negative inside) to the share of each pixel that is covered."""
        return np.clip(0.5 - distance / np.float32(self.pixel), 0, 1)

    def paint(self, share: Array, colour: Array | tuple[float, ...]) -> None:
        """Lay a colour, (3,) or (n, 3) or a picture (n, 3, ...), over the share of each pixel."""
        value = np.asarray(colour, dtype=np.float32)
        if value.ndim < 4:
            value = value.reshape(-1, 3, 1, 1)
        self.canvas += share[:, None] * (value - self.canvas)

    def shade(self, share: Array) -> None:
        """Darken (share > 0) or lighten (share < 0) what is there."""
        self.canvas *= 1 - share[:, None]


def _backdrop(scene: _Scene, factors: Mapping[str, Array], hair: Array) -> None:
    scene.canvas[:] = _blend(BACKDROP, factors["background"])[:, :, None, None]
    low = scene.part(0.6, 1.0)
    low.paint(low.cover(_ellipse(low.u, low.y - 1.22, 0.85, 0.42)), SHIRT)
    # The hair behind the head ends at the neck.
    crown = _ellipse(scene.u, scene.y + 0.10, 0.83, 0.89)
    scene.paint(scene.cover(np.maximum(crown, scene.y - 0.30)), hair)


def _head(scene: _Scene, f: Mapping[str, Array], skin: Array, hair: Array) -> None:
    lean = scene.u - 0.06 * np.sin(f["yaw"] * YAW)
    width = 0.60 + 0.13 * f["face_width"]
    light = 1 + 0.20 * np.clip(f["light"] * scene.x * 1.4, -1, 1)
    lit = skin[:, :, None, None] * light[:, None]

    low = scene.part(0.5, 1.0)
    neck = np.maximum(np.abs(low.u) - 0.30, 0.4 - low.y)
    low.paint(low.cover(neck), skin * 0.72)
    middle = scene.part(-0.25, 0.25)
    for end in (-1, 1):
        ear = _ellipse(middle.u - end * (width + 0.02), middle.y + 0.02, 0.09, 0.17)
        middle.paint(middle.cover(ear), skin * 0.86)
    # Above the eyes an ellipse, below them one that narrows to the chin.
    jaw = width * (1 - 0.10 * np.clip(scene.y - 0.2, 0, 1) ** 2)
    face = _ellipse(lean, scene.y - 0.05, jaw, 0.88)
    scene.paint(scene.cover(face), lit)
    # Hair over the top of the head.
    top = scene.part(-1.0, -0.4)
    line = _ellipse(lean[:, : top.y.shape[1]], top.y - 0.16, width * 1.02, 0.86)
    # A little over the edge of the face, so that no skin shines through between hair and hair.
    top.paint(top.cover(np.maximum(face[:, : top.y.shape[1]] - 0.04, -line)), hair)


def _fringe(scene: _Scene, f: Mapping[str, Array], hair: Array) -> None:
    top = scene.part(-1.0, -0.2)
    reach = -0.80 + 0.44 * f["fringe"] + 0.05 * np.cos(5 * top.x)
    width = 0.60 + 0.13 * f["face_width"]
    head = _ellipse(top.u - 0.06 * np.sin(f["yaw"] * YAW), top.y - 0.05, width * 1.03, 0.91)
    top.paint(top.cover(np.maximum(head, top.y - reach)), hair)


def _nose(scene: _Scene, f: Mapping[str, Array], skin: Array) -> None:
    part = scene.part(-0.15, 0.32)
    x = part.x - 0.10 * np.sin(f["yaw"] * YAW)  # the tip stands out from the cylinder
    y = part.y
    # The side away from the light is in shadow.
    bridge = np.exp(-((np.abs(x) - 0.075) ** 2) / 0.0030 - ((y - 0.06) ** 2) / 0.050)
    part.shade(bridge * (0.10 - 0.16 * f["light"] * np.sign(x)))
    part.shade(0.30 * np.exp(-(x**2) / 0.022 - ((y - 0.255) ** 2) / 0.0016))
    for end in (-1, 1):
        nostril = _ellipse(x - end * 0.065, y - 0.225, 0.035, 0.022)
        part.paint(0.75 * part.cover(nostril), skin * 0.35)


def _eyes(scene: _Scene, f: Mapping[str, Array], factors: Mapping[str, Array], skin: Array) -> None:
    part = scene.part(-0.36, 0.08)
    opening = 0.012 + 0.148 * f["eye_opening"]
    for end in (-1, 1):
        x, y = part.x - end * EYE_X, part.y - EYE_Y
        arch = 1 - (x / EYE_WIDTH) ** 2
        inside = np.maximum(arch, 0)
        upper = -opening * np.sqrt(inside)
        lower = 0.60 * opening * inside
        # The socket, then the eye itself, the iris with its pupil, and the lash line.
        part.shade(0.12 * np.exp(-(x**2) / 0.030 - ((y + 0.05) ** 2) / 0.012))
        # The slope of the lid makes vertical distance longer than true distance near the corners.
        lids = 0.75 * np.maximum(upper - y, y - lower)
        eye = part.cover(np.maximum(lids, np.abs(x) - EYE_WIDTH))
        part.paint(eye, SCLERA)
        radius = np.sqrt(x**2 + (y + 0.012) ** 2)
        part.paint(eye * part.cover(radius - 0.105), IRIS)
        part.paint(eye * part.cover(radius - 0.05), PUPIL)
        glint = np.sqrt((x + 0.03) ** 2 + (y + 0.045) ** 2)
        part.paint(eye * part.cover(glint - 0.020), SCLERA)
        lash = np.abs(y - upper) - 0.020
        part.paint(part.cover(np.maximum(lash, np.abs(x) - EYE_WIDTH - 0.015)), PUPIL)
        below = np.abs(y - lower) - 0.006
        part.paint(
            0.6 * part.cover(np.maximum(below, np.abs(x) - EYE_WIDTH)), skin * 0.45
        )
        crease = np.abs(y - upper + 0.055) - 0.008
        part.paint(
            0.45 * part.cover(np.maximum(crease, np.abs(x) - 0.8 * EYE_WIDTH)), skin * 0.55
        )


def _brows(scene: _Scene, f: Mapping[str, Array], hair: Array) -> None:
    part = scene.part(-0.52, -0.22)
    half = 0.016 + 0.050 * f["brow_thickness"]
    for end in (-1, 1):
        x = (part.x - end * EYE_X) * end  # 0 over the eye, growing outwards
        taper = 1 - 0.45 * np.clip(x / 0.2, 0, 1)
        centre = -0.395 + 1.3 * (x + 0.02) ** 2
        brow = np.maximum(np.abs(part.y - centre) - half * taper, np.abs(x) - 0.20)
        part.paint(0.92 * part.cover(brow), hair * 0.55)


def _mouth(
    scene: _Scene, f: Mapping[str, Array], factors: Mapping[str, Array], skin: Array
) -> None:
    part = scene.part(0.05, 0.92)
    smile, x, y = f["smile"], part.x, part.y
    glad = np.maximum(smile, 0)
    half = 0.32 + 0.05 * smile  # half the width of the mouth
    lift = 0.05 * smile + 0.105 * glad  # how far the corners rise above the middle
    across = np.clip(x / half, -1, 1)
    arch = 1 - across**2
    middle = MOUTH_Y + 0.35 * lift - lift * across**2
    gap = 0.24 * f["mouth_opening"] * arch
    upper, lower = middle - 0.35 * gap, middle + gap
    full = np.sqrt(np.maximum(arch, 0))
    top = upper - (0.080 - 0.016 * glad) * full
    bottom = lower + (0.110 - 0.020 * glad) * full

    # Cheeks lift and folds deepen with a smile.
    for end in (-1, 1):
        cx, cy = x - end * 0.40, y - (0.24 - 0.05 * glad)
        cheek = np.exp(-(cx**2) / 0.018 - cy**2 / 0.012)
        part.shade(-0.16 * smile * cheek)
        under = np.exp(-(cx**2) / 0.020 - (cy - 0.15) ** 2 / 0.006)
        part.shade(0.14 * smile * under)
        fold_x = end * (0.21 + 0.42 * np.clip(y - 0.22, 0, 0.36))
        fold = np.exp(-((x - fold_x) ** 2) / 0.0016 - ((y - 0.36) ** 2) / 0.010)
        part.shade(0.24 * glad * fold)
    part.shade(0.16 * np.exp(-(x**2) / 0.030 - (y - bottom - 0.05) ** 2 / 0.0016))

    lips = _blend(((0.0, 0.0, 0.0), LIP_RED), factors["lipstick"]) + (
        1 - factors["lipstick"][:, None]
    ) * (skin * np.array([0.82, 0.60, 0.58], dtype=np.float32))
    ends = np.abs(x) - half
    shape = part.cover(np.maximum(np.maximum(top - y, y - bottom), ends))
    part.paint(shape, lips)
    inner = np.maximum(np.maximum(upper - y, y - lower), ends)
    cavity = part.cover(inner)
    part.paint(cavity, MOUTH)
    part.paint(cavity * part.cover(_ellipse(x, y - lower - 0.01, 0.6 * half, 0.07)), TONGUE)
    teeth = np.maximum(y - upper - 0.055, np.abs(across) * 0.3 - 0.255)
    part.paint(cavity * part.cover(teeth), TEETH)
    # Where the lips meet.
    seam = np.maximum(np.abs(y - upper) - 0.010, ends - 0.012)
    part.paint(0.8 * part.cover(seam), lips * 0.42)


def _glasses(scene: _Scene, f: Mapping[str, Array], factors: Mapping[str, Array]) -> None:
    worn = factors["glasses"] > 0.5
    if not worn.any():
        return
    part = scene.part(-0.42, 0.16)
    x, y, on = part.x, part.y - EYE_Y, f["glasses"]
    # One pixel at 64 must still show, so the frame is thick.
    for end in (-1, 1):
        rim = np.abs(_box(x - end * EYE_X, y - 0.01, 0.255, 0.205, 0.09)) - 0.020
        part.paint(on * part.cover(rim), FRAME)
        arm = np.maximum(np.abs(y + 0.03) - 0.018, EYE_X + 0.255 - end * x)
        arm = np.maximum(arm, np.abs(part.u) - 0.68 - 0.06 * f["face_width"])
        part.paint(on * part.cover(arm), FRAME)
    bridge = np.maximum(np.abs(y + 0.03) - 0.018, np.abs(x) - 0.08)
    part.paint(on * part.cover(bridge), FRAME)


def _ellipse(x: Array, y: Array, a: Array | float, b: Array | float) -> Array:
    """Signed distance to an ellipse, exact on its edge and first order beside it."""
    p, q = x / a, y / b
    value = p * p + q * q
    slope = np.sqrt((p / a) ** 2 + (q / b) ** 2) + 1e-6
    return (value - 1) / (2 * slope)


def _box(x: Array, y: Array, a: float, b: float, r: float) -> Array:
    """Signed distance to a box of half-widths a and b with corners of radius r."""
    p, q = np.abs(x) - (a - r), np.abs(y) - (b - r)
    outside = np.sqrt(np.maximum(p, 0) ** 2 + np.maximum(q, 0) ** 2)
    return outside + np.minimum(np.maximum(p, q), 0) - r


def _blend(colours: tuple[tuple[float, ...], ...], share: Array) -> Array:
    """Colours along a path: share 0 is the first, 1 the last, (n,) -> (n, 3)."""
    stops = np.linspace(0, 1, len(colours))
    table = np.asarray(colours, dtype=np.float32)
    return np.stack([np.interp(share, stops, column) for column in table.T], axis=1).astype(
        np.float32
    )
