"""Hundreds of broken pictures: each refused by name, nothing left behind, never another error."""

import csv
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import ImageFile

from latentlab.data.image_folder import ImageFolder
from latentlab.data.images import BadPicture, decode
from latentlab.data.prepared import prepare
from latentlab.data.splits import Shares
from latentlab.errors import DataError
from tests.latentlab.data import hostile

SHARES = Shares(0.3, 0.3)  # so that twelve good pictures among many bad ones fill every split
GOOD = hostile.good_pictures(np.random.default_rng(0), 12)


@pytest.fixture(scope="module")
def bad():
    return list(hostile.bad_images(0))


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, content in GOOD.items():
        (folder / name).write_bytes(content)
    return folder


def test_there_are_enough_of_them(bad):
    assert len(bad) >= 300
    assert len({content for _, content, _ in bad}) >= 300
    assert len({name for name, _, _ in bad}) == len(bad)
    topics = {why.split(":")[0] for _, _, why in bad}
    assert topics == {"other", "cut", "hole", "header", "checksum", "huge", "bomb", "range"}


@pytest.mark.filterwarnings("ignore")  # Pillow notes what it can mend
@pytest.mark.parametrize("seed", range(4))
def test_each_is_refused_with_a_reason_for_people(seed):
    for name, content, why in hostile.bad_images(seed):
        with pytest.raises(BadPicture) as caught:
            decode(content)
        reason = str(caught.value)
        assert reason.startswith(("is ", "has ", "cannot be decoded (")), (name, why, reason)
        assert reason.isprintable(), (name, why, reason)
        for internal in ("BytesIO", "0x7f", "/torch", ".cpp", "Traceback"):
            assert internal not in reason, (name, why, reason)


def test_the_reason_says_what_is_wrong(bad):
    said = {
        "other: empty": "is an empty file",
        "other: quota page": "is a web page",
        "other: web page with a mark": "is a web page",
        "other: JSON": "is no picture of a known kind",
        "huge": "more than 50,000,000",
        "range: int32": "32-bit or signed pixels, whose range is unknown",
        "range: float32": "floating-point pixels, whose range is unknown",
        "checksum: of changed pixels": "wrong checksum of IDAT",
    }
    seen = set()
    for _, content, why in bad:
        for topic, words in said.items():
            if why.startswith(topic):
                with pytest.raises(BadPicture, match=words):
                    decode(content)
                seen.add(topic)
    assert seen == set(said)


@pytest.mark.filterwarnings("ignore")
def test_what_claims_too_many_pixels_is_refused_before_any_is_decoded(bad, monkeypatch):
    def no_pixels(self):
        raise AssertionError("decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", no_pixels)
    monkeypatch.setattr("simplejpeg.decode_jpeg", no_pixels)
    huge = [content for _, content, why in bad if why.startswith("huge")]
    assert len(huge) > 40
    for content in huge:
        with pytest.raises(BadPicture, match=r"more than 50,000,000( pixels)?; shrink it"):
            decode(content)


