"""The layer of a decoder that gives the pixels, computed so that a CPU is kept busy.

A transposed convolution with three outputs leaves most lanes of a processor's vectors empty: it
takes as long as one with 32 outputs. With kernel 4, stride 2 and padding 1 it is four convolutions
of kernel 2, one for even and odd rows and columns, which one convolution computes together.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

FEW = 8  # outputs; with more the layer is fast as it is

# Which rows of the kernel meet the row above and the row itself to make even rows, and which meet
# the row itself and the one below to make odd ones; the same for columns.
TAPS = ((3, 1), (2, 0))


@contextmanager
def quick_pixels(model: nn.Module) -> Iterator[None]:
    """Compute such layers so in the block, where they are on a CPU; equal but for rounding.

    For evaluation: no gradient reaches their weights; weights changed in the block do not count.
    """
    changed = [layer for layer in model.modules() if _can_be_split(layer)]
    for layer in changed:
        layer.forward = _as_four(layer)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for layer in changed:
            del layer.forward


def _can_be_split(layer: nn.Module) -> bool:
    return (
        isinstance(layer, nn.ConvTranspose2d)
        and layer.weight.device.type == "cpu"
        and layer.out_channels <= FEW
        and layer.groups == 1
        and (layer.kernel_size, layer.stride, layer.padding) == ((4, 4), (2, 2), (1, 1))
        and (layer.output_padding, layer.dilation) == ((0, 0), (1, 1))
    )


@torch.no_grad()
def _as_four(layer: nn.ConvTranspose2d) -> Callable[[Tensor], Tensor]:
    """What the layer does: (n, in, height, width) -> (n, out, 2 height, 2 width)."""
    parts = [layer.weight[:, :, rows][:, :, :, columns] for rows in TAPS for columns in TAPS]
    before, outputs = layer.weight.shape[:2]
    weight = torch.stack(parts).permute(0, 2, 1, 3, 4).reshape(4 * outputs, before, 2, 2)
    weight = weight.contiguous(memory_format=torch.channels_last)
    bias = None if layer.bias is None else layer.bias.repeat(4)

    def forward(x: Tensor) -> Tensor:
        n, (height, width) = len(x), x.shape[2:]
        # At (i, j) stands what the squares of four pixels above and left of it make.
        four = functional.conv2d(x, weight, bias, padding=1).permute(0, 2, 3, 1)
        made = x.new_empty(n, height, 2, width, 2, outputs)
        for row in (0, 1):
            for column in (0, 1):
                first = (2 * row + column) * outputs
                made[:, :, row, :, column] = four[
                    :, row : row + height, column : column + width, first : first + outputs
                ]
        return made.reshape(n, 2 * height, 2 * width, outputs).permute(0, 3, 1, 2)

    return forward
