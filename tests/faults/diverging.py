"""Training whose loss stops being a number: soon stopped, told, and what was kept stands."""

import json
import os
import random
from dataclasses import replace
from pathlib import Path

import torch

from latentlab import checkpoints
from latentlab.artifacts import RunFolder
from latentlab.objectives import OBJECTIVES, BetaVAE, Step, Terms
from latentlab.objectives.terms import FINAL_STEP
from tests.faults.harness import RUN, STAGES, Count, Warm, World, differences, half_written
from tests.faults.jobs import CLOCKED

BOUND = 20  # steps that may follow the first loss that is no finite number
POISONED, SEEN = "FAULTS_POISONED", "FAULTS_SEEN"  # which step and by what; where losses are noted
PRECISIONS = ("float32", "bfloat16")
EPOCHS, BATCH = 3, 4  # many steps an epoch, so that the loop's own bound is met


def poison() -> None:
    """Have the loss of one step multiplied by no finite number, and note whether losses are."""
    step, factor = json.loads(os.environ[POISONED])
    seen = Path(os.environ[SEEN])

    class Poisoned(BetaVAE):
        def __call__(self, model: torch.nn.Module, batch: object, at: Step) -> Terms:
            terms = super().__call__(model, batch, at)  # type: ignore[arg-type]
            if at.number == FINAL_STEP:
                return terms
            if at.number == step:
                terms = replace(terms, loss=terms.loss * float(factor))
            with seen.open("a") as notes:
                notes.write(f"{at.number} {bool(torch.isfinite(terms.loss))}\n")
            return terms

    OBJECTIVES["beta_vae"] = Poisoned


def diverging(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
    """A loss that becomes NaN or infinite at n random steps, in either precision; then the same
    command again, which finishes as if nothing had been."""
    count = Count()
    chance = random.Random(f"diverging {seed}")
    unbroken = {precision: _unbroken(warm, world, place, precision) for precision in PRECISIONS}
    longest = 0
    for at in range(n):
        precision = PRECISIONS[at % 2]
        words, whole, steps = unbroken[precision]
        step, factor = chance.randrange(steps), chance.choice(("nan", "inf", "-inf"))
        folder = world.copy(world.before["train"], place / "tried")
        with count.one():
            how = f"{factor} at step {step} of {steps}, {precision}"
            after = _poisoned(warm, words, folder, place, count, how, step, factor)
            longest = max(longest, after)
            run = RunFolder(folder / RUN)
            state = checkpoints.load_state(run.checkpoints_folder)
            kept, wanted = (state["epoch"] if state else 0), step // (steps // EPOCHS)
            count.expect(kept == wanted, f"{how}: {kept} epochs kept, not {wanted}")
            if state is not None:
                finite = all(bool(torch.isfinite(one).all()) for one in state["model"].values())
                count.expect(finite, f"{how}: weights that are no numbers were kept")
            again = warm(words, folder)
            count.expect(again.code == 0, f"{how}, then again: {again.code} {again.said}")
            different = differences(folder, whole, CLOCKED)
            count.expect(not different, f"{how}, then again: {different} differ")
    count.facts["steps the longest until it stopped"] = longest
    return count


def too_fast(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
    """n learning rates that are far too high, in either precision, for a run that is trained: its
    model stays as it was."""
    count = Count()
    chance = random.Random(f"too fast {seed}")
    stopped = longest = 0
    model = f"{RUN}/model"
    for at in range(n):
        precision, rate = PRECISIONS[at % 2], f"1e{chance.randint(2, 30)}"
        folder = world.copy(world.following("train"), place / "tried")
        with count.one():
            words = _words(precision, f"train.learning_rate={rate}")
            how = f"a learning rate of {rate}, {precision}"
            after = _poisoned(warm, words, folder, place, count, how, -1, "1", may_finish=True)
            if after >= 0:
                stopped += 1
                longest = max(longest, after)
                different = differences(folder / model, world.following("train") / model)
                count.expect(not different, f"{how}: {different} differ")
    count.facts |= {"stopped": stopped, "steps the longest until it stopped": longest}
    return count


def _words(precision: str, *more: str) -> tuple[str, ...]:
    given = (f"train.precision={precision}", f"train.batch_size={BATCH}", *more)
    return (*STAGES["train"], *(word for text in given for word in ("--set", text)))


def _unbroken(
    warm: Warm, world: World, place: Path, precision: str
) -> tuple[tuple[str, ...], Path, int]:
    """Words that train, what comes of them, and the steps that they take."""
    words, folder = _words(precision), place / precision
    world.copy(world.before["train"], folder)
    seen = place / f"{precision}.seen"
    done = warm(
        words,
        folder,
        first=f"{__name__}:poison",
        environment={POISONED: json.dumps([-1, "1"]), SEEN: str(seen)},
    )
    assert done.code == 0, done.said
    return words, folder, len(seen.read_text().splitlines())


def _poisoned(
    warm: Warm, words: tuple[str, ...], folder: Path, place: Path, count: Count, how: str,
    step: int, factor: str, *, may_finish: bool = False,
) -> int:  # fmt: skip
    """Train so, and judge how it ended: the steps after the first loss that was no finite number;
    -1 where it came to its end."""
    seen = place / "seen"
    seen.unlink(missing_ok=True)
    environment = {POISONED: json.dumps([step, factor]), SEEN: str(seen)}
    done = warm(words, folder, first=f"{__name__}:poison", environment=environment)
    for problem in half_written(folder):
        count.expect(False, f"{how}: {problem}")
    if done.code == 0:
        count.expect(may_finish, f"{how}: it went on to the end")
        return -1
    count.expect(done.code == 3 and done.told, f"{how}: exit {done.code}: {done.said}")
    named = "diverged" in done.said and "Lower train.learning_rate" in done.said
    count.expect(named, f"{how}: said {done.said!r}")
    finite = [line.endswith("True") for line in seen.read_text().splitlines()]
    after = len(finite) - 1 - finite.index(False) if False in finite else 0
    count.expect(after <= BOUND, f"{how}: {after} steps more")
    return after
