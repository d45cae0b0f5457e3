"""Figures for papers, from the tables of a run; the page itself draws its own."""

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def heat_map(rankings: pd.DataFrame, measure: str = "correlation") -> "Figure":
    """Every target against every ranked dimension.

    Args:
        rankings: The table of this name.
        measure: `correlation`, or another measure with values of either sign.
    """
    import seaborn
    from matplotlib.figure import Figure

    rows = rankings[(rankings["measure"] == measure) & rankings["rank"].notna()]
    if rows.empty:
        raise ValueError(f"the rankings hold no ranked dimension by {measure!r}")
    values = rows.pivot(index="target", columns="latent", values="value").astype(float)
    values = values.loc[rows["target"].unique()]
    height, width = values.shape
    figure = Figure(figsize=(3 + 0.28 * width, 1.2 + 0.22 * height), layout="constrained")
    axes = figure.subplots()
    limit = 1.0 if measure == "correlation" else float(values.abs().max(axis=None))
    seaborn.heatmap(
        values,
        ax=axes,
        cmap=seaborn.blend_palette(["#1f6fb4", "#ffffff", "#d9730d"], as_cmap=True),
        vmin=-limit,
        vmax=limit,
        linewidths=0.3,
        cbar_kws={"label": measure},
    )
    axes.set(xlabel="latent dimension", ylabel="")
    return figure


def training_curves(history: pd.DataFrame) -> "Figure":
    """Reconstruction and KL over the epochs, train and valid, in nats per image."""
    import seaborn
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    for axes, term in zip(figure.subplots(1, 2), ("reconstruction", "kl"), strict=True):
        for split, dashes in (("train", (4, 2)), ("valid", ())):
            seaborn.lineplot(
                x=history["epoch"],
                y=history[f"{split}_{term}"],
                ax=axes,
                label=split,
                dashes=dashes or (None, None),
            )
        axes.set(xlabel="epoch", ylabel="nats per image", title=_TITLES[term])
    return figure


_TITLES = {"reconstruction": "Reconstruction", "kl": "KL"}
