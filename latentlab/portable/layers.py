"""What a program has for each layer of PyTorch; a layer that is not here cannot be carried.

Types are compared as they are: a subclass may compute something else. A new layer is a function and
a line in LAYERS.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from latentlab.errors import NotPortable
from latentlab.portable.program import Kind, Op, Shape


@dataclass(frozen=True)
class Value:
    """One value of the program, with what it is for a batch of codes.

    Attributes:
        index: Its number in the program.
        tensor: (batch, n) or (batch, channels, height, width).
    """

    index: int
    tensor: Tensor

    @property
    def shape(self) -> Shape:
        return shape_of(self.tensor)


@dataclass
class Builder:
    """Collects the operations and weights of a program."""

    ops: list[Op] = field(default_factory=list)
    weights: list[np.ndarray] = field(default_factory=list)
    size: int = 0  # weights so far

    def add(self, kind: Kind, sources: Sequence[Value], tensor: Tensor, **settings: Any) -> Value:
        """One more operation, whose value is `tensor` for the batch that is traced."""
        indices = tuple(source.index for source in sources)
        self.ops.append(Op(kind, indices, shape_of(tensor), settings))
        return Value(len(self.ops), tensor)

    def keep(self, weights: np.ndarray | Tensor | None) -> int | None:
        """Where these weights begin."""
        if weights is None:
            return None
        if isinstance(weights, Tensor):
            weights = weights.detach().cpu().numpy()
        begin = self.size
        self.weights.append(np.asarray(weights, np.float32).ravel())
        self.size += weights.size
        return begin


def shape_of(tensor: Tensor) -> Shape:
    if tensor.ndim == 2:
        return 1, 1, tensor.shape[1]
    if tensor.ndim == 4:
        return tensor.shape[2], tensor.shape[3], tensor.shape[1]
    raise NotPortable(f"its decoder makes values of {tensor.ndim - 1} axes")


Layer = Callable[[Builder, Any, Value], Value]


def _dense(build: Builder, layer: nn.Linear, x: Value) -> Value:
    if x.tensor.ndim != 2:
        raise NotPortable("its decoder has a dense layer over the last axis of maps")
    return build.add(
        "weigh",
        [x],
        layer(x.tensor),
        stride=(1, 1),
        step=(1, 1),
        depth=layer.in_features,
        phases=[{"at": (0, 0), "taps": [(0, 0)], "weights_at": build.keep(layer.weight)}],
        bias_at=build.keep(layer.bias),
    )


def _convolution(build: Builder, layer: nn.Conv2d, x: Value) -> Value:
    padding = _plain(layer)
    (dy, dx), (py, px) = layer.dilation, padding
    rows, columns = layer.kernel_size
    taps = [(ky * dy - py, kx * dx - px) for ky in range(rows) for kx in range(columns)]
    weights = build.keep(layer.weight.permute(0, 2, 3, 1))  # output, row, column, input
    return build.add(
        "weigh",
        [x],
        layer(x.tensor),
        depth=layer.in_channels,
        stride=layer.stride,
        step=(1, 1),
        phases=[{"at": (0, 0), "taps": taps, "weights_at": weights}],
        bias_at=build.keep(layer.bias),
    )


def _transposed(build: Builder, layer: nn.ConvTranspose2d, x: Value) -> Value:
    """Every `stride`-th row and column of the output has the same taps: a phase."""
    padding = _plain(layer)
    strides = layer.stride
    by_axis = [
        [
            _taps_of_phase(phase, layer.kernel_size[a], strides[a], padding[a], layer.dilation[a])
            for phase in range(strides[a])
        ]
        for a in range(2)
    ]
    phases = []
    for top, vertical in enumerate(by_axis[0]):
        for left, horizontal in enumerate(by_axis[1]):
            pairs = [(y, x_) for y in vertical for x_ in horizontal]
            kernel = [layer.weight[:, :, ky, kx] for (ky, _), (kx, _) in pairs]  # input, output
            packed = torch.stack(kernel).permute(2, 0, 1) if kernel else layer.weight.new_empty(0)
            phases.append(
                {
                    "at": (top, left),
                    "taps": [(down, right) for (_, down), (_, right) in pairs],
                    "weights_at": build.keep(packed),
                }
            )
    return build.add(
        "weigh",
        [x],
        layer(x.tensor),
        stride=(1, 1),
        depth=layer.in_channels,
        step=strides,
        phases=phases,
        bias_at=build.keep(layer.bias),
    )


def _taps_of_phase(
    phase: int, kernel: int, stride: int, padding: int, dilation: int
) -> list[tuple[int, int]]:
    """(place in the kernel, where it reads, counted from the output's place over the stride), in
    the order of what is read. Output o reads input i where o + padding = i * stride + k * dilation.
    """
    ahead = [(k, phase + padding - k * dilation) for k in range(kernel)]
    found = [(k, far // stride) for k, far in ahead if far % stride == 0]
    return sorted(found, key=lambda tap: tap[1])


def _plain(layer: nn.Conv2d | nn.ConvTranspose2d) -> tuple[int, int]:
    """The padding of a convolution without anything special."""
    if layer.groups != 1:
        raise NotPortable("its decoder has a convolution in groups")
    if layer.padding_mode != "zeros" or isinstance(layer.padding, str):
        raise NotPortable(f"its decoder has a convolution with the padding {layer.padding_mode}")
    return layer.padding[0], layer.padding[1]


def _batch_normalization(build: Builder, layer: nn.BatchNorm2d, x: Value) -> Value:
    if layer.running_mean is None or layer.running_var is None:
        raise NotPortable("its decoder normalises by the batch, and one picture is none")
    scale = (layer.running_var.double() + layer.eps).rsqrt()
    scale = scale if layer.weight is None else scale * layer.weight
    shift = -layer.running_mean * scale
    shift = shift if layer.bias is None else shift + layer.bias
    return build.add(
        "scale",
        [x],
        layer(x.tensor),
        weights_at=build.keep(scale),
        bias_at=build.keep(shift),
    )


def _group_normalization(build: Builder, layer: nn.GroupNorm, x: Value) -> Value:
    ones, zeros = torch.ones(layer.num_channels), torch.zeros(layer.num_channels)
    return build.add(
        "normalize",
        [x],
        layer(x.tensor),
        groups=layer.num_groups,
        eps=layer.eps,
        weights_at=build.keep(ones if layer.weight is None else layer.weight),
        bias_at=build.keep(zeros if layer.bias is None else layer.bias),
    )


def _upsampled(build: Builder, layer: nn.Upsample, x: Value) -> Value:
    if layer.mode not in ("nearest", "bilinear"):
        raise NotPortable(f"its decoder enlarges maps with the mode {layer.mode}")
    return build.add(
        "enlarge",
        [x],
        layer(x.tensor),
        mode=layer.mode,
        corners=bool(layer.align_corners),
    )


def _reshaped(build: Builder, layer: nn.Module, x: Value) -> Value:
    return build.add("reshape", [x], layer(x.tensor))


def _unchanged(build: Builder, layer: nn.Module, x: Value) -> Value:
    return x


def _applied(function: str, **names: str) -> Layer:
    """A layer that is a function of every number; `names` are its settings, by the layer's."""

    def apply(build: Builder, layer: nn.Module, x: Value) -> Value:
        settings = {name: getattr(layer, own) for name, own in names.items()}
        return build.add("apply", [x], layer(x.tensor), function=function, **settings)

    return apply


def _gelu(build: Builder, layer: nn.GELU, x: Value) -> Value:
    if layer.approximate != "none":
        raise NotPortable("its decoder has an approximate GELU")
    return _applied("gelu")(build, layer, x)


def _softplus(build: Builder, layer: nn.Softplus, x: Value) -> Value:
    if layer.beta != 1:
        raise NotPortable(f"its decoder has a softplus with beta {layer.beta}")
    return _applied("softplus")(build, layer, x)


LAYERS: dict[type[nn.Module], Layer] = {
    nn.Linear: _dense,
    nn.Conv2d: _convolution,
    nn.ConvTranspose2d: _transposed,
    nn.BatchNorm1d: _batch_normalization,
    nn.BatchNorm2d: _batch_normalization,
    nn.GroupNorm: _group_normalization,
    nn.Upsample: _upsampled,
    nn.Flatten: _reshaped,
    nn.Unflatten: _reshaped,
    nn.Identity: _unchanged,
    nn.Dropout: _unchanged,
    nn.Dropout2d: _unchanged,
    nn.ReLU: _applied("relu"),
    nn.LeakyReLU: _applied("leaky_relu", slope="negative_slope"),
    nn.ELU: _applied("elu", alpha="alpha"),
    nn.SiLU: _applied("silu"),
    nn.GELU: _gelu,
    nn.Softplus: _softplus,
    nn.Sigmoid: _applied("sigmoid"),
    nn.Tanh: _applied("tanh"),
    nn.Hardtanh: _applied("clamp", low="min_val", high="max_val"),
    nn.ReLU6: _applied("clamp", low="min_val", high="max_val"),
}
