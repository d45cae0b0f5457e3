"""Draws faces from analytic shapes: ellipses, bands between curves, and soft shades.

Every shape gives, per pixel, the share of the pixel it covers, worked out from the pixel's size. A
picture at 64 pixels is therefore what the picture at 256 would be when shrunk, at a sixteenth of
the work. All faces of a batch are drawn at once; a part touches only the window it can reach.

Three planes are in use, all with y downwards:

- screen: the square picture, -1 to 1 both ways;
- head (`across`, `y`): the screen turned by the roll; outlines of face, hair and neck live here;
- feature (`x`, `y`): the head's front, wrapped on a cylinder and turned by the yaw, so that
  eyes, nose and mouth move sideways and are foreshortened together.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

YAW = 14.0  # degrees either way: the largest turn that the windows of the parts allow for
ROLL = 6.0

DEPTH = 0.66  # radius of the cylinder that carries the features, in half frames
EYE_X, EYE_Y, EYE_WIDTH = 0.285, -0.10, 0.215  # centre and half width of an eye
BROW_X, BROW_Y, BROW_WIDTH = 0.29, -0.36, 0.235
MOUTH_Y = 0.50
CROWN_Y, CROWN = -0.20, 0.76  # height at which the hair is widest; from there to its top

Array = np.ndarray
Colour = Array | tuple[float, float, float]
Scale = tuple[tuple[float, ...], tuple[tuple[float, float, float], ...]]  # places and colours

BLACK = (0.06, 0.05, 0.06)
HAIR: Scale = (0.0, 0.5, 1.0), ((0.06, 0.05, 0.06), (0.40, 0.23, 0.12), (0.90, 0.73, 0.42))
SKIN: Scale = (0.0, 0.5, 1.0), ((0.58, 0.39, 0.29), (0.82, 0.61, 0.49), (0.98, 0.85, 0.77))
BACKGROUND: Scale = (0.0, 1.0), ((0.13, 0.16, 0.19), (0.28, 0.32, 0.37))
CLOTHES = (0.13, 0.22, 0.30)


def draw(factors: Mapping[str, Array], side: int, *, cut: bool = False) -> Array:
    """Pictures of faces with these factors.

    Args:
        factors: One array (n,) for each of the factors of `latentlab.data.faces`, in their units.
        side: Height and width, pixels.
        cut: Black in place of the background, and a fourth channel: what is not background.

    Returns:
        uint8 RGB, (n, side, side, 3); RGBA, (n, side, side, 4), if cut.
    """
    f = {name: np.asarray(v, np.float32).reshape(-1, 1, 1) for name, v in factors.items()}
    sheet = _blank(f, side, cut)
    hair = _mixed(HAIR, f["hair_color"])
    skin = _mixed(SKIN, f["skin_tone"])
    _ears(sheet, f, skin)
    hair_cover = _back_hair(sheet, f, hair)
    _neck(sheet, skin)
    face_cover = _face(sheet, f, skin)
    _cheeks(sheet, f, skin, face_cover)
    _nose(sheet, f, skin)
    _eyes(sheet, f, skin)
    _mouth(sheet, f, skin)
    _front_hair(sheet, f, hair, hair_cover)
    _brows(sheet, f, hair)
    _glasses(sheet, f, face_cover)
    _light(sheet, f)
    planes = sheet.planes
    planes *= 255.0
    planes += 0.5
    np.clip(planes, 0.0, 255.0, out=planes)
    return np.ascontiguousarray(planes.transpose(1, 2, 3, 0).astype(np.uint8))


@dataclass(frozen=True)
class _Sheet:
    """Pictures in the making, or a window of them, with the coordinates of every pixel.

    Attributes:
        planes: Red, green, blue and, where the face is cut out, how much of the pixel is painted:
            float32 in [0, 1], (3 or 4, n, height, width); changed in place.
        across: Sideways position in the head plane, (n, height, width).
        x, y: Position in the feature plane, (n, height, width).
        pixel: Side of a pixel in half frames.
        turn: Sine of the yaw, (n, 1, 1).
        rows, columns: Where this window lies in the whole sheet.
    """

    planes: Array
    across: Array
    x: Array
    y: Array
    pixel: float
    turn: Array
    rows: slice
    columns: slice

    def window(self, left: float, right: float, top: float, bottom: float) -> "_Sheet":
        """The part of the sheet where a box of the feature plane can come to lie in any pose."""
        reach = [
            _on_screen(x, y, yaw, roll)
            for x, y, yaw, roll in product(
                (left, right), (top, bottom), (-YAW, 0.0, YAW), (-ROLL, 0.0, ROLL)
            )
        ]
        side = self.planes.shape[-1]
        low = np.floor((np.min(reach, axis=0) + 1.0) / self.pixel).astype(int) - 1
        high = np.ceil((np.max(reach, axis=0) + 1.0) / self.pixel).astype(int) + 1
        columns, rows = (
            slice(max(0, int(a)), min(side, int(b))) for a, b in zip(low, high, strict=True)
        )
        return replace(
            self,
            planes=self.planes[..., rows, columns],
            across=self.across[:, rows, columns],
            x=self.x[:, rows, columns],
            y=self.y[:, rows, columns],
            rows=rows,
            columns=columns,
        )

    def cut(self, cover: Array) -> Array:
        """What a cover of the whole sheet is within this window."""
        return cover[:, self.rows, self.columns]

    def paint(self, cover: Array, colour: Colour) -> None:
        """Lay a colour over the sheet; `cover`, (n, height, width), is its share of each pixel."""
        for plane, value in zip(self.planes, (*colour, 1.0), strict=False):  # 1 for a fourth plane
            change = value - plane
            change *= cover
            plane += change

    def shade(self, amount: Array) -> None:
        """Brighten (amount > 0) or darken what is there, in proportion."""
        factor = 1.0 + amount
        for plane in self.planes[:3]:
            plane *= factor

    def ellipse(self, x: Array, y: Array, width: Array | float, height: Array | float) -> Array:
        """Cover of an ellipse about the origin of (x, y) with these half axes."""
        u, v = x / width, y / height
        q = u * u
        q += v * v
        u /= width
        v /= height
        u *= u
        v *= v
        u += v
        slope = np.sqrt(u, out=u)
        slope += 1e-6
        slope *= 2.0 * self.pixel
        q -= 1.0
        q /= slope
        return _cover(q)

    def band(self, top: Array, bottom: Array) -> Array:
        """Cover of what lies between two curves y = top(x) and y = bottom(x).

        Right also for bands thinner than a pixel; empty where bottom <= top.
        """
        cover = _cover((self.y - bottom) / self.pixel)
        cover -= _cover((self.y - top) / self.pixel)
        return np.maximum(cover, 0.0, out=cover)

    def stroke(self, distance: Array, width: float) -> Array:
        """Cover of a line of this width, from the signed distance to its middle."""
        cover = _cover((distance - width / 2) / self.pixel)
        cover -= _cover((distance + width / 2) / self.pixel)
        return cover


def _cover(distance: Array) -> Array:
    """Share of a pixel inside a straight edge `distance` pixels away, negative inside."""
    inside = 0.5 - distance
    return np.clip(inside, 0.0, 1.0, out=inside)


def _soft(x: Array, y: Array, width: Array | float, height: Array | float) -> Array:
    """A smooth spot: 1 in the middle, 0 with a flat slope from the ellipse outwards."""
    u, v = x / width, y / height
    u *= u
    v *= v
    u = u + v
    np.subtract(1.0, u, out=u)
    np.maximum(u, 0.0, out=u)
    u *= u
    return u


def _arch(t: Array) -> Array:
    """1 in the middle, 0 at t = -1 and 1 and beyond: the profile of lids, lips and brows."""
    p = 1.0 - t * t
    return np.maximum(p, 0.0, out=p)


def _mixed(scale: Scale, at: Array) -> Array:
    """A colour from a scale of colours, (3, n, 1, 1)."""
    places, colours = scale
    planes = [np.interp(at, places, plane) for plane in zip(*colours, strict=True)]
    return np.stack(planes).astype(np.float32)


def _tinted(colour: Array, tint: tuple[float, float, float]) -> Array:
    return colour * np.asarray(tint, np.float32).reshape(3, 1, 1, 1)


def _between(low: float, high: float, share: Array) -> Array:
    return np.float32(low) + np.float32(high - low) * share


def _on_screen(x: float, y: float, yaw: float, roll: float) -> tuple[float, float]:
    """Where a point of the feature plane is seen; the inverse of the planes of `_blank`."""
    turn, tilt = np.deg2rad(yaw), np.deg2rad(roll)
    across = x * np.cos(turn) + np.sqrt(max(DEPTH**2 - x * x, 0.0)) * np.sin(turn)
    return (
        float(across * np.cos(tilt) - y * np.sin(tilt)),
        float(across * np.sin(tilt) + y * np.cos(tilt)),
    )


def _blank(f: Mapping[str, Array], side: int, cut: bool) -> _Sheet:
    """The background, or nothing where the face is to be cut out, and the coordinates of every
    pixel in every face's planes."""
    pixel = 2.0 / side
    line = (np.arange(side, dtype=np.float32) + 0.5) * np.float32(pixel) - 1.0
    roll, yaw = np.deg2rad(f["roll"]), np.deg2rad(f["yaw"])
    column, row = line[None, None, :], line[None, :, None]
    across = np.cos(roll) * column + np.sin(roll) * row
    y = np.cos(roll) * row - np.sin(roll) * column
    depth = np.sqrt(np.maximum(DEPTH**2 - across * across, 0.0))
    x = np.cos(yaw) * across - np.sin(yaw) * depth
    planes = np.zeros((4 if cut else 3, *across.shape), np.float32)
    if not cut:
        planes[...] = _mixed(BACKGROUND, f["background"])
    return _Sheet(planes, across, x, y, pixel, np.sin(yaw), slice(None), slice(None))


