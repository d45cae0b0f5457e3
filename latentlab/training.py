"""The one training loop. It can be stopped after any step and resumed as if nothing had happened.

Chance is a function of (seed, epoch, step), and the sums of a half-finished epoch are part of the
state, so a resumed run gives the same weights and the same history as an unbroken one.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from latentlab.artifacts import mu_name
from latentlab.data.batches import Pictures, epoch_batches, row_blocks
from latentlab.dimensions import MIN_KL, min_variance
from latentlab.errors import DataError, StoppedError
from latentlab.models.vae import VAE
from latentlab.objectives import Objective, Step, Terms
from latentlab.objectives.terms import FINAL_STEP
from latentlab.randomness import stream
from latentlab.ranks import ALONE, Ranks

READ_EVERY = 20  # steps between looks at the loss, each of which waits for the device
UNDERFIT = 0.01  # share by which the validation loss still falls in an epoch


@dataclass(frozen=True)
class Progress:
    """Where training stands after a step; given to the caller's hooks."""

    epoch: int  # from 1
    epochs: int
    images: int  # seen in this epoch
    images_total: int  # of an epoch
    loss: float | None  # mean of the epoch so far; None between readings


@dataclass(frozen=True)
class Recipe:
    """How the weights are found.

    Attributes:
        learning_rate: Of Adam.
        decoder_learning_rate: Of the decoder's weights, if it has another.
        critic_learning_rate: Of an objective's own network.
        clip: Largest norm of a step's gradient; None leaves it as it is.
        precision: Of the networks' arithmetic; losses and weights stay float32.
        average: Decay of the exponential moving average of the weights, which then are the ones
            that are evaluated and kept; 0 keeps the weights of the last step.
        patience: Stop after so many epochs without a better validation loss; 0 never does.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    decoder_learning_rate: float | None = None
    critic_learning_rate: float = 1e-4
    clip: float | None = None
    precision: Literal["float32", "bfloat16"] = "float32"
    average: float = 0.0
    patience: int = 0


@dataclass
class _Sums:
    """Running sums of an epoch on the device: no step waits for a number to come back."""

    reconstruction: Tensor  # scalar
    loss: Tensor  # scalar, weighted by images
    kl: Tensor  # (latents,)
    mu: Tensor  # (latents,)
    mu_squares: Tensor  # (latents,)
    extra: dict[str, Tensor] = field(default_factory=dict)  # scalars, weighted by images
    images: int = 0
    seconds: float = 0.0
    beta: float = 0.0  # of the last step

    @classmethod
    def zero(cls, latents: int, device: torch.device) -> "_Sums":
        # Sums of 160,000 values near 1e4 nats need more digits than float32 has; MPS has no more.
        kind = torch.float32 if device.type == "mps" else torch.float64
        zeros = torch.zeros(2 + 3 * latents, dtype=kind, device=device)
        return cls(zeros[0], zeros[1], *zeros[2:].reshape(3, latents))

    def add(self, terms: Terms) -> None:
        count = len(terms.reconstruction)
        self.reconstruction = self.reconstruction + terms.reconstruction.sum()
        self.loss = self.loss + terms.loss.detach() * count
        self.kl = self.kl + terms.kl.sum(dim=0)
        mu = terms.mu.to(self.mu.dtype)
        self.mu = self.mu + mu.sum(dim=0)
        self.mu_squares = self.mu_squares + mu.square().sum(dim=0)
        for name, value in terms.extra.items():
            self.extra[name] = self.extra.get(name, torch.zeros_like(self.loss)) + value * count
        self.images += count
        self.beta = terms.beta

    def means(self, prefix: str) -> dict[str, float]:
        """Nats per image: `*_reconstruction`, `*_kl`, `*_elbo`, `*_loss`, and the objective's own
        parts."""
        reconstruction = float(self.reconstruction) / self.images
        kl = float(self.kl.sum()) / self.images
        return {
            f"{prefix}_reconstruction": reconstruction,
            f"{prefix}_kl": kl,
            f"{prefix}_elbo": -reconstruction - kl,
            f"{prefix}_loss": float(self.loss) / self.images,
            **{f"{prefix}_{name}": float(sum_) / self.images for name, sum_ in self.extra.items()},
        }

    def active_units(self, floor: float) -> int:
        """Latents whose means vary by more than `floor` and, where there is a divergence at all,
        that have some."""
        variance = self.mu_squares / self.images - (self.mu / self.images).square()
        active = variance >= floor
        kl = self.kl / self.images
        return int((active & (kl >= MIN_KL)).sum() if bool(kl.any()) else active.sum())

    def over(self, ranks: Ranks) -> "_Sums":
        """Added up over the processes that train together."""
        if ranks.size == 1:
            return self
        mine = {"reconstruction": self.reconstruction, "loss": self.loss, "kl": self.kl}
        mine |= {"mu": self.mu, "mu_squares": self.mu_squares}
        mine |= {f"extra {name}": value for name, value in self.extra.items()}
        found: dict[str, Any] = ranks.summed({**mine, "images": self.images})
        extra = {
            name.removeprefix("extra "): found.pop(name)
            for name in list(found)
            if name.startswith("extra ")
        }
        return _Sums(**found, extra=extra, seconds=self.seconds, beta=self.beta)

    def to(self, device: torch.device) -> "_Sums":
        def placed(value: Any) -> Any:
            if isinstance(value, dict):
                return {name: placed(item) for name, item in value.items()}
            return value.to(device) if isinstance(value, Tensor) else value

        return _Sums(**{name: placed(value) for name, value in vars(self).items()})


class _Weights:
    """The networks that are trained, their optimisers and their moving average, as one state."""

    def __init__(
        self, model: VAE, objective: Objective, recipe: Recipe, seed: int, device: torch.device
    ):
        self.recipe = recipe
        self.model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.critic = _critic(objective, model.latents, seed, device)
        self.optimizers = [torch.optim.Adam(_groups(model, recipe), lr=recipe.learning_rate)]
        if self.critic is not None:
            rate = recipe.critic_learning_rate
            # The momentum of the FactorVAE paper, section 4.
            critic = torch.optim.Adam(self.critic.parameters(), lr=rate, betas=(0.5, 0.9))
            self.optimizers.append(critic)
        self.averaged: AveragedModel | None = None
        if recipe.average:
            decay = get_ema_multi_avg_fn(recipe.average)
            self.averaged = AveragedModel(model, multi_avg_fn=decay, use_buffers=True)

    @property
    def kept(self) -> VAE:
        """The model that is evaluated and kept."""
        return self.model if self.averaged is None else cast(VAE, self.averaged.module)

    def update(self, terms: Terms) -> None:
        """One step of every optimiser."""
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        terms.loss.backward()
        if self.recipe.clip is not None:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        self.optimizers[0].step()
        if terms.critic_loss is not None:
            # What the model's loss left in the critic is not the critic's to follow.
            self.optimizers[1].zero_grad(set_to_none=True)
            terms.critic_loss.backward()
            self.optimizers[1].step()
        if self.averaged is not None:
            self.averaged.update_parameters(self.model)

    def state(self) -> dict[str, Any]:
        modules = {"model": self.model, "critic": self.critic, "averaged": self.averaged}
        found = {name: one.state_dict() for name, one in modules.items() if one is not None}
        return {**found, "optimizers": [one.state_dict() for one in self.optimizers]}

    def restore(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        if self.critic is not None:
            self.critic.load_state_dict(state["critic"])
        if self.averaged is not None:
            self.averaged.load_state_dict(state["averaged"])
        for optimizer, stored in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(stored)


def kept_weights(state: dict[str, Any]) -> dict[str, Tensor]:
    """The weights in a state of `fit` that are evaluated and kept."""
    if "averaged" not in state:
        return dict(state["model"])
    return {
        name.removeprefix("module."): value
        for name, value in state["averaged"].items()
        if name.startswith("module.")
    }


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
) -> list[dict[str, float]]:
    """Train `model` in place until the recipe's epochs are done or its patience is at an end.

    Args:
        pictures: The prepared arrays.
        train, valid: Row numbers of the two splits.
        state: What an earlier call handed to `on_epoch` or left on stopping; None starts anew.
        on_epoch: Called after every epoch with (state, whether the valid loss is the best so far,
            the model that would be kept).
        on_step: Called after every step.
        should_stop: Asked after every step; when true the state goes to `on_epoch` and the loop
            ends with StoppedError.
        ranks: The processes that train together. All call this with the same arguments and state,
            and all call the hooks.

    Returns:
        The history, one dict an epoch: epoch, train_* and valid_* means in nats per image, KL per
        dimension (`kl_000`..), active_units, beta, learning_rate, images_per_second, seconds.

    Raises:
        StoppedError: `should_stop` said so.
        DataError: the loss stopped being a finite number, at most READ_EVERY steps ago; the states
            handed to `on_epoch` are from before that.
    """
    ranks.check(model, objective)
    weights = _Weights(model, objective, recipe, seed, device)
    sums = _Sums.zero(model.latents, device)
    history: list[dict[str, float]] = []
    epoch, batch, step = 0, 0, 0
    if state is not None:
        weights.restore(state)
        epoch, batch, step, history = (state[key] for key in ("epoch", "batch", "step", "history"))
        if ranks.leads:  # the sums of all, which are added up again
            sums = _Sums(**state["sums"]).to(device)
    forward = ranks.forward(model, objective)

    def snapshot() -> dict[str, Any]:
        return {
            "epoch": epoch,
            "batch": batch,
            "step": step,
            "history": history,
            "sums": vars(sums),
            **weights.state(),
        }

    while epoch < recipe.epochs and not _exhausted(history, recipe.patience):
        model.train()
        began = time.monotonic()
        for rows in epoch_batches(
            train, batch_size=recipe.batch_size, seed=seed, epoch=epoch, first=batch
        ):
            share = ranks.share(rows)
            noise = ranks.generator(seed, "posterior", step, share)
            with _arithmetic(recipe, device):
                at = Step(noise, step, weights.critic)
                terms = forward(pictures.batch(share.rows, device), at)
            weights.update(ranks.weighted(terms, share))
            if share.count:
                sums.add(terms)
            batch, step = batch + 1, step + 1
            reading = step % READ_EVERY == 0
            on_step(
                Progress(
                    epoch + 1,
                    recipe.epochs,
                    min(batch * recipe.batch_size, len(train)),
                    len(train),
                    float(sums.loss) / max(sums.images, 1) if reading else None,
                )
            )
            # The sums stay infinite or NaN once a loss was, and weights that saw it never recover.
            stopping = ranks.any(should_stop())
            looking = reading or stopping
            if looking and ranks.any(not bool(torch.isfinite(sums.loss))):
                raise _diverged(epoch + 1, recipe)
            if stopping:
                sums.seconds += time.monotonic() - began
                sums = sums.over(ranks)
                on_epoch(snapshot(), False, weights.kept)
                raise StoppedError(f"stopped in epoch {epoch + 1} of {recipe.epochs}")
        seconds = sums.seconds + time.monotonic() - began
        sums = sums.over(ranks)
        entry: dict[str, float] = {"epoch": epoch + 1, **sums.means("train")}
        with _arithmetic(recipe, device):
            checked = evaluate(
                weights.kept, objective, pictures, valid,
                batch_size=recipe.batch_size, seed=seed, critic=weights.critic, ranks=ranks,
            )  # fmt: skip
        entry |= checked.means("valid")
        if not np.isfinite(list(entry.values())).all():
            raise _diverged(epoch + 1, recipe)
        entry |= {
            "active_units": sums.active_units(min_variance(model.head.feature)),
            "beta": sums.beta,
            "learning_rate": recipe.learning_rate,
            "images_per_second": sums.images / max(seconds, 1e-9),
            "seconds": seconds,
        }
        kl = (sums.kl / sums.images).tolist()
        entry |= {mu_name(index).replace("mu", "kl"): value for index, value in enumerate(kl)}
        best = all(entry["valid_loss"] < earlier["valid_loss"] for earlier in history)
        history = [*history, entry]
        epoch, batch, sums = epoch + 1, 0, _Sums.zero(model.latents, device)
        on_epoch(snapshot(), best, weights.kept)
        if ranks.any(should_stop()) and epoch < recipe.epochs:
            raise StoppedError(f"stopped after epoch {epoch} of {recipe.epochs}")
    return history


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
    pictures: Pictures,
    rows: np.ndarray,
    *,
    batch_size: int,
    seed: int,
    critic: nn.Module | None = None,
    ranks: Ranks = ALONE,
) -> _Sums:
    """Sums of the objective's terms over the given rows, with the same noise at every call.

    Schedules are taken at their end: a loss whose weights still rise would look best at the start.
    """
    device = next(model.parameters()).device
    model.eval()
    sums = _Sums.zero(model.latents, device)
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


def _arithmetic(recipe: Recipe, device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bfloat16")


def _groups(model: VAE, recipe: Recipe) -> list[dict[str, Any]]:
    """The weights by their learning rate."""
    if recipe.decoder_learning_rate is None:
        return [{"params": list(model.parameters())}]
    later = {id(weight) for weight in model.decoder.parameters()}
    later |= {id(weight) for weight in model.likelihood.parameters()}
    if model.mask_decoder is not None:
        later |= {id(weight) for weight in model.mask_decoder.parameters()}
    parts: tuple[list[nn.Parameter], list[nn.Parameter]] = ([], [])
    for weight in model.parameters():
        parts[id(weight) in later].append(weight)
    return [{"params": parts[0]}, {"params": parts[1], "lr": recipe.decoder_learning_rate}]


def _critic(
    objective: Objective, latents: int, seed: int, device: torch.device
) -> nn.Module | None:
    build = getattr(objective, "build_critic", None)
    if build is None:
        return None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream(seed, "critic"))
        return cast(nn.Module, build(latents)).to(device)
