"""Side-by-side measurements: alternating runs in one process, medians, one JSON a benchmark."""

import os
import platform
import statistics
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from latentlab import files

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("numpy", "pandas", "pillow", "scikit-learn", "scipy", "torch", "torchvision")


def side_by_side(
    ours: Callable[[], Any], instead: Callable[[], Any], *, rounds: int
) -> tuple[list[float], list[float]]:
    """Seconds of each round of both, taken in turns so that a busy machine slows them alike."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for run, times in zip((ours, instead), seconds, strict=True):
            began = time.perf_counter()
            run()
            times.append(time.perf_counter() - began)
    return seconds


def result(
    name: str, ours: list[float], instead: list[float], *, n: int, unit: str, **facts: Any
) -> dict[str, Any]:
    """One line of a results file. `ratio` above 1 means latentlab is better; it is the median of
    the rounds' own ratios, and its range is given too."""
    ratios = [theirs / mine for mine, theirs in zip(ours, instead, strict=True)]
    return {
        "name": name,
        "ours": statistics.median(ours) / n,
        "instead": statistics.median(instead) / n,
        "unit": unit,
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "n": n,
        **facts,
        **circumstances(),
    }


def circumstances() -> dict[str, Any]:
    """`machine` and `versions`: what a result was measured with."""
    return {
        "machine": {
            "cores": os.cpu_count(),
            "processor": _processor(),
            "system": platform.system(),
            "python": platform.python_version(),
        },
        "versions": {package: metadata.version(package) for package in PACKAGES},
    }


def write(name: str, results: list[dict[str, Any]]) -> None:
    files.write_json(RESULTS / f"{name}.json", results)
    for one in results:
        low, high = min(one["ratios"]), max(one["ratios"])
        print(
            f"{one['name']}: {one['ours']:.3g} against {one['instead']:.3g} {one['unit']},"
            f" ratio {one['ratio']:.2f} ({low:.2f} to {high:.2f})"
        )


def renew(name: str, results: list[dict[str, Any]]) -> None:
    """Write these lines of a results file, and keep its others."""
    path = RESULTS / f"{name}.json"
    kept = {one["name"]: one for one in files.read_json(path)} if path.is_file() else {}
    files.write_json(path, list({**kept, **{one["name"]: one for one in results}}.values()))


def peak_kilobytes() -> int:
    """The most memory this process has had. `getrusage` would also count the process that started
    it, since Linux keeps that figure through `exec`."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(": ")[1] for line in lines if line.startswith("model name")), "")
