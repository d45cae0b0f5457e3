"""Disentanglement metrics by name. A new one is a module beside this file and a line in a dict.

What a metric needs decides which dict it stands in, and so when `evaluate` can run it:

- METRICS: `(codes, factors, *, seed)`, two tables with the same index: posterior means, one column
  a latent, and true factors, one column a factor. It begins with `alignment.check_factors`, which
  refuses missing values.
- FITTED_METRICS: `(codes, factors, test_codes, test_factors, *, seed)`: what fits an estimator, and
  scores it on other images. It gives a result for each of the scores it is named for.
- CODE_METRICS: `(codes, *, seed)`: no factors.
- MODEL_METRICS: `(codes by model, kl by model)`: several models of the same images.
- IMAGE_METRICS: `(originals, others)`, uint8 pictures.

Its own settings are further keyword arguments with defaults. A result is frozen, with

- `score`: the number, None where it cannot be had,
- `reason`: why it is None, else None,
- `settings`: what moves the score (bins, rows, estimator, scores per factor), as JSON can hold it.

Chance comes from `seed` alone. The tests run over the dicts: the order of the latents must not move
a score and, since a latent has no unit, neither must their positive scale, but where the docs say
that it does.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Literal

import pandas as pd

from latentlab.artifacts import Targets, latent_columns
from latentlab.metrics import image_quality
from latentlab.metrics.beta_vae_score import beta_vae_score
from latentlab.metrics.dci import Estimator, dci
from latentlab.metrics.dcimig import dcimig
from latentlab.metrics.entropy_disentanglement import entropy_disentanglement
from latentlab.metrics.evaluation import (
    COLUMNS,
    Family,
    ImagePairs,
    MetricResult,
    asked,
    asked_of_codes,
    asked_of_images,
    known_images,
    picked,
    tabulated,
    unasked,
)
from latentlab.metrics.explicitness import explicitness
from latentlab.metrics.factor_vae_score import factor_vae_score
from latentlab.metrics.interventional_robustness import interventional_robustness
from latentlab.metrics.joint_entropy_gap import joint_entropy_gap
from latentlab.metrics.latent_information_gap import latent_information_gap
from latentlab.metrics.modularity import modularity
from latentlab.metrics.mutual_information_gap import mutual_information_gap
from latentlab.metrics.pairwise_dependence import (
    mean_absolute_correlation,
    mutual_information_score,
)
from latentlab.metrics.separated_predictability import separated_predictability
from latentlab.metrics.total_correlation import (
    gaussian_total_correlation,
    normalised_wasserstein_correlation,
    wasserstein_total_correlation,
)
from latentlab.metrics.unsupervised_ranking import UDR, unsupervised_ranking
from latentlab.randomness import numpy_generator

__all__ = [
    "CODE_METRICS", "COLUMNS", "FITTED_METRICS", "IMAGE_METRICS", "METRICS", "MODEL_METRICS",
    "ImagePairs", "MetricResult", "evaluate",
]  # fmt: skip

Metric = Callable[..., MetricResult]

METRICS: dict[str, Metric] = {
    "mutual_information_gap": mutual_information_gap,
    "modularity": modularity,
    "dcimig": dcimig,
    "jemmig": joint_entropy_gap,
    "mig_sup": latent_information_gap,
    "med": entropy_disentanglement,
    "irs": interventional_robustness,
    "beta_vae_score": beta_vae_score,
    "factor_vae_score": factor_vae_score,
}
FITTED_METRICS: dict[tuple[str, ...], Family] = {
    ("sap",): separated_predictability,
    ("dci_disentanglement", "dci_completeness", "dci_informativeness"): dci,
    ("explicitness",): explicitness,
}
CODE_METRICS: dict[str, Metric] = {
    "gaussian_total_correlation": gaussian_total_correlation,
    "wasserstein_total_correlation": wasserstein_total_correlation,
    "normalised_wasserstein_correlation": normalised_wasserstein_correlation,
    "mean_absolute_correlation": mean_absolute_correlation,
    "mutual_information_score": mutual_information_score,
}
MODEL_METRICS: dict[str, Callable[..., UDR]] = {
    "udr_lasso": partial(unsupervised_ranking, association="lasso"),
    "udr_spearman": partial(unsupervised_ranking, association="spearman"),
}
IMAGE_METRICS: dict[str, Metric] = {
    "mean_squared_error": image_quality.mean_squared_error,
    "psnr": image_quality.peak_signal_to_noise,
    "ssim": image_quality.structural_similarity,
    "ms_ssim": image_quality.multiscale_similarity,
    "lpips": image_quality.perceptual_distance,
    "fid": image_quality.frechet_inception_distance,
    "kid": image_quality.kernel_inception_distance,
}


def evaluate(
    latents: pd.DataFrame,
    targets: Targets,
    *,
    seed: int,
    surrogates: Sequence[str] | Literal["all"] = (),
    dci_estimator: Estimator = "fast_trees",
    rows: int = 10_000,
    test_rows: int = 5_000,
    images: ImagePairs | None = None,
) -> pd.DataFrame:
    """Every metric that these tables and pictures allow; the others with the reason.

    Args:
        latents: `image_id`, `split`, `mu_*`; the scores are of posterior means.
        targets: The columns with the role factor are the true factors.
        surrogates: Attributes that stand in for factors, by name, or all of them. None does unless
            it is named here: attributes are neither independent nor balanced, and `ceiling` says
            what that costs.
        dci_estimator: See `dci.dci`. The published study's takes about 50 times as long.
        rows, test_rows: Images used at most, drawn where there are more: of all splits, or of train
            and of test for what is fitted. The defaults are the published study's.
        images: Pictures for the metrics of images.

    Returns:
        One row a score, COLUMNS. `settings` is JSON: the metric's own, `codes`, `splits`,
        `factors`, `surrogates`, `left_out` (images with an unknown factor), `seed`. `n` counts the
        images scored. `baseline` is the score with the factors' rows shuffled, or with the latents
        shuffled one by one where there are no factors: what chance gives at this size. `ceiling` is
        the score of codes that equal the factors, one latent each, on these rows. `surrogates` is
        true where attributes stand in. `low` and `high` are null: one model gives no interval over
        models, and resampling its images biases the binned scores.

    Raises:
        ConfigError: A surrogate is not an attribute of the targets.
        DataError: A table is not as it must be; the message names the column or the image.
    """
    known = known_images(latents, targets, surrogates)
    settings = {**known.settings, "seed": seed}
    made: list[dict[str, object]] = []
    together = known.sample(rows, numpy_generator(seed, "metrics rows"))
    for name, metric in METRICS.items():
        made += asked(
            [name], _alone(name, metric), together, {**settings, "splits": "all"}, seed=seed
        )
    apart = known.split_sample(rows, test_rows, numpy_generator(seed, "metrics rows", 1))
    for names, family in FITTED_METRICS.items():
        chosen = partial(dci, estimator=dci_estimator) if family is dci else family
        made += asked(names, chosen, apart, {**settings, "splits": "train, test"}, seed=seed)
    codes = picked(latents[latent_columns(latents)], rows, numpy_generator(seed, "metrics rows", 2))
    about = {"codes": known.feature, "splits": "all", "seed": seed}
    made += [
        asked_of_codes(name, metric, codes, about, seed=seed)
        for name, metric in CODE_METRICS.items()
    ]
    made += [unasked(name, "it compares the codes of several models") for name in MODEL_METRICS]
    made += [
        unasked(name, "no pictures were given")
        if images is None
        else asked_of_images(name, metric, images)
        for name, metric in IMAGE_METRICS.items()
    ]
    return tabulated(made)


def _alone(name: str, metric: Metric) -> Family:
    """A metric with one score as a family of one."""

    def family(*tables: pd.DataFrame, seed: int) -> Mapping[str, MetricResult]:
        return {name: metric(*tables, seed=seed)}

    return family