def _half_width(f: Mapping[str, Array]) -> Array:
    """Half width of the face at the cheekbones, half frames."""
    return _between(0.53, 0.71, f["face_width"])


def _ears(sheet: _Sheet, f: Mapping[str, Array], skin: Array) -> None:
    # The turn hides one ear and shows the other.
    s = sheet.window(-0.95, 0.95, -0.25, 0.30)
    for sign in (-1.0, 1.0):
        x = s.across - sign * (_half_width(f) + 0.02) + 0.10 * s.turn
        s.paint(s.ellipse(x, s.y - 0.02, 0.085, 0.16), skin * 0.88)
        s.paint(s.ellipse(x, s.y - 0.02, 0.045, 0.10), skin * 0.70)


def _back_hair(sheet: _Sheet, f: Mapping[str, Array], hair: Array) -> Array:
    """All hair, as if there were no face; returns its cover for the hair in front."""
    end = _between(-0.12, 0.80, f["hair_length"])
    x = sheet.across + 0.06 * sheet.turn
    y = np.minimum(sheet.y - CROWN_Y, 0.0)
    y += np.maximum(sheet.y - end, 0.0) * (CROWN / 0.20)  # ends are rounded, and more tightly
    cover = sheet.ellipse(x, y, _half_width(f) + 0.14, CROWN)
    behind = 1.0 - 0.45 * _soft(sheet.across, sheet.y - 0.55, 0.80, 0.95)  # in the face's shadow
    sheet.paint(cover, behind * hair)
    return cover


