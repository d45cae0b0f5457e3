"""Pictures that benchmarks are made with. Imports little, since worker processes import it too."""

import shutil
from pathlib import Path

from PIL import Image

from latentlab.data.faces import render, sample_factors

CROP, SIDE = 148, 64  # of the prepared images; the files have CelebA's 178x218


def jpegs(folder: Path | None, count: int, pictures: Path) -> list[str]:
    """`count` pictures in a folder of their own: a folder's first, or drawn ones."""
    pictures.mkdir()
    if folder is not None:
        for path in sorted(folder.glob("*.jpg"))[:count]:
            shutil.copy(path, pictures)
        return sorted(str(path) for path in pictures.iterdir())
    factors = sample_factors(count, seed=0)
    for start in range(0, count, 500):
        faces = render(factors[start : start + 500], 218)
        for number, face in enumerate(faces, start):
            Image.fromarray(face[:, 20:198]).save(pictures / f"{number:06d}.jpg", quality=90)
    return sorted(str(path) for path in pictures.iterdir())
