"""What stands behind the answers, made of numbers: every active dimension, three directions a
target and two random ones, measured by two judges and by the model itself."""

import numpy as np
import pandas as pd

from latentlab.pictures import Strip
from reports.contents import Evidence

STEPS = (-2.0, 0.0, 2.0)
MADE = ("probe", "mean_difference", "projected")


def make_evidence(roles, dims, measured, pictures, unit, seed=0):
    """Evidence on targets of these roles.

    Args:
        dims: The active dimensions.
        measured: The targets that could be probed.
        pictures: Number -> that many pictures.
        unit: Of the strips.
    """
    rng = np.random.default_rng(seed)
    directions = [(name, "latent", None) for name in dims]
    directions += [(f"{kind}:{target}", kind, target) for kind in MADE for target in measured]
    directions += [(f"random:{index:02d}", "random", None) for index in range(2)]
    judges = {"pixels": list(roles), "circular": list(measured)}
    judges["landmarks"] = [name for name, role in roles.items() if role == "statistic"]
    frame = pd.DataFrame(
        [
            (direction, kind, of, target, judge, judge == "circular")
            for judge, targets in judges.items()
            for direction, kind, of in directions
            for target in targets
        ],
        columns=["direction", "kind", "of", "target", "judge", "circular"],
    )
    slope = np.round(rng.uniform(-0.6, 0.6, len(frame)), 4)
    unseen = rng.random(len(frame)) < 0.02
    frame["reason"] = np.where(unseen, "only 3 anchors were measured", None)
    slope[unseen] = np.nan
    interventions = frame.assign(
        slope=slope,
        low=slope - 0.1,
        high=slope + 0.1,
        q=0.01,
        effect=4 * slope,
        monotone_share=0.75,
        saturation=0.1,
        beyond_random=0.5,
        anchors=40,
        detected=0.9,
    )
    responses = pd.concat(
        [
            interventions[["direction", "target", "judge"]].assign(
                t=t, value=slope * t, low=slope * t - 0.2, high=slope * t + 0.2, anchors=40
            )
            for t in STEPS
        ],
        ignore_index=True,
    )
    return Evidence(
        interventions=interventions,
        responses=responses,
        selectivity=_selectivity(interventions, list(measured)),
        paths=_paths(directions),
        controls=_controls(roles, measured),
        needed=_needed(roles, measured, dims),
        judges=_judges(judges, roles),
        moves=pd.DataFrame(
            [
                (name, kind, of, "another" if kind == "projected" else None, dims[0], 1.0, None)
                for name, kind, of in directions
            ],
            columns=["direction", "kind", "of", "without", "latent", "weight", "reason"],
        ),
        correlations=_correlations(list(roles), rng),
        densities=pd.concat([_density(name) for name in dims], ignore_index=True),
        spreads=pd.DataFrame(
            {"latent": dims, "deviation": 0.9, "skew": -0.2, "outside": 0.004},
        ),
        strips={
            f"{kind}:{target}": Strip(pictures(7), tuple(np.linspace(-3, 3, 7)), unit)
            for kind in ("projected",)
            for target in measured
        },
        others={
            name: Strip(_stacked(pictures), (-3.0, 0.0, 3.0), unit)
            for name, kind, _ in directions
            if kind in ("latent", "probe", "projected")
        },
    )


def _stacked(pictures):
    """Three anchors one below the other at three steps."""
    return np.concatenate([pictures(3) for _ in range(3)], axis=1)


def _selectivity(interventions, measured):
    rows = interventions[interventions["slope"].notna() & interventions["target"].isin(measured)]
    return rows[["direction", "kind", "target", "judge", "circular", "slope"]].assign(
        selectivity=0.6,
        low=0.5,
        high=0.7,
        worst=measured[-1],
        worst_slope=0.33,
        worst_low=0.2,
        worst_high=0.4,
        worst_correlation=0.05,
        worst_excess=0.1,
        worst_label_correlation=0.04,
        reason=None,
    )


def _paths(directions):
    rows = [
        (name, kind, t, 0.5 + 0.1 * abs(t), 1.0 + 0.2 * abs(t), 0.7, 0.3 * abs(t), 0.1 * abs(t))
        for name, kind, _ in directions
        for t in STEPS
    ]
    columns = ["direction", "kind", "t", "quantile", "reencoding_ratio", "detected"]
    columns += ["background_change", "identity_change"]
    return pd.DataFrame(rows, columns=columns).assign(reencoding_error=0.001, reason=None)


def _controls(roles, measured):
    kinds = [("latents", "nonlinear", 0.8), ("shuffled labels", "linear", 0.5)]
    kinds += [("pixels (PCA)", "linear", 0.7)]
    return pd.DataFrame(
        [
            {
                "target": target,
                "features": features,
                "probe": probe,
                "metric": "auc" if roles[target] == "attribute" else "r2",
                "value": value,
                "low": value - 0.05,
                "high": value + 0.05,
                "baseline": 0.5 if roles[target] == "attribute" else 0.0,
                "n": 100,
                "reason": None,
            }
            for target in measured
            for features, probe, value in kinds
        ]
    )


def _needed(roles, measured, dims):
    return pd.DataFrame(
        [
            {
                "target": target,
                "k": k,
                "latents": ",".join(dims[:k]),
                "metric": "auc" if roles[target] == "attribute" else "r2",
                "value": 0.6 + 0.1 * k,
                "low": 0.55 + 0.1 * k,
                "high": 0.65 + 0.1 * k,
                "share": 0.5,
                "reason": None,
                "n": 100,
            }
            for target in measured
            for k in (1, 2, 3)
        ]
    )


def _judges(judges, roles):
    """Every judge reads everything, but the pixels lose the last statistic on reconstructions."""
    lost = [name for name, role in roles.items() if role == "statistic"][-1:]
    rows = []
    for judge, targets in judges.items():
        for target in targets:
            for pictures in ("originals", "reconstructions"):
                metric = "auc" if roles[target] == "attribute" else "r"
                blind = judge == "pixels" and pictures == "reconstructions" and target in lost
                value = 0.1 if blind else 0.9
                rows.append(
                    {
                        "judge": judge,
                        "target": target,
                        "role": roles[target],
                        "pictures": pictures,
                        "metric": metric,
                        "value": value,
                        "low": value - 0.05,
                        "high": value + 0.05,
                        "n": 100,
                        "detected": 0.95,
                        "reason": None,
                        "circular": judge == "circular",
                    }
                )
    return pd.DataFrame(rows)


def _correlations(names, rng):
    noise = rng.standard_normal((50, len(names)))
    return pd.DataFrame(noise, columns=names).corr()


def _density(name):
    z = np.linspace(-4, 4, 61)
    bell = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    return pd.DataFrame({"latent": name, "z": z, "means": bell, "aggregate": bell, "prior": bell})
