"""How training pictures are changed, so that a judge also reads pictures that a model has decoded.

Decoded pictures are blurred, a little paler or darker, and their parts do not lie quite where those
of an original do. None of this changes what a picture shows. Mirroring would, for whatever has a
left and a right (a head's yaw, light from one side, a digit), and gained nothing: docs/judges.md.
"""

import torch
from torch import Tensor
from torch.nn import functional

SHIFT = 1 / 16  # of the side: the furthest a picture is shifted
BLURRED = 0.5  # share of the pictures that are blurred
SIGMA = (0.4, 1.5)  # of the Gaussian blur, pixels of a side of 64
CONTRAST, BRIGHTNESS = 0.2, 0.1  # the furthest these are changed, as shares of 1
TAPS = 7  # of the blur in each direction


def distorted(x: Tensor, generator: torch.Generator) -> Tensor:
    """Shifted, blurred and lit otherwise.

    Args:
        x: (batch, channels, side, side) in [0, 1].
        generator: On the CPU, so that the draws do not depend on the device.

    Returns:
        The same shape and range.
    """
    side = x.shape[-1]
    x = shifted(x, round(SHIFT * side), generator)
    blurry = torch.rand(len(x), generator=generator) < BLURRED
    low, high = SIGMA
    sigma = (low + (high - low) * float(torch.rand((), generator=generator))) * side / 64
    if blurry.any():  # one width a batch: a convolution then does them all at once
        x[blurry.to(x.device)] = blurred(x[blurry.to(x.device)], sigma)
    gain = 1 + CONTRAST * _signed(len(x), generator).to(x.device)
    offset = BRIGHTNESS * _signed(len(x), generator).to(x.device)
    x = ((x - 0.5) * gain + 0.5 + offset).clamp(0, 1)
    return x.contiguous(memory_format=torch.channels_last)


def shifted(x: Tensor, most: int, generator: torch.Generator) -> Tensor:
    """Every picture shifted by its own whole number of pixels, at most `most`, along both axes.

    What comes in from outside repeats the edge.
    """
    if most == 0:
        return x.clone()
    padded = functional.pad(x, (most,) * 4, mode="replicate").permute(0, 2, 3, 1)
    offsets = torch.randint(0, 2 * most + 1, (2, len(x), 1), generator=generator)
    rows, columns = (offsets + torch.arange(x.shape[-1])).to(x.device)
    pictures = torch.arange(len(x), device=x.device)[:, None, None]
    return padded[pictures, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def blurred(x: Tensor, sigma: float) -> Tensor:
    """A Gaussian blur of `sigma` pixels; beyond the edge, the edge goes on."""
    reach = TAPS // 2
    taps = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=x.device) / sigma).square())
    taps, channels = taps / taps.sum(), x.shape[1]
    x = functional.pad(x, (reach,) * 4, mode="replicate")
    across = taps.view(1, 1, 1, TAPS).expand(channels, 1, 1, TAPS)
    x = functional.conv2d(x, across, groups=channels)
    return functional.conv2d(x, across.transpose(2, 3), groups=channels)


def _signed(count: int, generator: torch.Generator) -> Tensor:
    """Uniform in [-1, 1], (count, 1, 1, 1)."""
    return 2 * torch.rand(count, 1, 1, 1, generator=generator) - 1
