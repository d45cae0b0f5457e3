"""What stands behind the answers of a report: tables as they are, correlations, densities, strips
from several anchors."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from latentlab.artifacts import RunFolder, Targets
    from latentlab.models.vae import VAE
    from latentlab.pictures import Strip
    from pipelines.stages import Workspace
    from reports.contents import Evidence

TABLES = (
    "interventions", "responses", "selectivity", "paths", "controls", "needed", "judges", "moves",
)  # fmt: skip
ANCHORS = 4  # test images that are moved: one in every step, the others in first, middle and last


def tables_of(run: "RunFolder") -> "dict[str, pd.DataFrame]":
    """Those of TABLES that the run has."""
    return {name: run.table(name) for name in TABLES if run.table_path(name).is_file()}


def evidence_of(
    tables: "dict[str, pd.DataFrame]",
    latents: "pd.DataFrame",
    dimensions: "pd.DataFrame",
    targets: "Targets",
    strips: "dict[str, Strip] | None" = None,
    others: "dict[str, Strip] | None" = None,
) -> "Evidence":
    """The evidence, as far as it was measured.

    Args:
        tables: Of TABLES, those that exist.
        strips, others: As `reports.contents.Evidence` has them.
    """
    from latentlab import distributions
    from reports.contents import Evidence

    active = dimensions.loc[dimensions["active"].astype(bool), "latent"].astype(str).tolist()
    return Evidence(
        **tables,
        correlations=targets.values.astype("Float64").astype(float).corr(min_periods=10),
        densities=distributions.densities(latents, active),
        spreads=distributions.spreads(latents, active),
        strips=strips or {},
        others=others or {},
    )


def directions_of(
    moves: "pd.DataFrame", verdicts: "pd.DataFrame", names: "list[str]"
) -> "dict[str, np.ndarray]":
    """Directions made for a target beside its probe direction: the one with others held, and the
    one that a verdict names.

    Args:
        moves, verdicts: The tables of these names.
        names: Of the latents, in order.

    Returns:
        Direction -> (latents,).
    """
    named = set(verdicts["direction"].dropna()) if "direction" in verdicts else set()
    made = moves[moves["latent"].notna() & moves["kind"].isin(["projected", "mean_difference"])]
    wanted = made[(made["kind"] == "projected") | made["direction"].isin(named)]
    return {
        str(name): rows.set_index("latent")["weight"].reindex(names).fillna(0.0).to_numpy()
        for name, rows in wanted.groupby("direction", sort=False)
    }


def strips_along(
    work: "Workspace",
    model: "VAE",
    latents: "pd.DataFrame",
    directions: "dict[str, np.ndarray]",
) -> "tuple[dict[str, Strip], dict[str, Strip]]":
    """The first test image moved along each direction, and three others at its ends.

    Args:
        directions: Name -> (latents,), of any length above 0.

    Returns:
        The strips; and the others, as `reports.contents.Evidence` has them. Both are empty for
        histograms of codes, which cannot be decoded, and where there is no test image.
    """
    import numpy as np

    from latentlab import traversals
    from latentlab.artifacts import latent_columns
    from latentlab.pictures import Strip
    from pipelines.places import decodable, places_of_images

    test = latents[latents["split"] == "test"]
    if not decodable(latents) or test.empty or not directions:
        return {}, {}
    names = latent_columns(latents)
    codes = latents[names].to_numpy()
    rows = traversals.differing(test[names].to_numpy(np.float64), ANCHORS)
    images = test["image_id"].iloc[rows].tolist()
    settings = work.config.traverse
    vectors = np.stack(list(directions.values()))
    scales = np.array([traversals.spread(codes, traversals.unit_direction(one)) for one in vectors])

    def moved(images: "list[str]", t: "np.ndarray") -> "np.ndarray":
        anchors = places_of_images(work.run, model, latents, images)
        return traversals.traverse_all(model, anchors, vectors, scales, t)

    unit = traversals.UNITS["sd"]
    t = traversals.offsets(settings.steps, settings.span)
    first = moved(images[:1], t)[:, 0]
    strips = {name: Strip(first[at], tuple(t.tolist()), unit) for at, name in enumerate(directions)}
    if len(images) < 2:
        return strips, {}
    ends = traversals.offsets(3, settings.span)
    others = moved(images[1:], ends)  # (directions, anchors, steps, side, side, channels)
    stacked = others.swapaxes(1, 2).reshape(
        len(vectors), len(ends), -1, others.shape[4], others.shape[5]
    )
    return strips, {
        name: Strip(stacked[at], tuple(ends.tolist()), unit) for at, name in enumerate(directions)
    }