def _neck(sheet: _Sheet, skin: Array) -> None:
    s = sheet.window(-1.5, 1.5, 0.55, 1.5)
    neck = s.stroke(s.across, 0.56)
    neck *= s.y > 0.5
    s.paint(neck, skin * 0.72)
    s.paint(s.ellipse(s.across, s.y - 1.28, 0.95, 0.36), CLOTHES)


def _face(sheet: _Sheet, f: Mapping[str, Array], skin: Array) -> Array:
    """The face, darker towards its rim; jaw and chin follow the yaw. Returns its cover."""
    low = np.clip(sheet.y + 0.3, 0.0, 1.2)
    x = sheet.across - sheet.turn * (0.02 + 0.13 * low)
    x /= 1.0 - 0.16 * low * low  # narrower towards the chin
    y = sheet.y - 0.02
    y += np.maximum(y, 0.0) * (0.86 / (0.84 + 0.05 * f["mouth_opening"]) - 1.0)
    width = _half_width(f)
    cover = sheet.ellipse(x, y, width, 0.86)
    x /= width
    y /= 0.86
    rim = x * x
    rim += y * y
    rim *= -0.20
    rim += 1.04
    sheet.paint(cover, rim * skin)
    return cover


def _cheeks(sheet: _Sheet, f: Mapping[str, Array], skin: Array, face: Array) -> None:
    """Cheeks that lift and redden with the smile, and the folds beside the mouth."""
    s = sheet.window(-0.66, 0.66, -0.10, 0.75)
    smile, ax = f["smile"], np.abs(s.x)
    apple = _soft(ax - 0.40, s.y - _between(0.32, 0.20, smile), 0.27, 0.24)
    apple *= _between(0.05, 0.85, smile)
    apple *= s.cut(face)
    s.paint(apple, _tinted(skin, (1.04, 0.62, 0.58)))
    # The fold runs from the wing of the nose outwards round the corner of the mouth.
    along = np.clip((s.y - 0.17) / 0.38, 0.0, 1.0)
    middle = 0.12 + (_mouth_width(f) - 0.02) * along * (2.0 - along)
    fold = _arch((ax - middle) / 0.065)
    fold *= 4.0 * along * (1.0 - along)
    fold *= -0.55 * smile
    fold *= s.cut(face)
    s.shade(fold)


