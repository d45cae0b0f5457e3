"""`latentlab status`: how far a run has come."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines import console

STAGES = ("train", "encode", "probe", "intervene", "metrics", "report")


def status(
    run: Annotated[Path, typer.Argument(help="A run folder, or a sweep's.")],
) -> None:
    """Say which stages of a run are done, and what comes next."""
    from latentlab.artifacts import RunFolder
    from latentlab.sweeps import is_sweep
    from pipelines import sweep_status

    if is_sweep(run):
        sweep_status.status(run)
        return
    folder = RunFolder.open(run)
    stages = folder.provenance().get("stages", {})
    done = {name: stages[name]["seconds"] for name in STAGES if name in stages}
    rate = stages.get("train", {}).get("images_per_second")
    missing = [name for name in STAGES if name not in stages]
    epochs = len(folder.history()) if folder.history_path.is_file() else 0
    lines = [f"{name:9} done in {seconds:,.1f} s" for name, seconds in done.items()]
    if rate is not None:
        lines.append(f"{'':9} {rate:,.0f} images a second in training")
    lines += [f"{name:9} not done" for name in missing]
    if missing and epochs:
        lines.append(f"{epochs} epochs trained")
    if missing:
        lines.append(f"Next: latentlab {missing[0]} {run}")
    else:
        lines.append(f"Report: {folder.report_path}")
    told = {"done": done, "missing": missing, "epochs": epochs, "images_per_second": rate}
    console.result(told, "\n".join(lines))
