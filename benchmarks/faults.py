"""The promises of docs/reliability.md tried in full, and their table written anew.

    python -m benchmarks.faults [--only NAME ...] [--share 1.0] [--seed 1]

Without `--only`, all of tests/faults/experiments.py, the quick ones first; a name that ends with a
dot takes all that begin with it. Results of experiments that were not done this time stay as they
were. Needs Linux; those that fill a disk need the right to mount one.
"""

import argparse
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import measuring
from latentlab import files
from tests.faults.experiments import EXPERIMENTS, Entry
from tests.faults.harness import Warm, World, make_world
from tests.faults.room import can_mount

RESULTS = measuring.RESULTS / "faults.json"
PAGE = Path(__file__).parents[1] / "docs" / "reliability.md"
BEGIN, END = "<!-- made by benchmarks/faults.py -->\n", "<!-- to here -->\n"
SHOWN = 5  # failures that are written down
ENDS = 300  # characters of each that are kept at its beginning and at its end


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", help="names of experiments")
    parser.add_argument("--share", type=float, default=1.0, help="of the tries of the full set")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    results = {one["name"]: one for one in files.read_json(RESULTS)} if RESULTS.exists() else {}
    warm = Warm()
    with tempfile.TemporaryDirectory() as place:
        world = make_world(warm, Path(place))
        for name in quick_first(chosen(given.only), results):
            entry = EXPERIMENTS[name]
            if entry.mounts and not can_mount():
                print(f"{name}: left out, no right to mount a disk")
                continue
            if entry.program and shutil.which(entry.program) is None:
                print(f"{name}: left out, {entry.program} is not installed")
                continue
            tries = max(1, round(entry.many * given.share))
            with tempfile.TemporaryDirectory(dir=place) as own:
                one = measured(name, entry, warm, world, Path(own), tries, given.seed)
            results[one["name"]] = one
            print(f"{name}: {one['failed']} of {one['tried']} failed, {one['seconds']:,.0f} s")
            for failure in one["failures"]:
                print(f"  {failure}")
            ordered = [results[key] for key in map(result_name, EXPERIMENTS) if key in results]
            files.write_json(RESULTS, ordered)
    warm.close()
    write_page(files.read_json(RESULTS))


def chosen(only: list[str] | None) -> list[str]:
    """The names of the experiments to do, in order."""
    if not only:
        return list(EXPERIMENTS)
    found = [
        name
        for name in EXPERIMENTS
        if any(name == one or (one.endswith(".") and name.startswith(one)) for one in only)
    ]
    if not found:
        raise SystemExit(f"no experiment is called {' '.join(only)}: {', '.join(EXPERIMENTS)}")
    return found


def quick_first(names: list[str], results: dict[str, dict[str, Any]]) -> list[str]:
    """In the order of how long they took last time, so that who must stop early has most of it;
    what is new comes first."""

    def seconds(name: str) -> float:
        last = results.get(result_name(name))
        return last["seconds"] / last["tried"] * EXPERIMENTS[name].many if last else 0.0

    return sorted(names, key=seconds)


def measured(
    name: str, entry: Entry, warm: Warm, world: World, place: Path, tries: int, seed: int
) -> dict[str, Any]:
    """One line of the results."""
    began = time.monotonic()
    count = entry.run(warm, world, place, tries, seed)
    return {
        "name": result_name(name),
        "promise": entry.promise,
        "what": entry.what,
        "tried": count.tried,
        "failed": len(count.failures),
        "failures": [shortened(failure) for failure in count.failures[:SHOWN]],
        "facts": count.facts,
        "seconds": round(time.monotonic() - began, 1),
        "seed": seed,
        **measuring.circumstances(),
    }


def shortened(failure: str) -> str:
    """Its beginning and its end, where an error says what it is."""
    return failure if len(failure) <= 2 * ENDS else f"{failure[:ENDS]} ... {failure[-ENDS:]}"


def result_name(name: str) -> str:
    return f"faults.{name}"


def write_page(results: list[dict[str, Any]]) -> None:
    """Put the table of the results into its place in the page."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    files.write_text(PAGE, f"{before}{BEGIN}{table(results)}{END}{after}")


def table(results: list[dict[str, Any]]) -> str:
    """The results as a table in Markdown, by promise."""
    lines = ["| promise | what was done | tried | failed | of these |", "|---|---|---:|---:|---|"]
    for one in sorted(results, key=lambda one: one["promise"]):
        numbers = f"{one['tried']:,} | {one['failed']:,}"
        facts = ", ".join(f"{value:g} {name}" for name, value in one["facts"].items() if value)
        lines.append(f"| {one['promise']} | {one['what']} | {numbers} | {facts} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
