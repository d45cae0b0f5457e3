import numpy as np
import pytest
import torch

from latentlab.errors import DataError, MissingArtifactError
from latentlab.metrics import IMAGE_METRICS
from latentlab.metrics.image_quality import (
    frechet_distance,
    kernel_distance,
    mean_squared_error,
    multiscale_similarity,
    peak_signal_to_noise,
    perceptual_distance,
    structural_similarity,
)

PAIRED = ("mean_squared_error", "psnr", "ssim", "ms_ssim")


def pictures(seed, images=3, side=32, channels=3):
    """Smooth pictures and the same with noise, uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    waves = rng.uniform(1, 6, (images, 2, channels))
    smooth = 120 + 90 * np.sin(
        x[None, :, :, None] * waves[:, None, None, 0] * 3
        + y[None, :, :, None] * waves[:, None, None, 1]
    )
    noisy = smooth + rng.normal(0, 20, smooth.shape)
    return tuple(np.clip(each, 0, 255).round().astype(np.uint8) for each in (smooth, noisy))


def slow_ssim(x, y):
    """Window by window, in the words of the definition; x, y: (side, side) in [0, 1]."""
    places = np.arange(11) - 5
    bell = np.exp(-(places[:, None] ** 2 + places**2) / (2 * 1.5**2))
    bell /= bell.sum()
    found = []
    for top in range(len(x) - 10):
        for left in range(len(x) - 10):
            a, b = (each[top : top + 11, left : left + 11] for each in (x, y))
            mean_a, mean_b = (bell * a).sum(), (bell * b).sum()
            var_a, var_b = (bell * (a - mean_a) ** 2).sum(), (bell * (b - mean_b) ** 2).sum()
            both = (bell * (a - mean_a) * (b - mean_b)).sum()
            light = (2 * mean_a * mean_b + 1e-4) / (mean_a**2 + mean_b**2 + 1e-4)
            found.append(light * (2 * both + 9e-4) / (var_a + var_b + 9e-4))
    return np.mean(found)


@pytest.mark.parametrize("seed", range(2))
def test_ssim_agrees_with_a_loop_over_windows(seed):
    originals, others = pictures(seed, images=2, side=20)
    expected = np.mean(
        [
            slow_ssim(originals[i, :, :, c] / 255, others[i, :, :, c] / 255)
            for i in range(2)
            for c in range(3)
        ]
    )
    assert structural_similarity(originals, others).score == pytest.approx(expected, abs=1e-10)


def test_flat_pictures_differ_in_luminance_alone():
    originals, others = (np.full((1, 32, 32, 1), grey, np.uint8) for grey in (51, 102))
    luminance = (2 * 0.2 * 0.4 + 1e-4) / (0.2**2 + 0.4**2 + 1e-4)
    assert structural_similarity(originals, others).score == pytest.approx(luminance)
    # At two scales it counts with the power of the coarser one's share of the weights.
    share = 0.2856 / (0.0448 + 0.2856)
    found = multiscale_similarity(originals, others)
    assert found.score == pytest.approx(luminance**share)
    assert found.settings["scales"] == 2
    assert mean_squared_error(originals, others).score == pytest.approx(0.04)
    assert peak_signal_to_noise(originals, others).score == pytest.approx(-10 * np.log10(0.04))


@pytest.mark.parametrize("metric", PAIRED)
def test_noise_is_worse_than_little_and_equal_pictures_are_best(metric):
    originals, others = pictures(0, side=64)
    middle = ((originals.astype(int) + others) // 2).astype(np.uint8)
    near, far = (IMAGE_METRICS[metric](originals, each).score for each in (middle, others))
    assert (near < far) if metric == "mean_squared_error" else (near > far)
    best = IMAGE_METRICS[metric](originals, originals)
    expected = {"mean_squared_error": 0.0, "psnr": None}.get(metric, 1.0)
    assert best.score == pytest.approx(expected) if expected is not None else best.reason


def test_equal_pictures_are_left_out_of_the_signal_to_noise_and_counted():
    originals, others = pictures(0)
    others[0] = originals[0]
    result = peak_signal_to_noise(originals, others)
    alone = peak_signal_to_noise(originals[1:], others[1:])
    assert result.score == pytest.approx(alone.score) and result.settings["identical"] == 1


@pytest.mark.parametrize(("side", "scales"), [(28, 2), (64, 3), (176, 5)])
def test_as_many_scales_as_the_window_fits(side, scales):
    originals, others = pictures(0, images=1, side=side)
    result = multiscale_similarity(originals, others)
    assert result.settings["scales"] == scales and 0 < result.score < 1
    more = multiscale_similarity(originals, others, scales=scales + 1)
    assert more.score is None and "do not fit" in more.reason


def test_pictures_below_the_window_have_a_reason():
    originals, others = pictures(0, side=10)
    for metric in (structural_similarity, multiscale_similarity):
        assert "window" in metric(originals, others).reason


@pytest.mark.parametrize("metric", IMAGE_METRICS)
def test_weights_are_never_fetched(metric, tmp_path):
    result = IMAGE_METRICS[metric](*pictures(0))
    assert (result.reason == "skipped: no weights") == (metric not in PAIRED)
    if metric not in PAIRED:
        absent = tmp_path / "weights.pth"
        given = (
            {"backbone": absent, "heads": absent} if metric == "lpips" else {"inception": absent}
        )
        with pytest.raises(MissingArtifactError):
            IMAGE_METRICS[metric](*pictures(0), **given)


def test_lpips_is_0_for_equal_pictures_and_grows_with_noise(tmp_path):
    from torchvision.models import alexnet

    torch.manual_seed(0)
    backbone, heads = tmp_path / "alexnet.pth", tmp_path / "heads.pth"
    torch.save(alexnet(weights=None).state_dict(), backbone)
    widths = (64, 192, 384, 256, 256)
    weights = {f"lin{k}.model.1.weight": torch.rand(1, n, 1, 1) for k, n in enumerate(widths)}
    torch.save(weights, heads)
    originals, others = pictures(0, images=2, side=64)
    paths = {"backbone": backbone, "heads": heads}
    assert perceptual_distance(originals, originals, **paths).score == 0.0
    assert perceptual_distance(originals, others, **paths).score > 0.0
    with pytest.raises(DataError, match="not the weights"):
        perceptual_distance(originals, others, backbone=heads, heads=heads)


def test_frechet_distance_of_gaussians_is_known():
    rng = np.random.default_rng(0)
    z = rng.standard_normal((4000, 3))
    z = (z - z.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(z.T))).T  # exactly N(0, 1)
    scales, shift = np.array([2.0, 1.0, 3.0]), np.array([1.0, 0.0, -2.0])
    expected = (shift**2).sum() + ((scales - 1) ** 2).sum()
    assert frechet_distance(z, z * scales + shift) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(z, z) == pytest.approx(0.0, abs=1e-6)


def test_kernel_distance_agrees_with_loops_and_is_near_0_for_one_distribution():
    rng = np.random.default_rng(0)
    one, other = rng.standard_normal((2, 12, 4))

    def kernel(a, b):
        return (a @ b / 4 + 1) ** 3

    pairs = [(i, j) for i in range(12) for j in range(12)]
    within = [
        np.mean([kernel(each[i], each[j]) for i, j in pairs if i != j]) for each in (one, other)
    ]
    between = np.mean([kernel(one[i], other[j]) for i, j in pairs])
    assert kernel_distance(one, other) == pytest.approx(sum(within) - 2 * between)
    many = rng.standard_normal((2, 1500, 4))
    assert abs(kernel_distance(*many)) < 0.05 < kernel_distance(many[0], many[1] + 0.5)


@pytest.mark.parametrize("metric", PAIRED)
def test_what_are_no_pairs_is_refused(metric):
    originals, others = pictures(0)
    with pytest.raises(DataError, match="no pairs"):
        IMAGE_METRICS[metric](originals, others[:, :-1])
    with pytest.raises(DataError, match="uint8"):
        IMAGE_METRICS[metric](originals / 255, others / 255)