def _nose(sheet: _Sheet, f: Mapping[str, Array], skin: Array) -> None:
    s = sheet.window(-0.36, 0.36, -0.32, 0.37)
    size = _between(0.70, 1.70, f["nose_size"])
    x = s.x - 0.16 * s.turn * np.clip((s.y + 0.2) / 0.4, 0.0, 1.0)  # the tip stands out
    ax = np.abs(x)
    bridge = _soft(ax, s.y - 0.02, 0.085, 0.34)
    tip = _soft(ax, s.y - 0.16, 0.11 * size, 0.10)
    s.shade(0.10 * bridge + 0.14 * tip)
    # The side away from the light is in shade.
    away = np.clip(x * f["light"] * -14.0, 0.0, 1.0)
    side = _soft(ax - 0.085 * size, s.y - 0.07, 0.085, 0.28)
    s.shade(side * (-0.10 - 0.16 * away))
    s.paint(0.70 * _soft(ax, s.y - 0.255, 0.17 * size, 0.075), skin * 0.50)
    wing = s.ellipse(ax - 0.085 * size, s.y - 0.20, 0.055 * size, 0.060)
    s.paint(0.75 * wing, skin * 0.86)
    s.paint(0.9 * s.ellipse(ax - 0.058 * size, s.y - 0.236, 0.036 * size, 0.024), skin * 0.26)


def _eyes(sheet: _Sheet, f: Mapping[str, Array], skin: Array) -> None:
    s = sheet.window(-0.56, 0.56, -0.36, 0.14)
    u, v = np.abs(s.x) - EYE_X, s.y - EYE_Y
    t = u / EYE_WIDTH
    p = _arch(t)
    wide = f["eye_opening"]
    # A landmark detector sees little difference between wide and wider eyes: hence the curve.
    opening = _between(0.015, 0.215, wide * (0.65 + 0.35 * wide))
    tilt = EYE_Y - 0.018 * t  # the outer corner stands a little higher
    upper = tilt - 0.62 * opening * p
    lower = tilt + 0.38 * opening * p
    s.shade(-0.20 * _soft(u, v + 0.02, 0.27, 0.20))
    # The smile pushes the lower lid into a pad, without closing the eye.
    s.shade(_soft(u, v - 0.135, 0.20, 0.055) * (-0.26 * f["smile"]))
    s.paint(s.band(tilt - 0.185 * p, upper), skin * 0.70)  # the lid, which the open eye hides
    white = s.band(upper, lower)
    s.paint(white, (0.95, 0.95, 0.94))
    centre = v + 0.015
    s.paint(white * s.ellipse(u, centre, 0.088, 0.088), (0.13, 0.25, 0.33))
    s.paint(white * s.ellipse(u, centre, 0.044, 0.044), BLACK)
    # Highlights lie on the same side of both eyes.
    glint = np.where(s.x < 0.0, -u, u) + 0.03
    s.paint(white * s.ellipse(glint, centre + 0.035, 0.022, 0.022), (1.0, 1.0, 1.0))
    lash = np.minimum(6.0 * p, 1.0)
    s.paint(s.band(upper - 0.030 * lash, upper + 0.008 * lash), BLACK)
    s.paint(0.55 * s.band(lower, lower + 0.016 * lash), skin * 0.35)


def _brows(sheet: _Sheet, f: Mapping[str, Array], hair: Array) -> None:
    s = sheet.window(-0.56, 0.56, -0.56, -0.24)
    t = (np.abs(s.x) - BROW_X) / BROW_WIDTH
    p = _arch(t)
    middle = BROW_Y + 0.035 * t - _between(0.02, 0.13, f["brow_arch"]) * p
    half = _between(0.010, 0.056, f["brow_thickness"]) * np.minimum(2.5 * p, 1.0)
    half *= 1.0 - 0.35 * t  # tapers outwards
    s.paint(0.95 * s.band(middle - half, middle + half), 0.55 * hair + 0.02)


