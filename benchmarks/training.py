"""Training: `latentlab.training.fit` against the loop that is published with most VAEs.

    python benchmarks/training.py [--images N] [--epochs N] [--batch N] [--rounds N] [--device D]

`training.cpu` (`training.cuda` with `--device cuda`): seconds an image of an epoch, validation and
history included, of the reference network on JPEGs of 178x218. The loop is PyTorch's own idiom: a
`Dataset` that opens each picture with Pillow and cuts it with torchvision's transforms, a shuffled
`DataLoader` with two workers, networks in the default layout in float32, Adam, and `loss.item()`
after every step; it validates without history. Both start from the same weights and stay in one
process; the loop's workers are its own. Ours reads what `prepare` wrote, whose seconds are given
beside (`prepare_seconds`): they are spent once, not once an epoch.

`losses` are the validation losses after each epoch, nats per image, means over the rounds, each of
which has its own seed, with the largest difference of the two as a share of the loss (`apart`), and
the standard deviation of the loop's over the seeds as a share (`spread`): curves are equal where
the first is not larger than chance makes the second.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from benchmarks import measuring
from benchmarks.prepare import CROP, SIDE, jpegs
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
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    given = parser.parse_args()
    device = torch.device(given.device)
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
        measuring.write("training" if given.device == "cpu" else "training_cuda", results)


def _measured(
    name: str,
    ours: Callable[[int], list[float]],
    loop: Callable[[int], list[float]],
    given: argparse.Namespace,
    images: int,
    **facts: Any,
) -> dict[str, Any]:
    """Both by turns, a seed a round, and how far their losses are apart."""
    losses: dict[str, list[list[float]]] = {"ours": [], "loop": []}

    def run(which: str, train: Callable[[int], list[float]]) -> Callable[[], None]:
        return lambda: losses[which].append(train(len(losses[which])))

    mine, theirs = measuring.side_by_side(run("ours", ours), run("loop", loop), rounds=given.rounds)
    curves = {which: np.array(rows) for which, rows in losses.items()}
    means = {which: rows.mean(axis=0) for which, rows in curves.items()}
    return measuring.result(
        name, mine, theirs, n=images * given.epochs, unit="seconds an image",
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
) -> list[float]:
    history = fit(
        _model(seed), OBJECTIVES["beta_vae"](beta=1.0), Pictures(images),
        train=np.arange(cut), valid=np.arange(cut, len(images)),
        recipe=Recipe(given.epochs, given.batch, RATE, precision=precision),
        seed=seed, device=device, on_epoch=lambda state, best, model: None,
    )  # fmt: skip
    return [entry["valid_loss"] for entry in history]


class _Faces(Dataset):
    """Pictures opened when they are asked for."""

    def __init__(self, names: list[str]):
        self.names = names
        self.transform = transforms.Compose(
            [transforms.CenterCrop(CROP), transforms.Resize(SIDE), transforms.ToTensor()]
        )

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.transform(Image.open(self.names[index]).convert("RGB"))


def _loop(
    names: list[str], cut: int, given: argparse.Namespace, seed: int, device: torch.device
) -> list[float]:
    torch.manual_seed(seed)
    model = _model(seed).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    on_gpu = device.type == "cuda"
    train = DataLoader(
        _Faces(names[:cut]), given.batch, shuffle=True, num_workers=WORKERS, pin_memory=on_gpu
    )
    valid = DataLoader(_Faces(names[cut:]), given.batch, num_workers=WORKERS, pin_memory=on_gpu)
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
    return losses


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
