"""Encoding: the stage that writes latents.parquet against the loop one writes for it.

    python -m benchmarks.encode [--images N] [--batch N] [--rounds N] [--device D] [--threads N]

`encode.cpu` (`encode.cuda` with `--device cuda`): seconds an image, from JPEGs of 178x218 that are
prepared already to a table on disk, with the reference network. The loop has a `Dataset` that opens
each picture with Pillow and cuts it with torchvision's transforms, and a `DataLoader` with its
defaults, which are no workers; `model.eval()` in the default layout under `no_grad`; results
gathered in lists, and one DataFrame written at the end. It writes the same columns, so it decodes
too. `encode.cpu.array` is the same loop over the prepared array: what is left is our arithmetic and
our way of writing.

Both are given the same weights, not trained, since the arithmetic does not depend on them.
`difference` is the largest between posterior means. Over the array it must be below 1e-5, or
nothing is written; the JPEGs' differs where the resized pictures do, by one grey level.
"""

import argparse
import copy
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from benchmarks import measuring
from benchmarks.pictures import CROP, SIDE, jpegs
from benchmarks.prepare import Opened
from latentlab import artifacts, parquet
from latentlab.artifacts import DataFolder
from latentlab.config import EncodeConfig
from latentlab.data.batches import Pictures
from latentlab.data.image_folder import ImageFolder
from latentlab.data.prepared import prepare
from latentlab.encoding import encode_images
from latentlab.models import build_model
from latentlab.models.vae import VAE

SAME = 1e-5  # difference of posterior means, in latent units


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--batch", type=int, default=64, help="of the loop; ours has its default")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--threads", type=int, help="of torch; as many as it takes if not given")
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    device = torch.device(given.device)
    model = build_model("vae", {}, channels=3, side=SIDE, seed=0).eval()
    plain = copy.deepcopy(model).to(device)  # ours changes the layout of what it is given
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        names = jpegs(None, given.images, place / "pictures")
        source = ImageFolder(place / "pictures", crop=CROP)
        data = prepare(source, "image_folder", place / "data", side=SIDE)
        sets = {"": Opened(names), ".array": Prepared(data.images())}
        results = []
        for name, pictures in sets.items():
            ours, instead = place / "ours.parquet", place / f"loop{name}.parquet"

            def stage(path: Path = ours) -> None:
                write_latents(model, data, device, path)

            def loop(path: Path = instead, pictures: Dataset = pictures) -> None:
                plain_loop(plain, pictures, given.batch, device).to_parquet(path)

            seconds = warmed(stage, loop, given.rounds)
            results.append(
                measuring.result(
                    f"encode.{given.device}{name}", *seconds, n=given.images,
                    unit="seconds an image", pictures="generated faces",
                    batch={"ours": EncodeConfig().batch_size, "loop": given.batch},
                    threads=torch.get_num_threads(), difference=largest_difference(ours, instead),
                )
            )  # fmt: skip
        if results[1]["difference"] > SAME:
            raise SystemExit(f"means differ by {results[1]['difference']:.1g}, not {SAME:g}")
        measuring.write("encode" if given.device == "cpu" else "encode_cuda", results)


def warmed(
    ours: Callable[[], None], instead: Callable[[], None], rounds: int
) -> tuple[list[float], list[float]]:
    """Both by turns, once unmeasured before."""
    ours()
    instead()
    return measuring.side_by_side(ours, instead, rounds=rounds)


def write_latents(model: VAE, data: DataFolder, device: torch.device, path: Path) -> None:
    """What the stage `encode` does with a data folder."""
    frames = encode_images(
        model, Pictures(data.images()), data.samples(),
        device=device, **EncodeConfig().model_dump(),
    )  # fmt: skip
    with parquet.table_writer(path, {}) as write:
        for frame in frames:
            write(frame)


class Prepared(Dataset):
    """The prepared array, picture by picture."""

    def __init__(self, images: np.ndarray):
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.from_numpy(self.images[index].copy()).permute(2, 0, 1).float() / 255


@torch.no_grad()
def plain_loop(model: VAE, pictures: Dataset, batch: int, device: torch.device) -> pd.DataFrame:
    """Posterior, reconstruction and KL of every picture, as the papers' code does it."""
    mu, logvar, reconstruction, kl = [], [], [], []
    for x in DataLoader(pictures, batch_size=batch):
        x = x.to(device)
        posterior = model.encode(x)
        logits = model.decoder(posterior.mu)
        nats = functional.binary_cross_entropy_with_logits(logits, x, reduction="none")
        mu.append(posterior.mu.cpu())
        logvar.append(posterior.logvar.cpu())
        reconstruction.append(nats.sum(dim=(1, 2, 3)).cpu())
        mean, spread = posterior.mu, posterior.logvar
        kl.append(-0.5 * (1 + spread - mean.pow(2) - spread.exp()).sum(dim=1).cpu())
    means, spreads = torch.cat(mu).numpy(), torch.cat(logvar).numpy()
    table = pd.DataFrame({"row": np.arange(len(means))})
    for k in range(means.shape[1]):
        table[f"mu_{k:03d}"], table[f"logvar_{k:03d}"] = means[:, k], spreads[:, k]
    table["reconstruction"] = torch.cat(reconstruction).numpy()
    table["kl"] = torch.cat(kl).numpy()
    return table


def largest_difference(ours: Path, instead: Path) -> float:
    """Between the posterior means of two tables."""
    columns = artifacts.latent_columns(pd.read_parquet(instead))
    pair = [pd.read_parquet(path, columns=columns).to_numpy() for path in (ours, instead)]
    return float(np.abs(pair[0] - pair[1]).max())


if __name__ == "__main__":
    main()
