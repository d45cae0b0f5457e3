"""Loss, gradient and Hessian of many logistic problems on the same rows, in passes over blocks.

All problems are columns of the same few matrix products, so that a pass reads the latents once. The
gradient needs labels only through sums that are the same in every pass; they are not read again.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from latentlab.probes.blocks import Block, Rows

_IMAGES, _PROBLEMS = 512, 256  # of a tile: its odds stay in a core's cache
_TILES_ON_DEVICE = 64  # an accelerator wants larger ones
_PRODUCTS = 96  # latents up to which Hessians are one product with all pairs of latents

_count: ContextVar[int | None] = ContextVar("threads that may work on blocks", default=None)


@dataclass(frozen=True)
class Sums:
    """Sums over the images of one fold, one row a problem; None where not asked for.

    Attributes:
        loss: Of log(1 + exp(odds)), weighted, (problems,).
        gradient: Of probability z, weighted, (problems, latents + 1).
        hessian: Of variance z z', weighted, (problems, latents + 1, latents + 1).
    """

    loss: np.ndarray | None = None
    gradient: np.ndarray | None = None
    hessian: np.ndarray | None = None

    def __iadd__(self, other: "Sums") -> "Sums":
        for mine, more in (
            (self.loss, other.loss),
            (self.gradient, other.gradient),
            (self.hessian, other.hessian),
        ):
            if mine is not None and more is not None:
                mine += more
        return self


def sweep(
    rows: Rows,
    dtype: str,
    weights: np.ndarray,
    target: np.ndarray,
    wanted: Callable[[int], np.ndarray],
    *,
    loss: bool = False,
    gradient: bool = False,
    hessian: bool = False,
) -> Iterator[tuple[int, np.ndarray, Sums]]:
    """One pass over the rows: fold, problems and sums of every block, in order.

    Args:
        dtype: "float32" or "float64", of the products; sums are float64.
        weights: (problems, latents + 1), intercept last, on the shared latents.
        target: Whose labels each problem reads, (problems,).
        wanted: Fold -> indices of the problems that need the images of this fold.
    """
    turned = (-weights).astype(dtype)

    def unit(block: Block) -> tuple[int, np.ndarray, Sums]:
        which = wanted(block.fold)
        if not len(which):
            return block.fold, which, Sums()
        return (
            block.fold,
            which,
            _unit(block, turned[which], target[which], loss, gradient, hessian),
        )

    with threads() as count:
        yield from _in_order(unit, rows.blocks(dtype), count)


def pairs(z: Any, room: Any) -> Any:
    """Products of every two rows, upper triangle row by row, (rows (rows + 1) / 2, images).

    Args:
        z: (rows, images).
        room: Where they go, (rows (rows + 1) / 2, images or more).
    """
    rows, images = z.shape
    made, start = room[:, :images], 0
    for row in range(rows):
        _namespace(z).multiply(z[row], z[row:], out=made[start : start + rows - row])
        start += rows - row
    return made


def unpacked(upper: np.ndarray, rows: int) -> np.ndarray:
    """(..., rows (rows + 1) / 2) as in `pairs` -> symmetric (..., rows, rows)."""
    first, second = np.triu_indices(rows)
    whole = np.empty((*upper.shape[:-1], rows, rows))
    whole[..., first, second] = upper
    whole[..., second, first] = upper
    return whole


def weighted_products(block: Block, weight: np.ndarray) -> np.ndarray:
    """Sum over images of weight z z' for each row of weights, (weights, latents + 1, latents + 1).

    Args:
        weight: (weights, images), of the block's dtype.
    """
    latents, images = block.z.shape
    if latents > _PRODUCTS:
        return np.stack([_host((block.z * one) @ block.z.T) for one in weight])
    total = np.zeros((len(weight), latents * (latents + 1) // 2))
    room = _empty_like(block.z, (total.shape[1], _IMAGES))
    for start in range(0, images, _IMAGES):
        at = slice(start, start + _IMAGES)
        total += _host(weight[:, at] @ pairs(block.z[:, at], room).T)
    return unpacked(total, latents)


@contextmanager
def threads() -> Iterator[int]:
    """Threads that may work on blocks: as many as BLAS may use, which has one while they do.

    The matrices of a block are small: threads that share one product wait for each other longer
    than they work, on a busy machine a hundred times longer. Within another such context the
    number stays that of the outer one.
    """
    known = _count.get()
    if known is not None:
        yield known
        return
    pools = _pools()
    counts = [pool["num_threads"] for pool in pools.info() if pool["user_api"] == "blas"]
    with pools.limit(limits=1, user_api="blas"):
        token = _count.set(max(counts, default=1))
        try:
            yield max(counts, default=1)
        finally:
            _count.reset(token)


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for BLAS and OpenMP alike, for work too small to share."""
    with _pools().limit(limits=1):
        yield


