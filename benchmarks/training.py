"""Training: `latentlab.training.fit` against the loop that is published with most VAEs.

    python -m benchmarks.training [--device cuda] [--out FOLDER]
                                  [--images N] [--epochs N] [--batch N] [--rounds N]

On a GPU this takes a few minutes and is all there is to measure; results go to FOLDER, else to the
project's own and to $OUT where that is set. After the comparison below come epochs of CelebA's size
and the published dSprites protocol, against their aims and the least possible time
(`benchmarks.training_epochs`), into `training_epochs.json` (`training_epochs_cuda.json`).

`training.cpu` (`training.cuda` with `--device cuda`): seconds an image of an epoch, validation and
history included, of the reference network on JPEGs of 178x218. The loop is PyTorch's own idiom: a
`Dataset` that opens each picture with Pillow and cuts it with torchvision's transforms, a shuffled
`DataLoader` with two workers, networks in the default layout in float32, Adam, and `loss.item()`
after every step; it validates without history. Both start from the same weights and stay in one
process; the loop's workers are its own. Ours reads what `prepare` wrote, whose seconds are given
beside (`prepare_seconds`): they are spent once, not once an epoch. On a GPU the first epoch, which
sends the pictures there and records a step, is left out on both sides.

`losses` are the validation losses after each epoch, nats per image, means over the rounds, each of
which has its own seed, with the largest difference of the two as a share of the loss (`apart`), and
the standard deviation of the loop's over the seeds as a share (`spread`): curves are equal where
the first is not larger than chance makes the second.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader

from benchmarks import measuring, training_epochs
from benchmarks.prepare import CROP, SIDE, Opened, jpegs
from latentlab import files
from latentlab.artifacts import DataFolder
from latentlab.data.batches import Batch, Pictures
from latentlab.data.image_folder import ImageFolder
from latentlab.data.prepared import prepare
from latentlab.models import build_model
from latentlab.models.vae import VAE
from latentlab.objectives import OBJECTIVES
from latentlab.training import Recipe, fit

WORKERS = 2  # of the loop
RATE = 1e-3
PRECISIONS = {"float32": "training", "bfloat16": "training.bfloat16"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=4000, help="a tenth of them to validate")
    parser.add_argument("--epoch-images", type=int, help="of the timed epochs; as published")
    parser.add_argument("--out", type=Path, help="for the results; the project's own by default")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    given = parser.parse_args()
    device = torch.device(given.device)
    if given.out is not None:
        given.out.mkdir(parents=True, exist_ok=True)
        measuring.RESULTS = given.out
    of_gpu = "_cuda" if given.device == "cuda" else ""
    with tempfile.TemporaryDirectory() as place:
        pictures = Path(place) / "pictures"
        names = jpegs(None, given.images, pictures)
        began = time.perf_counter()
        prepare(ImageFolder(pictures, crop=CROP), "image_folder", Path(place) / "data", side=SIDE)
        prepared = time.perf_counter() - began
        images = DataFolder.open(Path(place) / "data").images()
        cut = given.images - given.images // 10
        results = [
            _measured(
                name.replace("training", f"training.{given.device}", 1),
                lambda seed, precision=precision: _ours(
                    images, cut, given, seed, device, precision
                ),
                lambda seed: _loop(names, cut, given, seed, device),
                given,
                cut,
                prepare_seconds=prepared,
            )
            for precision, name in PRECISIONS.items()
        ]
        measuring.write(f"training{of_gpu}", results)
    # A processor is not asked for an epoch of the published size: its time grows with the images.
    images_of_epoch = given.epoch_images or (None if of_gpu else given.images)
    epochs = training_epochs.measure(device, images_of_epoch, 2 if not of_gpu else 4)
    measuring.renew(f"training_epochs{of_gpu}", epochs)
    if given.out is None and "OUT" in os.environ:
        for name in ("training", "training_epochs"):
            written = files.read_json(measuring.RESULTS / f"{name}{of_gpu}.json")
            files.write_json(Path(os.environ["OUT"]) / f"{name}{of_gpu}.json", written)


class Epoch(NamedTuple):
    """What an epoch came to on the validation images, and how long it took with that."""

    loss: float
    seconds: float


def _measured(
    name: str,
    ours: Callable[[int], list[Epoch]],
    loop: Callable[[int], list[Epoch]],
    given: argparse.Namespace,
    images: int,
    **facts: Any,
) -> dict[str, Any]:
    """Both by turns, a seed a round, and how far their losses are apart."""
    left_out = 1 if given.device == "cuda" and given.epochs > 1 else 0
    losses: dict[str, list[list[float]]] = {"ours": [], "loop": []}
    seconds: dict[str, list[float]] = {"ours": [], "loop": []}
    for seed in range(given.rounds):
        for which, train in (("ours", ours), ("loop", loop)):
            epochs = train(seed)
            losses[which].append([epoch.loss for epoch in epochs])
            seconds[which].append(sum(epoch.seconds for epoch in epochs[left_out:]))
    curves = {which: np.array(rows) for which, rows in losses.items()}
    means = {which: rows.mean(axis=0) for which, rows in curves.items()}
    return measuring.result(
        name, seconds["ours"], seconds["loop"],
        n=images * (given.epochs - left_out), unit="seconds an image",
        pictures="generated faces", batch=given.batch, epochs=given.epochs,
        losses={which: rows.tolist() for which, rows in means.items()},
        apart=float(np.abs(means["ours"] / means["loop"] - 1).max()),
        spread=float((curves["loop"].std(axis=0, ddof=1) / means["loop"]).max())
        if given.rounds > 1 else None,
        **facts,
    )  # fmt: skip


def _model(seed: int) -> VAE:
    return build_model("vae", {}, channels=3, side=SIDE, seed=seed)


def _ours(
    images: np.ndarray,
    cut: int,
    given: argparse.Namespace,
    seed: int,
    device: torch.device,
    precision: Any,
) -> list[Epoch]:
    ends = [time.perf_counter()]
    history = fit(
        _model(seed), OBJECTIVES["beta_vae"](beta=1.0), Pictures(images),
        train=np.arange(cut), valid=np.arange(cut, len(images)),
        recipe=Recipe(given.epochs, given.batch, RATE, precision=precision),
        seed=seed, device=device,
        on_epoch=lambda state, best, model: ends.append(time.perf_counter()),
    )  # fmt: skip
    return _epochs([entry["valid_loss"] for entry in history], ends)


def _epochs(losses: list[float], ends: list[float]) -> list[Epoch]:
    """
    Args:
        ends: When training began, and when each epoch was done.
    """
    return [Epoch(*one) for one in zip(losses, np.diff(ends).tolist(), strict=True)]


def _loop(
    names: list[str], cut: int, given: argparse.Namespace, seed: int, device: torch.device
) -> list[Epoch]:
    ends = [time.perf_counter()]
    torch.manual_seed(seed)
    model = _model(seed).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    on_gpu = device.type == "cuda"
    train = DataLoader(
        Opened(names[:cut]), given.batch, shuffle=True, num_workers=WORKERS, pin_memory=on_gpu
    )
    valid = DataLoader(Opened(names[cut:]), given.batch, num_workers=WORKERS, pin_memory=on_gpu)
    losses = []
    for _ in range(given.epochs):
        model.train()
        for x in train:
            loss = _loss(model, x.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss.item()  # as progress bars ask for it
        model.eval()
        with torch.no_grad():
            sums = [float(_loss(model, x.to(device))) * len(x) for x in valid]
        losses.append(sum(sums) / (len(names) - cut))
        ends.append(time.perf_counter())
    return _epochs(losses, ends)


def _loss(model: VAE, x: torch.Tensor) -> torch.Tensor:
    """Reconstruction and KL, nats per image, as the papers write them."""
    posterior = model.encode(x)
    mu, logvar = posterior.mu, posterior.logvar
    z = mu + torch.randn_like(mu) * (0.5 * logvar).exp()
    reconstruction = model.reconstruction(z, Batch(x)).mean()
    kl = 0.5 * (mu.square() + logvar.exp() - logvar - 1).sum(1).mean()
    return reconstruction + kl


if __name__ == "__main__":
    main()
