"""Memory that runs out: one line that says what to lower, and nothing half-written."""

import random
from pathlib import Path

from tests.faults.harness import Count, Ended, Warm, World, half_written, unfinished
from tests.faults.jobs import ready
from tests.faults.kills import Experiment
from tests.faults.processes import left_behind
from tests.faults.room import least

UNIT = 1 << 18  # bytes by which memory is granted
MOST = 1 << 13  # units
PATIENCE = 60  # seconds: without memory nothing may wait for ever


def short_of_memory(name: str) -> Experiment:
    """A job with n amounts of memory, from none to all but the last bit of what it needs beyond
    what an idle command has."""

    def experiment(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
        count = Count()
        chance = random.Random(f"memory {name} {seed}")
        own = ready(warm, world, name)

        def attempt(granted: int) -> tuple[Path, Ended]:
            folder = world.copy(own.before, place / "tried")
            running = warm.start(own.words(0), folder, limits={"RLIMIT_AS": granted})
            return folder, warm.end(running, PATIENCE)

        def enough(units: int) -> bool:
            return attempt(units * UNIT)[1].code == 0

        needed = least(enough, MOST) * UNIT
        refused = native = 0
        for at in range(n):
            granted = int((at + chance.random()) / n * needed)
            with count.one():
                folder, done = attempt(granted)
                how = f"{name} with {granted / 1e6:,.1f} of {needed / 1e6:,.1f} MB"
                # A library in C that gets no memory may end the process itself.
                aborted = done.code is not None and done.code < 0
                native += aborted
                refused += done.code == 3
                count.expect(
                    aborted or done.code in (0, 3), f"{how}: {done.code} {done.said[-700:]}"
                )
                said = "not enough memory" in done.said and "ower" in done.said and done.told
                count.expect(done.code != 3 or said, f"{how}: said {done.said[-700:]!r}")
                count.expect("Traceback" not in done.said, f"{how}: {done.said[-700:]}")
                count.expect(not left_behind(warm, 10), f"{how}: something still runs")
                for problem in (*half_written(folder), *([] if aborted else unfinished(folder))):
                    count.expect(False, f"{how}: {problem}")
                again = warm(own.words(0), folder)
                count.expect(again.code == 0, f"{how}, then with more: {again.said}")
                different = own.unlike(folder)
                count.expect(not different, f"{how}, then with more: {different} differ")
        count.facts |= {"refused": refused, "ended by a library": native}
        return count

    return experiment