@cache
def _pools() -> ThreadpoolController:
    """Of the libraries that are loaded; finding them takes milliseconds."""
    import scipy.linalg  # noqa: F401 (brings a BLAS of its own, which later would go unseen)

    return ThreadpoolController()


def _in_order(work: Callable[[Block], Any], blocks: Iterator[Block], count: int) -> Iterator[Any]:
    """Results in the order of the blocks, with a few blocks in memory at a time.

    Sums taken in this order do not depend on the number of threads.
    """
    if count == 1:
        yield from map(work, blocks)
        return
    ahead: deque[Future[Any]] = deque()
    with ThreadPoolExecutor(count) as pool:
        for block in blocks:
            ahead.append(pool.submit(work, block))
            if len(ahead) > count:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


@np.errstate(over="ignore")  # odds beyond the largest number: a chance of 0
def _unit(
    block: Block, turned: np.ndarray, target: np.ndarray, loss: bool, gradient: bool, hessian: bool
) -> Sums:
    xp, height, width = _namespace(block.z), _PROBLEMS, _IMAGES
    if xp is not np:
        height, width = height * _TILES_ON_DEVICE, width * _TILES_ON_DEVICE
        turned = xp.as_tensor(turned, device=block.z.device)
        target = xp.as_tensor(target, device=block.z.device)
    (problems, latents), images = turned.shape, block.z.shape[1]
    pairwise = latents <= _PRODUCTS
    sums = Sums(
        np.zeros(problems) if loss else None,
        np.zeros((problems, latents)) if gradient else None,
        np.zeros((problems, latents * (latents + 1) // 2) if pairwise else (problems, latents**2))
        if hessian
        else None,
    )
    # Memory that is taken and given back for every tile costs as much as the arithmetic.
    rooms = [_empty_like(block.z, (min(height, problems), min(width, images))) for _ in range(2)]
    wide = None
    if hessian and pairwise:
        wide = _empty_like(block.z, (latents * (latents + 1) // 2, min(width, images)))
    for left in range(0, images, width):
        z = block.z[:, left : left + width]
        products = None if wide is None else pairs(z, wide)
        for top in range(0, problems, height):
            at = slice(top, top + height)
            weight = None
            if block.weight is not None:
                weight = block.weight[:, left : left + width][target[at]]
            tile = turned[at]
            odds, spare = (room[: len(tile), : z.shape[1]] for room in rooms)
            xp.matmul(tile, z, out=odds)  # of the negative class
            if sums.loss is not None:
                entropy = _softplus(-odds, xp)
                sums.loss[at] += _host((entropy if weight is None else entropy * weight).sum(1))
            if sums.gradient is None and sums.hessian is None:
                continue
            # Precise for small probabilities, as those of rare labels are.
            xp.exp(odds, out=odds)
            odds += 1
            chance = xp.reciprocal(odds, out=odds)
            weighted = chance if weight is None else xp.multiply(chance, weight, out=weight)
            if sums.gradient is not None:
                sums.gradient[at] += _host(weighted @ z.T)
            if sums.hessian is not None:
                xp.multiply(weighted, chance, out=spare)
                variance = xp.subtract(weighted, spare, out=spare)
                if products is not None:
                    sums.hessian[at] += _host(variance @ products.T)
                else:
                    for row in range(len(variance)):
                        sums.hessian[top + row] += _host((z * variance[row]) @ z.T).ravel()
    if sums.hessian is None:
        return sums
    whole = sums.hessian
    square = unpacked(whole, latents) if pairwise else whole.reshape(-1, latents, latents)
    return Sums(sums.loss, sums.gradient, square)


def _softplus(odds: Any, xp: Any) -> Any:
    size = xp.abs(odds)
    return (odds + size) / 2 + xp.log1p(xp.exp(-size))


def _namespace(array: Any) -> Any:
    """NumPy, or torch for what stands on a device."""
    if isinstance(array, np.ndarray):
        return np
    import torch  # here, since probes of tables on a CPU should not wait for it

    return torch


def _empty_like(array: Any, shape: tuple[int, ...]) -> Any:
    return np.empty(shape, array.dtype) if isinstance(array, np.ndarray) else array.new_empty(shape)


def _host(array: Any) -> np.ndarray:
    """float64 on the CPU, wherever it was."""
    if not isinstance(array, np.ndarray):
        array = array.double().cpu().numpy()
    return array.astype(np.float64, copy=False)
