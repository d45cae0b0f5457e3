"""Codes and factors whose scores are known."""

import numpy as np
import pandas as pd

from latentlab.artifacts import mu_name


def codes_and_factors(seed, images=600, latents=5):
    """Two factors, each in one latent with noise; the other latents are noise."""
    rng = np.random.default_rng(seed)
    factors = pd.DataFrame({"x": rng.integers(0, 4, images), "y": rng.integers(0, 6, images)})
    codes = rng.standard_normal((images, latents))
    codes[:, 0] += 3.0 * factors["x"]
    codes[:, 1] += 3.0 * factors["y"]
    return frame(codes), factors


def mixed(seed, images=500, dtype=np.float64):
    """Six latents of several scales, one of them dead and one with ties, and four factors."""
    rng = np.random.default_rng(seed)
    factors = np.column_stack([rng.integers(0, values, images) for values in (2, 3, 5, 12)])
    codes = rng.standard_normal((images, 6)) * [0.1, 1, 1, 3, 1, 1]
    codes[:, :4] += factors * rng.choice([0.1, 0.5, 1.0], 4)
    codes[:, 4] = np.round(codes[:, 4])
    codes[:, 5] = 1.5
    return frame(codes.astype(dtype)), pd.DataFrame(factors, columns=list("abcd"))


def crossed(*sizes, repeats=1):
    """Every combination of values, each as often: factors that tell nothing of one another."""
    grids = np.meshgrid(*map(np.arange, sizes), indexing="ij")
    rows = np.column_stack([grid.ravel() for grid in grids])
    names = [f"factor_{index}" for index in range(len(sizes))]
    return pd.DataFrame(np.tile(rows, (repeats, 1)), columns=names)


def frame(codes):
    return pd.DataFrame(codes, columns=[mu_name(index) for index in range(codes.shape[1])])


def halves(*tables):
    """Each table's even and odd rows: codes, factors, test codes, test factors."""
    return [table[part::2].reset_index(drop=True) for part in (0, 1) for table in tables]