MEASURE = """
import resource, sys, warnings
from pathlib import Path
from latentlab.data.images import BadPicture, decode
warnings.simplefilter("ignore")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in Path(sys.argv[1]).iterdir():
    try:
        decode(path.read_bytes())
        print("accepted", path.name)
    except BadPicture:
        pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_claims_and_bombs_take_no_memory(bad, tmp_path):
    for name, content, why in bad:
        if why.startswith(("huge", "bomb")):
            (tmp_path / name).write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, tmp_path],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    kilobytes = int(done.stdout) / (1 if sys.platform == "linux" else 1024)
    assert kilobytes < 200_000  # the least of the claims is 150 MB of RGB, the bombs 70 MB each


@pytest.mark.filterwarnings("ignore")
def test_the_right_file_is_named_every_time_and_nothing_is_left(bad, root, tmp_path):
    for name, content, why in bad:
        path = root / name
        path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            prepare(ImageFolder(root), "image_folder", tmp_path / "data", side=28, shares=SHARES)
        message = str(caught.value)
        assert message.startswith(f"{name} "), (why, message)
        assert "more)" not in message, (why, message)
        assert message.isprintable(), (why, message)
        assert [left.name for left in tmp_path.iterdir()] == ["pictures"], why
        path.unlink()


@pytest.mark.filterwarnings("ignore")
def test_skipped_pictures_are_listed_and_the_others_used(bad, root, tmp_path):
    whole = prepare(ImageFolder(root), "image_folder", tmp_path / "good", side=28, shares=SHARES)
    for number in range(0, len(bad), 40):
        some = bad[number : number + 40]
        for name, content, _ in some:
            (root / name).write_bytes(content)
        source = ImageFolder(root)
        with pytest.raises(DataError, match=rf"^bad_\d+\S+ .*\(and {len(some) - 1} more\)"):
            prepare(source, "image_folder", tmp_path / "data", side=28, shares=SHARES)
        folder = prepare(
            source, "image_folder", tmp_path / "data", side=28, shares=SHARES, on_bad="skip"
        )
        refused = folder.refused()
        assert sorted(refused["name"]) == sorted(name for name, _, _ in some)
        assert (refused["what"] == "picture").all()
        assert refused["reason"].str.len().min() > 5
        assert folder.samples()["image_id"].tolist() == sorted(GOOD)
        assert np.array_equal(folder.images(), whole.images())
        found = {"found": 12 + len(some), "used": 12, "refused": len(some), "left_out": 0}
        assert folder.description["census"]["pictures"] == found
        for name, _, _ in some:
            (root / name).unlink()


def test_names_that_a_table_could_trip_over_come_back_as_they_are(root, tmp_path):
    names = [
        "a,b.png", 'say "no".png', "line\nend.png", "=1+1.png", "ünïcode 人.png", " blank.png",
        "NA.png", "-1.png", "tab\there.png", "'quote'.png",
    ]  # fmt: skip
    for name in names:
        (root / name).write_bytes(b"")
    folder = prepare(
        ImageFolder(root), "image_folder", tmp_path / "data", side=28, shares=SHARES, on_bad="skip"
    )
    assert sorted(folder.refused()["name"]) == sorted(names)
    with folder.refused_path.open(newline="") as file:
        assert len(list(csv.reader(file))) == len(names) + 1


def test_what_is_no_file_is_named(root, tmp_path):
    import os

    (root / "folder.png").mkdir()
    (root / "nowhere.png").symlink_to(tmp_path / "nothing")
    os.mkfifo(root / "pipe.png")
    folder = prepare(
        ImageFolder(root), "image_folder", tmp_path / "data", side=28, shares=SHARES, on_bad="skip"
    )
    assert folder.refused()["name"].tolist() == ["nowhere.png", "pipe.png"]
    assert folder.samples()["image_id"].tolist() == sorted(GOOD)


@pytest.mark.parametrize("size", [(45, 36), (44, 35), (36, 44)])
def test_a_picture_of_another_size_is_named(root, tmp_path, size):
    (root / "other.png").write_bytes(hostile.saved(np.zeros((*size[::-1], 3), np.uint8), "PNG"))
    source = ImageFolder(root, size=(hostile.WIDTH, hostile.HEIGHT))
    with pytest.raises(DataError, match=rf"^other\.png has {size[0]}x{size[1]} pixels, not 44x36"):
        prepare(source, "image_folder", tmp_path / "data", side=28, shares=SHARES)
    assert not (tmp_path / "data").exists()


def test_a_file_that_is_too_large_to_be_a_picture_is_not_read(root, tmp_path):
    with (root / "sparse.png").open("wb") as file:
        file.truncate(3 << 30)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match=r"^sparse\.png has 3,221,225,472 bytes, more than"):
        prepare(ImageFolder(root), "image_folder", tmp_path / "data", side=28, shares=SHARES)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000
