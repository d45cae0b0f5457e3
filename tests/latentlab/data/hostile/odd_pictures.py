"""Unusual pictures with nothing wrong, and how a person would see them."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, TiffImagePlugin

from tests.latentlab.data.hostile.pieces import (
    COLOUR_TYPES,
    HEIGHT,
    LONG,
    SHORT,
    WIDTH,
    chunk,
    chunks_of,
    deep_png,
    patched,
    saved,
    shallow_png,
    smooth,
    tiff,
)


@dataclass(frozen=True)
class Odd:
    """A good but unusual picture.

    Attributes:
        pixels: How a person would see it: (height, width, 3), from the numbers it was made of.
        noticed: What the reader must say it did.
        loss: By how much a value may differ, since JPEG and WebP lose some.
    """

    name: str
    content: bytes
    pixels: np.ndarray
    noticed: frozenset[str] = frozenset()
    loss: int = 0


TURNED, LAID, DEEP, MOVING = (
    "turned upright", "transparent, laid on grey", "16 bits to 8", "several frames, first taken"
)  # fmt: skip

# The EXIF standard's own words: where the stored row 0 and column 0 lie in the scene.
SIDES = {
    1: ("top", "left"), 2: ("top", "right"), 3: ("bottom", "right"), 4: ("bottom", "left"),
    5: ("left", "top"), 6: ("right", "top"), 7: ("right", "bottom"), 8: ("left", "bottom"),
}  # fmt: skip


def as_stored(scene: np.ndarray, orientation: int) -> np.ndarray:
    """The array that a camera writes with this orientation."""
    row, column = SIDES[orientation]
    if row in ("left", "right"):
        scene = np.transpose(scene, (1, 0, 2))
    if row in ("bottom", "right"):
        scene = scene[::-1]
    if column in ("right", "bottom"):
        scene = scene[:, ::-1]
    return np.ascontiguousarray(scene)


def halved(levels: np.ndarray) -> np.ndarray:
    """16 bits to 8: 65,535 is 257 times 255."""
    return np.round(levels / 257).astype(np.uint8)


def on_grey(colours: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """Both uint8; opacity has one channel."""
    part = opacity / 255
    return np.round(colours * part + 128 * (1 - part)).astype(np.uint8)


def threefold(levels: np.ndarray) -> np.ndarray:
    return np.repeat(levels.reshape(*levels.shape[:2], 1), 3, axis=2)


def odd_images(seed: int) -> Iterator[Odd]:
    rng = np.random.default_rng(seed)
    yield from _turned(rng)
    yield from _jpegs(rng)
    yield from _deep(rng)
    yield from _shallow(rng)
    yield from _see_through(rng)
    yield from _moving(rng)
    yield from _shapes(rng)


def _turned(rng: np.random.Generator) -> Iterator[Odd]:
    scene = smooth(rng)
    for orientation in SIDES:
        noticed = frozenset({TURNED} if orientation > 1 else ())
        stored = as_stored(scene, orientation)
        exif = Image.Exif()
        exif[0x0112] = orientation
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        tags[0x0112] = orientation
        later = saved(stored, "PNG", exif=exif)
        (part,) = (later[a:b] for kind, a, b in chunks_of(later) if kind == b"eXIf")
        files = {
            "baseline.jpg": (saved(stored, "JPEG", quality=95, subsampling=0, exif=exif), 12),
            "grey.jpg": (saved(Image.fromarray(stored).convert("L"), "JPEG", exif=exif), 12),
            "lossless.webp": (saved(stored, "WEBP", lossless=True, exif=exif), 0),
            "before.png": (later, 0),
            "after.png": (later.replace(part, b"")[:-12] + part + chunk(b"IEND", b""), 0),
            "plain.tif": (saved(stored, "TIFF", tiffinfo=tags), 0),
            "lzw.tif": (saved(stored, "TIFF", tiffinfo=tags, compression="tiff_lzw"), 0),
        }
        grey = threefold(np.asarray(Image.fromarray(scene).convert("L")))
        for name, (content, loss) in files.items():
            kind, ending = name.split(".")
            seen = grey if kind == "grey" else scene
            yield Odd(f"turn_{orientation}_{kind}.{ending}", content, seen, noticed, loss)


def _jpegs(rng: np.random.Generator) -> Iterator[Odd]:
    pixels = smooth(rng)
    picture, second = Image.fromarray(pixels), Image.fromarray(smooth(rng))
    grey = np.asarray(picture.convert("L"))
    fine: dict[str, object] = {"quality": 95, "subsampling": 0}
    yield Odd("progressive.jpg", saved(picture, "JPEG", progressive=True, **fine), pixels, loss=12)
    yield Odd("grey.jpg", saved(picture.convert("L"), "JPEG", **fine), threefold(grey), loss=6)
    yield Odd("rgb_kept.jpg", saved(picture, "JPEG", keep_rgb=True, quality=95), pixels, loss=12)
    restarts = saved(picture, "JPEG", restart_marker_rows=1, **fine)
    yield Odd("restarts.jpg", restarts, pixels, loss=12)
    for name, subsampling in (("422", 1), ("420", 2)):
        content = saved(picture, "JPEG", quality=95, subsampling=subsampling)
        yield Odd(f"thin_colour_{name}.jpg", content, pixels, loss=32)
    after = saved(picture, "JPEG", **fine) + rng.bytes(500)
    yield Odd("bytes_after.jpg", after, pixels, loss=12)
    note = saved(picture, "JPEG", comment=b"Exif\0\0 is only mentioned", **fine)
    yield Odd("comment.jpg", note, pixels, loss=12)
    several = saved(picture, "MPO", save_all=True, append_images=[second], **fine)
    yield Odd("two_views.jpg", several, pixels, frozenset({MOVING}), loss=12)

    inks = smooth(rng, 4)
    left = 255 - inks.astype(int)  # of the light, after each ink
    seen = np.round(left[..., :3] * left[..., 3:] / 255).astype(np.uint8)
    cmyk = saved(Image.fromarray(inks, "CMYK"), "JPEG", quality=95)
    yield Odd("cmyk.jpg", cmyk, seen, loss=14)
    # YCCK: cyan, magenta and yellow go through the transform that red, green and blue have.
    cyan, magenta, yellow = (inks[..., at].astype(float) for at in range(3))
    luma = 0.299 * cyan + 0.587 * magenta + 0.114 * yellow
    chroma = 128 + (yellow - luma) / 1.772, 128 + (cyan - luma) / 1.402
    planes = np.dstack([255 - luma, *(255 - plane for plane in chroma), inks[..., 3]])
    stored = Image.fromarray(planes.round().clip(0, 255).astype(np.uint8), "CMYK")
    ycck = saved(stored, "JPEG", quality=95)
    adobe = ycck.index(b"Adobe")
    yield Odd("ycck.jpg", patched(ycck, adobe + 11, b"\2"), seen, loss=20)


def _deep(rng: np.random.Generator) -> Iterator[Odd]:
    for channels in COLOUR_TYPES:
        levels = rng.integers(0, 65_536, (HEIGHT, WIDTH, channels)).astype(np.uint16)
        levels[0, :3] = [[0] * channels, [65_535] * channels, [128] * channels]
        seen, noticed = halved(levels), {DEEP}
        colours = threefold(seen[..., 0]) if channels < 3 else seen[..., :3]
        if channels in (2, 4):
            colours, noticed = on_grey(colours, seen[..., -1:]), {DEEP, LAID}
        yield Odd(f"deep_{channels}.png", deep_png(levels), colours, frozenset(noticed), 1)
    for channels, key in ((1, (700,)), (3, (700, 800, 900))):
        levels = rng.integers(0, 65_536, (HEIGHT, WIDTH, channels)).astype(np.uint16)
        levels[4, 5] = key
        colours = threefold(halved(levels)) if channels == 1 else halved(levels)
        colours[4, 5] = 128
        clear = chunk(b"tRNS", struct.pack(f">{channels}H", *key))
        content = deep_png(levels, clear)
        yield Odd(f"deep_key_{channels}.png", content, colours, frozenset({DEEP, LAID}))
    grey = rng.integers(0, 65_536, (HEIGHT, WIDTH, 1)).astype(np.uint16)
    rgb = rng.integers(0, 65_536, (HEIGHT, WIDTH, 3)).astype(np.uint16)
    seen, size = threefold(halved(grey)), f"{WIDTH} {HEIGHT}"
    only = frozenset({DEEP})
    yield Odd("deep_grey.tif", tiff(grey), seen, only)
    yield Odd("deep_rgb.tif", tiff(rgb), halved(rgb), only)
    yield Odd("deep_rgb_big_end_first.tif", _big_end_first(rgb), halved(rgb), only)
    packed = saved(Image.fromarray(grey[..., 0]), "TIFF", compression="tiff_lzw")
    yield Odd("deep_grey_lzw.tif", packed, seen, only)
    white = tiff(grey, t262=(SHORT, (0,)))
    yield Odd("deep_white_is_zero.tif", white, threefold(halved(65_535 - grey)), only)
    four = rng.integers(0, 65_536, (HEIGHT, WIDTH, 4)).astype(np.uint16)
    laid = on_grey(halved(four)[..., :3], halved(four)[..., 3:])
    content = tiff(four, t338=(SHORT, (2,)))
    yield Odd("deep_rgba.tif", content, laid, frozenset({DEEP, LAID}), 1)
    plain = f"P5 {size} 65535\n".encode() + grey.astype(">u2").tobytes()
    yield Odd("deep_grey.pgm", plain, seen, only)
    colour = f"P6 {size} 65535\n".encode() + rgb.astype(">u2").tobytes()
    yield Odd("deep_rgb.ppm", colour, halved(rgb))  # Pillow makes the 8 bits, by rounding too
    ten = f"P5 {size} 1023\n".encode() + (grey % 1024).astype(">u2").tobytes()
    yield Odd("ten_bits.pgm", ten, threefold(np.round(grey % 1024 / 1023 * 255)), only, 1)


def _big_end_first(rgb: np.ndarray) -> bytes:
    """A TIFF of 16 bits a channel as the other kind of machine writes it."""
    height, width, channels = rgb.shape
    strip = rgb.astype(">u2").tobytes()
    start = 8 + len(strip)
    tags = [
        (256, SHORT, 1, width << 16), (257, SHORT, 1, height << 16),
        (258, SHORT, 3, start + 2 + 12 * 9 + 4), (259, SHORT, 1, 1 << 16),
        (262, SHORT, 1, 2 << 16), (273, LONG, 1, 8), (277, SHORT, 1, channels << 16),
        (278, LONG, 1, height), (279, LONG, 1, len(strip)),
    ]  # fmt: skip
    entries = b"".join(struct.pack(">HHII", *tag) for tag in tags)
    directory = struct.pack(">H", len(tags)) + entries + bytes(4) + struct.pack(">HHH", 16, 16, 16)
    return b"MM\0*" + struct.pack(">I", start) + strip + directory


def _shallow(rng: np.random.Generator) -> Iterator[Odd]:
    for depth in (1, 2, 4):
        count = 2**depth
        levels = rng.integers(0, count, (HEIGHT, WIDTH)).astype(np.uint8)
        grey = threefold(levels * (255 // (count - 1)))
        yield Odd(f"grey_{depth}_bits.png", shallow_png(levels, depth, 0), grey)
        cleared = np.where((levels == 1)[..., None], np.uint8(128), grey)
        key = chunk(b"tRNS", struct.pack(">H", 1))
        content = shallow_png(levels, depth, 0, key)
        yield Odd(f"grey_key_{depth}_bits.png", content, cleared, frozenset({LAID}))
        palette = rng.integers(0, 256, (count, 3), dtype=np.uint8)
        colours = chunk(b"PLTE", palette.tobytes())
        content = shallow_png(levels, depth, 3, colours)
        yield Odd(f"palette_{depth}_bits.png", content, palette[levels])
        opacity = rng.integers(0, 255, (count, 1), dtype=np.uint8)
        content = shallow_png(levels, depth, 3, colours, chunk(b"tRNS", opacity.tobytes()))
        laid = on_grey(palette, opacity)[levels]
        yield Odd(f"palette_clear_{depth}_bits.png", content, laid, frozenset({LAID}), 1)
    bits = rng.random((HEIGHT, WIDTH)) < 0.5
    seen = threefold(bits * np.uint8(255))
    for ending, kind in (("tif", "TIFF"), ("bmp", "BMP"), ("pbm", "PPM"), ("gif", "GIF")):
        yield Odd(f"bits.{ending}", saved(Image.fromarray(bits), kind), seen)
    fax = saved(Image.fromarray(bits), "TIFF", compression="group4")
    yield Odd("fax.tif", fax, seen)


def _see_through(rng: np.random.Generator) -> Iterator[Odd]:
    pixels = smooth(rng)
    opacity = rng.integers(0, 256, (HEIGHT, WIDTH, 1), dtype=np.uint8)
    layers, only = np.dstack([pixels, opacity]), frozenset({LAID})
    seen, grey = on_grey(pixels, opacity), smooth(rng, 1)
    both = Image.fromarray(np.dstack([grey, opacity]), "LA")
    yield Odd("rgba.png", saved(layers, "PNG"), seen, only, 1)
    yield Odd("rgba.tif", saved(layers, "TIFF"), seen, only, 1)
    yield Odd("rgba.webp", saved(layers, "WEBP", lossless=True, exact=True), seen, only, 1)
    yield Odd("grey_alpha.png", saved(both, "PNG"), on_grey(threefold(grey), opacity), only, 1)
    solid = np.dstack([pixels, np.full_like(opacity, 255)])
    yield Odd("rgba_solid.png", saved(solid, "PNG"), pixels)
    key = tuple(int(value) for value in pixels[3, 4])
    cleared = np.where((pixels == key).all(axis=-1, keepdims=True), np.uint8(128), pixels)
    content = saved(pixels, "PNG", transparency=key)
    yield Odd("key_colour.png", content, cleared, only)
    palette = Image.fromarray(pixels).convert("P")
    index = np.asarray(palette)
    colours = np.asarray(palette.convert("RGB"))
    clear = int(index[0, 0])
    hole = np.where((index == clear)[..., None], np.uint8(128), colours)
    yield Odd("palette.gif", saved(palette, "GIF"), colours)
    yield Odd("palette_clear.gif", saved(palette, "GIF", transparency=clear), hole, only)
    yield Odd("palette.bmp", saved(palette, "BMP"), colours)
    yield Odd("palette.tif", saved(palette, "TIFF"), colours)


def _moving(rng: np.random.Generator) -> Iterator[Odd]:
    frames = [Image.fromarray(smooth(rng)) for _ in range(3)]
    first, more = np.asarray(frames[0]), {"save_all": True, "append_images": frames[1:]}
    only = frozenset({MOVING})
    yield Odd("moving.png", saved(frames[0], "PNG", **more), first, only)
    yield Odd("moving.webp", saved(frames[0], "WEBP", lossless=True, **more), first, only)
    yield Odd("pages.tif", saved(frames[0], "TIFF", **more), first, only)
    flat = [frame.quantize(64) for frame in frames]
    moving = saved(flat[0], "GIF", save_all=True, append_images=flat[1:])
    yield Odd("moving.gif", moving, np.asarray(flat[0].convert("RGB")), only)


def _shapes(rng: np.random.Generator) -> Iterator[Odd]:
    for width, height in ((1, 1), (1, 3000), (3000, 1), (2, 700)):
        pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        for ending, kind in (("png", "PNG"), ("bmp", "BMP"), ("ppm", "PPM"), ("tif", "TIFF")):
            yield Odd(f"thin_{width}x{height}.{ending}", saved(pixels, kind), pixels)
    pixels = smooth(rng)
    for ending, kind in (("png", "PNG"), ("bmp", "BMP"), ("ppm", "PPM"), ("tif", "TIFF")):
        yield Odd(f"bytes_after.{ending}", saved(pixels, kind) + rng.bytes(99), pixels)
    yield Odd("a_png_named.jpg", saved(pixels, "PNG"), pixels)
    yield Odd("a_bmp_named.webp", saved(pixels, "BMP"), pixels)
    upside = saved(np.ascontiguousarray(pixels[::-1]), "BMP")
    yield Odd("top_row_first.bmp", patched(upside, 22, struct.pack("<i", -HEIGHT)), pixels)
    palette = Image.fromarray(pixels).quantize(200)
    gif = saved(palette, "GIF")
    yield Odd("no_trailer.gif", gif[:-1], np.asarray(palette.convert("RGB")))
    interlaced = saved(palette, "GIF", interlace=1)
    yield Odd("interlaced.gif", interlaced, np.asarray(palette.convert("RGB")))
    text = " ".join(map(str, pixels.ravel()))
    plain = f"P3\n# a comment\n{WIDTH} {HEIGHT}\n255\n{text}\n"
    yield Odd("words.ppm", plain.encode(), pixels)
    for name, settings in (("lzw", {}), ("adobe_deflate", {}), ("packbits", {})):
        content = saved(pixels, "TIFF", compression=f"tiff_{name}", **settings)
        yield Odd(f"packed_{name}.tif", content, pixels)
