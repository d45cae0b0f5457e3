"""The one training loop. It can be stopped after any step and resumed as if nothing had happened.

Chance is a function of (seed, epoch, step), and the sums of a half-finished epoch are part of the
state, so a resumed run gives the same weights and the same history as an unbroken one.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from latentlab.artifacts import mu_name
from latentlab.data.batches import epoch_batches, row_blocks, to_tensor
from latentlab.dimensions import MIN_KL
from latentlab.errors import DataError, StoppedError
from latentlab.models.vae import VAE
from latentlab.objectives import Objective, Terms
from latentlab.randomness import torch_generator


@dataclass(frozen=True)
class Progress:
    """Where training stands after a step; given to the caller's hooks."""

    epoch: int  # from 1
    epochs: int
    images: int  # seen in this epoch
    images_total: int  # of an epoch
    loss: float | None  # mean of the epoch so far; None between readings


@dataclass
class _Sums:
    """Running sums of an epoch on the device: no step waits for a number to come back."""

    reconstruction: Tensor  # scalar
    kl: Tensor  # (latents,)
    loss: Tensor  # scalar, weighted by images
    images: int = 0
    seconds: float = 0.0
    beta: float = 0.0  # of the last step

    @classmethod
    def zero(cls, latents: int, device: torch.device) -> "_Sums":
        # Sums of 160,000 values near 1e4 nats need more digits than float32 has; MPS has no more.
        kind = torch.float32 if device.type == "mps" else torch.float64
        zeros = torch.zeros(latents + 2, dtype=kind, device=device)
        return cls(zeros[0], zeros[2:], zeros[1])

    def add(self, terms: Terms) -> None:
        count = len(terms.reconstruction)
        self.reconstruction = self.reconstruction + terms.reconstruction.sum()
        self.kl = self.kl + terms.kl.sum(dim=0)
        self.loss = self.loss + terms.loss.detach() * count
        self.images += count
        self.beta = terms.beta

    def means(self, prefix: str) -> dict[str, float]:
        """Nats per image: `*_reconstruction`, `*_kl`, `*_elbo`, `*_loss`."""
        reconstruction = float(self.reconstruction) / self.images
        kl = float(self.kl.sum()) / self.images
        return {
            f"{prefix}_reconstruction": reconstruction,
            f"{prefix}_kl": kl,
            f"{prefix}_elbo": -reconstruction - kl,
            f"{prefix}_loss": float(self.loss) / self.images,
        }


def fit(
    model: VAE,
    objective: Objective,
    images: np.ndarray,
    *,
    train: np.ndarray,
    valid: np.ndarray,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    device: torch.device,
    state: dict[str, Any] | None = None,
    on_epoch: Callable[[dict[str, Any], bool], None],
    on_step: Callable[[Progress], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[dict[str, float]]:
    """Train `model` in place with Adam until `epochs` epochs are done.

    Args:
        images: uint8 (images, side, side, channels), memory-mapped or in memory.
        train, valid: Row numbers of the two splits.
        state: What an earlier call handed to `on_epoch` or left on stopping; None starts anew.
        on_epoch: Called after every epoch with (state, whether the valid loss is the best so far).
        on_step: Called after every step.
        should_stop: Asked after every step; when true the state goes to `on_epoch` and the loop
            ends with StoppedError.

    Returns:
        The history, one dict an epoch: epoch, train_* and valid_* means in nats per image, KL per
        dimension (`kl_000`..), active_units, beta, learning_rate, images_per_second, seconds.

    Raises:
        StoppedError: `should_stop` said so.
        DataError: the loss stopped being a finite number.
    """
    model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    sums = _Sums.zero(model.latents, device)
    history: list[dict[str, float]] = []
    epoch, batch, step = 0, 0, 0
    if state is not None:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        epoch, batch, step, history = (state[key] for key in ("epoch", "batch", "step", "history"))
        sums = _Sums(**{key: _placed(value, device) for key, value in state["sums"].items()})

    def snapshot() -> dict[str, Any]:
        return {
            "epoch": epoch,
            "batch": batch,
            "step": step,
            "history": history,
            "sums": vars(sums),
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
        }

    while epoch < epochs:
        model.train()
        began = time.monotonic()
        for rows in epoch_batches(
            train, batch_size=batch_size, seed=seed, epoch=epoch, first=batch
        ):
            x = to_tensor(images[np.sort(rows)], device)  # ascending rows read the disk forwards
            optimizer.zero_grad(set_to_none=True)
            terms = objective(model, x, torch_generator(seed, "posterior", step), step)
            terms.loss.backward()
            optimizer.step()
            sums.add(terms)
            batch, step = batch + 1, step + 1
            reading = step % 20 == 0
            on_step(
                Progress(
                    epoch + 1,
                    epochs,
                    sums.images,
                    len(train),
                    float(sums.loss) / sums.images if reading else None,
                )
            )
            if should_stop():
                sums.seconds += time.monotonic() - began
                on_epoch(snapshot(), False)
                raise StoppedError(f"stopped in epoch {epoch + 1} of {epochs}")
        seconds = sums.seconds + time.monotonic() - began
        entry: dict[str, float] = {"epoch": epoch + 1, **sums.means("train")}
        checked = evaluate(
            model, objective, images, valid, batch_size=batch_size, seed=seed, step=step
        )
        entry |= checked.means("valid")
        if not np.isfinite(list(entry.values())).all():
            raise DataError(
                f"the loss is not a finite number in epoch {epoch + 1}: training has diverged."
                f" Lower train.learning_rate (now {learning_rate:g}) and train again."
            )
        kl = (sums.kl / sums.images).tolist()
        entry |= {
            "active_units": sum(value >= MIN_KL for value in kl),
            "beta": sums.beta,
            "learning_rate": learning_rate,
            "images_per_second": sums.images / max(seconds, 1e-9),
            "seconds": seconds,
        }
        entry |= {mu_name(index).replace("mu", "kl"): value for index, value in enumerate(kl)}
        best = all(entry["valid_loss"] < earlier["valid_loss"] for earlier in history)
        history = [*history, entry]
        epoch, batch, sums = epoch + 1, 0, _Sums.zero(model.latents, device)
        on_epoch(snapshot(), best)
        if should_stop() and epoch < epochs:
            raise StoppedError(f"stopped after epoch {epoch} of {epochs}")
    return history


@torch.no_grad()
def evaluate(
    model: VAE,
    objective: Objective,
    images: np.ndarray,
    rows: np.ndarray,
    *,
    batch_size: int,
    seed: int,
    step: int,
) -> _Sums:
    """Sums of the objective's terms over the given rows, with the same noise at every call."""
    device = next(model.parameters()).device
    model.eval()
    sums = _Sums.zero(model.latents, device)
    for number, block in enumerate(row_blocks(rows, batch_size)):
        noise = torch_generator(seed, "evaluation", number)
        sums.add(objective(model, to_tensor(images[block], device), noise, step))
    return sums


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


def _placed(value: Any, device: torch.device) -> Any:
    return value.to(device) if isinstance(value, Tensor) else value
