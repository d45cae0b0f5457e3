"""Whole pictures, and pieces of their formats, so that single fields can be wrong."""

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 36, 44  # of the pictures made here; wider than high, so that turning shows
CLAIM = 60_000  # pixels a side that a small file claims to have
JUST_TOO_MANY = (7072, 7072)  # 50,013,184 pixels
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


def smooth(rng: np.random.Generator, channels: int = 3) -> np.ndarray:
    """uint8, (HEIGHT, WIDTH, channels): soft blots, no symmetry, which JPEG keeps well."""
    blots = rng.integers(20, 236, (5, 6, channels), dtype=np.uint8)
    planes = [
        Image.fromarray(blots[..., at]).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        for at in range(channels)
    ]
    return np.dstack([np.asarray(plane) for plane in planes])


def saved(pixels: np.ndarray | Image.Image, kind: str, **settings: object) -> bytes:
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    buffer = io.BytesIO()
    picture.save(buffer, kind, **settings)
    return buffer.getvalue()


def whole_pictures(rng: np.random.Generator) -> dict[str, bytes]:
    """One good file of every kind; the text before the dot says which, the ending fits."""
    pixels = smooth(rng)
    picture = Image.fromarray(pixels)
    deep = rng.integers(0, 65_536, (HEIGHT, WIDTH)).astype(np.uint16)
    layers = np.dstack([pixels, rng.integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)])
    turned = Image.Exif()
    turned[0x0112] = 6
    return {
        "baseline.jpg": saved(picture, "JPEG"),
        "progressive.jpg": saved(picture, "JPEG", progressive=True),
        "grey.jpg": saved(picture.convert("L"), "JPEG"),
        "cmyk.jpeg": saved(picture.convert("CMYK"), "JPEG"),
        "restarts.jpg": saved(picture, "JPEG", restart_marker_rows=1),
        "exif.JPG": saved(picture, "JPEG", exif=turned),
        "rgb.png": saved(picture, "PNG"),
        "rgba.png": saved(layers, "PNG"),
        "palette.png": saved(picture.convert("P"), "PNG"),
        "greyalpha.png": saved(Image.fromarray(layers[..., 2:], "LA"), "PNG"),
        "deepgrey.png": saved(deep, "PNG"),
        "deeprgb.png": deep_png(rng.integers(0, 65_536, (HEIGHT, WIDTH, 3)).astype(np.uint16)),
        "lossy.webp": saved(picture, "WEBP"),
        "lossless.webp": saved(picture, "WEBP", lossless=True),
        "palette.gif": saved(picture.convert("P"), "GIF"),
        "rgb.bmp": saved(picture, "BMP"),
        "palette.bmp": saved(picture.convert("P"), "BMP"),
        "plain.tif": saved(picture, "TIFF"),
        "lzw.tiff": saved(picture, "TIFF", compression="tiff_lzw"),
        "deflate.tif": saved(picture, "TIFF", compression="tiff_adobe_deflate"),
        "jpeg.tif": saved(picture, "TIFF", compression="jpeg"),
        "rgb.ppm": saved(picture, "PPM"),
        "grey.pgm": saved(picture.convert("L"), "PPM"),
        "bits.pbm": saved(picture.convert("1"), "PPM"),
    }


def good_pictures(rng: np.random.Generator, count: int) -> dict[str, bytes]:
    return {f"good_{n:02d}.png": saved(smooth(rng), "PNG") for n in range(count)}


# Pieces of PNG, TIFF and JPEG, so that single fields can be wrong while the rest is right.


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png(
    size: tuple[int, int],
    depth: int,
    colour: int,
    packed: bytes,
    *before: bytes,
    filtering: int = 0,
    interlace: int = 0,
) -> bytes:
    """Width and height, bits a channel, colour type, the content of IDAT, chunks before it."""
    header = struct.pack(">IIBBBBB", *size, depth, colour, 0, filtering, interlace)
    chunks = chunk(b"IHDR", header), *before, chunk(b"IDAT", packed), chunk(b"IEND", b"")
    return PNG_MAGIC + b"".join(chunks)


def scanlines(rows: np.ndarray) -> bytes:
    """As PNG stores them, each with filter 0 before it."""
    return b"".join(b"\0" + row.tobytes() for row in rows)


COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # channels -> of PNG


def deep_png(levels: np.ndarray, *before: bytes) -> bytes:
    """uint16, (height, width, channels), as a PNG of 16 bits a channel."""
    height, width, channels = levels.shape
    packed = zlib.compress(scanlines(levels.astype(">u2")))
    return png((width, height), 16, COLOUR_TYPES[channels], packed, *before)


