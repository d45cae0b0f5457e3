"""Probes and rankings of a partitioned table in passes, against the same table in memory.

    python -m benchmarks.streams [--rows N ...] [--targets N]

`streams.memory`: the most memory of a process that fits, scores and ranks from files, and of one
that reads the table and probes it. Both are given the same generated latents (32, float32) and
labels, in files of PART rows. `gap` is the largest difference between the two in any score.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from benchmarks import measuring
from latentlab.artifacts import SPLITS, Targets, mu_name
from latentlab.randomness import numpy_generator

LATENTS, PART, RESAMPLES = 32, 100_000, 100
SHARES = (0.8, 0.1, 0.1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[250_000, 1_000_000])
    parser.add_argument("--targets", type=int, default=10)
    parser.add_argument("--child", nargs=2, metavar=("WAY", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        way, folder = given.child
        print(json.dumps({"passes": in_passes, "memory": in_memory}[way](Path(folder))))
        return
    results = []
    for rows in given.rows:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), rows, given.targets)
            ours, instead = (_measured(way, folder) for way in ("passes", "memory"))
        gap = max(abs(ours["scores"][key] - instead["scores"][key]) for key in instead["scores"])
        one = measuring.result(
            "streams.memory",
            [ours["kilobytes"] / 1024],
            [instead["kilobytes"] / 1024],
            n=1,
            unit="megabytes at most",
            rows=rows,
            latents=LATENTS,
            targets=given.targets,
            gap=gap,
            processor_seconds={"ours": ours["seconds"], "instead": instead["seconds"]},
        )
        results.append(one)
    measuring.write("streams", results)


def write(folder: Path, rows: int, targets: int) -> None:
    """Latents and labels of a planted table, in parts."""
    weights = numpy_generator(0, "streams weights").standard_normal((LATENTS, targets)) * 0.4
    for name in ("latents", "labels"):
        (folder / name).mkdir()
    for part, start in enumerate(range(0, rows, PART)):
        count = min(PART, rows - start)
        rng = numpy_generator(0, "streams rows", part)
        z = rng.standard_normal((count, LATENTS)).astype(np.float32)
        ids = [f"{row:09d}" for row in range(start, start + count)]
        latents = pd.DataFrame(z, columns=[mu_name(k) for k in range(LATENTS)])
        latents.insert(0, "image_id", ids)
        latents.insert(1, "split", rng.choice(SPLITS, count, p=SHARES))
        labels = rng.random((count, targets)) < expit(z @ weights - 1.0)
        named = pd.DataFrame(labels, columns=[f"label_{k:02d}" for k in range(targets)])
        named.insert(0, "image_id", ids)
        for kind, table in (("latents", latents), ("labels", named)):
            table.to_parquet(folder / kind / f"part-{part:05d}.parquet", index=False)


def in_passes(folder: Path) -> dict[str, Any]:
    from latentlab.streams.overview import overview
    from latentlab.streams.probes import probe_targets
    from latentlab.streams.rankings import rank_dimensions
    from latentlab.streams.tables import Tables

    began = time.process_time()
    tables = Tables(folder / "latents", folder / "labels")
    seen = overview(tables)
    found = probe_targets(tables, seen)
    rank_dimensions(tables, seen, found.fits, resamples=RESAMPLES, seed=0)
    return _told(found.probes, began)


def in_memory(folder: Path) -> dict[str, Any]:
    from latentlab.probes.analysis import probe_targets

    began = time.process_time()
    latents, labels = (
        pd.concat(
            [pd.read_parquet(path) for path in sorted((folder / kind).iterdir())],
            ignore_index=True,
        )
        for kind in ("latents", "labels")
    )
    values = labels.set_index("image_id").astype("boolean")
    targets = Targets(values, dict.fromkeys(map(str, values.columns), "attribute"))
    found = probe_targets(latents, targets, resamples=RESAMPLES, seed=0)
    return _told(found.probes, began)


def _told(probes: pd.DataFrame, began: float) -> dict[str, Any]:
    scores = {f"{row.target} {row.metric}": float(row.value) for row in probes.itertuples()}
    seconds = round(time.process_time() - began, 1)
    return {"kilobytes": measuring.peak_kilobytes(), "seconds": seconds, "scores": scores}


def _measured(way: str, folder: str) -> dict[str, Any]:
    command = (sys.executable, "-m", "benchmarks.streams", "--child", way, folder)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


if __name__ == "__main__":
    main()
