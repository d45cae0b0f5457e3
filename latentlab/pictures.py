"""Pictures as arrays: strips, sheets and PNG bytes. Nothing here knows a model."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

LINE = 11  # pixels; height of the letters in a caption


@dataclass(frozen=True)
class Strip:
    """Decoded pictures along one line through latent space, z0 + t * scale * direction.

    Attributes:
        images: uint8, (steps, side, side, channels).
        offsets: The values of t, (steps,), ascending.
        unit: What t = 1 means, in words, e.g. "standard deviations of the codes".
    """

    images: np.ndarray
    offsets: tuple[float, ...]
    unit: str


def tile(rows: list[np.ndarray], gap: int = 2, shade: int = 255) -> np.ndarray:
    """Rows of pictures to one picture.

    Args:
        rows: Each uint8 (columns, side, side, channels), all of the same shape.
        gap: Pixels between the pictures and around them.
        shade: Grey level of the gaps.

    Returns:
        uint8, (height, width, channels).
    """
    columns, side, _, channels = rows[0].shape
    step = side + gap
    sheet = np.full((len(rows) * step + gap, columns * step + gap, channels), shade, dtype=np.uint8)
    for i, row in enumerate(rows):
        for j, picture in enumerate(row):
            top, left = gap + i * step, gap + j * step
            sheet[top : top + side, left : left + side] = picture
    return sheet


def labelled(sheet: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """Write one label beside each of the evenly spaced rows of a sheet, in a margin on the left."""
    height = sheet.shape[0]
    font = ImageFont.load_default()
    width = max(56, 10 + round(max(font.getlength(label) for label in labels)))
    margin = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(margin)
    for row, label in enumerate(labels):
        draw.text((4, (row + 0.5) * height / len(labels)), label, fill="black", anchor="lm")
    colour = np.broadcast_to(sheet, (*sheet.shape[:2], 3))
    return np.concatenate([np.asarray(margin), colour], axis=1)


def contact_sheet(
    pictures: Sequence[np.ndarray],
    captions: Sequence[Sequence[str]],
    *,
    columns: int = 8,
    width: int = 140,
) -> np.ndarray:
    """Pictures in a grid, each over its caption.

    Args:
        pictures: uint8 (side, side, 1 or 3) each, of one size.
        captions: Lines of text for each; a line too long for the picture is cut.
        columns: Pictures in a row.
        width: Pixels of one picture on the sheet, which is shrunk or enlarged to that.

    Returns:
        uint8, (height, width, 3).
    """
    gap, step = 8, LINE + 3
    lines = max((len(caption) for caption in captions), default=0)
    cell = width + step * lines + gap
    rows = -(-len(pictures) // columns)
    columns = min(columns, len(pictures))
    sheet = Image.new("RGB", (gap + columns * (width + gap), gap + rows * cell), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(LINE)
    for index, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        left, top = gap + index % columns * (width + gap), gap + index // columns * cell
        pixels = np.ascontiguousarray(np.broadcast_to(picture, (*picture.shape[:2], 3)))
        colour = Image.fromarray(pixels)
        sheet.paste(colour.resize((width, width), Image.Resampling.BICUBIC), (left, top))
        for number, line in enumerate(caption):
            while line and draw.textlength(line, font=font) > width:
                line = line[:-2] + "…" if line.endswith("…") else line[:-1] + "…"
            place = (left, top + width + 2 + number * step)
            draw.text(place, line, fill="black" if number else "#555555", font=font)
    return np.asarray(sheet)


def animation(frames: np.ndarray, kind: str, *, fps: int = 30, width: int = 256) -> bytes:
    """Pictures one after the other, for ever.

    Args:
        frames: uint8, (frames, height, width, 1 or 3).
        kind: "GIF", which has 256 colours and hundredths of a second, or "WEBP".
        fps: Frames a second.
        width: Pixels of the animation, to which the frames are enlarged or shrunk.
    """
    colour = np.broadcast_to(frames, (*frames.shape[:3], 3))
    size = (width, round(width * frames.shape[1] / frames.shape[2]))
    pictures = [
        Image.fromarray(np.ascontiguousarray(frame)).resize(size, Image.Resampling.BICUBIC)
        for frame in colour
    ]
    buffer = io.BytesIO()
    first, *others = pictures
    # A duration each: GIF rounds to 10 ms, so that 30 a second needs 30, 40 and 30 ms in turns.
    ends = np.round(np.arange(1, len(frames) + 1) * 100 / fps).astype(int) * 10
    durations = np.diff(ends, prepend=0).tolist()
    first.save(buffer, kind, save_all=True, append_images=others, duration=durations, loop=0)
    return buffer.getvalue()


def png(picture: np.ndarray) -> bytes:
    """uint8 (height, width, 1 or 3) to the bytes of a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(picture.squeeze(-1) if picture.shape[-1] == 1 else picture).save(buffer, "PNG")
    return buffer.getvalue()
