"""The decoder as values: what is computed, in which order, with which weights.

Values are maps of `height x width x channels`, channels last, so that an inner loop over channels
runs through neighbouring numbers; a vector is a map of 1 x 1. Value 0 is the input, and the
operation at index k makes value k + 1; the last value is the picture, in [0, 1].
"""

import base64
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

Shape = tuple[int, int, int]  # height, width, channels

Kind = Literal[
    "weigh",  # a convolution, a transposed one or a dense layer
    "scale",  # every channel times a weight plus a bias: batch normalisation
    "normalize",  # group normalisation
    "apply",  # a function of every number
    "add",
    "multiply",  # the second may have one channel, or one place, where the first has several
    "reshape",  # in the order of channel, row, column
    "enlarge",  # nearest neighbours or bilinear
    "pick",  # a range of channels
    "join",  # channels of several values one after the other
    "mixture",  # the expectation of a mixture of logistic distributions
]


@dataclass(frozen=True)
class Op:
    """One operation.

    Attributes:
        kind: What it computes.
        sources: The values it reads.
        shape: Of the value it makes.
        settings: By kind; JSON can hold them. A number that ends in `_at` is where in the weights
            something begins.

            `weigh`: `depth` (input channels), `stride` (of the input, rows and columns), `step`
            (of the output), `bias_at` or None, and `phases`, each with `at` (first output row and
            column), `taps` (rows and columns from the stride's place to what is read; beyond the
            edge lies 0) and `weights_at` (output channels x taps x input channels).
            `scale`: `weights_at`, `bias_at`.
            `normalize`: `groups`, `eps`, `weights_at`, `bias_at`.
            `apply`: `function`, one of FUNCTIONS, and its parameters.
            `enlarge`: `mode`, "nearest" or "bilinear", and `corners`.
            `pick`: `first`.
            `mixture`: `components`, `levels`.
    """

    kind: Kind
    sources: tuple[int, ...]
    shape: Shape
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Program:
    """A decoder that anything can compute that can multiply and add.

    Attributes:
        inputs: Length of the vector it reads: the latents, and after them what the model is told
            of an image, if it is told anything.
        ops: In order.
        weights: float16, of all operations one after the other.
        deviation: By how many grey levels of 255 its pictures differ at most from the model's.
        checked: Codes on which that was measured.
    """

    inputs: int
    ops: tuple[Op, ...]
    weights: np.ndarray
    deviation: int
    checked: int

    @property
    def shape(self) -> Shape:
        """Of the picture."""
        return self.ops[-1].shape

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it; the weights as base64 of little-endian halves."""
        return {
            "inputs": self.inputs,
            "ops": [
                {"kind": op.kind, "sources": op.sources, "shape": op.shape, **op.settings}
                for op in self.ops
            ],
            "weights": base64.b64encode(self.weights.astype("<f2").tobytes()).decode(),
        }
