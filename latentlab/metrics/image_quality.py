"""How alike pictures are: pairs of original and reconstruction, or two sets of pictures.

Mean squared error, PSNR, SSIM and MS-SSIM need nothing but torch. LPIPS, FID and KID look through
networks whose weights are never downloaded: give a path, or the result is None with `NO_WEIGHTS`.
Pictures are uint8, (images, height, width, channels); 255 counts as 1.
"""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from latentlab.errors import DataError, MissingArtifactError
from latentlab.metrics.result import Result

if TYPE_CHECKING:
    import torch
    from torch import Tensor

NO_WEIGHTS = "skipped: no weights"
IDENTICAL = "every picture equals its original: the ratio is infinite"
WINDOW, SIGMA = 11, 1.5  # pixels, of the Gaussian that SSIM compares under
STEADY_LUMINANCE, STEADY_CONTRAST = 0.01**2, 0.03**2
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of MS-SSIM, from fine to coarse
BATCH = 64  # pictures compared at a time
KID_SUBSETS, KID_SIZE = 100, 1000


def mean_squared_error(originals: np.ndarray, others: np.ndarray) -> Result:
    """Mean over pictures, pixels and channels of the squared difference, 0 at best.

    Raises:
        DataError: The pictures are not uint8 or not of the same shape.
    """
    errors = _squared_errors(originals, others)
    return Result(float(errors.mean()), None, _settings(originals))


def peak_signal_to_noise(originals: np.ndarray, others: np.ndarray) -> Result:
    """-10 log10 of a picture's mean squared error, in decibels, averaged over the pictures.

    A picture that equals its original has no finite ratio and is left out; `identical` counts them.

    Raises:
        DataError: The pictures are not uint8 or not of the same shape.
    """
    errors = _squared_errors(originals, others)
    differ = errors > 0
    settings = {**_settings(originals), "identical": int((~differ).sum())}
    if not differ.any():
        return Result(None, IDENTICAL, settings)
    return Result(float(np.mean(-10 * np.log10(errors[differ]))), None, settings)


def structural_similarity(originals: np.ndarray, others: np.ndarray) -> Result:
    """SSIM, 1 for equal pictures, averaged over windows that lie within, channels and pictures.

    Raises:
        DataError: The pictures are not uint8 or not of the same shape.

    Source: Wang et al. 2004, https://doi.org/10.1109/TIP.2003.819861, with its Gaussian window of
    11 pixels and variances of the whole window, not of a sample.
    """
    settings = {**_settings(originals), "window": WINDOW, "sigma": SIGMA}
    if min(_checked(originals, others).shape[1:3]) < WINDOW:
        return Result(None, f"pictures are smaller than the window of {WINDOW} pixels", settings)
    found = [_similarity(x, y)[0].mean(dim=1) for x, y in _batches(originals, others)]
    return Result(_mean(found), None, settings)


