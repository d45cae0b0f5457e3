"""A model's decoder to a program, or the reason why there can be none.

The decoder's own Python is followed by `torch.fx`, so that a user's network is carried as well as
those of latentlab, as long as it is made of known layers and functions. What came out is then
computed and held against the model: nothing that was misunderstood can give a wrong picture.

Source of the tracing: Reed et al. 2022, https://arxiv.org/abs/2112.08429
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from latentlab.decoding import Places, decode
from latentlab.errors import NotPortable
from latentlab.models.likelihoods import Likelihood
from latentlab.models.vae import VAE
from latentlab.portable import interpreter
from latentlab.portable.calls import CALLS
from latentlab.portable.layers import LAYERS, Builder, Value
from latentlab.portable.means import MEANS
from latentlab.portable.program import Op, Program

MOST_BYTES = 4_000_000  # of weights
MOST_WORK = 1_000_000_000  # multiplications a picture: about a second in a page
MOST_DEVIATION = 3  # grey levels of 255


def portable(model: VAE, codes: np.ndarray) -> Program:
    """The decoder of a model as a program, checked on some codes.

    Args:
        codes: Such as the program will be shown, (n, latents + conditions), n at least 1.

    Raises:
        NotPortable: the decoder has a part that programs do not have, is too large, or gives other
            pictures with weights of 16 bits.
    """
    model.eval()
    if model.head.contextual:
        raise NotPortable("its decoder reads a grid of codes beside the latents")
    if type(model.likelihood) not in MEANS:
        raise NotPortable(
            f"there is no short way to the mean of the likelihood {type(model.likelihood).__name__}"
        )
    device = next(model.parameters()).device
    build = Builder()
    pair = np.resize(codes, (2, codes.shape[1]))  # of one code, it would be unclear what is a batch
    with torch.no_grad():
        tensor = torch.from_numpy(pair.astype(np.float32)).to(device)
        _Export(_traced(model), model.likelihood, build).run(Value(0, tensor))
    with np.errstate(over="ignore"):
        weights = np.concatenate([np.empty(0, np.float32), *build.weights]).astype(np.float16)
    _check_size(weights, build.ops)
    made = interpreter.run(Program(codes.shape[1], tuple(build.ops), weights, 0, 0), codes)
    deviation = _deviation(made, model, codes)
    if deviation > MOST_DEVIATION:
        raise NotPortable(
            f"computed with 16-bit weights, its pictures differ by up to {deviation} grey levels"
        )
    return Program(codes.shape[1], tuple(build.ops), weights, deviation, len(codes))


class _Whole(nn.Module):
    """From what a program reads to what the decoders give."""

    def __init__(self, model: VAE):
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        model = self.model
        if model.conditions:
            context = x[:, model.latents :]
            inputs = torch.cat([model.head.unfold(x[:, : model.latents], context), context], dim=1)
        else:
            inputs = model.head.unfold(x, None)
        made = model.decoder(inputs)
        return (made,) if model.mask_decoder is None else (made, model.mask_decoder(inputs))


def _traced(model: VAE) -> fx.GraphModule:
    try:
        return fx.symbolic_trace(_Whole(model).eval())
    except Exception as error:  # whatever a user's own network does with a stand-in for values
        raise NotPortable(f"its decoder cannot be followed step by step: {_line(error)}") from None


class _Export(fx.Interpreter):
    """Runs the traced decoder on a batch, and writes down what it does."""

    def __init__(self, traced: fx.GraphModule, likelihood: Likelihood, build: Builder):
        super().__init__(traced)
        self.extra_traceback = False  # reasons are one line
        self.likelihood, self.build = likelihood, build

    def call_module(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        layer = self.fetch_attr(target)
        if type(layer) not in LAYERS:
            raise NotPortable(f"its decoder has a layer of the kind {type(layer).__name__}")
        return LAYERS[type(layer)](self.build, layer, *args, **kwargs)

    def call_function(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return self._call(target, target, args, kwargs)

    def call_method(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return self._call(target, getattr(Tensor, target), args, kwargs)

    def output(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The mean of the likelihood, where there is a mask times its probability."""
        made, *mask = args[0]
        mean = MEANS[type(self.likelihood)](self.build, self.likelihood, made)
        if not mask:
            return mean
        kept = self.build.add("apply", mask, mask[0].tensor.sigmoid(), function="sigmoid")
        return self.build.add("multiply", [mean, kept], mean.tensor * kept.tensor)

    def _call(
        self, target: Any, compute: Callable[..., Any], args: Any, kwargs: dict[str, Any]
    ) -> Any:
        if isinstance(args[0], tuple) and not hasattr(args[0], "numel"):  # one of several parts
            return compute(*args, **kwargs)
        plain = fx.node.map_aggregate((args, kwargs), _tensor_of)
        made = compute(*plain[0], **plain[1])
        if not isinstance(made, Tensor | Sequence) or isinstance(made, torch.Size):
            return made  # a length or a shape
        name = target if isinstance(target, str) else getattr(target, "__name__", str(target))
        if target not in CALLS:
            raise NotPortable(f"its decoder calls {name}")
        try:
            return CALLS[target](self.build, made, *args, **kwargs)
        except (TypeError, AttributeError) as error:  # told something that the call here is not
            raise NotPortable(f"its decoder calls {name} in its own way: {_line(error)}") from None


def _tensor_of(value: Any) -> Any:
    return value.tensor if isinstance(value, Value) else value


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _check_size(weights: np.ndarray, ops: Sequence[Op]) -> None:
    if weights.nbytes > MOST_BYTES:
        raise NotPortable(
            f"its decoder has {weights.nbytes / 1e6:.1f} MB of 16-bit weights, and a page carries"
            f" {MOST_BYTES / 1e6:.0f} MB at most"
        )
    if not np.isfinite(weights).all():
        raise NotPortable("its decoder has weights that 16 bits cannot hold")
    work = sum(_multiplications(op) for op in ops if op.kind == "weigh")
    if work > MOST_WORK:
        raise NotPortable(
            f"a picture takes {work / 1e9:.1f} billion multiplications, and a page does"
            f" {MOST_WORK / 1e9:.0f} billion in about a second"
        )


def _multiplications(op: Op) -> float:
    """About: each phase fills its share of the output."""
    height, width, channels = op.shape
    down, right = op.settings["step"]
    taps = sum(len(phase["taps"]) for phase in op.settings["phases"])
    return height * width / (down * right) * taps * channels * op.settings["depth"]


def _deviation(made: np.ndarray, model: VAE, codes: np.ndarray) -> int:
    """How many grey levels the pictures differ at most from the model's."""
    z, context = codes[:, : model.latents], codes[:, model.latents :]
    wanted = decode(model, Places(z, context if model.conditions else None))
    levels = np.round(np.nan_to_num(made, nan=np.inf).clip(0, 1) * 255).astype(int)
    return int(np.abs(levels - wanted.astype(int)).max())
