"""How far a sweep is, told: before it starts, while it runs, and at its end."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines import console

if TYPE_CHECKING:
    from latentlab.sweeps import State, SweepFolder
    from pipelines.stopping import Request


def tell_plan(sweep: "SweepFolder", names: "Sequence[str]") -> None:
    """What a sweep would do, without doing it."""
    states = {name: sweep.state(name) for name in names}
    rows = [{"run": name, "state": now} for name, now in states.items()]
    lines = [f"{name:{_width(states)}}  {now}" for name, now in states.items()]
    text = "\n".join([*lines, f"{len(rows)} runs in {sweep.path}"])
    console.result({"sweep": str(sweep.path), "runs": rows}, text)


def tell_end(sweep: "SweepFolder", names: "Sequence[str]", stop: "Request") -> None:
    """How it ended, as a result or as the error that says what is left."""
    from latentlab.errors import CheckFailedError, StoppedError

    states = {name: sweep.state(name) for name in names}
    counts = Counter(states.values())
    if counts["done"] == len(names):
        text = f"All {len(names)} runs are done. Compare them: latentlab compare {sweep.path}"
    else:
        text = f"{sweep.path}: {_counted(counts)}"
    failed = {}
    for name in (name for name, now in states.items() if now == "failed"):
        attempt = sweep.attempt(name)
        failed[name] = attempt.reason if attempt else None
        console.say(f"{name} failed: {failed[name]} ({sweep.log_path(name)})")
    console.result({"sweep": str(sweep.path), "counts": counts, "failed": failed}, text)
    again = "Repeat the command to go on."
    if stop.made:
        error = StoppedError(f"stopped with {counts['done']} of {len(names)} runs done. {again}")
        error.exit_code = stop.exit_code
        raise error
    if failed:
        raise CheckFailedError(
            f"{len(failed)} of {len(names)} runs failed. Repeat the command to try them again."
        )
    if counts["interrupted"]:
        raise StoppedError(f"{counts['interrupted']} of {len(names)} runs were stopped. {again}")


def _counted(counts: "Counter[State]") -> str:
    from latentlab.sweeps import STATES

    return ", ".join(f"{counts[name]} {name}" for name in STATES if counts[name])


def _width(names: "Iterable[str]") -> int:
    return max(map(len, names), default=0)


def status(
    sweep: Annotated[Path, typer.Argument(help="A sweep folder.")],
) -> None:
    """Say of every run of a sweep whether it waits, runs, failed or is done."""
    from latentlab.sweeps import SweepFolder

    folder = SweepFolder.open(sweep)
    states = folder.states()
    rows = [_row(folder, name, now) for name, now in states.items()]
    lines = [
        f"{row['run']:{_width(states)}}  {row['state']:11}  {_described(row)}".rstrip()
        for row in rows
    ]
    counts = Counter(states.values())
    console.result(
        {"sweep": str(sweep), "counts": counts, "runs": rows},
        "\n".join([*lines, f"{len(rows)} runs: {_counted(counts)}"]),
    )


def _row(sweep: "SweepFolder", name: str, now: "State") -> dict[str, Any]:
    """One run as plain values; what does not apply is None."""
    attempt = sweep.attempt(name)
    row: dict[str, Any] = {
        "run": name,
        "state": now,
        "stage": None,
        "epoch": None,
        "epochs": None,
        **dict.fromkeys(("host", "process", "since", "seconds", "reason")),
    }
    if attempt is not None and now != "waiting":
        row |= {key: value for key, value in asdict(attempt).items() if key in row}
        row["state"] = now  # the record may be of a process that was killed
    if now in ("running", "interrupted"):
        row |= _progress(sweep.run_path(name))
    return row


def _progress(path: Path) -> dict[str, Any]:
    """The stage a run is in, and how many epochs are behind it."""
    from latentlab import config as configs
    from latentlab.artifacts import RunFolder
    from pipelines.status import STAGES

    run = RunFolder.open(path)
    done = [at for at, name in enumerate(STAGES) if name in run.provenance().get("stages", {})]
    return {
        "stage": STAGES[min(max(done, default=-1) + 1, len(STAGES) - 1)],
        "epoch": len(run.history()) if run.history_path.is_file() else 0,
        "epochs": configs.load_saved(run.config_path).train.epochs,
    }


def _described(row: dict[str, Any]) -> str:
    at = row["stage"]
    if at == "train":
        at = f"train, epoch {row['epoch']} of {row['epochs']}"
    if row["state"] == "running":
        if row["since"] is None:
            return f"{at}"
        since = datetime.fromisoformat(row["since"]).astimezone()
        who = f"on machine {row['host']}, process {row['process']}"
        return f"{at}; {who}, since {since:%H:%M, %d %b}"
    if row["state"] == "interrupted":
        return f"in {at}"
    if row["state"] == "failed":
        return str(row["reason"])
    return f"in {row['seconds']:,.0f} s" if row["state"] == "done" else ""
