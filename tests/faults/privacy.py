"""Nothing that is written says whose machine made it, and a page without faces shows nobody."""

import base64
import html
import io
import os
import platform
import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from PIL import Image

from latentlab import checkpoints, files
from latentlab import config as configs
from latentlab.artifacts import DataFolder, RunFolder
from latentlab.data import SOURCES
from latentlab.decoding import reconstruct
from latentlab.feeding import pictures_for
from latentlab.licences import terms_of
from pipelines.model_card import model_card
from pipelines.stages import Workspace
from tests.faults.harness import RUN as RUN_OF_WORLD
from tests.faults.harness import SETTINGS, Count, Warm, World

# As a part of paths, of the user's name and of the address; and of the machine's name.
PERSON, MACHINE = "janeqpublic", "janesbox"
HOME = f"home/{PERSON}"
WHO = {
    "USER": PERSON, "LOGNAME": PERSON, "USERNAME": PERSON, "EMAIL": f"{PERSON}@example.org",
    "GIT_AUTHOR_NAME": PERSON, "GIT_AUTHOR_EMAIL": f"{PERSON}@example.org", "HOSTNAME": MACHINE,
}  # fmt: skip
SECRETS = (PERSON, MACHINE)
OWN = ("mine", "pictures")  # folders of what the user wrote, which may say what it likes
# Mean difference of two pictures, in grey levels, up to which they show the same face: packing
# pictures of 28 x 28 changes them by 4 to 8, and two faces are usually 17 apart.
CLOSE = 12.0
RUN, SECOND, DATA = "runs/one", "runs/two", "data/faces"


def live_here() -> None:
    """Have this process believe that it is on Jane's machine; what it starts inherits the rest."""
    for name in ("gethostname", "getfqdn"):
        setattr(socket, name, lambda *given: MACHINE)
    platform.node = lambda: MACHINE
    about = os.uname()
    os.uname = lambda: os.uname_result((about.sysname, MACHINE, *tuple(about)[2:]))


