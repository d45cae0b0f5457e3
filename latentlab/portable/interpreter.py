"""A program computed with numpy: what the export is checked against before anybody sees it."""

from collections.abc import Iterator

import numpy as np

from latentlab.portable.functions import FUNCTIONS, mixture_mean
from latentlab.portable.program import Op, Program

BATCH = 8  # codes at a time: all values of a program are kept until it ends


def run(program: Program, codes: np.ndarray) -> np.ndarray:
    """The pictures of some codes, float64 (n, height, width, channels) in [0, 1].

    Args:
        codes: (n, program.inputs).
    """
    weights = program.weights.astype(np.float64)
    made = []
    for start in range(0, len(codes), BATCH):
        values = [np.asarray(codes[start : start + BATCH], np.float64)[:, None, None, :]]
        for op in program.ops:
            values.append(_computed(op, [values[source] for source in op.sources], weights))
        made.append(values[-1])
    return np.concatenate(made)


def _computed(op: Op, given: list[np.ndarray], weights: np.ndarray) -> np.ndarray:
    x, settings = given[0], op.settings
    if op.kind == "weigh":
        return _weigh(op, x, weights)
    if op.kind == "scale":
        scale, shift = _scale_and_shift(op, weights)
        return x * scale + shift
    if op.kind == "normalize":
        return _normalize(op, x, weights)
    if op.kind == "apply":
        own = {key: value for key, value in settings.items() if key != "function"}
        return FUNCTIONS[settings["function"]](x, **own)
    if op.kind == "add":
        return x + given[1]
    if op.kind == "multiply":
        return x * given[1]
    if op.kind == "reshape":
        height, width, channels = op.shape
        flat = x.transpose(0, 3, 1, 2).reshape(len(x), channels, height, width)
        return flat.transpose(0, 2, 3, 1)
    if op.kind == "enlarge":
        return _enlarge(op, x)
    if op.kind == "pick":
        return x[..., settings["first"] : settings["first"] + op.shape[2]]
    if op.kind == "join":
        return np.concatenate(given, axis=-1)
    if op.kind == "mixture":
        return mixture_mean(x, op.shape[2], settings["components"], settings["levels"])
    raise ValueError(f"there is no operation {op.kind}")


def _weigh(op: Op, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    height, width, channels = op.shape
    (down, right), (rows_step, columns_step) = op.settings["stride"], op.settings["step"]
    made = np.zeros((len(x), *op.shape))
    for phase in op.settings["phases"]:
        top, left = phase["at"]
        rows, columns = np.arange(top, height, rows_step), np.arange(left, width, columns_step)
        begin, depth = phase["weights_at"], x.shape[3]
        for number, (dy, dx) in enumerate(phase["taps"]):
            seen = _shifted(
                x, np.arange(len(rows)) * down + dy, np.arange(len(columns)) * right + dx
            )
            taps = len(phase["taps"])
            matrix = weights[begin : begin + channels * taps * depth]
            own = matrix.reshape(channels, taps, depth)[:, number]
            made[:, top::rows_step, left::columns_step] += seen @ own.T
    bias_at = op.settings["bias_at"]
    return made if bias_at is None else made + weights[bias_at : bias_at + channels]


def _shifted(x: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """These rows and columns of maps, 0 beyond their edges."""
    inside_rows = (rows >= 0) & (rows < x.shape[1])
    inside_columns = (columns >= 0) & (columns < x.shape[2])
    taken = x[:, np.where(inside_rows, rows, 0)][:, :, np.where(inside_columns, columns, 0)]
    return taken * (inside_rows[:, None] & inside_columns)[None, :, :, None]


def _normalize(op: Op, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    height, width, channels = op.shape
    groups = op.settings["groups"]
    grouped = x.reshape(len(x), height * width, groups, channels // groups)
    mean = grouped.mean((1, 3), keepdims=True)
    variance = grouped.var((1, 3), keepdims=True)
    scale, shift = _scale_and_shift(op, weights)
    normal = (grouped - mean) / np.sqrt(variance + op.settings["eps"])
    return normal.reshape(x.shape) * scale + shift


def _scale_and_shift(op: Op, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scale_at, shift_at, channels = op.settings["weights_at"], op.settings["bias_at"], op.shape[2]
    return weights[scale_at : scale_at + channels], weights[shift_at : shift_at + channels]


def _enlarge(op: Op, x: np.ndarray) -> np.ndarray:
    made = x
    for axis, size in ((1, op.shape[0]), (2, op.shape[1])):
        parts = [
            np.take(made, index, axis)
            * np.reshape(share, [size if at == axis else 1 for at in range(4)])
            for index, share in _neighbours(made.shape[axis], size, op)
        ]
        made = sum(parts[1:], parts[0])
    return made


def _neighbours(before: int, after: int, op: Op) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The places that each new place is made of, with their shares."""
    place = np.arange(after)
    if op.settings["mode"] == "nearest":
        yield place * before // after, np.ones(after)
        return
    if op.settings["corners"]:
        exact = place * (before - 1) / max(after - 1, 1)
    else:
        exact = np.maximum((place + 0.5) * before / after - 0.5, 0.0)
    low = np.floor(exact).astype(int)
    yield low, 1 - (exact - low)
    yield np.minimum(low + 1, before - 1), exact - low
