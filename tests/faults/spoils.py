"""Ways to spoil a folder before a command: what stands in it, and what is missing or wrong."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from latentlab import parquet

Spoil = Callable[[Path], object]
DATA = "data/tiny"


def text(name: str, content: str) -> Spoil:
    """A file with this text."""

    def write(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)

    return write


def gone(name: str) -> Spoil:
    """The file or folder is removed."""

    def remove(folder: Path) -> None:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return remove


def folder_of(name: str, **pictures: bytes | None) -> Spoil:
    """A folder with these files in it; None makes one small picture."""

    def make(folder: Path) -> None:
        (folder / name).mkdir(parents=True)
        for file, content in pictures.items():
            path = folder / name / file.replace("_", ".")
            if content is None:
                Image.new("RGB", (30, 30), "grey").save(path)
            else:
                path.write_bytes(content)

    return make


def table(name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Spoil:
    """A table with a change that is duly stamped, so that its content is what is judged."""

    def rewrite(folder: Path) -> None:
        path = folder / name
        parquet.write_table(path, change(parquet.read_table(path)))

    return rewrite


def labels(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Spoil:
    """labels.csv of the run's images, with a change."""

    def write(folder: Path) -> None:
        samples = parquet.read_table(folder / DATA / "samples.parquet")
        own = samples[["image_id", "Smiling"]].astype({"Smiling": "Int64"})
        change(own).to_csv(folder / "labels.csv", index=False)

    return write


def array(name: str, values: np.ndarray) -> Spoil:
    return lambda folder: np.save(folder / name, values)


def celeba(*changes: Spoil) -> Spoil:
    """A tiny folder in CelebA's published layout, changed."""

    def make(folder: Path) -> None:
        root = folder / "celeba"
        (root / "img_align_celeba").mkdir(parents=True)
        rng = np.random.default_rng(0)
        ids = [f"{number:06d}.jpg" for number in range(1, 13)]
        for name in ids:
            pixels = rng.integers(0, 255, (218, 178, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / "img_align_celeba" / name)
        rows = [f"{name}  {1 if n % 2 else -1} {-1 if n % 3 else 1}" for n, name in enumerate(ids)]
        lines = [str(len(ids)), "Smiling Male", *rows]
        (root / "list_attr_celeba.txt").write_text("\n".join(lines) + "\n")
        splits = [f"{name} {n % 3}" for n, name in enumerate(ids)]
        (root / "list_eval_partition.txt").write_text("\n".join(splits) + "\n")
        for change in changes:
            change(root)

    return make


def cut(name: str, length: int) -> Spoil:
    """Only the first so many bytes of a file are left."""
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:length])


def all_of(*changes: Spoil) -> Spoil:
    def do(folder: Path) -> None:
        for change in changes:
            change(folder)

    return do


def column(name: str, value: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda frame: frame.assign(**{name: value})


def first(name: str, value: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """The first row's value of one column is another."""
    return lambda frame: frame.assign(**{name: [value, *frame[name].iloc[1:]]})


def without(name: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda frame: frame.drop(columns=name)


def edit(path: Path, old: str, new: str) -> None:
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new))


def switch_off(path: Path) -> None:
    edit(path, "intervene:\n  enabled: true", "intervene:\n  enabled: false")
