"""What one image costs in every stage: processor seconds on one core, and bytes.

    python -m benchmarks.scale RUN [--images N] [--only PART ...]

RUN is a trained run on generated faces with its data folder. Processor seconds, not seconds on the
clock, so that other work on the machine hardly counts. Writes benchmarks/results/scale.json, from
which `benchmarks.scale_plan` reckons larger numbers of images.
"""

import argparse
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import torch

from benchmarks import measuring
from benchmarks.streams import write
from latentlab import files
from latentlab.data.building import Order
from latentlab.data.faces import Faces
from latentlab.data.image_folder import ImageFolder
from latentlab.data.prepared import originals, prepare, reopen
from latentlab.data.prepared_parts import join, planned
from latentlab.feeding import pictures_for
from latentlab.landmarks.detector import measure_source
from latentlab.landmarks.model_file import find_model
from latentlab.models import build_model
from latentlab.objectives import BetaVAE
from latentlab.shards import Parts, every
from latentlab.streams.overview import overview
from latentlab.streams.probes import probe_targets
from latentlab.streams.tables import Tables
from latentlab.training import Recipe, fit
from pipelines.encode import Encoding
from pipelines.stages import Workspace, open_workspace

PARTS = ("stages", "landmarks", "parts", "tables", "sizes")
TARGETS, ROWS = 40, 50_000  # of the generated table that is probed
NAMES = 20_000  # of files that are listed, and need not hold anything for that


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--only", nargs="+", choices=PARTS, help="renew these, keep the others")
    given = parser.parse_args()
    torch.set_num_threads(1)
    work = open_workspace(given.run)
    parts: dict[str, Callable[[], list[Line]]] = {
        "stages": lambda: stages(work, given.images),
        "landmarks": lambda: landmarks(work, max(64, given.images // 4)),
        "parts": lambda: parts_of_pictures(given.images),
        "tables": tables,
        "sizes": lambda: sizes(work),
    }
    path = measuring.RESULTS / "scale.json"
    kept = {one["name"]: one for one in files.read_json(path)} if path.is_file() else {}
    for part in given.only or parts:
        for name, value, unit, n in parts[part]():
            made = {"name": f"scale.{name}", "value": value, "unit": unit, "n": n}
            kept[f"scale.{name}"] = made | measuring.circumstances()
            print(f"scale.{name}: {value:.3g} {unit}", flush=True)
    files.write_json(path, list(kept.values()))


Line = tuple[str, float, str, int]


def stages(work: Workspace, images: int) -> list[Line]:
    """Processor seconds an image of what looks at pictures."""
    unit = "core seconds an image"
    encoding, data = Encoding(work), work.data
    images = min(images, encoding.images)
    rows = range(images - images % encoding.parts.step or images)
    list(encoding.frames(range(encoding.parts.step)))  # what the first batch alone costs
    encode = _seconds(lambda: list(encoding.frames(rows))) / len(rows)
    model = build_model(
        work.config.model.name,
        work.config.model.settings,
        channels=data.description["channels"],
        side=data.description["side"],
        seed=0,
    )
    given, ours = pictures_for(model, data), {"seed": 0, "device": torch.device("cpu")}

    def train(count: int) -> None:
        fit(
            model,
            BetaVAE(),
            given,
            train=np.arange(count),
            valid=np.arange(32),
            recipe=Recipe(epochs=1, batch_size=128, learning_rate=1e-3),
            on_epoch=lambda state, best, kept: None,
            **ours,
        )

    train(256)
    training = _seconds(lambda: train(images)) / images
    with TemporaryDirectory() as folder:
        limited = replace(reopen(data), limit=images)  # type: ignore[type-var]
        name, side = data.description["source"], data.description["side"]
        prepared = _seconds(lambda: prepare(limited, name, Path(folder) / "data", side=side))
    return [
        ("prepare.faces", prepared / images, unit, images),
        ("training", training, unit, images),
        ("encode", encode, unit, len(rows)),
    ]


def landmarks(work: Workspace, images: int) -> list[Line]:
    """Processor seconds a picture of MediaPipe, without what it takes to start it."""
    source, model = originals(work.data), find_model(None)

    def measured(count: int) -> float:
        return _seconds(lambda: list(measure_source(source, model=model, workers=1, stop=count)))

    measured(8)  # the first time it is imported too
    start = measured(8)
    seconds = measured(8 + images) - start
    return [("landmarks", seconds / images, "core seconds an image", images)]


def parts_of_pictures(images: int) -> list[Line]:
    """What one process does before and after the parts of `prepare`."""
    with TemporaryDirectory() as folder:
        root = Path(folder) / "pictures"
        root.mkdir()
        for number in range(NAMES):
            (root / f"{number:09d}.jpg").touch()
        order = Order("image_folder", 64)

        def listed() -> None:
            planned(ImageFolder(root), Path(folder) / "names", order)

        listing = _seconds(listed) / NAMES
        tracemalloc.start()
        listed()
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    few, many = images, 4 * images  # the difference is free of what any join costs
    joining = (_seconds_to_join(many) - _seconds_to_join(few)) / (many - few)
    unit = "core seconds an image"
    return [
        ("prepare.list", listing, unit, NAMES),
        ("memory.list", most / NAMES, "bytes an image in memory", NAMES),
        ("prepare.join", joining, unit, many),
    ]


def _seconds_to_join(images: int) -> float:
    with TemporaryDirectory() as folder:
        faces, order, place = Faces(limit=images), Order("faces", 64), Path(folder) / "data"
        parts = planned(faces, place, order)
        for shard in every(4):
            parts.make(faces, 64, shard)
        return _seconds(lambda: join(faces, place, order))


def tables() -> list[Line]:
    """Processor seconds a row of what looks at latents."""
    unit = "core seconds a row"
    with TemporaryDirectory() as folder:
        write(Path(folder), ROWS, TARGETS)
        read = Tables(Path(folder) / "latents", Path(folder) / "labels")
        seen: list[Any] = []
        once = _seconds(lambda: seen.append(overview(read)))
        probed = _seconds(lambda: probe_targets(read, seen[0]))
        whole = pd.read_parquet(sorted((Path(folder) / "latents").iterdir())[0])
        parts = Parts(Path(folder) / "parts", "key", whole["image_id"].tolist())
        for shard in every(4):
            rows = parts.rows(shard)
            parts.write(shard, [whole.iloc[rows.start : rows.stop]])
        joined = _seconds(lambda: parts.join(Path(folder) / "joined.parquet"))
        return [
            ("pass", once / ROWS, unit, ROWS),
            ("probes", probed / ROWS, unit, ROWS),
            ("join", joined / len(whole), unit, len(whole)),
        ]


def sizes(work: Workspace) -> list[Line]:
    """Bytes an image of every file."""
    data = work.data
    count = data.description["images"]
    stored = {
        "images": data.path / "images.npy",
        "samples": data.path / "samples.parquet",
        "landmarks": data.landmarks_path,
        "latents": work.run.latents_path,
    }
    return [
        (f"bytes.{name}", path.stat().st_size / count, "bytes an image", count)
        for name, path in stored.items()
        if path.is_file()
    ]


def _seconds(work: Callable[[], Any]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    main()
