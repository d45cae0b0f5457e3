"""Every mistake ends in one line that says what is wrong, where, and what to do next."""

import random
import re
from pathlib import Path

from tests.faults.harness import Count, Ended, Warm, World, unfinished
from tests.faults.mistakes import MISTAKES

# How a line tells the way on: a command, an option, a near or a known name, or a request.
NEXT = re.compile(
    r"`latentlab |--[a-z]|did you mean|known (are|here)|\b(add|choose|convert|correct|delete|fetch"
    r"|give|install|it needs|keep|leave|lower|make|mend|name|put|remove|rename|reshape|save|say|see"
    r"|start|take|train|use|wait|write)\b",
    re.IGNORECASE,
)


def mistakes(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
    """n of the mistakes of `tests.faults.mistakes`, chosen by chance; all where n is as large."""
    count = Count()
    names = list(MISTAKES)
    chosen = random.Random(f"mistakes {seed}").sample(names, min(n, len(names)))
    for name in sorted(chosen, key=names.index):
        mistake = MISTAKES[name]
        folder = world.before[mistake.before] if mistake.before else world.after
        folder = world.copy(folder, place / "tried")
        mistake.spoil(folder)
        with count.one():
            done = warm(mistake.words, folder, logs=place)
            for problem in poorly_told(done, mistake.code, mistake.said):
                count.expect(False, f"{name}: {problem}: {done.said.strip()[-500:]}")
            left = unfinished(folder)
            count.expect(not left, f"{name}: left {left}")
    return count


def poorly_told(done: Ended, code: int, said: tuple[str, ...]) -> list[str]:
    """What is wrong with the way a command was refused."""
    lines = done.said.strip().splitlines()
    last = lines[-1] if lines else ""
    wrong = [f"does not say {part!r}" for part in said if part not in last]
    if done.code != code:
        wrong.append(f"exit {done.code}, not {code}")
    if "Traceback" in done.said:
        wrong.append("shows a traceback")
    if [line.startswith("latentlab: ") for line in lines].count(True) != 1 or not done.told:
        wrong.append("is not one line that begins with `latentlab: `")
    if not last.endswith((".", "?")) or last.endswith(".."):
        wrong.append("does not end as a sentence")
    if not NEXT.search(last):
        wrong.append("does not say what to do next")
    return wrong
