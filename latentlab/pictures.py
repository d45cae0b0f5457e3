"""Pictures as arrays: strips, sheets and PNG bytes. Nothing here knows a model."""

import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from latentlab.errors import ConfigError

LINE = 11  # pixels; height of the letters in a caption
KINDS = {".png": "PNG", ".gif": "GIF", ".webp": "WEBP"}  # by the ending of a file's name


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

    def _repr_html_(self) -> str:
        from latentlab.notebook import pictures_html

        labels = [f"{offset:+.3g}" if offset else "0" for offset in self.offsets]
        return pictures_html(self.images, labels, "", f"Moved by {self.unit}")


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


def untile(sheet: np.ndarray, side: int, gap: int = 2) -> np.ndarray:
    """The pictures of a sheet that `tile` made, uint8 (rows, columns, side, side, channels).

    Raises:
        ValueError: The sheet is not made of such pictures.
    """
    height, width, channels = sheet.shape
    step = side + gap
    rows, columns = (height - gap) // step, (width - gap) // step
    if (rows * step + gap, columns * step + gap) != (height, width):
        raise ValueError(f"a sheet of {height} by {width} pixels has no tiles of {side} pixels")
    cells = sheet[gap:, gap:].reshape(rows, step, columns, step, channels)
    return cells.swapaxes(1, 2)[:, :, :side, :side]


def labelled(sheet: np.ndarray, labels: Sequence[str], above: Sequence[str] = ()) -> np.ndarray:
    """Write one label beside each of the evenly spaced rows of a sheet, in a margin on the left.

    Args:
        above: One label for each of the evenly spaced columns, in a margin on top; of labels that
            would not fit beside each other only every second, third, ... is written.
    """
    height = sheet.shape[0]
    font = ImageFont.load_default()
    width = max(56, 10 + round(max(font.getlength(label) for label in labels)))
    margin = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(margin)
    for row, label in enumerate(labels):
        draw.text((4, (row + 0.5) * height / len(labels)), label, fill="black", anchor="lm")
    colour = np.broadcast_to(sheet, (*sheet.shape[:2], 3))
    body = np.concatenate([np.asarray(margin), colour], axis=1)
    return np.concatenate([_heads(above, width, sheet.shape[1]), body]) if above else body


def _heads(labels: Sequence[str], left: int, width: int) -> np.ndarray:
    """A line of labels, each in the middle of its share of the width, right of an empty margin."""
    font = ImageFont.load_default(LINE)
    line = Image.new("RGB", (left + width, LINE + 6), "white")
    draw = ImageDraw.Draw(line)
    room = width / len(labels)
    every = -(-max(font.getlength(label) + 4 for label in labels) // room)
    for column, label in enumerate(labels):
        if (column - len(labels) // 2) % every == 0:  # the middle one, which did not move, is there
            place = (left + (column + 0.5) * room, (LINE + 6) / 2)
            draw.text(place, label, fill="black", font=font, anchor="mm")
    return np.asarray(line)


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


def from_png(content: bytes) -> np.ndarray:
    """The bytes of a PNG file to uint8 (height, width, 1 or 3)."""
    picture = np.asarray(Image.open(io.BytesIO(content)))
    return picture[..., None] if picture.ndim == 2 else picture


def png(picture: np.ndarray) -> bytes:
    """uint8 (height, width, 1 or 3) to the bytes of a PNG file."""
    return still(picture, "PNG")


def still(picture: np.ndarray, kind: str) -> bytes:
    """One picture as the bytes of a file.

    Args:
        picture: uint8, (height, width, 1 or 3).
        kind: "PNG" and "WEBP" keep every pixel as it is; "GIF" has 256 colours.
    """
    buffer = io.BytesIO()
    image = Image.fromarray(picture.squeeze(-1) if picture.shape[-1] == 1 else picture)
    image.save(buffer, kind, **({"lossless": True} if kind == "WEBP" else {}))
    return buffer.getvalue()


def kind_of(path: Path, kinds: Collection[str] = tuple(KINDS)) -> str:
    """What a file of this name holds: "PNG", "GIF" or "WEBP".

    Args:
        kinds: Endings that can be written here.

    Raises:
        ConfigError: its ending is another one.
    """
    ending = path.suffix.lower()
    if ending not in kinds:
        known = ", ".join(kinds)
        raise ConfigError(f"{path.name or path} cannot be written. Let its name end in {known}.")
    return KINDS[ending]


def frames_there(seconds: float, fps: int) -> int:
    """How many frames there are to the far end, so that `there_and_back` lasts so long."""
    return max(2, round(seconds * fps / 2) + 1)


def there_and_back(frames: np.ndarray) -> np.ndarray:
    """Frames to a loop without a jump: to the last one and back, neither end twice."""
    return np.concatenate([frames, frames[-2:0:-1]])
