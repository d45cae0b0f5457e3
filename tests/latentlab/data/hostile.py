"""Files that a reader must refuse, and odd ones that it must not, made from seeded noise.

Every generator gives the same files for the same seed. Pictures are small and made here; nothing
is taken from a data set.
"""

import io
import json
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from PIL import Image, TiffImagePlugin

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


def bad_pictures_of(seed: int, *topics: str) -> list[tuple[str, bytes, str]]:
    return [one for one in bad_images(seed) if one[2].split(":")[0] in topics]


def bad_images(seed: int) -> Iterator[tuple[str, bytes, str]]:
    """File name, content, and what is wrong with it, which starts with one of

    `other`: it is no picture; `cut`: its end is missing; `hole`: a JPEG that was cut and closed;
    `header`: a field is wrong; `checksum`; `huge`: it claims more than 50 million pixels;
    `bomb`: it unpacks to far more; `range`: the range of its pixels is unknown.
    """
    rng = np.random.default_rng(seed)
    whole = whole_pictures(rng)
    several = (
        _no_pictures(rng), _cut(rng, whole), _holes(rng, whole), _bad_jpegs(whole),
        _bad_pngs(rng, whole), _bad_tiffs(rng), _bad_others(whole), _huge(rng, whole),
        _bombs(rng), _ranges(rng),
    )  # fmt: skip
    number = 0
    for one in several:
        for name, content, why in one:
            number += 1
            yield f"bad_{number:03d}_{name}", content, why


Pictures = Iterator[tuple[str, bytes, str]]


def _no_pictures(rng: np.random.Generator) -> Pictures:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("picture.jpg", rng.bytes(100))
    array = io.BytesIO()
    np.save(array, smooth(rng))
    quota = (
        "<!DOCTYPE html><html><head><title>Google Drive - Quota exceeded</title></head>"
        "<body>Too many users have viewed or downloaded this file recently.</body></html>"
    )
    others = {
        "quota page": quota.encode(),
        "web page after blanks": b"\r\n  \t" + quota.encode(),
        "web page with a mark": b"\xef\xbb\xbf" + quota.encode(),
        "web page in UTF-16": quota.encode("utf-16"),
        "XML": b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
        "SVG": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
        "JSON": json.dumps({"error": {"code": 403, "message": "rate limit"}}).encode(),
        "text": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n",
        "zip": packed.getvalue(),
        "PDF": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n",
        "numpy array": array.getvalue(),
        "zeros": bytes(4096),
        "noise": rng.bytes(4096),
        "one byte": b"\xff",
        "Photoshop": b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 36, 44, 8, 3) + bytes(500),
        "icon": b"\0\0\1\0\1\0\x10\x10\0\0\1\0\x20\0" + struct.pack("<II", 40, 22) + bytes(40),
        "PCX": saved(smooth(rng), "PCX"),
        "Targa": saved(smooth(rng), "TGA"),
        "JPEG 2000": saved(smooth(rng), "JPEG2000"),
        "film": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(300),
    }
    endings = ("jpg", "png", "webp", "gif", "bmp", "tif", "ppm")
    for ending in endings:
        yield f"empty.{ending}", b"", "other: empty"
    for number, (what, content) in enumerate(others.items()):
        name = what.replace(" ", "_").lower()
        for ending in ("jpg", endings[1 + number % 6]):
            yield f"{name}.{ending}", content, f"other: {what}"


