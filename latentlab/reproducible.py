"""Networks that give the same bytes by any number of threads."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.module import register_module_forward_pre_hook


@contextmanager
def by_any_threads(wanted: bool) -> Iterator[None]:
    """Compute networks on a CPU so in the block, if wanted; training takes two or three times as
    long.

    oneDNN shares out the sums of convolutions, above all those over a batch in their gradients, and
    batch normalisation those of its statistics where channels are innermost: their last digits hang
    on the number of threads. PyTorch's own convolutions sum in one order, and so does batch
    normalisation where channels are outermost.
    """
    if not wanted:
        yield
        return
    hook = register_module_forward_pre_hook(_channels_outermost)
    try:
        with torch.backends.mkldnn.flags(enabled=False, allow_tf32=None):
            yield
    finally:
        hook.remove()


def _channels_outermost(module: nn.Module, given: tuple[Any, ...]) -> Any:
    if not isinstance(module, _BatchNorm):
        return None
    x: Tensor = given[0]
    # Pictures of one pixel count as both kinds of layout, and are treated as the wrong one.
    outermost = x[0, 0].numel() == 1
    return (x.transpose(0, 1).contiguous().transpose(0, 1) if outermost else x.contiguous(),)
