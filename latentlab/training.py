"""The one training loop. It can be stopped after any step and resumed as if nothing had happened.

Chance is a function of (seed, epoch, step), and the sums of a half-finished epoch are part of the
state, so a resumed run gives the same weights and the same history as an unbroken one.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from latentlab.artifacts import mu_name
from latentlab.data.batches import Pictures, epoch_batches, row_blocks
from latentlab.data.resident import Resident, resident
from latentlab.dimensions import min_variance
from latentlab.errors import DataError, StoppedError
from latentlab.fitting.readings import READ_EVERY as READ_EVERY
from latentlab.fitting.readings import Watch
from latentlab.fitting.recipe import Recipe as Recipe
from latentlab.fitting.recipe import arithmetic, cuda_settings
from latentlab.fitting.steps import PlainSteps, Steps, TapedSteps, cuda_graph
from latentlab.fitting.sums import Sums
from latentlab.fitting.weights import Weights
from latentlab.fitting.weights import kept_weights as kept_weights
from latentlab.models.vae import VAE
from latentlab.objectives import Objective, Step
from latentlab.objectives.terms import FINAL_STEP
from latentlab.ranks import ALONE, Ranks

UNDERFIT = 0.01  # share by which the validation loss still falls in an epoch
CLOCK = ("seconds", "images_per_second")  # columns that histories once had


@dataclass(frozen=True)
class Progress:
    """Where training stands after a step; given to the caller's hooks."""

    epoch: int  # from 1
    epochs: int
    images: int  # seen in this epoch
    images_total: int  # of an epoch
    loss: float | None  # mean of the epoch as it was last read; None between readings


