"""What a program has for the functions and methods that a decoder's own code calls on values.

Each takes the builder, the tensor that came of the call, and then the call's own arguments, in
which every tensor is a `Value`. A new one is a function and a line in CALLS.
"""

import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from latentlab.errors import NotPortable
from latentlab.portable.layers import LAYERS, Builder, Value
from latentlab.portable.program import Kind

Call = Callable[..., Any]


def _as_layer(kind: type[nn.Module]) -> Call:
    """A function that computes what a layer does; what it is told beside the value, so is that."""

    def call(build: Builder, made: Tensor, x: Value, *rest: Any, **told: Any) -> Value:
        told.pop("inplace", None)
        return LAYERS[kind](build, kind(*rest, **told), x)

    return call


def _interpolated(
    build: Builder, made: Tensor, x: Value, size: Any = None, *rest: Any, **told: Any
) -> Value:
    if told.pop("antialias", False):
        raise NotPortable("its decoder enlarges maps with a filter against aliases")
    told.pop("recompute_scale_factor", None)
    return LAYERS[nn.Upsample](build, nn.Upsample(size, *rest, **told), x)


def _reshape(build: Builder, made: Tensor, x: Value, *shape: Any, **told: Any) -> Value:
    if len(made) != len(x.tensor):
        raise NotPortable("its decoder reshapes several codes into one another")
    return build.add("reshape", [x], made)


def _exponential(build: Builder, made: Tensor, x: Value) -> Value:
    return build.add("apply", [x], made, function="exp")


def _unchanged(build: Builder, made: Tensor, x: Value, *rest: Any) -> Value:
    return x


def _combined(kind: Kind, with_number: Callable[[float], dict[str, float]]) -> Call:
    """A sum or a product of two values, or of a value and a number."""

    def call(build: Builder, made: Tensor, a: Any, b: Any) -> Value:
        if isinstance(a, Value) and isinstance(b, Value):
            if a.tensor.shape != made.shape:
                a, b = b, a
            if a.tensor.shape != made.shape or not _spreads(b, a):
                raise NotPortable("its decoder combines maps of different sizes")
            return build.add(kind, [a, b], made)
        x, value = (a, b) if isinstance(a, Value) else (b, a)
        return build.add("apply", [x], made, function="affine", **with_number(float(value)))

    return call


def _spreads(small: Value, large: Value) -> bool:
    """Whether a value is as large as another, or has one channel or one place."""
    return len(small.tensor.shape) == len(large.tensor.shape) and all(
        own in (1, other) for own, other in zip(small.shape, large.shape, strict=True)
    )


def _parts(build: Builder, made: Sequence[Tensor], x: Value, *how: Any, **told: Any) -> Any:
    """Channels in several parts."""
    if sum(part.shape[1] for part in made) != x.tensor.shape[1]:
        raise NotPortable("its decoder cuts maps into pieces")
    parts, first = [], 0
    for part in made:
        parts.append(build.add("pick", [x], part, first=first))
        first += part.shape[1]
    return tuple(parts)


def _sliced(build: Builder, made: Tensor, x: Value, where: Any) -> Value:
    """Some of the channels, in their order."""
    all_of_it = slice(None)
    if not isinstance(where, tuple) or len(where) < 2 or not isinstance(where[1], slice):
        raise NotPortable("its decoder takes single numbers out of maps")
    if any(one != all_of_it for one in (where[0], *where[2:])):
        raise NotPortable("its decoder cuts maps into pieces")
    first, _, step = where[1].indices(x.tensor.shape[1])
    if step != 1:
        raise NotPortable("its decoder takes every other channel")
    return build.add("pick", [x], made, first=first)


def _joined(build: Builder, made: Tensor, parts: Sequence[Value], dim: int = 0) -> Value:
    if dim != 1 or not all(isinstance(part, Value) for part in parts):
        raise NotPortable("its decoder joins maps along another axis than channels")
    return build.add("join", parts, made)


_sum = _combined("add", lambda number: {"scale": 1.0, "shift": number})
_product = _combined("multiply", lambda number: {"scale": number, "shift": 0.0})

CALLS: dict[Any, Call] = {
    **dict.fromkeys((functional.relu, torch.relu, "relu"), _as_layer(nn.ReLU)),
    **dict.fromkeys((functional.sigmoid, torch.sigmoid, "sigmoid"), _as_layer(nn.Sigmoid)),
    **dict.fromkeys((functional.tanh, torch.tanh, "tanh"), _as_layer(nn.Tanh)),
    functional.leaky_relu: _as_layer(nn.LeakyReLU),
    functional.elu: _as_layer(nn.ELU),
    functional.silu: _as_layer(nn.SiLU),
    functional.gelu: _as_layer(nn.GELU),
    functional.softplus: _as_layer(nn.Softplus),
    functional.interpolate: _interpolated,
    **dict.fromkeys((torch.exp, "exp"), _exponential),
    **dict.fromkeys(("view", "reshape", "flatten", "unflatten"), _reshape),
    **dict.fromkeys((torch.reshape, torch.flatten, torch.unflatten), _reshape),
    **dict.fromkeys(("float", "contiguous", "clone"), _unchanged),
    **dict.fromkeys((operator.add, torch.add, "add"), _sum),
    **dict.fromkeys((operator.mul, torch.mul, "mul"), _product),
    **dict.fromkeys((torch.chunk, torch.split, "chunk", "split"), _parts),
    operator.getitem: _sliced,
    torch.cat: _joined,
}
