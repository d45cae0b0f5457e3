"""Every benchmark of speed, one after the other, and the tables made of them.

    python -m benchmarks [--quick] [--only NAME ...] [--out FOLDER] [--run RUN] [--largest N]

Each is a process of its own with all cores. What cannot run here, as Chromium, Ray or a GPU is not
there, is named, and the others go on. Then the tables of README.md, docs/performance.md and
docs/scale.md are made anew; not so with `--quick`, a toy size that shows that all of them work and
writes into a temporary folder, nor with `--out`.

RUN is a finished run on generated faces; a demo is made if none is given. What models learn and
what breaks are other measurements: `benchmarks.models`, `benchmarks.faults` and so on.
"""

import argparse
import os
import runpy
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import measuring, small_run

ROOT = Path(__file__).parents[1]
TABLES = ("tables", "scale_plan")  # modules that write pages


@dataclass(frozen=True)
class Benchmark:
    """One module of this package.

    Attributes:
        words: Of its command line; RUN and LARGEST stand for what was asked for.
        quick: Instead of them, for a toy size.
    """

    module: str
    words: tuple[str, ...] = ()
    quick: tuple[str, ...] = ()

    def command(self, *, quick: bool, run: Path | None, largest: int) -> list[str]:
        asked = {"RUN": str(run), "LARGEST": str(largest)}
        return [asked.get(word, word) for word in (self.quick if quick else self.words)]

    @property
    def needs_run(self) -> bool:
        return "RUN" in self.words


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


BENCHMARKS = (
    Benchmark("startup", (), _words("--rounds 1 --images 60")),
    Benchmark("prepare", (), _words("--images 60 --rounds 1")),
    Benchmark("training", (), _words("--images 80 --epochs 1 --rounds 1 --batch 16")),
    Benchmark("encode", (), _words("--images 80 --rounds 1")),
    Benchmark("landmarks", (), _words("--images 130 --rounds 1")),
    Benchmark("metrics", (), _words("--images 200 --latents 3 --factors 2 --rounds 1")),
    Benchmark("rankings", (), _words("--images 300 --latents 3 --targets 2 --rounds 1")),
    Benchmark("streams", _words("--targets 5"), _words("--rows 3000 --targets 2")),
    Benchmark("playground", (), _words("--decodes 2 --rounds 1")),
    Benchmark("profile_stages", ("RUN",), ("RUN", "--pictures", "70")),
    Benchmark("scale", ("RUN",), ("RUN", "--images", "64")),
    Benchmark("report", ("RUN",), ("RUN",)),
    Benchmark("cluster", ("RUN",), ("RUN", "--trials", "1", "--parts", "4")),
    Benchmark("many_images", ("--largest", "LARGEST"), _words("--largest 600 --only prepare")),
    Benchmark("probes", (), _words("--images 400 --targets 2 --rows 4000")),  # hours in full
)


def main(words: Sequence[str] | None = None) -> None:
    names = [one.module for one in BENCHMARKS]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="toy sizes, results thrown away")
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--out", type=Path, help="for the results; the project's own by default")
    parser.add_argument("--run", type=Path, help="a finished run on generated faces")
    parser.add_argument("--largest", type=int, default=100_000, help="images of many_images")
    parser.add_argument("--one", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    given = parser.parse_args(words)
    if given.one:
        alone(Path(given.one[0]), given.one[1], given.one[2:])
        return
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        out = given.out or (place if given.quick else measuring.RESULTS)
        out.mkdir(parents=True, exist_ok=True)
        chosen = [one for one in BENCHMARKS if one.module in given.only]
        run = given.run
        if run is None and any(one.needs_run for one in chosen):
            print("making a run to measure on", flush=True)
            size = {"images": 150, "side": 32} if given.quick else {"images": 6000, "side": 64}
            settings = small_run.QUICK if given.quick else ()
            run = small_run.make(place / "demo", settings=settings, **size)
        failed = []
        for one in chosen:
            asked = one.command(quick=given.quick, run=run, largest=given.largest)
            print(f"== {one.module} {' '.join(asked)}", flush=True)
            began = time.monotonic()
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks", "--one", str(out), one.module, *asked],
                cwd=ROOT, env=all_cores(), check=False,
            )  # fmt: skip
            if done.returncode:
                failed.append(one.module)
                print(f"{one.module} cannot run here (exit code {done.returncode})", flush=True)
            print(f"   {time.monotonic() - began:,.0f} s", flush=True)
        if out == measuring.RESULTS:
            for module in TABLES:
                subprocess.run([sys.executable, "-m", f"benchmarks.{module}"], cwd=ROOT, check=True)
    if failed:
        print(f"Not measured: {', '.join(failed)}. The reasons stand above.")
        sys.exit(1)


def alone(out: Path, module: str, words: Sequence[str]) -> None:
    """Run a benchmark in this process, its results going to a folder."""
    measuring.RESULTS = out
    sys.argv = [module, *words]
    runpy.run_module(f"benchmarks.{module}", run_name="__main__")


def all_cores() -> dict[str, str]:
    """The environment without what would keep torch and BLAS from using every core."""
    return {key: value for key, value in os.environ.items() if not key.endswith("_NUM_THREADS")}


if __name__ == "__main__":
    main()