def fit(
    model: VAE,
    objective: Objective,
    pictures: Pictures,
    *,
    train: np.ndarray,
    valid: np.ndarray,
    recipe: Recipe,
    seed: int,
    device: torch.device,
    state: dict[str, Any] | None = None,
    on_epoch: Callable[[dict[str, Any], bool, VAE], None],
    on_step: Callable[[Progress], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
    ranks: Ranks = ALONE,
    tell: Callable[[str], None] = lambda line: None,
) -> list[dict[str, float]]:
    """Train `model` in place until the recipe's epochs are done or its patience is at an end.

    On a CUDA device steps follow each other without waiting for this process, and are recorded
    once and replayed where the objective allows it (`latentlab.fitting.steps`); the numbers are
    those of any other device, but for rounding.

    Args:
        pictures: The prepared arrays.
        train, valid: Row numbers of the two splits.
        state: What an earlier call handed to `on_epoch` or left on stopping; None starts anew.
        on_epoch: Called after every epoch with (state, whether the valid loss is the best so far,
            the model that would be kept). Tensors of the state change when training goes on.
        on_step: Called after every step, which on a CUDA device need not be done yet.
        should_stop: Asked after every step; when true the state goes to `on_epoch` and the loop
            ends with StoppedError.
        ranks: The processes that train together. All call this with the same arguments and state,
            and all call the hooks.
        tell: Called with a line if training cannot be as fast as it might be, and why.

    Returns:
        The history, one dict an epoch: epoch, train_* and valid_* means in nats per image, KL per
        dimension (`kl_000`..), active_units, beta, learning_rate. Nothing in it depends on clocks.

    Raises:
        StoppedError: `should_stop` said so.
        DataError: the loss stopped being a finite number, at most READ_EVERY steps ago; the states
            handed to `on_epoch` are from before that.
    """
    ranks.check(model, objective)
    with _surroundings(recipe, device):
        weights = Weights(model, objective, recipe, seed, device)
        sums = Sums(model.latents, device)
        history: list[dict[str, float]] = []
        epoch, batch, step = 0, 0, 0
        if state is not None:
            weights.restore(state)
            epoch, batch, step = (state[key] for key in ("epoch", "batch", "step"))
            history = [_without_clock(entry) for entry in state["history"]]
            if ranks.leads:  # the sums of all, which are added up again
                sums.restore(state["sums"])
        given = _given(pictures, device)
        steps = _steps(weights, objective, given, sums, recipe, seed, device, ranks, tell)

        def snapshot(sums: Sums) -> dict[str, Any]:
            return {
                "epoch": epoch,
                "batch": batch,
                "step": step,
                "history": history,
                "sums": sums.state(),
                **weights.state(),
            }

        while epoch < recipe.epochs and not _exhausted(history, recipe.patience):
            model.train()
            watch = Watch(device, wait=ranks.size > 1)
            order = epoch_batches(
                train, batch_size=recipe.batch_size, seed=seed, epoch=epoch, first=batch
            )
            with closing(steps.epoch(order, step)) as done:
                for _ in done:
                    batch, step = batch + 1, step + 1
                    loss = watch.look(step, sums)
                    images = min(batch * recipe.batch_size, len(train))
                    on_step(Progress(epoch + 1, recipe.epochs, images, len(train), loss))
                    stopping = ranks.any(should_stop())
                    if stopping:
                        loss = float(sums.loss)
                    # The sums stay infinite or NaN once a loss was, and weights that saw it never
                    # recover.
                    if loss is not None and ranks.any(not np.isfinite(loss)):
                        raise _diverged(epoch + 1, recipe)
                    if stopping:
                        on_epoch(snapshot(sums.over(ranks)), False, weights.kept)
                        raise StoppedError(f"stopped in epoch {epoch + 1} of {recipe.epochs}")
            with arithmetic(recipe, device):
                checked = evaluate(
                    weights.kept, objective, given, valid,
                    batch_size=recipe.batch_size, seed=seed, critic=weights.critic, ranks=ranks,
                )  # fmt: skip
            entry = _entry(epoch + 1, sums.over(ranks), checked, model, recipe)
            best = all(entry["valid_loss"] < earlier["valid_loss"] for earlier in history)
            history = [*history, entry]
            sums.clear()
            epoch, batch = epoch + 1, 0
            on_epoch(snapshot(sums), best, weights.kept)
            if ranks.any(should_stop()) and epoch < recipe.epochs:
                raise StoppedError(f"stopped after epoch {epoch} of {recipe.epochs}")
    return history


@contextmanager
def _surroundings(recipe: Recipe, device: torch.device) -> Iterator[None]:
    """What holds for a whole training on a CUDA device: settings, and a stream of its own, since
    nothing on the default one can be recorded."""
    with cuda_settings(recipe, device):
        if device.type != "cuda":
            yield
            return
        mine, before = torch.cuda.Stream(device), torch.cuda.current_stream(device)
        mine.wait_stream(before)
        try:
            with torch.cuda.stream(mine):
                yield
        finally:
            before.wait_stream(mine)


def _given(pictures: Pictures, device: torch.device) -> Pictures | Resident:
    """The pictures where batches are best taken from: on the device, if they leave room there."""
    return (resident(pictures, device) if device.type == "cuda" else None) or pictures


def _steps(
    weights: Weights,
    objective: Objective,
    given: Pictures | Resident,
    sums: Sums,
    recipe: Recipe,
    seed: int,
    device: torch.device,
    ranks: Ranks,
    tell: Callable[[str], None],
) -> Steps:
    """The fastest way to train that there is here."""
    plain = PlainSteps(weights, objective, given, sums, seed=seed, device=device, ranks=ranks)
    if device.type != "cuda":
        return plain
    if ranks.size > 1:
        tell("several processes train together: their steps are not recorded")
        return plain
    record = cuda_graph if recipe.capture else None
    return TapedSteps(plain, objective, recipe, record=record, tell=tell)


def _entry(epoch: int, sums: Sums, checked: Sums, model: VAE, recipe: Recipe) -> dict[str, float]:
    """The row of the history of an epoch.

    Raises:
        DataError: a mean is not a finite number.
    """
    entry: dict[str, float] = {"epoch": epoch, **sums.means("train"), **checked.means("valid")}
    if not np.isfinite(list(entry.values())).all():
        raise _diverged(epoch, recipe)
    entry |= {
        "active_units": sums.active_units(min_variance(model.head.feature)),
        "beta": float(sums.beta),
        "learning_rate": recipe.learning_rate,
    }
    kl = (sums.kl / sums.images).tolist()
    return entry | {mu_name(index).replace("mu", "kl"): value for index, value in enumerate(kl)}


def _without_clock(entry: dict[str, float]) -> dict[str, float]:
    """A row of a state that was written when rows told how long an epoch took."""
    return {name: value for name, value in entry.items() if name not in CLOCK}


def _diverged(epoch: int, recipe: Recipe) -> DataError:
    return DataError(
        f"the loss is not a finite number in epoch {epoch}: training has diverged."
        f" Lower train.learning_rate (now {recipe.learning_rate:g}), or set train.clip,"
        " and train again. What was kept after earlier epochs is untouched."
    )


@torch.no_grad()
def evaluate(
    model: VAE,
    objective: Objective,
    pictures: Pictures | Resident,
    rows: np.ndarray,
    *,
    batch_size: int,
    seed: int,
    critic: nn.Module | None = None,
    ranks: Ranks = ALONE,
) -> Sums:
    """Sums of the objective's terms over the given rows, with the same noise at every call.

    Schedules are taken at their end: a loss whose weights still rise would look best at the start.
    """
    device = next(model.parameters()).device
    model.eval()
    sums = Sums(model.latents, device)
    for number, block in enumerate(row_blocks(rows, batch_size)):
        share = ranks.share(block)
        noise = ranks.generator(seed, "evaluation", number, share)
        at = Step(noise, FINAL_STEP, critic)
        if share.count:
            sums.add(objective(model, pictures.batch(share.rows, device), at))
    return sums.over(ranks)


def concerns(history: Sequence[dict[str, float]], latents: int) -> list[str]:
    """What a person should know about a finished training, in words."""
    last = history[-1]
    found = []
    if last["active_units"] <= latents / 10:
        found.append(
            f"only {int(last['active_units'])} of {latents} dimensions are active: the posterior"
            " has collapsed onto the prior. Lower objective.beta, or raise it slowly with"
            " objective.anneal=linear."
        )
    if len(history) > 1:
        before = history[-2]["valid_loss"]
        gain = (before - last["valid_loss"]) / abs(before)
        if gain > UNDERFIT:
            found.append(
                f"the validation loss still fell by {gain:.1%} in the last epoch: the model is"
                " underfitted. Train for more train.epochs; the run goes on from where it is."
            )
    return found


def choose_device(wanted: str) -> torch.device:
    """`auto` takes CUDA, then Apple's MPS, then the CPU."""
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if wanted == "auto":
        return torch.device(next(name for name, there in available.items() if there))
    if not available[wanted]:
        raise DataError(f"no {wanted} device on this machine. Take --device auto.")
    return torch.device(wanted)


def _exhausted(history: Sequence[dict[str, float]], patience: int) -> bool:
    """Whether the last `patience` epochs brought no better validation loss."""
    losses = [entry["valid_loss"] for entry in history]
    return bool(patience) and len(losses) - int(np.argmin([*losses, np.inf])) > patience
