"""One unsafe member and the whole archive is refused; nothing of it is ever written anywhere."""

import io
import stat
import struct
import tarfile
import zipfile

import numpy as np
import pytest

from latentlab.data import archives, images
from latentlab.data.image_folder import ImageFolder
from latentlab.data.prepared import prepare
from latentlab.data.splits import Shares
from latentlab.errors import DataError
from tests.latentlab.data import hostile

GOOD = hostile.good_pictures(np.random.default_rng(0), 12)
SHARES = Shares(0.2, 0.2)

UNSAFE_NAMES = {
    "parent": "../evil.png",
    "parent within": "a/../../evil.png",
    "parent at the end": "a/..",
    "only the parent": "..",
    "absolute": "/tmp/evil.png",
    "absolute folder": "/etc/",
    "drive": "C:\\evil.png",
    "drive without slash": "C:evil.png",
    "small drive": "d:/evil.png",
    "backslash": "\\evil.png",
    "backslash parent": "..\\evil.png",
    "both slashes": "a\\../..\\evil.png",
    "network": "\\\\server\\share\\evil.png",
    "network with slashes": "//server/share/evil.png",
    "device path": "\\\\?\\C:\\evil.png",
    "home": "~/evil.png",
}
CLASHES = {
    "case": ("Evil.png", "evil.png"),
    "case of a folder": ("A/evil.png", "a/evil.png"),
    "the same": ("evil.png", "evil.png"),
    "dot": ("evil.png", "./evil.png"),
    "dot within": ("a/evil.png", "a/./evil.png"),
    "two slashes": ("a/evil.png", "a//evil.png"),
    "backslash": ("a/evil.png", "a\\evil.png"),
    "a file and a folder": ("evil.png", "evil.png/"),
    "sharp s": ("STRASSE.png", "straße.png"),
    "composed": ("\u00e9.png", "e\u0301.png"),
}


def zipped(*members, packing=zipfile.ZIP_STORED):
    """A zip of the good pictures and these (name or ZipInfo, content)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as file:
        for name, content in [*GOOD.items(), *members]:
            file.writestr(name, content)
    return buffer.getvalue()


def tarred(*members):
    """A tar of the good pictures and these (name or TarInfo, content)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as file:
        for name, content in [*GOOD.items(), *members]:
            entry = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            if entry.isreg():
                entry.size = len(content)
            file.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def of_kind(kind, name="evil.png", target="/etc/passwd"):
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return tarred((entry, b""))


def zip_of_kind(kind):
    entry = zipfile.ZipInfo("evil.png")
    entry.create_system = 3
    entry.external_attr = (kind | 0o777) << 16
    return zipped((entry, b"/etc/passwd"))


def renamed(content, old, new):
    """Names changed behind the back of the module that wrote them; of the same length."""
    assert len(old) == len(new)
    assert old in content
    return content.replace(old, new)


def in_directory(content, offset, value, form):
    """A field of the last entry of a zip's central directory changed."""
    return hostile.patched(content, content.rindex(b"PK\1\2") + offset, struct.pack(form, value))


def overlapping():
    """The last member's entry is there a second time under another name: one body, two files."""
    content = zipped(("evil_a.png", bytes(90_000)))
    start, end = content.rindex(b"PK\1\2"), content.rindex(b"PK\5\6")
    again = content[start:end].replace(b"evil_a", b"evil_b")
    count, size = struct.unpack_from("<HI", content, end + 10)
    tail = hostile.patched(content[end:], 8, struct.pack("<HHI", *(2 * [count + 1]), size + end
                                                       - start))  # fmt: skip
    return content[:end] + again + tail


def bomb(size):
    return zipped(("evil.png", bytes(size)), packing=zipfile.ZIP_DEFLATED)


def sparse_tar():
    entry = tarfile.TarInfo("evil.png")
    entry.type = tarfile.GNUTYPE_SPARSE
    return tarred((entry, b""))