def nothing_of_anybody(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
    """The whole way and the first n commands besides, with absolute paths, below a home; then
    every file that is there."""
    count = Count()
    home = place / HOME
    _settle(world, home)
    environment = {**WHO, "HOME": str(home)}
    looked = 0
    for words, code in _commands(home)[:n]:
        with count.one():
            done = warm(
                words, home, logs=place, environment=environment, first=f"{__name__}:live_here"
            )
            count.expect(done.code == code, f"{words[0]}: exit {done.code}: {done.said[-500:]}")
            for path, secret in told(home):
                count.expect(False, f"after {words[0]}: {path} tells {secret}")
            looked = sum(path.is_file() for path in home.rglob("*"))
    count.facts["files at the end"] = looked
    return count


def _settle(world: World, home: Path) -> None:
    """The images of the world as pictures of people with labels, and a config, in a home."""
    shutil.rmtree(home, ignore_errors=True)
    (home / "pictures").mkdir(parents=True)
    data = DataFolder(world.after / "data/tiny")
    samples = data.samples()
    names = [f"{number:03d}.png" for number in range(len(samples))]
    for name, image in zip(names, data.images(), strict=True):
        Image.fromarray(image).save(home / "pictures" / name)
    labels = samples[["Smiling", "Bangs", "smile"]].astype({"Smiling": int, "Bangs": int})
    labels.insert(0, "file", names)
    (home / "mine").mkdir()
    labels.to_csv(home / "mine" / "labels.csv", index=False)
    source = {
        "name": "image_folder", "root": str(home / "pictures"),
        "labels": str(home / "mine" / "labels.csv"),
    }  # fmt: skip
    settings = SETTINGS | {"source": source, "data": {"folder": str(home / DATA), "side": 28}}
    files.write_yaml(home / "mine" / "faces.yaml", settings)


def _commands(home: Path) -> list[tuple[tuple[str, ...], int]]:
    """Commands with the exit code they must end with, each named by absolute paths."""
    config, run, other, data = (str(home / name) for name in ("mine/faces.yaml", RUN, SECOND, DATA))
    labels = str(home / "mine" / "labels.csv")
    source = ("--root", str(home / "pictures"), "--labels", labels)
    out = str(home / "out")
    return [
        (("run", config, "--run", run), 0),
        (("train", run, "--fresh", "--set", "name=x"), 0),
        (("run", config, "--run", run, "--set", "train.batch_size=0"), 2),
        (("probe", str(home / "runs" / "none")), 3),
        (("run", config, "--run", other, "--set", "seed=1"), 0),
        (("compare", run, other, "--out", f"{out}/comparison"), 0),
        (("gallery", str(home / "runs"), "--faces"), 0),
        (("traverse", run, "--dimension", "1"), 0),
        (("morph", run, "--out", f"{out}/morph.gif"), 0),
        (("morph", run, "--out", f"{out}/morph.webp"), 0),
        (("sample", run), 0),
        (("reconstruct", run), 0),
        (("codes", run, other), 0),
        (("data", "show", data), 0),
        (("encode", run, "--likelihood-samples", "2"), 0),
        (("anomalies", run), 0),
        (("analyze", f"{run}/latents.parquet", labels, "--out", f"{out}/analysis"), 0),
        (("encode", run, "--shard", "1/2"), 0),
        (("report", run, "--no-faces"), 0),
        (("prepare", "image_folder", *source, "--side", "28", "--out", f"{out}/data"), 0),
        (("sweep", config, "--seeds", "2", "--out", f"{out}/sweep", "--workers", "1"), 0),
        (("compare", f"{out}/sweep"), 0),
    ]


def told(folder: Path) -> Iterator[tuple[str, str]]:
    """Every file below a folder that tells a secret, and which."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not name.startswith(OWN):
            content = b"\n".join([name.encode(), *contents(path)]).lower()
            for secret in SECRETS:
                if secret.encode() in content or secret.encode("utf-16-le") in content:
                    yield name, secret


def contents(path: Path) -> Iterator[bytes]:
    """A file's bytes, and what of it is compressed or encoded, as bytes that can be searched."""
    content = path.read_bytes()
    yield content
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        yield repr(table.schema.metadata).encode()
        for column in table.columns:
            if not pd.api.types.is_numeric_dtype(column.type.to_pandas_dtype()):
                yield "\n".join(map(str, column.to_pylist())).encode()
    elif path.suffix in (".png", ".webp", ".gif"):
        yield _about(content)
    elif path.suffix == ".html":
        for part in embedded(content.decode()):
            yield part
            yield _about(part)


def embedded(page: str) -> list[bytes]:
    """What a page carries in base64: pictures, and the numbers of the playground."""
    return [
        base64.b64decode(found[1])
        for found in re.finditer(r"(?:base64,|[\"'>])([A-Za-z0-9+/]{200,}={0,2})(?=[\"')<])", page)
    ]


def _about(content: bytes) -> bytes:
    """What a picture says beside its pixels."""
    try:
        with Image.open(io.BytesIO(content)) as picture:
            return repr((picture.info, dict(picture.getexif()))).encode()
    except (OSError, SyntaxError):  # not a picture
        return b""


def nobody_shown(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
    """The first n pages that leave faces out: nothing in them decodes to a picture of the data, its
    reconstruction, or anything else of an image's size. The same pages with faces must show
    some, or this would prove nothing."""
    count = Count()
    home = place / HOME
    _settle(world, home)
    for words, _ in (_commands(home)[0], _commands(home)[4])[:n]:
        done = warm(words, home, logs=place)
        if done.code != 0:
            raise RuntimeError(f"{words[0]} failed: {done.said}")
    known = _known(RunFolder(home / RUN), DataFolder(home / DATA))
    seen = 0
    for words, page in (
        (("report", RUN), f"{RUN}/report.html"),
        (("compare", RUN, SECOND, "--out", "out"), "out/comparison.html"),
        (("gallery", "runs"), "runs/index.html"),
    )[:n]:
        # With faces: report and compare as they are, the gallery where it is asked to.
        shows, hides = ([], ["--no-faces"]) if words[0] != "gallery" else (["--faces"], [])
        with count.one():
            warm((*words, *shows), home, logs=place)
            found = shown_of(home / page, known)
            seen += found
            count.expect(found > 0 or words[0] != "report", f"{words[0]} shows no face at all")
            done = warm((*words, *hides), home, logs=place)
            count.expect(done.code == 0, f"{words[0]}: exit {done.code}: {done.said}")
            text = (home / page).read_text()
            pictures = sum(1 for part in embedded(text) if _pixels(part) is not None)
            hidden = shown_of(home / page, known)
            count.expect(not hidden, f"{words[0]}: {hidden} faces are still shown")
            count.expect(not pictures, f"{words[0]}: {pictures} pictures are still there")
            count.expect('id="playground"' not in text, f"{words[0]}: the playground is there")
    count.facts["faces on the same pages with them"] = seen
    return count


def licences(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
    """The model card and the page say, of the first n sources, under which terms the data are to
    be had and what labels are worth."""
    count = Count()
    run = world.after / RUN_OF_WORLD
    for source in [*SOURCES, "of somebody's own"][:n]:
        data = place / source
        shutil.copytree(world.after / "data/tiny", data)
        about = data / "data.yaml"
        content = files.read_yaml(about) | {"source": source}
        files.write_yaml(about, content, with_digest=True)
        work = Workspace(RunFolder(run), configs.load_saved(run / "config.yaml"), DataFolder(data))
        terms = terms_of(source)
        with count.one():
            card = " ".join(model_card(work, RunFolder(run).history().to_dict("records")).split())
            page = (run / "report.html").read_text()
            count.expect(terms.licence in card, f"{source}: the card lacks its licence")
            count.expect(terms.labels in card, f"{source}: the card lacks the limits of labels")
            known = len(terms.licence) > 40 and len(terms.labels) > 40
            count.expect(known, f"{source}: nothing is said")
            if source == "faces":
                said = html.escape(f"{terms.licence} {terms.labels}") in page
                count.expect(said, f"{source}: the page lacks its terms")
    return count


def _known(run: RunFolder, data: DataFolder) -> np.ndarray:
    """Pictures of the data and their reconstructions, float (pictures, side, side, channels)."""
    model = checkpoints.load_model(run.model_folder)
    images = data.images()
    again = reconstruct(model, pictures_for(model, data), np.arange(len(images)))
    return np.concatenate([images, again]).astype(np.float32)


def shown_of(page: Path, known: np.ndarray) -> int:
    """Pictures in a page that show one of the known, by their nearest neighbour."""
    parts = map(_pixels, embedded(page.read_text()))
    every = [tile for pixels in parts if pixels is not None for tile in _tiles(pixels, known)]
    nearest = (np.abs(known - tile).mean(axis=(1, 2, 3)).min() for tile in every)
    return sum(bool(apart <= CLOSE) for apart in nearest)


def _tiles(pixels: np.ndarray, known: np.ndarray) -> Iterator[np.ndarray]:
    """The pictures of a sheet, which stand side by side in it at their true size."""
    side = known.shape[1]
    for top in range(0, pixels.shape[0] - side + 1, side):
        for left in range(0, pixels.shape[1] - side + 1, side):
            yield pixels[top : top + side, left : left + side]


def _pixels(content: bytes) -> np.ndarray | None:
    """(height, width, 3) of what decodes as a picture."""
    try:
        with Image.open(io.BytesIO(content)) as picture:
            return np.asarray(picture.convert("RGB"), np.float32)
    except (OSError, SyntaxError):
        return None
