"""Pictures that a strict reader must refuse."""

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np

from tests.latentlab.data.hostile.pieces import (
    CLAIM,
    HEIGHT,
    JUST_TOO_MANY,
    LONG,
    PNG_MAGIC,
    SHORT,
    WIDTH,
    bmp,
    chunk,
    chunks_of,
    ends_a_scan,
    marker,
    patched,
    png,
    saved,
    scanlines,
    smooth,
    tiff,
    vp8,
    vp8l,
    webp,
    whole_pictures,
)


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
