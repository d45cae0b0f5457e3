"""One picture file to pixels, or a refusal that names the file."""

import io

import numpy as np
from PIL import Image, UnidentifiedImageError

from latentlab.errors import DataError

MOST_PIXELS = 50_000_000  # read from the header, before anything is decoded


def decode(content: bytes, name: str) -> Image.Image:
    """The bytes of a picture file to an RGB picture.

    Args:
        content: The whole file.
        name: What to call it in an error.

    Raises:
        DataError: it is no picture, is cut off, or has more than 50 million pixels.
    """
    try:
        with Image.open(io.BytesIO(content)) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise DataError(
                    f"{name} has {picture.width}x{picture.height} pixels, more than"
                    f" {MOST_PIXELS:,}. Shrink it, or leave it out."
                )
            return picture.convert("RGB")
    except UnidentifiedImageError:  # its own text is the address of a buffer
        raise DataError(
            f"{name} cannot be decoded (it is no picture). Fetch it again, or leave it out."
        ) from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(
            f"{name} cannot be decoded ({error}). Fetch it again, or leave it out."
        ) from error


def crop_and_resize(picture: Image.Image, crop: int, side: int, name: str) -> np.ndarray:
    """The central `crop` x `crop` pixels, shrunk with antialiasing, uint8 (side, side, 3).

    For CelebA's 178x218 and a crop of 148 that is 15 pixels from the left and 35 from the top.
    Pillow's bilinear filter widens with the scale, which is the antialiasing.
    """
    if min(picture.size) < crop:
        raise DataError(
            f"{name} has {picture.width}x{picture.height} pixels, too few for a crop of {crop}."
            " Lower source.crop, or leave it out."
        )
    left, top = (picture.width - crop) // 2, (picture.height - crop) // 2
    square = picture.crop((left, top, left + crop, top + crop))
    return np.asarray(square.resize((side, side), Image.Resampling.BILINEAR))
