"""`prepare` and `data show` as a person uses them: census, sheet, and one line for a mistake."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def pictures(tmp_path):
    """Twenty pictures, ten of them bright, with labels for all but one."""
    rng = np.random.default_rng(0)
    root = tmp_path / "pictures"
    root.mkdir()
    rows = ["file,bright,level"]
    for n in range(20):
        level = 40 if n % 2 else 200
        grey = rng.integers(level, level + 40, (30, 30, 3), dtype=np.uint8)
        Image.fromarray(grey).save(root / f"{n:03d}.png")
        if n:
            rows.append(f"{n:03d},{1 - n % 2},{level}")
    (tmp_path / "labels.csv").write_text("\n".join([*rows, "999,1,0"]) + "\n")
    return root


def words(root, *more):
    labels = root.parent / "labels.csv"
    return (
        "prepare", "image_folder", "--root", root, "--labels", labels, "--out", "data/mine",
        "--side", 28, *more,
    )  # fmt: skip


def test_the_census_says_what_was_found_used_and_left(terminal, pictures):
    (pictures / "003.png").write_bytes(b"<html>quota</html>")
    done = terminal(*words(pictures))
    assert (done.code, done.out) == (3, "")
    assert "latentlab: 003.png is a web page" in done.err
    assert not (terminal.folder / "data" / "mine").exists()
    done = terminal(*words(pictures, "--on-bad", "skip"))
    assert done.code == 0, done.err
    assert "19 images of 28x28, colour" in done.out
    assert "pictures: 20 found, 19 used, 1 not used, see data/mine/refused.csv" in done.out
    assert "label rows: 20 found, 18 used, 2 not used" in done.out
    lines = [line.split() for line in done.out.splitlines()]
    assert ["bright", "9", "50.0%", "1"] in lines
    assert "statistic: level" in done.out
    listed = (terminal.folder / "data" / "mine" / "refused.csv").read_text()
    assert '003.png,picture,"is a web page' in listed
    assert "999,label row,has no picture" in listed


def test_the_sheet_puts_those_with_the_attribute_first(terminal, pictures):
    assert terminal(*words(pictures)).code == 0
    done = terminal("data", "show", "data/mine", "--target", "bright", "--images", 8, "--json")
    assert done.code == 0, done.err
    shown = [int(name.split(".")[0]) % 2 for name in done.json["shown"]]
    assert shown == [0] * 4 + [1] * 4
    sheet = np.asarray(Image.open(terminal.folder / done.json["sheet"]).convert("L"))
    step, first = 148, 8 + 70  # the middles of the tiles
    middles = [sheet[first, first + n * step] for n in range(8)]
    assert min(middles[:4]) > 190 > 90 > max(middles[4:])
    done = terminal("data", "show", "data/mine", "--target", "level", "--images", 4, "--json")
    assert [int(name.split(".")[0]) % 2 for name in done.json["shown"]] == [1, 1, 0, 0]


@pytest.mark.parametrize(
    ("more", "part"),
    [
        (("--target", "brigth"), "brigth is no target of these data. Known are"),
        (("--masks",), "has no masks"),
    ],
)
def test_a_sheet_that_cannot_be_made(terminal, pictures, more, part):
    assert terminal(*words(pictures)).code == 0
    done = terminal("data", "show", "data/mine", *more)
    assert done.code == 2
    assert part in done.err
    assert "Traceback" not in done.err


def test_what_cannot_be_downloaded_is_told(terminal, pictures):
    done = terminal(*words(pictures, "--download"))
    assert done.code == 2
    assert "image_folder cannot be downloaded" in done.err


def test_factors_can_be_correlated_from_the_command_line(terminal):
    setting = "correlations=[[smile, mouth_opening, 0.8]]"
    prepare = ("prepare", "faces", "--limit", 400, "--side", 28, "--out", "data/tied")
    assert terminal(*prepare, "--set", setting).code == 0
    assert terminal(*prepare, "--set", setting).code == 0  # the same again: nothing to do
    done = terminal(*prepare)
    assert done.code == 2
    assert "was prepared with settings" in done.err
