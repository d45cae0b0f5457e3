"""The full analysis of a trained model on real faces: how long it takes and what it finds.

    latentlab run configs/celeba.yaml --set source.root=CELEBA --set source.limit=10000
    python -m benchmarks.real_faces runs/celeba

Repeats every stage after encoding on a trained run, from the command line as a user would, with the
judges trained anew, and writes the seconds to benchmarks/results/real_faces.json, the tables to
docs/examples/celeba/ and their digest to docs/celeba_measured.md: numbers only, no picture.
"""

import argparse
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks import measuring
from latentlab import files
from pipelines.stages import Workspace, open_workspace

DOCS = Path(__file__).parents[1] / "docs"
EXAMPLE = DOCS / "examples" / "celeba"
PAGE = DOCS / "celeba_measured.md"
STAGES = ("probe", "intervene", "metrics", "report")  # verdicts are given by `intervene`
TABLES = ("verdicts", "probes", "controls", "needed", "judges", "dimensions", "metrics")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="a trained and encoded run folder")
    parser.add_argument("--again", action="store_true", help="only write the tables once more")
    asked = parser.parse_args()
    work = open_workspace(asked.run)
    if not asked.again:
        shutil.rmtree(work.data.judge_folder("pixels").parent, ignore_errors=True)
        stages = [timed(stage, asked.run) for stage in STAGES]
        files.write_json(measuring.RESULTS / "real_faces.json", [result(work, stages)])
    EXAMPLE.mkdir(parents=True, exist_ok=True)
    for name in TABLES:
        work.run.table(name).round(4).to_csv(EXAMPLE / f"{name}.csv", index=False)
    files.write_text(PAGE, page(work))


def timed(stage: str, run: Path) -> dict[str, Any]:
    """Wall and processor seconds of one command, those of its processes included."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-m", "pipelines", stage, str(run)], check=True)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - began
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{stage}: {wall:.0f} s, {processor:.0f} processor seconds")
    return {"stage": stage, "seconds": wall, "processor_seconds": processor}


def result(work: Workspace, stages: list[dict[str, Any]]) -> dict[str, Any]:
    settings = work.config.plain()
    return {
        "name": "real_faces.analysis",
        "ours": sum(one["seconds"] for one in stages),
        "processor_seconds": sum(one["processor_seconds"] for one in stages),
        "unit": "seconds an analysis",
        "n": work.data.description["images"],
        "targets": len(work.data.targets().roles),
        "stages": stages,
        "anchors": settings["intervene"]["anchors"],
        "judge_epochs": settings["intervene"]["judge_epochs"],
        **measuring.circumstances(),
    }


def page(work: Workspace) -> str:
    """What was found, as Markdown."""
    verdicts = work.run.table("verdicts")
    history = pd.read_parquet(work.run.history_path)
    counts = verdicts["verdict"].value_counts()
    parts = [
        "# Real faces, measured",
        "Made by `python -m benchmarks.real_faces`; [how to read it](celeba_example.md). Every"
        " column, and the other tables: [examples/celeba](examples/celeba).",
        f"{work.data.description['images']:,} images of CelebA, {len(history)} epochs, seed"
        f" {work.config.seed}. Verdicts: "
        + ", ".join(f"{count} {word}" for word, count in counts.items())
        + ".",
    ]
    for role, members in verdicts.groupby("role", sort=False):
        parts += [f"## {str(role).capitalize()}s", markdown(members)]
    return "\n\n".join(parts) + "\n"


def markdown(verdicts: pd.DataFrame) -> str:
    """One line a target; what is not known is left empty."""
    head = (
        "target", "verdict", "probe", "baseline", "best latent's share", "steepest latent",
        "its effect", "selectivity", "moves beside", "judge", "made for it", "its effect",
        "selectivity",
    )  # fmt: skip
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for row in verdicts.to_dict("records"):
        cells = (
            row["target"], row["verdict"], _estimate(row, "score", "score_low", "score_high"),
            _text(row["baseline"]), _text(row["alone"]), _text(row["direction"]),
            _estimate(row, "effect", "low", "high"), _text(row["selectivity"]),
            _text(row["worst"]), _text(row["judge"]), _text(row["other_direction"]),
            _text(row["other_effect"]), _text(row["other_selectivity"]),
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _estimate(row: dict[Hashable, Any], value: str, low: str, high: str) -> str:
    numbers = [_text(row[name]) for name in (value, low, high)]
    return f"{numbers[0]} [{numbers[1]}, {numbers[2]}]" if all(numbers) else ""


def _text(value: object) -> str:
    if pd.isna(value):
        return ""
    return f"{value:.2f}" if isinstance(value, float) else str(value).partition(":")[0]


if __name__ == "__main__":
    main()
