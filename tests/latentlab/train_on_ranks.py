"""What every rank runs in test_ranks.py: torchrun ... train_on_ranks.py FOLDER [STOP_AFTER].

Trains a small model, whole or stopped after some steps, from FOLDER/state.pt if that is there, and
leaves what the first rank has at the end.
"""

import contextlib
import sys
from pathlib import Path

import numpy as np
import torch

from latentlab.data.batches import Pictures
from latentlab.errors import StoppedError
from latentlab.models import build_model
from latentlab.objectives import BetaVAE, Denoising
from latentlab.ranks import joined, several
from latentlab.training import Recipe, fit

CPU = torch.device("cpu")


def images():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, size=(61, 16, 16, 3), dtype=np.uint8)


def train(ranks, *, state=None, stop_after=10**9, on_state=lambda state: None, objective=None):
    """53 images in batches of 10, of which the last has 3: fewer than some numbers of ranks."""
    torch.set_num_threads(1)
    model = build_model("vae", {"latents": 3, "widths": (8,)}, channels=3, side=16, seed=0)
    steps = iter(range(1, 10**9))
    history = None
    with contextlib.suppress(StoppedError):
        history = fit(
            model,
            objective or BetaVAE(2.0),
            Pictures(images()),
            train=np.arange(53),
            valid=np.arange(53, 61),
            recipe=Recipe(epochs=3, batch_size=10, learning_rate=1e-3, clip=50.0, average=0.9),
            seed=0,
            device=CPU,
            state=state,
            on_epoch=lambda state, best, kept: on_state(state),
            should_stop=lambda: next(steps) >= stop_after,
            ranks=ranks,
        )
    return model, history


def main(folder, stop_after):
    before = folder / "state.pt"
    state = torch.load(before, weights_only=True) if before.exists() else None
    with joined(CPU) as ranks:
        assert several() == (ranks.size > 1)
        states = []
        model, history = train(ranks, state=state, stop_after=stop_after, on_state=states.append)
        damaged, _ = train(ranks, objective=Denoising(masked=0.2))
        if ranks.leads:
            torch.save(
                {
                    "model": model.state_dict(),
                    "damaged": damaged.state_dict(),
                    "history": history,
                    "state": states[-1],
                    "size": ranks.size,
                },
                folder / "found.pt",
            )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 10**9)