def bad_archives():
    for what, name in UNSAFE_NAMES.items():
        yield f"{what}.zip", zipped((name, b"x")), "leads out"
        yield f"{what}.tar", tarred((name, b"x")), "leads out"
    for what, names in CLASHES.items():
        with pytest.warns() if what == "the same" else _silence():
            yield f"clash, {what}.zip", zipped(*((name, b"x") for name in names)), "evil|str|png"
        yield f"clash, {what}.tar", tarred(*((name, b"x") for name in names)), "evil|str|png"
    for what, kind in (
        ("symlink", stat.S_IFLNK), ("fifo", stat.S_IFIFO), ("character", stat.S_IFCHR),
        ("block", stat.S_IFBLK), ("socket", stat.S_IFSOCK),
    ):  # fmt: skip
        yield f"{what}.zip", zip_of_kind(kind), "evil.png is a link or a device"
    for what, kind in (
        ("symlink", tarfile.SYMTYPE), ("hard link", tarfile.LNKTYPE), ("fifo", tarfile.FIFOTYPE),
        ("character", tarfile.CHRTYPE), ("block", tarfile.BLKTYPE),
    ):  # fmt: skip
        yield f"{what}.tar", of_kind(kind), "evil.png is a link or a device"
    yield "link to a member.tar", of_kind(tarfile.LNKTYPE, target="good_00.png"), "is a link"
    yield "link that is a folder.tar", of_kind(tarfile.SYMTYPE, "a", ".."), "is a link"
    yield "link not a picture.tar", of_kind(tarfile.SYMTYPE, "notes.txt"), "is a link"
    yield "sparse.tar", sparse_tar(), "evil.png"
    yield "bomb by ratio.zip", bomb(17 << 20), "unpacks to 17,825,792"
    large = in_directory(zipped(("evil.png", b"x")), 24, (256 << 20) + 1, "<I")
    yield "bomb by size.zip", large, "unpacks to 268,435,457"
    yield "overlap.zip", overlapping(), "overlap"
    locked = in_directory(zipped(("evil.png", b"x")), 8, 1, "<H")
    yield "password.zip", locked, "evil.png needs a password"
    nul = renamed(zipped(("evil.png\1.txt", b"x")), b"png\1", b"png\0")
    yield "zero byte.zip", nul, "evil.png"
    whole, other = zipped(), tarred()
    yield "cut.zip", whole[: len(whole) // 2], "not a whole archive"
    yield "cut at the end.zip", whole[:-5], "not a whole archive"
    yield "no archive.zip", b"<html>quota</html>", "not a whole archive"
    yield "empty.zip", b"", "not a whole archive"
    yield "a tar named.zip", other, "not a whole archive"
    yield "a zip named.tar", whole, "not a whole archive"
    yield "empty.tar", b"", "not a whole archive"
    yield "noise.tar", np.random.default_rng(0).bytes(3000), "not a whole archive"
    yield "cut in a member.tar", other[: len(other) // 3], "not a whole archive"
    header = hostile.patched(other, other.index(b"good_05.png") + 3, b"X")
    yield "header sum.tar", header, "not a whole archive"
    yield "cut between members.tar", other[: other.index(b"good_05.png")], "not a whole archive"
    yield "cut in a header.tar", other[: other.index(b"good_05.png") + 99], "not a whole archive"
    yield "packed.tar.gz", b"\x1f\x8b" + bytes(50), "no access to single files"
    yield "packed.7z", b"7z\xbc\xaf\x27\x1c" + bytes(50), "no access to single files"


def _silence():
    import contextlib

    return contextlib.nullcontext()


BAD = list(bad_archives())


def tree(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def test_there_are_enough_of_them():
    assert len(BAD) > 80


@pytest.mark.parametrize(("name", "content", "match"), BAD, ids=[name for name, *_ in BAD])
def test_an_unsafe_archive_is_named_and_nothing_is_written(
    name, content, match, tmp_path, monkeypatch
):
    here = tmp_path / "work" / "deep"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)  # where a relative name would land
    path = here / name
    path.write_bytes(content)
    before = tree(tmp_path)
    for on_bad in ("fail", "skip"):  # such an archive cannot be skipped
        with pytest.raises(DataError, match=match) as caught:
            prepare(ImageFolder(path), "image_folder", here / "data", side=28, on_bad=on_bad)
        assert str(path) in str(caught.value)
        assert str(caught.value).isprintable()
    assert tree(tmp_path) == before


def test_a_name_with_a_zero_byte_in_a_tar_ends_there_and_is_no_way_out(tmp_path):
    content = renamed(tarred(("safe.txt/../../x.png", b"x")), b"txt/../", b"txt\0../")
    before = content.index(b"safe.txt\0")
    header = bytearray(content[before : before + 512])
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    path = tmp_path / "zero.tar"
    path.write_bytes(hostile.patched(content, before, bytes(header)))
    assert sorted(ImageFolder(path).listing.samples["image_id"]) == sorted(GOOD)


def test_what_the_directory_says_wrongly_is_told_when_the_member_is_read(tmp_path):
    """Sizes and checksums are compared while a member is unpacked, never trusted."""
    picture = next(iter(GOOD.values()))
    lies = {"size": (24, 50), "packed size": (20, 9), "sum": (16, 12345), "place": (42, 9 << 20)}
    for what, (offset, value) in lies.items():
        content = zipped(("evil.png", picture), packing=zipfile.ZIP_DEFLATED)
        path = tmp_path / f"{what}.zip"
        path.write_bytes(in_directory(content, offset, value, "<I"))
        with pytest.raises(DataError, match=r"^evil\.png cannot be (read|decoded)"):
            prepare(ImageFolder(path), "image_folder", tmp_path / "data", side=28, shares=SHARES)
        folder = prepare(
            ImageFolder(path), "image_folder", tmp_path / what, side=28, shares=SHARES,
            on_bad="skip",
        )  # fmt: skip
        assert folder.refused()["name"].tolist() == ["evil.png"]
        assert folder.samples()["image_id"].tolist() == sorted(GOOD)


def test_a_directory_that_hides_a_bomb_does_not_unpack_it(tmp_path):
    content = bomb(100 << 20)
    path = tmp_path / "hidden.zip"
    path.write_bytes(in_directory(content, 24, 5000, "<I"))
    with pytest.raises(DataError, match=r"^evil\.png cannot be"):
        prepare(ImageFolder(path), "image_folder", tmp_path / "data", side=28, shares=SHARES)
    assert not (tmp_path / "data").exists()


def test_a_damaged_picture_in_an_archive_is_named(tmp_path):
    for name, content in (("a.zip", zipped()), ("a.tar", tarred())):
        place = content.index(GOOD["good_07.png"]) + 300
        (tmp_path / name).write_bytes(hostile.patched(content, place, b"\0" * 30))
        with pytest.raises(DataError, match=r"^good_07\.png cannot be (read|decoded) \("):
            prepare(ImageFolder(tmp_path / name), "image_folder", tmp_path / "data", side=28)


@pytest.mark.parametrize("form", ["stored", "deflated", "streamed", "ustar", "gnu", "pax"])
def test_a_good_archive_gives_the_same_as_the_folder(form, tmp_path):
    long = f"{'very_' * 30}long/ünïcode 人 {'name' * 20}.png"
    files = {**GOOD, "deep/er/x.png": GOOD["good_00.png"], "readme.txt": b"", ".dot.png": b"",
             "__MACOSX/._good.png": b""}  # fmt: skip
    if form != "ustar":
        files[long] = GOOD["good_01.png"]
    root = tmp_path / "folder"
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    path = tmp_path / ("a.zip" if form in ("stored", "deflated", "streamed") else "a.tar")
    if path.suffix == ".zip":
        packing = zipfile.ZIP_STORED if form == "stored" else zipfile.ZIP_DEFLATED
        with path.open("wb") as raw, zipfile.ZipFile(
            Unseekable(raw) if form == "streamed" else raw, "w", packing
        ) as file:  # fmt: skip
            for place in sorted(root.rglob("*")):
                file.write(place, place.relative_to(root))
    else:
        written = getattr(tarfile, f"{form.upper()}_FORMAT")
        with tarfile.open(path, "w", format=written) as file:
            file.add(root, ".")
    expected, found = ImageFolder(root), ImageFolder(path)
    names = expected.listing.samples["image_id"].tolist()
    assert found.listing.samples["image_id"].tolist() == names
    assert len(names) == 14 - (form == "ustar")
    count = len(names)
    assert np.array_equal(found.read(0, count, 32).images, expected.read(0, count, 32).images)
    for index in range(count):
        assert np.array_equal(found.original(index), expected.original(index))


class Unseekable:
    """As a pipe is: zipfile then writes sizes after the members."""

    def __init__(self, file):
        self.file = file

    def write(self, content):
        return self.file.write(content)

    def flush(self):
        self.file.flush()


def test_members_lists_files_only(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(zipped(("folder/", b""), ("folder/x.txt", b"abc")))
    listed = archives.members(path)
    assert [member.name for member in listed] == [*GOOD, "folder/x.txt"]
    assert listed[-1].size == 3


def test_the_largest_picture_fits_a_member():
    assert 3 * images.MOST_PIXELS < archives.MOST_BYTES
