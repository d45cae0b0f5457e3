"""How long epochs take where the pictures are ready, and how far that is from the least possible.

Called by `benchmarks.training`. Every line has:

- `ours`: seconds an image of a whole epoch with its history, the median of all epochs but the
  first; `first`: seconds of the first, in which a GPU is sent the pictures and records a step;
- `epoch_seconds`: for CelebA's 162,770 images of train, or `protocol_seconds`: for the 300,000
  steps of the published dSprites study (64 images, network `burgess`, 10 latents, learning rate
  1e-4), reckoned at that rate; `images` and `steps` tell how many an epoch had here;
- `limit`: what was aimed at on one GPU of the H200 class, in the same seconds;
- `bound`: seconds of a step by `benchmarks.bounds`, `binds` what it waits for, and `share_of_bound`
  bound over measured: 1 could not be better;
- `products` and `copy`: operations and bytes a second of this machine that the bound is made of.

Pictures are drawn, a few hundred, repeated: what is on them does not change the time.

Sources: protocol, Locatello et al. 2019, https://arxiv.org/abs/1811.12359
"""

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from benchmarks import bounds, measuring
from benchmarks.bounds import Precision
from latentlab.data.batches import Pictures
from latentlab.data.faces import Faces
from latentlab.models import build_model
from latentlab.objectives import OBJECTIVES
from latentlab.training import Recipe, fit

CELEBA, PROTOCOL = 162_770, 300_000  # images, steps
TRIED = 640_000  # images of an epoch of the protocol here: 10,000 steps
DRAWN = 256  # pictures that are different
VALID = 256  # images that an epoch is checked on
EPOCHS = 4
SIDE = 64


@dataclass(frozen=True)
class Case:
    """A training whose epochs are timed; `limit` are the seconds aimed at."""

    name: str
    network: str
    channels: int
    latents: int
    beta: float
    rate: float
    batch: int
    precision: Precision
    limit: float
    compile: bool = False

    @property
    def is_protocol(self) -> bool:
        return self.network == "burgess"


def cases(device: torch.device) -> Iterator[Case]:
    """The reference network at two batch sizes, and the published protocol."""
    precisions: tuple[Precision, ...] = ("bfloat16", "float32")
    if device.type == "cuda":
        precisions = ("bfloat16", "tf32", "float32")
    for compile in (False, True) if device.type == "cuda" else (False,):
        for precision in precisions[:1] if compile else precisions:
            end = f"{precision}.compiled" if compile else precision
            for batch in (128, 1024):
                name = f"training.{device.type}.celeba.{batch}.{end}"
                yield Case(name, "conv", 3, 32, 1.0, 1e-3, batch, precision, 3.0, compile)
            name = f"training.{device.type}.dsprites.{end}"
            yield Case(name, "burgess", 1, 10, 4.0, 1e-4, 64, precision, 600.0, compile)


def measure(device: torch.device, images: int | None, epochs: int = EPOCHS) -> list[dict[str, Any]]:
    """A line a case; what cannot be measured is told and left out.

    Args:
        images: Of an epoch; CELEBA or TRIED if not given.
    """
    known: dict[Precision, bounds.Rates] = {}
    lines = []
    for case in cases(device):
        if case.precision not in known:
            known[case.precision] = bounds.rates(device, case.precision)
        try:
            lines.append(_line(case, device, images, epochs, known[case.precision]))
        except Exception as error:  # torch.compile fails in its own ways
            if not case.compile:
                raise
            print(f"{case.name}: not measured: {type(error).__name__}: {str(error)[:300]}")
            continue
        _tell(lines[-1])
    return lines


def _line(
    case: Case, device: torch.device, images: int | None, epochs: int, rates: bounds.Rates
) -> dict[str, Any]:
    count = images or (TRIED if case.is_protocol else CELEBA)
    first, later, told = _timed(case, device, count, 2 if case.is_protocol else epochs)
    steps = -(-count // case.batch)
    seconds = statistics.median(later)
    model, objective = _model(case), OBJECTIVES["beta_vae"](beta=case.beta)
    work = bounds.counted(model, objective, case.channels, SIDE)
    least = bounds.bound(work, rates, case.batch, case.precision)
    whole = (
        {"protocol_seconds": seconds / steps * PROTOCOL}
        if case.is_protocol
        else {"epoch_seconds": seconds / count * CELEBA}
    )
    return {
        "name": case.name,
        "ours": seconds / count,
        "unit": "seconds an image",
        "n": count * len(later),
        **whole,
        "limit": case.limit,
        "images": count,
        "steps": steps,
        "batch": case.batch,
        "precision": case.precision,
        "first": first,
        "epochs": later,
        "bound": least.seconds,
        "binds": least.binds,
        "arithmetic": least.arithmetic,
        "memory": least.memory,
        "share_of_bound": least.seconds * count / case.batch / seconds,
        "products": rates.products,
        "copy": rates.copy,
        "operations_an_image": work.operations,
        "told": told,
        "device": _named(device),
        **measuring.circumstances(),
    }


def _timed(
    case: Case, device: torch.device, count: int, epochs: int
) -> tuple[float, list[float], list[str]]:
    """Seconds of the first epoch and of the later ones, and what training said."""
    pictures = _pictures(case.channels, count + VALID)
    ends, told = [time.perf_counter()], list[str]()
    fit(
        _model(case),
        OBJECTIVES["beta_vae"](beta=case.beta),
        pictures,
        train=np.arange(count),
        valid=np.arange(count, count + VALID),
        recipe=Recipe(
            epochs, case.batch, case.rate, precision=case.precision, compile=case.compile
        ),
        seed=0,
        device=device,
        on_epoch=lambda state, best, model: ends.append(time.perf_counter()),
        tell=told.append,
    )
    seconds = np.diff(ends).tolist()
    return seconds[0], seconds[1:] or seconds, told


def _model(case: Case) -> Any:
    settings = {"network": case.network, "latents": case.latents}
    return build_model("vae", settings, channels=case.channels, side=SIDE, seed=0)


def _pictures(channels: int, count: int) -> Pictures:
    """Drawn faces, or their first channel, again and again."""
    drawn = Faces(limit=DRAWN).read(0, DRAWN, SIDE).images[..., :channels]
    images = np.empty((count, *drawn.shape[1:]), np.uint8)
    for start in range(0, count, DRAWN):
        images[start : start + DRAWN] = drawn[: count - start]
    return Pictures(images)


def _named(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _tell(line: dict[str, Any]) -> None:
    key = "protocol_seconds" if "protocol_seconds" in line else "epoch_seconds"
    print(
        f"{line['name']}: {1e6 * line['ours']:,.2f} microseconds an image, {key.replace('_', ' ')}"
        f" {line[key]:,.2f} (aim on a GPU {line['limit']:g}), {line['share_of_bound']:.0%} of the"
        f" bound by {line['binds']}"
    )