def multiscale_similarity(
    originals: np.ndarray, others: np.ndarray, *, scales: int | None = None
) -> Result:
    """MS-SSIM, 1 for equal pictures: contrast and structure at several scales, luminance at the
    coarsest.

    Args:
        scales: How often pictures are halved, plus one. None takes as many as the window fits, at
            most the source's 5, which need a side of 176 pixels; 64 pixels give 3. The source's
            weights of the scales used are divided by their sum, so scores with different `scales`
            do not compare.

    Raises:
        DataError: The pictures are not uint8 or not of the same shape.

    Source: Wang, Simoncelli & Bovik 2003, https://doi.org/10.1109/ACSSC.2003.1292216. A negative
    mean contrast counts as 0, since its power is not a number.
    """
    import torch
    from torch.nn.functional import avg_pool2d

    side = min(_checked(originals, others).shape[1:3])
    fit = sum(side // 2**scale >= WINDOW for scale in range(len(SCALE_WEIGHTS)))
    used = fit if scales is None else scales
    settings = {**_settings(originals), "window": WINDOW, "sigma": SIGMA, "scales": used}
    if not 1 <= used <= fit:
        return Result(
            None,
            f"{used} scales do not fit: a side of {side} pixels holds the window of {WINDOW} at"
            f" {fit} of {len(SCALE_WEIGHTS)} scales",
            settings,
        )
    weights = np.array(SCALE_WEIGHTS[:used]) / sum(SCALE_WEIGHTS[:used])
    found = []
    for x, y in _batches(originals, others):
        product = torch.ones(x.shape[:2], dtype=x.dtype)
        for scale, weight in enumerate(weights):
            whole, contrast = _similarity(x, y)
            last = scale == used - 1
            product = product * (whole if last else contrast).clamp(min=0) ** float(weight)
            if not last:
                x, y = avg_pool2d(x, 2), avg_pool2d(y, 2)
        found.append(product.mean(dim=1))
    return Result(_mean(found), None, settings)


def perceptual_distance(
    originals: np.ndarray,
    others: np.ndarray,
    *,
    backbone: Path | None = None,
    heads: Path | None = None,
) -> Result:
    """LPIPS with AlexNet: weighted distance of its features, 0 for equal pictures.

    Args:
        backbone: torchvision's AlexNet for ImageNet, a state dict.
        heads: LPIPS' own weights of the channels, a state dict with the keys `lin0.model.1.weight`
            to `lin4.model.1.weight`.

    Returns:
        None with NO_WEIGHTS unless both are given.

    Raises:
        MissingArtifactError: A file does not exist.
        DataError: A file does not hold these weights, or the pictures are not as they must be.

    Source: Zhang et al. 2018, https://arxiv.org/abs/1801.03924, version 0.1.
    """
    settings = {**_settings(originals), "network": "AlexNet"}
    if backbone is None or heads is None:
        return Result(None, NO_WEIGHTS, settings)
    _checked(originals, others)
    import torch
    from torchvision.models import alexnet

    network = alexnet(weights=None)
    try:
        network.load_state_dict(_weights(backbone))
        channels = [_weights(heads)[f"lin{layer}.model.1.weight"] for layer in range(5)]
    except (RuntimeError, KeyError) as error:
        raise DataError(
            f"{backbone} and {heads} are not the weights of LPIPS: {error}. Fetch both again."
        ) from error
    network.eval()
    shift = torch.tensor([-0.030, -0.088, -0.188])[:, None, None]
    scale = torch.tensor([0.458, 0.448, 0.450])[:, None, None]
    found = []
    with torch.no_grad():
        for pair in _batches(originals, others):
            x, y = (((2 * each.float() - 1).expand(-1, 3, -1, -1) - shift) / scale for each in pair)
            total = torch.zeros(len(x))
            for one, other, weight in zip(
                _layers(network, x), _layers(network, y), channels, strict=True
            ):
                squares = (_unit(one) - _unit(other)).square() * weight.reshape(1, -1, 1, 1)
                total += squares.sum(dim=1).mean(dim=(1, 2))
            found.append(total)
    return Result(_mean(found), None, settings)


def frechet_inception_distance(
    originals: np.ndarray, others: np.ndarray, *, inception: Path | None = None
) -> Result:
    """FID: Frechet distance of Gaussians fitted to Inception's features of the two sets.

    Args:
        originals, others: Need not be pairs, nor equally many.
        inception: torch-fidelity's weights of Inception v3 (extra `quality`).

    Returns:
        0 at best. It is biased upwards by few pictures: compare only at equal `rows`, and see
        `kernel_inception_distance`. None with NO_WEIGHTS without a path.

    Source: Heusel et al. 2017, https://arxiv.org/abs/1706.08500.
    """
    settings = {**_settings(originals), "other_rows": len(others)}
    if inception is None:
        return Result(None, NO_WEIGHTS, settings)
    return Result(
        frechet_distance(_features(originals, inception), _features(others, inception)),
        None,
        settings,
    )


def kernel_inception_distance(
    originals: np.ndarray, others: np.ndarray, *, inception: Path | None = None, seed: int = 0
) -> Result:
    """KID: squared mean discrepancy of Inception's features under a cubic kernel.

    Args:
        originals, others: Need not be pairs, nor equally many.
        inception: torch-fidelity's weights of Inception v3 (extra `quality`).
        seed: Of the subsets.

    Returns:
        Mean over subsets; 0 is expected for two sets of one distribution, and it may fall below.
        None with NO_WEIGHTS without a path.

    Source: Binkowski et al. 2018, https://arxiv.org/abs/1801.01401.
    """
    size = min(KID_SIZE, len(originals), len(others))
    settings = {
        **_settings(originals),
        "other_rows": len(others),
        "subsets": KID_SUBSETS,
        "subset_rows": size,
    }
    if inception is None:
        return Result(None, NO_WEIGHTS, settings)
    one, other = _features(originals, inception), _features(others, inception)
    rng = np.random.default_rng(seed)
    found = [
        kernel_distance(
            one[rng.choice(len(one), size, replace=False)],
            other[rng.choice(len(other), size, replace=False)],
        )
        for _ in range(KID_SUBSETS)
    ]
    return Result(float(np.mean(found)), None, settings)


def frechet_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Of Gaussians with the means and covariances of two sets of features, (n, features) each."""
    gap = one.mean(axis=0) - other.mean(axis=0)
    first, second = (np.atleast_2d(np.cov(each.T)) for each in (one, other))
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(values.clip(min=0.0))) @ vectors.T
    between = np.sqrt(np.linalg.eigvalsh(root @ second @ root).clip(min=0.0)).sum()
    return float(gap @ gap + np.trace(first) + np.trace(second) - 2 * between)


def kernel_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Unbiased squared mean discrepancy of two sets of features, (n, features) each, under the
    kernel (x y / features + 1)^3."""

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a @ b.T / one.shape[1] + 1) ** 3

    within = 0.0
    for each in (one, other):
        inner = kernel(each, each)
        within += (inner.sum() - np.trace(inner)) / (len(each) * (len(each) - 1))
    return float(within - 2 * kernel(one, other).mean())