def _cut(rng: np.random.Generator, whole: dict[str, bytes]) -> Pictures:
    """No strict prefix of a file is a file, except that a GIF may lack its last two bytes: they
    end the last block and the file, after every pixel. So the last byte is missing from all
    others."""
    for name, content in whole.items():
        kind, ending = name.split(".")
        least = 2 if ending == "gif" else 0
        length = len(content)
        places = {length - 1 - least, length - 3 - least, length // 2, length // 4, 12, 3}
        places |= {int(place) for place in rng.integers(20, length - 3 - least, 3)}
        for place in sorted(places):
            yield f"{kind}_cut_{place}.{ending}", content[:place], f"cut: {place} of {length} bytes"


def _holes(rng: np.random.Generator, whole: dict[str, bytes]) -> Pictures:
    """Cut within the pixels and closed with the end marker, as a repair tool would leave it."""
    for name, content in whole.items():
        if not content.startswith(b"\xff\xd8"):
            continue
        kind, ending = name.split(".")
        # Within the first scan: a progressive file that ends between two is only coarse.
        start = marker(content, 0xDA) + 14
        stop = next(at for at in range(start, len(content)) if ends_a_scan(content, at))
        stop -= (stop - start) // 3
        for place in sorted({int(place) for place in rng.integers(start, stop, 4)}):
            end = content[:place].rstrip(b"\xff") + b"\xff\xd9"
            yield f"{kind}_closed_{place}.{ending}", end, f"hole: closed after {place} bytes"


def _bad_jpegs(whole: dict[str, bytes]) -> Pictures:
    for name in ("baseline.jpg", "progressive.jpg", "grey.jpg", "cmyk.jpeg"):
        good = whole[name]
        kind, ending = name.split(".")
        frame, tables, scan = marker(good, 0xC0, 0xC2), marker(good, 0xDB), marker(good, 0xDA)
        wrong = {
            "start": patched(good, 0, b"\xff\xd9"),
            "second_byte": patched(good, 1, b"\x00"),
            "frame_kind": patched(good, frame + 1, b"\xc7"),
            "frame_length": patched(good, frame + 2, b"\0\x05"),
            "precision": patched(good, frame + 4, b"\x07"),
            "no_height": patched(good, frame + 5, b"\0\0"),
            "no_width": patched(good, frame + 7, b"\0\0"),
            "no_components": patched(good, frame + 9, b"\0"),
            "sampling": patched(good, frame + 11, b"\0"),
            "table_length": patched(good, tables + 2, b"\0\0"),
            "no_tables": good[:tables] + good[frame:],
            "scan_components": patched(good, scan + 4, b"\x09"),
            "no_scan": good[:scan] + b"\xff\xd9",
            "no_frame": good[:frame] + good[scan:],
        }
        for what, content in wrong.items():
            yield f"{kind}_{what}.{ending}", content, f"header: {what}"


def _bad_pngs(rng: np.random.Generator, whole: dict[str, bytes]) -> Pictures:
    for name, good in whole.items():
        kind, ending = name.split(".")
        if ending != "png":
            continue
        for part, start, end in chunks_of(good):
            text = part.decode()
            bit = 1 << int(rng.integers(8))
            broken = patched(good, end - 1, bytes([good[end - 1] ^ bit]))
            yield f"{kind}_{text}_sum.png", broken, f"checksum: of {text}"
            longer = patched(good, start, struct.pack(">I", end - start - 12 + 40))
            yield f"{kind}_{text}_length.png", longer, f"header: length of {text}"
        place = next(start for part, start, _ in chunks_of(good) if part == b"IDAT")
        place += 8 + int(rng.integers(20, 200))
        flipped = patched(good, place, bytes([good[place] ^ 0x10]))
        yield f"{kind}_pixels.png", flipped, "checksum: of changed pixels"
    pixels = smooth(rng)
    rows = scanlines(pixels)
    size, packed = (WIDTH, HEIGHT), zlib.compress(rows)
    flat = zlib.compress(scanlines(pixels[..., 0]))
    wrong = {
        "magic": patched(png(size, 8, 2, packed), 1, b"pNG"),
        "line_ends": png(size, 8, 2, packed).replace(b"\r\n", b"\n", 1),
        "depth_3": png(size, 3, 0, flat),
        "depth_0": png(size, 0, 2, packed),
        "colour_5": png(size, 8, 5, packed),
        "depth_16_palette": png(size, 16, 3, flat, chunk(b"PLTE", bytes(768))),
        "no_width": png((0, HEIGHT), 8, 2, packed),
        "no_height": png((WIDTH, 0), 8, 2, packed),
        "no_palette": png(size, 8, 3, flat),
        "no_pixels": PNG_MAGIC + png(size, 8, 2, b"")[8:33] + chunk(b"IEND", b""),
        "no_header": PNG_MAGIC + chunk(b"IDAT", packed) + chunk(b"IEND", b""),
        "half_the_stream": png(size, 8, 2, packed[: len(packed) // 2]),
        "stream_start": png(size, 8, 2, b"\x00" + packed[1:]),
        "stream_empty": png(size, 8, 2, b""),
        "filter_9": png(size, 8, 2, zlib.compress(b"\x09" + rows[1:])),
        "filter_method": png(size, 8, 2, packed, filtering=1),
        "short_header": PNG_MAGIC + chunk(b"IHDR", bytes(5)) + chunk(b"IEND", b""),
    }
    for what, content in wrong.items():
        yield f"png_{what}.png", content, f"header: {what}"


def _bad_tiffs(rng: np.random.Generator) -> Pictures:
    pixels = smooth(rng)
    good = tiff(pixels)
    far = 10_000_000
    wrong = {
        "order": patched(good, 0, b"IX"),
        "version": patched(good, 2, b"\x2c"),
        "directory_far": patched(good, 4, struct.pack("<I", far)),
        "directory_in_pixels": patched(good, 4, struct.pack("<I", 40)),
        "directory_none": patched(good, 4, bytes(4)),
        "no_width": tiff(pixels, t256=(SHORT, (0,))),
        "no_height": tiff(pixels, t257=(SHORT, (0,))),
        "width_missing": tiff(pixels, drop=(256,)),
        "height_missing": tiff(pixels, drop=(257,)),
        "strips_missing": tiff(pixels, drop=(273,)),
        "bits_7": tiff(pixels, t258=(SHORT, (7, 7, 7))),
        "bits_0": tiff(pixels, t258=(SHORT, (0, 0, 0))),
        "packing_unknown": tiff(pixels, t259=(SHORT, (4242,))),
        "packing_lzw": tiff(pixels, t259=(SHORT, (5,))),
        "packing_deflate": tiff(pixels, t259=(SHORT, (8,))),
        "colours_unknown": tiff(pixels, t262=(SHORT, (999,))),
        "strip_far": tiff(pixels, t273=(LONG, (far,))),
        "samples_9": tiff(pixels, t277=(SHORT, (9,))),
        "higher_than_its_pixels": tiff(pixels, t257=(SHORT, (9 * HEIGHT,))),
    }
    for what, content in wrong.items():
        yield f"tiff_{what}.tif", content, f"header: {what}"


def _bad_others(whole: dict[str, bytes]) -> Pictures:
    gif, lossy = whole["palette.gif"], whole["lossy.webp"]
    lossless, pixels = whole["lossless.webp"], bytes(3 * HEIGHT * WIDTH)
    size = f"{WIDTH} {HEIGHT}".encode()
    frame = gif.index(b"\x2c", 13 + (6 << (gif[10] & 7)))  # its description, after the palette
    wrong = {
        "version.gif": patched(gif, 3, b"99x"),
        "no_frame.gif": gif[:frame] + b"\x3b",
        "no_width.gif": patched(patched(gif, 6, b"\0\0"), frame + 5, b"\0\0"),
        "no_height.gif": patched(patched(gif, 8, b"\0\0"), frame + 7, b"\0\0"),
        "code_size.gif": patched(gif, frame + 10, b"\x0d"),
        "block_kind.gif": patched(gif, frame, b"\x99"),
        "header_13.bmp": bmp(WIDTH, HEIGHT, header=13),
        "bits_7.bmp": bmp(WIDTH, HEIGHT, 7),
        "packing_99.bmp": bmp(WIDTH, HEIGHT, packing=99),
        "no_width.bmp": bmp(0, HEIGHT),
        "no_height.bmp": bmp(WIDTH, 0),
        "pixels_missing.bmp": bmp(WIDTH, HEIGHT),
        "offset_far.bmp": patched(whole["rgb.bmp"], 10, struct.pack("<I", 9_999_999)),
        "magic.bmp": patched(whole["rgb.bmp"], 0, b"MB"),
        "form.webp": patched(lossy, 8, b"WEBX"),
        "frame_start.webp": patched(lossy, 23, b"\0\0\0"),
        "frame_kind.webp": patched(lossy, 12, b"VP9 "),
        "chunk_length.webp": patched(lossy, 16, struct.pack("<I", len(lossy) * 4)),
        "form_length.webp": patched(lossy, 4, struct.pack("<I", len(lossy) * 4)),
        "signature.webp": patched(lossless, 20, b"\x30"),
        "no_chunk.webp": webp(b"JUNK", bytes(30)),
        "no_pixels.webp": vp8l(WIDTH, HEIGHT, b""),
        "zero_size.webp": vp8(0, 0, bytes(100)),
        "kind_9.ppm": b"P9 " + size + b" 255\n" + pixels,
        "words.ppm": b"P6 wide high 255\n" + pixels,
        "no_width.ppm": b"P6 0 36 255\n" + pixels,
        "no_height.pgm": b"P5 44 0 255\n" + pixels,
        "negative.ppm": b"P6 -44 36 255\n" + pixels,
        "no_level.pgm": b"P5 " + size + b" 0\n" + pixels,
        "levels.ppm": b"P6 " + size + b" 70000\n" + pixels * 2,
        "header_only.ppm": b"P6 " + size,
        "level_above_most.pgm": b"P2 2 1 9\n5 77\n",
        "text_cut.ppm": b"P3 " + size + b" 255\n" + b"1 2 3 " * 20,
        "text_letters.pgm": b"P2 2 2 255\n1 2 x 4\n",
    }
    for name, content in wrong.items():
        kind, ending = name.split(".")
        yield f"{ending}_{kind}.{ending}", content, f"header: {kind}"


def _huge(rng: np.random.Generator, whole: dict[str, bytes]) -> Pictures:
    """A header that claims too much, and a few bytes after it."""
    jpeg, gif = whole["baseline.jpg"], whole["palette.gif"]
    frame = marker(jpeg, 0xC0) + 5
    slow = whole["progressive.jpg"]
    later = marker(slow, 0xC2) + 5
    few = zlib.compress(bytes(1000))
    pixels = smooth(rng)
    for width, height in ((CLAIM, CLAIM), JUST_TOO_MANY, (65_000, 800)):
        claim = struct.pack(">HH", height, width)
        both = {"t256": (LONG, (width,)), "t257": (LONG, (height,))}
        files = {
            "baseline.jpg": patched(jpeg, frame, claim),
            "progressive.jpg": patched(slow, later, claim),
            "rgb.png": png((width, height), 8, 2, few),
            "deep.png": png((width, height), 16, 6, few),
            "bit.png": png((width, height), 1, 0, few),
            "interlaced.png": png((width, height), 8, 2, few, interlace=1),
            "screen.gif": patched(gif, 6, struct.pack("<HH", width, height)),
            "rgb.bmp": bmp(width, height),
            "upside.bmp": bmp(width, -height),
            "plain.tif": tiff(pixels, **both),
            "lzw.tif": tiff(pixels, **both, t259=(SHORT, (5,))),
            "rgb.ppm": f"P6 {width} {height} 255\n".encode() + bytes(99),
            "bits.pbm": f"P4 {width} {height}\n".encode() + bytes(99),
        }
        for name, content in files.items():
            kind, ending = name.split(".")
            what = f"{width}x{height}"
            yield f"{kind}_{what}.{ending}", content, f"huge: claims {what}"
    for width, height in ((16_383, 16_383), JUST_TOO_MANY):
        what = f"{width}x{height}"
        yield f"lossless_{what}.webp", vp8l(width, height, rng.bytes(99)), f"huge: claims {what}"
        yield f"lossy_{what}.webp", vp8(width, height, rng.bytes(99)), f"huge: claims {what}"


def _bombs(rng: np.random.Generator) -> Pictures:
    """Small files with a part that unpacks to 70 MB."""
    pixels = smooth(rng)
    packed, size = zlib.compress(scanlines(pixels)), (WIDTH, HEIGHT)
    large = zlib.compress(bytes(70 << 20), 9)
    text = b"Comment\0\0"
    yield "text.png", png(size, 8, 2, packed, chunk(b"zTXt", text + large)), "bomb: text"
    later = b"Comment\0\1\0\0\0" + large
    yield "words.png", png(size, 8, 2, packed, chunk(b"iTXt", later)), "bomb: international text"
    parts = [chunk(b"zTXt", text + zlib.compress(bytes(900_000))) for _ in range(90)]
    yield "texts.png", png(size, 8, 2, packed, *parts), "bomb: many texts"


def _ranges(rng: np.random.Generator) -> Pictures:
    for kind in ("int8", "int16", "int32", "uint32", "float16", "float32", "float64"):
        for most in (255, 60_000):
            numbers = rng.integers(0, most, (HEIGHT, WIDTH, 1))
            content = tiff((numbers % 120 if kind == "int8" else numbers).astype(kind))
            yield f"{kind}_{most}.tif", content, f"range: {kind}"
    floats = rng.random((HEIGHT, WIDTH)).astype("<f4").tobytes()
    head = f"Pf\n{WIDTH} {HEIGHT}\n-1.0\n".encode()
    yield "float.pgm", head + floats, "range: float"
    wide = rng.integers(0, 1000, (HEIGHT, WIDTH)).astype(np.int32)
    yield "packed_int32.tif", saved(wide, "TIFF", compression="tiff_lzw"), "range: int32"
    planes = rng.integers(0, 65_536, (HEIGHT, WIDTH, 3)).astype(np.uint16)
    yield "planes.tif", tiff(planes, t284=(SHORT, (2,))), "range: 16 bits in planes"


# Odd pictures: nothing is wrong with them.


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


# Label files. The truth about picture n is the same in all of them.

COUNT = 12
IDS = tuple(f"{n:06d}.jpg" for n in range(1, COUNT + 1))
ATTRIBUTES = "list_attr_celeba"
PARTITION = "list_eval_partition"
IDENTITY = "identity_CelebA"
POINTS = "list_landmarks_align_celeba"


def smiles(n: int) -> bool:
    return n % 2 == 1


def male(n: int) -> bool:
    return n % 3 == 0


@dataclass(frozen=True)
class LabelFiles:
    """Label files for the pictures 000001.jpg to 000012.jpg.

    Attributes:
        layout: "celeba", or "table" for `labels` of an image folder.
        files: Name -> content; None makes a folder of that name.
        names: What the complaint must name: the file, and line or key where there is one.
        rows: Only rows are wrong, so that they can be skipped.
        refused: With rows skipped, or nothing wrong: how many rows are refused, and those keys.
        unknown: Pictures that are used although nothing is known about them.
    """

    name: str
    layout: str
    files: dict[str, bytes | None]
    names: tuple[str, ...] = ()
    rows: bool = False
    refused: tuple[str, ...] = ()
    unknown: frozenset[str] = field(default_factory=frozenset)

    @property
    def table(self) -> str:
        """The file that `labels` of an image folder names."""
        return next(iter(self.files))


def attribute_rows(no: str = "-1", yes: str = "1", between: str = " ") -> list[str]:
    return [
        between.join((name, yes if smiles(n) else no, yes if male(n) else no))
        for n, name in enumerate(IDS)
    ]


def partition_rows(between: str = " ") -> list[str]:
    return [f"{name}{between}{n % 3}" for n, name in enumerate(IDS)]


def text(*lines: str, end: str = "\n") -> bytes:
    return (end.join(lines) + end).encode()


def attributes_text(rows: list[str], count: int | None = None) -> bytes:
    return text(str(len(rows) if count is None else count), "Smiling Male", *rows)


def attributes_csv(rows: list[str], head: str = "image_id,Smiling,Male") -> bytes:
    return text(head, *rows)


def changed(rows: list[str], place: int, row: str) -> list[str]:
    return [*rows[:place], row, *rows[place + 1 :]]


def parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    return buffer.getvalue()


def truth_frame(keys: tuple[object, ...] = IDS) -> pd.DataFrame:
    numbers = range(len(keys))
    return pd.DataFrame(
        {"image_id": keys, "Smiling": map(smiles, numbers), "Male": map(male, numbers)}
    )


def bad_labels(seed: int) -> Iterator[LabelFiles]:
    """Each must lead to an error that names its file."""
    rng = np.random.default_rng(seed)
    yield from _bad_attributes(rng)
    yield from _bad_partitions(rng)
    yield from _bad_beside(rng)
    yield from _bad_tables(rng)


def _bad_attributes(rng: np.random.Generator) -> Iterator[LabelFiles]:
    plain, commas = attribute_rows(), attribute_rows(between=",")
    at = int(rng.integers(2, COUNT - 2))
    key, line = IDS[at], f"line {at + 3}"
    packed = lzma.compress(attributes_text(plain))
    words = f"{ATTRIBUTES}.txt"
    whole: dict[str, tuple[bytes | None, tuple[str, ...]]] = {
        "count_too_high": (attributes_text(plain, COUNT + 5), ()),
        "count_too_low": (attributes_text(plain, COUNT - 1), ()),
        "count_negative": (attributes_text(plain, -COUNT), ()),
        "count_is_text": (text("many", "Smiling Male", *plain), ()),
        "count_missing": (text("Smiling Male", *plain), ()),
        "names_missing": (text(str(COUNT), *plain), ()),
        "cut_in_a_row": (attributes_text(plain)[:-40], ()),
        "row_too_short": (attributes_text(changed(plain, at, f"{key} 1")), (line,)),
        "row_too_long": (attributes_text(changed(plain, at, f"{key} 1 -1 1")), (line,)),
        "zero_among_minus": (attributes_text(changed(plain, at, f"{key} 0 1")), (line,)),
        "two_of_a_name": (text(str(COUNT), "Smiling Smiling", *plain), ("Smiling",)),
        "named_split": (text(str(COUNT), "Smiling split", *plain), ("split",)),
        "named_identity": (text(str(COUNT), "identity Male", *plain), ("identity",)),
        "named_image_id": (text(str(COUNT), "image_id Male", *plain), ("image_id",)),
        "empty": (b"", ()),
        "blank": (b"\n\n  \n", ()),
        "header_only": (text("0", "Smiling Male"), ()),
        "zero_bytes": (attributes_text(plain) + bytes(40), ()),
        "UTF-16": (attributes_text(plain).decode().encode("utf-16"), ()),
        "Latin-1": (attributes_text(plain).replace(b"Male", b"M\xe4nnlich"), ()),
        "noise": (rng.bytes(500), ()),
        "web_page": (b"<!DOCTYPE html><html>Quota exceeded</html>", ()),
        "other_pictures": (attributes_text([f"9{row}" for row in plain]), ()),
    }
    for name, (content, names) in whole.items():
        yield LabelFiles(f"text_{name}", "celeba", {words: content}, (ATTRIBUTES, *names))
    cells: dict[str, tuple[str, tuple[str, ...]]] = {
        "no_code": (f"{key} 1 x", (key, line)),
        "two": (f"{key} 2 1", (key, line)),
        "half": (f"{key} 1 0.5", (key, line)),
    }
    for name, (row, names) in cells.items():
        files: dict[str, bytes | None] = {words: attributes_text(changed(plain, at, row))}
        yield LabelFiles(
            f"text_{name}", "celeba", files, (ATTRIBUTES, *names), rows=True, refused=(key,)
        )
    other = f"{key} {-1 if smiles(at) else 1} 1"
    files = {words: attributes_text([*plain, other])}
    yield LabelFiles(
        "text_contradiction", "celeba", files, (ATTRIBUTES, key, str(COUNT + 3)),
        rows=True, refused=(key, key),
    )  # fmt: skip
    tables: dict[str, tuple[bytes, tuple[str, ...]]] = {
        "ragged": (attributes_csv(changed(commas, at, f"{key},1")), (f"line {at + 2}",)),
        "true_among_ones": (attributes_csv(changed(commas, at, f"{key},true,1")), ("true",)),
        "unclosed_quote": (attributes_csv(changed(commas, at, f'"{key},1,1')), ()),
        "two_of_a_name": (attributes_csv(commas, "image_id,Male,Male"), ("Male",)),
        "no_name": (attributes_csv(commas, "image_id,,Male"), ()),
        "named_split": (attributes_csv(commas, "image_id,split,Male"), ("split",)),
        "header_only": (attributes_csv([]), ()),
        "empty": (b"", ()),
        "no_header": (text(*commas), ()),
    }
    for name, (content, names) in tables.items():
        files = {f"{ATTRIBUTES}.csv": content}
        yield LabelFiles(f"csv_{name}", "celeba", files, (ATTRIBUTES, *names))
    archives = {
        "no_xz": attributes_text(plain),
        "cut": packed[:-20],
        "damaged": patched(packed, len(packed) // 2, bytes(8)),
        "bomb_of_noise": b"\xfd7zXZ\0" + rng.bytes(200),
    }
    for name, content in archives.items():
        files = {f"{words}.xz": content}
        yield LabelFiles(f"xz_{name}", "celeba", files, (f"{words}.xz",))
    yield LabelFiles("a_folder", "celeba", {words: None}, (ATTRIBUTES,))


def _bad_partitions(rng: np.random.Generator) -> Iterator[LabelFiles]:
    at = int(rng.integers(1, COUNT - 1))
    key, rows = IDS[at], partition_rows()
    words = f"{PARTITION}.txt"
    whole = {
        "three_columns": text(*(f"{row} 1" for row in rows)),
        "one_column": text(*IDS),
        "empty": b"",
        "zero_bytes": text(*rows) + bytes(9),
        "UTF-16": text(*rows).decode().encode("utf-16"),
        "ragged": text(*changed(rows, at, key)),
    }
    for name, content in whole.items():
        files: dict[str, bytes | None] = {words: content}
        yield LabelFiles(f"partition_{name}", "celeba", files, (PARTITION,))
    single: dict[str, tuple[list[str], tuple[str, ...]]] = {
        "seven": (changed(rows, at, f"{key} 7"), (key, f"line {at + 1}")),
        "word": (changed(rows, at, f"{key} later"), (key, f"line {at + 1}")),
        "row_missing": ([*rows[:at], *rows[at + 1 :]], (key,)),
        "contradiction": ([*rows, f"{key} {(at + 1) % 3}"], (key,)),
    }
    for name, (lines, names) in single.items():
        files = {words: text(*lines)}
        yield LabelFiles(
            f"partition_{name}", "celeba", files, (PARTITION, *names), rows=True, refused=(key,)
        )


def _bad_beside(rng: np.random.Generator) -> Iterator[LabelFiles]:
    """Files that CelebA may have beside the two that it needs."""
    at = int(rng.integers(1, COUNT - 1))
    key = IDS[at]
    persons = [f"{name} {n // 2}" for n, name in enumerate(IDS)]
    points = [f"{name} {60 + n} 110" for n, name in enumerate(IDS)]
    head = str(COUNT), "lefteye_x lefteye_y"
    for name, stem, content, line in (
        ("person_is_text", IDENTITY, text(*changed(persons, at, f"{key} me")), at + 1),
        ("person_is_half", IDENTITY, text(*changed(persons, at, f"{key} 1.5")), at + 1),
        ("point_is_text", POINTS, text(*head, *changed(points, at, f"{key} 61 ?")), at + 3),
        ("point_is_endless", POINTS, text(*head, *changed(points, at, f"{key} inf 9")), at + 3),
    ):
        yield LabelFiles(
            f"{name}", "celeba", {f"{stem}.txt": content}, (stem, key, f"line {line}"), rows=True,
            refused=(key,),
        )  # fmt: skip
    for name, stem, content in (
        ("person_missing", IDENTITY, text(*changed(persons, at, key))),
        ("points_count", POINTS, text("13", head[1], *points)),
        ("points_clash", POINTS, text(head[0], "Smiling lefteye_y", *points)),
        ("points_empty", POINTS, b""),
    ):
        named = (stem,) if name != "points_clash" else ("Smiling",)
        yield LabelFiles(f"{name}", "celeba", {f"{stem}.txt": content}, named)


def _bad_tables(rng: np.random.Generator) -> Iterator[LabelFiles]:
    at = int(rng.integers(2, COUNT - 2))
    key, line = IDS[at], f"line {at + 2}"
    commas, tabs = attribute_rows("0", "1", ","), attribute_rows("0", "1", "\t")
    frame = truth_frame()
    whole: dict[str, tuple[bytes | None, tuple[str, ...]]] = {
        "ragged.csv": (attributes_csv(changed(commas, at, f"{key},1")), (line,)),
        "ragged.tsv": (text("file\tSmiling\tMale", *changed(tabs, at, f"{key}\t1\t1\t1")), (line,)),
        "codes_mixed.csv": (attributes_csv(changed(commas, at, f"{key},true,1")), (line,)),
        "minus_and_zero.csv": (attributes_csv(changed(commas, at, f"{key},-1,1")), ("Smiling",)),
        "unclosed_quote.csv": (attributes_csv(changed(commas, at, f'{key},"1,1')), ()),
        "quote_in_the_middle.csv": (attributes_csv(changed(commas, at, f'{key},"1"1,1')), (line,)),
        "zero_bytes.csv": (attributes_csv(commas).replace(b",1", b",\0", 1), ()),
        "utf_16.csv": (attributes_csv(commas).decode().encode("utf-16"), ()),
        "latin_1.csv": (attributes_csv(commas, "image_id,L\xe4cheln,Male").decode()
                        .encode("latin-1"), ()),
        "empty.csv": (b"", ()),
        "blank.tsv": (b"\n \n\n", ()),
        "header_only.csv": (attributes_csv([]), ()),
        "header_only.tsv": (b"image_id\tSmiling\n", ()),
        "two_of_a_name.csv": (attributes_csv(commas, "image_id,Male,Male"), ("Male",)),
        "no_name.csv": (attributes_csv(commas, "image_id,Smiling,"), ()),
        "no_row_joins.csv": (attributes_csv([f"x{row}" for row in commas]), ("x000001.jpg",)),
        "zeros_lost.csv": (attributes_csv([row.lstrip("0").replace(".jpg", "") for row in commas]),
                           ("leading zeros",)),
        "zeros_lost.parquet": (parquet(truth_frame(tuple(range(1, COUNT + 1)))),
                               ("leading zeros",)),
        "two_forms_of_a_name.csv": (attributes_csv([*commas, f"{key[:-4]},1,1"]), (key[:-4],)),
        "web_page.csv": (b"<!DOCTYPE html>\n<html>sign in</html>", ()),
        "noise.csv": (rng.bytes(400), ()),
        "noise.parquet": (rng.bytes(400), ()),
        "empty.parquet": (b"", ()),
        "cut.parquet": (parquet(frame)[:-30], ()),
        "start_only.parquet": (b"PAR1" + bytes(40), ()),
        "damaged.parquet": (patched(parquet(frame), 20, rng.bytes(60)), ()),
        "no_rows.parquet": (parquet(frame.iloc[:0]), ()),
        "json.parquet": (b'{"image_id": [1]}', ()),
        "a_folder.csv": (None, ()),
        "a_folder.parquet": (None, ()),
        "a_class_twice.csv": (text("image_id,mood,mood_sad", f"{IDS[0]},sad,1",
                                   f"{IDS[1]},glad,0"), ("mood_sad",)),
    }  # fmt: skip
    for name, (content, names) in whole.items():
        yield LabelFiles(f"table_{name}", "table", {name: content}, (name, *names))
    lines = changed(commas, at, f"{key},{int(not smiles(at))},1")
    twice = attributes_csv([*commas, lines[at]])
    yield LabelFiles(
        "table_contradiction.csv", "table", {"contradiction.csv": twice},
        ("contradiction.csv", key, line.removeprefix("line ")), rows=True, refused=(key, key),
        unknown=frozenset({key}),
    )  # fmt: skip
    split = text("image_id,Smiling,split", *(f"{row.rsplit(',', 1)[0]},{n % 3}" for n, row
                 in enumerate(changed(commas, at, f"{key},1,x"))))  # fmt: skip
    split = split.replace(f"{key},1,{at % 3}".encode(), f"{key},1,7".encode())
    yield LabelFiles(
        "table_split_of_7.csv", "table", {"split.csv": split}, ("split.csv", key, line), rows=True,
        refused=(key,),
    )  # fmt: skip


def odd_labels(seed: int) -> Iterator[LabelFiles]:
    """Each must be read; `refused` are the rows that are listed all the same."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(COUNT)
    plain, commas = attribute_rows(), attribute_rows(between=",")
    words, table = f"{ATTRIBUTES}.txt", f"{ATTRIBUTES}.csv"
    good, listed = attributes_text(plain), attributes_csv(commas)
    at = int(rng.integers(1, COUNT - 1))
    rest = [row for n, row in enumerate(plain) if n != at]
    wide = "12", "Smiling Male Hat"
    quoted = b'"' + listed.replace(b",", b'","').replace(b"\n", b'"\n"')[:-1]
    lonely = frozenset({IDS[at]})
    for name, files, refused in (
        ("plain", {words: good}, ()),
        ("CRLF", {words: good.replace(b"\n", b"\r\n")}, ()),
        ("CR", {words: good.replace(b"\n", b"\r")}, ()),
        ("mark", {words: b"\xef\xbb\xbf" + good}, ()),
        ("unsorted", {words: attributes_text([plain[n] for n in order])}, ()),
        ("repeated", {words: attributes_text([*plain, plain[at]])}, (IDS[at],)),
        ("many_repeated", {words: attributes_text(plain * 3)}, IDS * 2),
        ("row_missing", {words: attributes_text(rest)}, ()),
        ("row_more", {words: attributes_text([*plain, "000099.jpg 1 1"])}, ("000099.jpg",)),
        ("column_more", {words: text(*wide, *(f"{row} -1" for row in plain))}, ()),
        ("blanks", {words: good.replace(b" ", b"   ").replace(b"\n", b" \t\n\n")}, ()),
        ("no_last_line_end", {words: good.rstrip()}, ()),
        ("xz", {f"{words}.xz": lzma.compress(good)}, ()),
        ("zeros", {words: attributes_text(attribute_rows("0"))}, ()),
        ("plus", {words: attributes_text(attribute_rows("-1", "+1"))}, ()),
        ("csv", {table: listed}, ()),
        ("csv_CRLF", {table: listed.replace(b"\n", b"\r\n")}, ()),
        ("csv_mark", {table: b"\xef\xbb\xbf" + listed}, ()),
        ("csv_quoted", {table: quoted}, ()),
        ("csv_spaces", {table: listed.replace(b",", b" , ")}, ()),
        ("csv_blank_lines", {table: listed.replace(b"\n", b"\n\n,,\n")}, ()),
        ("csv_true_false", {table: attributes_csv(attribute_rows("False", "True", ","))}, ()),
        ("csv_floats", {table: attributes_csv(attribute_rows("-1.0", "1.0", ","))}, ()),
        ("csv_xz", {f"{table}.xz": lzma.compress(listed)}, ()),
        ("csv_xz_of_two_parts", {f"{table}.xz": lzma.compress(listed[:150])
                                 + lzma.compress(listed[150:])}, ()),
        ("csv_semicolon", {table: listed.replace(b",", b";")}, ()),
        ("partition_CRLF", {f"{PARTITION}.txt": text(*partition_rows(), end="\r\n")}, ()),
        ("partition_csv", {f"{PARTITION}.csv": text("image_id,partition", *partition_rows(","))},
         ()),
        ("partition_repeated", {f"{PARTITION}.txt": text(*partition_rows() * 2)}, ()),
        ("partition_of_more", {f"{PARTITION}.txt": text(*partition_rows(), "000099.jpg 1")}, ()),
    ):  # fmt: skip
        unknown = lonely if name == "row_missing" else frozenset()
        yield LabelFiles(name, "celeba", dict(files), refused=refused, unknown=unknown)
    codes = attribute_rows("0", "1", ",")
    content = attributes_csv(codes)
    tabs = content.replace(b",", b"\t")
    by_stem = content.replace(b".jpg", b"")
    kept = [row for n, row in enumerate(codes) if n != at]
    frame = truth_frame()
    for name, content_, refused, unknown in (
        ("plain.csv", content, (), ()),
        ("crlf.csv", content.replace(b"\n", b"\r\n"), (), ()),
        ("mark.csv", b"\xef\xbb\xbf" + content, (), ()),
        ("tabs.tsv", tabs, (), ()),
        ("tabs.csv", tabs, (), ()),
        ("semicolon.csv", content.replace(b",", b";"), (), ()),
        ("unsorted.csv", attributes_csv([codes[n] for n in order]), (), ()),
        ("repeated.csv", attributes_csv([*codes, codes[at]]), (IDS[at],), ()),
        ("row_missing.csv", attributes_csv(kept), (), lonely),
        ("row_more.csv", attributes_csv([*codes, "000099.jpg,1,1"]), ("000099.jpg",), ()),
        ("by_stem.csv", by_stem, (), ()),
        ("by_path.csv", content.replace(b"0000", b"./0000"), (), ()),
        ("yes_no.csv", attributes_csv(attribute_rows("no", "YES", ",")), (), ()),
        ("minus_one.csv", listed, (), ()),
        ("true_false.csv", attributes_csv(attribute_rows("false", "true", ",")), (), ()),
        ("quoted.csv", content.replace(b".jpg", b'.jpg"').replace(b"\n0", b'\n"0'), (), ()),
        ("spaces.csv", content.replace(b",", b", "), (), ()),
        ("blank_lines.csv", content.replace(b"\n", b"\n\n"), (), ()),
        ("text_with_comma.csv", attributes_csv([f'{row},"a, ""b"""' for row in codes],
                                               "image_id,Smiling,Male,note"), (), ()),
        ("text_over_lines.csv", attributes_csv([f'{row},"a\nb"' for row in codes],
                                               "image_id,Smiling,Male,note"), (), ()),
        ("bool.parquet", parquet(frame), (), ()),
        ("numbers.parquet", parquet(frame.astype({"Smiling": float, "Male": int})), (), ()),
        ("indexed.parquet", parquet(frame.set_index("image_id")), (), ()),
        ("missing.csv", attributes_csv(changed(codes, at, f"{IDS[at]},,NA")), (), lonely),
    ):  # fmt: skip
        yield LabelFiles(
            f"table_{name}", "table", {name: content_}, refused=refused, unknown=frozenset(unknown)
        )
