"""Image sources: one module each, one line in SOURCES.

A source is a frozen dataclass whose fields are its settings (they are checked against the field
types when a config is read) and which gives, on demand, the sample table and the pictures.
It must be picklable, so that worker processes can read pictures from it.
"""

from collections.abc import Callable

from latentlab.data.arrays import Arrays
from latentlab.data.celeba import CelebA
from latentlab.data.celeba_mask_hq import CelebAMaskHQ
from latentlab.data.dsprites import DSprites
from latentlab.data.faces import Faces
from latentlab.data.image_folder import ImageFolder
from latentlab.data.mnist import MNIST
from latentlab.data.source import Source as Source

SOURCES: dict[str, Callable[..., Source]] = {
    "faces": Faces,
    "celeba": CelebA,
    "celeba_mask_hq": CelebAMaskHQ,
    "mnist": MNIST,
    "dsprites": DSprites,
    "image_folder": ImageFolder,
    "arrays": Arrays,
}
