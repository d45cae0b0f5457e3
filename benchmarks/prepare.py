"""Preparing JPEGs of 178x218: `latentlab prepare` against a loop of PIL and torchvision.

    python benchmarks/prepare.py [--pictures FOLDER] [--images N] [--rounds N]

Without a folder the pictures are generated faces, cut to CelebA's shape and saved as JPEG; with
one, its first N pictures are used (CelebA's, to repeat the published figures).

The whole stage is measured: listing the folder, reading, decoding, cropping, resizing, writing
the array, the samples and the census to disk, flushed. The loop reads, decodes, crops and resizes
the same files in one process and saves the same array; a second loop leaves out what torchvision
adds to Pillow.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset
from torchvision import transforms

from benchmarks import measuring
from benchmarks.pictures import CROP, SIDE, jpegs
from latentlab.data.image_folder import ImageFolder
from latentlab.data.prepared import prepare

GROWTH = (2_000, 20_000)  # images between which memory is compared


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=Path, help="a folder of 178x218 JPEGs")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        pictures = Path(place) / "pictures"
        names = jpegs(given.pictures, given.images, pictures)
        kind = "generated faces" if given.pictures is None else "pictures of a given folder"
        source = ImageFolder(pictures, crop=CROP)

        def ours() -> None:
            prepare(source, "image_folder", Path(place) / "data", side=SIDE)

        made = {}

        def with_torchvision() -> None:
            cut = [transforms.CenterCrop(CROP), transforms.Resize(SIDE), transforms.ToTensor()]
            transform = transforms.Compose(cut)
            images = torch.stack([transform(Image.open(name).convert("RGB")) for name in names])
            levels = images.mul(255).round().byte().permute(0, 2, 3, 1).numpy()
            np.save(Path(place) / "loop.npy", levels)
            made["torchvision"] = levels

        def with_pillow() -> None:
            left, top = (178 - CROP) // 2, (218 - CROP) // 2
            box = (left, top, left + CROP, top + CROP)
            squares = (Image.open(name).convert("RGB").crop(box) for name in names)
            size, how = (SIDE, SIDE), Image.Resampling.BILINEAR
            images = np.stack([np.asarray(square.resize(size, how)) for square in squares])
            np.save(Path(place) / "loop.npy", images)
            made["pillow"] = images

        for run in (ours, with_torchvision, with_pillow):  # once unmeasured, to warm all caches
            run()
        images = np.load(Path(place) / "data" / "images.npy").astype(np.int16)
        results = []
        for loop, run in (("torchvision", with_torchvision), ("pillow", with_pillow)):
            difference = np.abs(images - made.pop(loop))
            mine, theirs = measuring.side_by_side(ours, run, rounds=given.rounds)
            results.append(
                measuring.result(
                    f"prepare.jpeg.{loop}", mine, theirs,
                    n=len(names), unit="seconds an image", pictures=kind,
                    difference={"largest": int(difference.max()), "mean": float(difference.mean())},
                )
            )  # fmt: skip
        results[0]["peak_megabytes"] = _memory(pictures, Path(place))
        measuring.write("prepare", results)


class Opened(Dataset):
    """Pictures opened when they are asked for, as a `DataLoader` is usually given them."""

    def __init__(self, names: list[str]):
        self.names = names
        self.transform = transforms.Compose(
            [transforms.CenterCrop(CROP), transforms.Resize(SIDE), transforms.ToTensor()]
        )

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.transform(Image.open(self.names[index]).convert("RGB"))


def _memory(pictures: Path, place: Path) -> dict[str, float]:
    """Peak memory of a process that prepares so many images (the same files, linked again)."""
    peaks = {}
    for count in GROWTH:
        many = place / f"many{count}"
        many.mkdir()
        originals = sorted(pictures.iterdir())
        for number in range(count):
            (many / f"{number:06d}.jpg").hardlink_to(originals[number % len(originals)])
        code = "from benchmarks.prepare import prepare_alone; prepare_alone()"
        done = subprocess.run(
            [sys.executable, "-c", code, many, place / f"data{count}"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        peaks[f"{count:,} images"] = int(done.stdout) / 1024
    return peaks


def prepare_alone() -> None:
    """Prepare the folder named on the command line, and print the peak memory in kilobytes."""
    source, folder = (Path(word) for word in sys.argv[1:])
    prepare(ImageFolder(source, crop=CROP), "image_folder", folder, side=SIDE)
    print(measuring.peak_kilobytes())


if __name__ == "__main__":
    main()