def shallow_png(levels: np.ndarray, depth: int, colour: int, *before: bytes) -> bytes:
    """Numbers below 2**depth, (height, width), as a PNG of 1, 2 or 4 bits a pixel."""
    bits = np.unpackbits(levels.astype(np.uint8)[..., None], axis=2)[..., 8 - depth :]
    packed = np.packbits(bits.reshape(len(levels), -1), axis=1)
    height, width = levels.shape
    return png((width, height), depth, colour, zlib.compress(scanlines(packed)), *before)


def chunks_of(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of each part of a PNG."""
    place = len(PNG_MAGIC)
    while place < len(content):
        size, kind = struct.unpack_from(">I4s", content, place)
        yield kind, place, place + 12 + size
        place += 12 + size


def marker(content: bytes, *kinds: int) -> int:
    """Where the first segment of one of these kinds starts in a JPEG."""
    place = 2
    while content[place + 1] not in kinds:
        place += 2 + struct.unpack_from(">H", content, place + 2)[0]
    return place


def ends_a_scan(content: bytes, place: int) -> bool:
    """Whether a marker starts here, other than those that only divide a scan."""
    return content[place] == 0xFF and content[place + 1] not in (0, *range(0xD0, 0xD8))


def patched(content: bytes, place: int, new: bytes) -> bytes:
    return content[:place] + new + content[place + len(new) :]


SHORT, LONG, FRACTION = 3, 4, 5  # types of TIFF values


def tiff(
    pixels: np.ndarray, *, drop: tuple[int, ...] = (), **changes: tuple[int, tuple[int, ...]]
) -> bytes:
    """(height, width, channels) in one strip, little end first, nothing packed.

    Args:
        drop: Tags to leave out.
        changes: `t258=(SHORT, (7,))` writes that value for tag 258.
    """
    height, width, channels = pixels.shape
    bits = pixels.dtype.itemsize * 8
    kind = {"u": 1, "i": 2, "f": 3}[pixels.dtype.kind]
    strip = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    tags: dict[int, tuple[int, tuple[int, ...]]] = {
        256: (SHORT if width < 65_536 else LONG, (width,)),
        257: (SHORT if height < 65_536 else LONG, (height,)),
        258: (SHORT, (bits,) * channels),
        259: (SHORT, (1,)),
        262: (SHORT, (1 if channels == 1 else 2,)),
        273: (LONG, (8,)),
        277: (SHORT, (channels,)),
        278: (LONG, (height,)),
        279: (LONG, (len(strip),)),
        339: (SHORT, (kind,) * channels),
    }
    tags |= {int(name[1:]): value for name, value in changes.items()}
    for tag in drop:
        del tags[tag]
    start = 8 + len(strip)
    entries, beside = b"", b""
    place = start + 2 + 12 * len(tags) + 4
    for tag, (type_, values) in sorted(tags.items()):
        packed = struct.pack(f"<{len(values)}{'H' if type_ == SHORT else 'I'}", *values)
        if len(packed) > 4:
            value = struct.pack("<I", place + len(beside))
            beside += packed
        else:
            value = packed.ljust(4, b"\0")
        entries += struct.pack("<HHI", tag, type_, len(values)) + value
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    return b"II*\0" + struct.pack("<I", start) + strip + directory + beside


def bmp(width: int, height: int, bits: int = 24, *, packing: int = 0, header: int = 40) -> bytes:
    """No more than a header; 400 bytes of pixels follow."""
    info = struct.pack("<IiiHHIIiiII", header, width, height, 1, bits, packing, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 400, 0, 0, 54) + info + bytes(400)


def webp(kind: bytes, content: bytes, *more: tuple[bytes, bytes]) -> bytes:
    parts = b"".join(
        name + struct.pack("<I", len(part)) + part + b"\0" * (len(part) % 2)
        for name, part in ((kind, content), *more)
    )
    return b"RIFF" + struct.pack("<I", 4 + len(parts)) + b"WEBP" + parts


def vp8l(width: int, height: int, content: bytes) -> bytes:
    """A lossless WebP that claims this size."""
    size = (width - 1) | (height - 1) << 14
    return webp(b"VP8L", b"\x2f" + struct.pack("<I", size) + content)


def vp8(width: int, height: int, content: bytes) -> bytes:
    """A lossy WebP that claims this size: a key frame whose first part is whole."""
    tag = (len(content) << 5) | 0x10
    start = struct.pack("<I", tag)[:3] + b"\x9d\x01\x2a" + struct.pack("<HH", width, height)
    return webp(b"VP8 ", start + content)