def _similarity(x: "Tensor", y: "Tensor") -> tuple["Tensor", "Tensor"]:
    """SSIM and its part without luminance, each (pictures, channels)."""
    import torch
    from torch.nn.functional import conv2d

    places = torch.arange(WINDOW, dtype=x.dtype) - WINDOW // 2
    bell = torch.exp(-(places**2) / (2 * SIGMA**2))
    bell = bell / bell.sum()

    def smooth(values: "Tensor") -> "Tensor":
        flat = values.flatten(0, 1)[:, None]
        flat = conv2d(conv2d(flat, bell[None, None, None]), bell[None, None, :, None])
        return flat.unflatten(0, values.shape[:2])[:, :, 0]

    mean_x, mean_y = smooth(x), smooth(y)
    variance_x = smooth(x * x) - mean_x**2
    variance_y = smooth(y * y) - mean_y**2
    together = smooth(x * y) - mean_x * mean_y
    contrast = (2 * together + STEADY_CONTRAST) / (variance_x + variance_y + STEADY_CONTRAST)
    luminance = 2 * mean_x * mean_y + STEADY_LUMINANCE
    luminance = luminance / (mean_x**2 + mean_y**2 + STEADY_LUMINANCE)
    return (luminance * contrast).mean(dim=(2, 3)), contrast.mean(dim=(2, 3))


def _layers(network: Any, x: "Tensor") -> Iterator["Tensor"]:
    """AlexNet's features after each of its five rectifications of convolutions."""
    for index, layer in enumerate(network.features):
        x = layer(x)
        if index in (1, 4, 7, 9, 11):
            yield x.clone()  # the next layers may work in place


def _unit(features: "Tensor") -> "Tensor":
    return features / (features.square().sum(dim=1, keepdim=True).sqrt() + 1e-10)


def _features(pictures: np.ndarray, inception: Path) -> np.ndarray:
    """Inception's 2,048 pooled features, (pictures, 2048)."""
    import torch

    try:
        module = importlib.import_module("torch_fidelity.feature_extractor_inceptionv3")
    except ImportError as error:
        raise MissingArtifactError(
            "FID and KID need torch-fidelity. Install it with `pip install 'latentlab[quality]'`."
        ) from error
    _present(inception)
    network = module.FeatureExtractorInceptionV3(
        "inception-v3-compat", ["2048"], feature_extractor_weights_path=str(inception)
    ).eval()
    made = []
    with torch.no_grad():
        for first in range(0, len(pictures), BATCH):
            block = torch.from_numpy(pictures[first : first + BATCH]).permute(0, 3, 1, 2)
            made.append(network(block.expand(-1, 3, -1, -1).contiguous())[0].numpy())
    return np.concatenate(made).astype(np.float64)


def _weights(path: Path) -> dict[str, "torch.Tensor"]:
    import torch

    _present(path)
    stored: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return stored


def _present(path: Path) -> None:
    if not path.is_file():
        raise MissingArtifactError(
            f"{path} does not exist. Weights are never downloaded: put them there."
        )


def _batches(originals: np.ndarray, others: np.ndarray) -> Iterator[tuple["Tensor", "Tensor"]]:
    """float64 in [0, 1], (pictures, channels, height, width)."""
    import torch

    for first in range(0, len(originals), BATCH):
        block = (each[first : first + BATCH] for each in (originals, others))
        x, y = (torch.from_numpy(each / 255.0).permute(0, 3, 1, 2) for each in block)
        yield x, y


def _squared_errors(originals: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Mean over pixels and channels, (pictures,)."""
    _checked(originals, others)
    return np.concatenate(
        [(x - y).square().mean(dim=(1, 2, 3)).numpy() for x, y in _batches(originals, others)]
    )


def _mean(parts: list["Tensor"]) -> float:
    return float(np.concatenate([part.numpy() for part in parts]).mean())


def _checked(originals: np.ndarray, others: np.ndarray) -> np.ndarray:
    if originals.shape != others.shape or originals.ndim != 4 or not len(originals):
        raise DataError(
            f"Pictures of shape {originals.shape} and {others.shape} are no pairs. Give two arrays"
            " (images, height, width, channels) of the same shape."
        )
    if originals.dtype != np.uint8 or others.dtype != np.uint8:
        raise DataError(f"Pictures must be uint8, not {originals.dtype} and {others.dtype}.")
    return originals


def _settings(originals: np.ndarray) -> dict[str, Any]:
    return {"rows": len(originals), "side": int(originals.shape[1])}