def _mouth_width(f: Mapping[str, Array]) -> Array:
    return _between(0.265, 0.330, f["smile"])


def _mouth(sheet: _Sheet, f: Mapping[str, Array], skin: Array) -> None:
    s = sheet.window(-0.44, 0.44, 0.20, 0.94)
    width = _mouth_width(f)
    t = s.x / width
    p = _arch(t)
    lift = _between(-0.05, 0.20, f["smile"])
    line = MOUTH_Y + lift * (0.35 - np.minimum(t * t, 1.2))
    opening = _between(0.0, 0.30, f["mouth_opening"])
    upper = line - 0.25 * opening * p
    lower = line + 0.75 * opening * p
    natural = _tinted(skin, (0.86, 0.70, 0.68))
    red = np.asarray((0.80, 0.03, 0.12), np.float32).reshape(3, 1, 1, 1)
    lips = natural + f["lipstick"] * (red - natural)
    bow = 1.0 - 0.35 * _arch(s.x / 0.07)
    thick = 0.092 * np.minimum(1.3 * p, 1.0)
    s.shade(-0.16 * _soft(s.x, s.y - lower - 0.13, 0.20, 0.06))  # under the lip
    s.paint(s.band(upper - thick * bow, upper), lips * 0.86)
    s.paint(s.band(lower, lower + 1.25 * thick), lips)
    s.shade(0.16 * _soft(s.x, s.y - lower - 0.045, 0.5 * width, 0.03))
    inside = s.band(upper, lower)
    s.paint(inside, (0.20, 0.03, 0.05))
    tongue = s.ellipse(s.x, s.y - lower, 0.60 * width, 0.45 * opening + 0.001)
    s.paint(inside * tongue, (0.72, 0.28, 0.30))
    teeth = s.band(upper, upper + np.minimum(0.42 * opening, 0.075) * np.minimum(2.0 * p, 1.0))
    s.paint(inside * teeth, (0.96, 0.95, 0.92))
    # A dark seam keeps a closed mouth readable.
    seam = 0.009 * np.minimum(6.0 * p, 1.0)
    s.paint(0.6 * s.band(upper - seam, upper + seam), (0.25, 0.06, 0.07))


def _front_hair(sheet: _Sheet, f: Mapping[str, Array], hair: Array, cover: Array) -> None:
    """Hair over crown, temples and, with the fringe, forehead."""
    s = sheet.window(-1.2, 1.2, -1.2, 0.2)
    fringe = f["fringe"]
    side = np.minimum(np.abs(s.x) / 0.62, 1.1)
    side *= side
    side *= side
    hairline = side * _between(0.55, 0.23, fringe)
    hairline += _between(-0.72, -0.42, fringe)
    hairline += 0.030 * fringe * np.sin(21.0 * s.x + 0.6)
    inside = _cover((s.y - hairline) / s.pixel)
    inside *= s.cut(cover)
    s.paint(inside, hair)
    strands = np.sin(34.0 * s.x) * 0.05
    strands += _soft(s.across, s.y + 0.80, 0.60, 0.16) * 0.22
    strands *= inside
    s.shade(strands)


def _glasses(sheet: _Sheet, f: Mapping[str, Array], face: Array) -> None:
    worn = f["glasses"]
    if not worn.any():
        return
    s = sheet.window(-0.66, 0.66, -0.34, 0.14)
    ax = np.abs(s.x - 0.05 * s.turn)
    u, v = (ax - 0.285) / 0.225, (s.y + 0.085) / 0.185
    u *= u
    v *= v
    rim = np.sqrt(np.sqrt(u * u + v * v))  # a rounded square
    rim -= 1.0
    rim *= 0.20
    s.paint(0.14 * worn * _cover(rim / s.pixel), (0.75, 0.85, 0.95))
    bar = s.stroke(s.y + 0.12, 0.036)
    bar *= (ax < 0.07) | (ax > 0.50)
    bar *= s.cut(face)
    s.paint(worn * np.maximum(s.stroke(rim, 0.045), bar), (0.09, 0.07, 0.10))


def _light(sheet: _Sheet, f: Mapping[str, Array]) -> None:
    """One side brighter, the other darker; light > 0 comes from the right of the picture."""
    a = np.clip(sheet.across, -1.0, 1.0)
    amount = a - a * a * a  # strongest on the cheeks, nothing at the picture's edges
    amount *= 0.50 * f["light"]
    sheet.shade(amount)
