"""Contents made of numbers: no model, no files."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from latentlab.artifacts import mu_name
from latentlab.census import PAIR_COLUMNS, TARGET_COLUMNS
from latentlab.pictures import Strip
from reports.contents import Census, Contents, Epochs, Evidence, Neighbours
from tests.reports.evidence import make_evidence

UNIT = "standard deviations of the codes"


def _make_contents(attributes=6, latents=5, side=16, channels=3, seed=0, names=None):
    """Contents of a run: the first target cannot be measured, the last dimension is inactive."""
    rng = np.random.default_rng(seed)
    targets = names or [f"Attribute_{index}" for index in range(attributes)]
    dims = [mu_name(index) for index in range(latents)]

    def pictures(count):
        return rng.integers(0, 256, (count, side, side, channels), dtype=np.uint8)

    def strip():
        return Strip(pictures(7), tuple(np.linspace(-3, 3, 7)), UNIT)

    probes, rankings = [], []
    roles = dict.fromkeys(targets, "attribute")
    roles |= {"mouth_aspect_ratio": "statistic", "smile": "factor"}
    for number, (name, role) in enumerate(roles.items()):
        metrics = ("auc", "average_precision") if role == "attribute" else ("r2", "r")
        missing = number == 0
        for metric in metrics:
            value = rng.uniform(0.6, 0.95)
            probes.append(
                {
                    "target": name,
                    "role": role,
                    "probe": "logistic" if role == "attribute" else "ridge",
                    "metric": metric,
                    "value": np.nan if missing else value,
                    "low": np.nan if missing else value - 0.04,
                    "high": np.nan if missing else value + 0.04,
                    "baseline": np.nan if missing else (0.5 if metric == "auc" else 0.0),
                    "n": 100,
                    "positives": 7 if role == "attribute" else np.nan,
                    "reason": "only 7 positive images in train" if missing else np.nan,
                }
            )
        if missing:
            continue
        for measure in ("correlation", "weight"):
            values = rng.uniform(-0.9, 0.9, latents)
            order = np.argsort(-np.abs(values[:-1]))
            ranks = np.empty(latents)
            ranks[order] = np.arange(1, latents)
            for index, latent in enumerate(dims):
                last = index == latents - 1
                rankings.append(
                    {
                        "target": name,
                        "latent": latent,
                        "measure": measure,
                        "value": np.nan if last else values[index],
                        "low": np.nan if last else values[index] - 0.05,
                        "high": np.nan if last else values[index] + 0.05,
                        "rank": np.nan if last else ranks[index],
                        "p_first": np.nan if last else float(ranks[index] == 1),
                        "q": np.nan if last or measure == "weight" else 0.0004,
                        "reason": "inactive: mean KL 0.003 nats" if last else np.nan,
                    }
                )
    epochs = np.arange(1, 5)
    history = pd.DataFrame({"epoch": epochs, "seconds": 3.0, "active_units": latents - 1})
    for split in ("train", "valid"):
        history[f"{split}_reconstruction"] = 7000.0 / epochs
        history[f"{split}_kl"] = 10.0 * epochs
        history[f"{split}_elbo"] = -7000.0 / epochs - 10.0 * epochs
    history["beta"] = 1.0
    return Contents(
        title="a run",
        config={"name": "a run", "model": {"name": "vae", "likelihood": "bernoulli"}}
        | {"objective": {"name": "beta_vae", "beta": 4.0}},
        provenance={
            "versions": {"torch": "2"},
            "command": "latentlab demo",
            "git": None,
            "stages": {"train": {"seconds": 12.5}, "report": {"seconds": 1.5}},
        },
        data={"source": "faces", "images": 1000, "side": side, "channels": channels},
        history=history,
        dimensions=pd.DataFrame(
            {
                "latent": dims,
                "kl": [2.0 * 0.8**k for k in range(latents - 1)] + [0.003],
                "mean": 0.0,
                "deviation": 1.0,
                "active": [True] * (latents - 1) + [False],
            }
        ),
        probes=pd.DataFrame(probes),
        rankings=pd.DataFrame(rankings),
        metrics=pd.DataFrame(
            {
                "metric": ["mutual_information_gap"],
                "value": [0.123456],
                "low": [np.nan],
                "high": [np.nan],
                "settings": ['{"bins": 20, "rows": 1000}'],
                "reason": [np.nan],
                "baseline": [0.01],
            }
        ),
        truth=pd.DataFrame(
            {
                "target": [name for name, role in roles.items() if role != "factor"],
                "factor": "smile",
                "r": 0.5,
                "explained": 0.25,
            }
        ),
        originals=pictures(4),
        reconstructions=pictures(4),
        samples=pictures(6),
        strips={name: strip() for name in dims[:-1]},
        direction_strips={name: strip() for name in list(roles)[1:]},
        faces=(90, 100),
        verdicts=_verdicts(roles),
        epochs=Epochs((1, 4), pictures(3), np.stack([pictures(3), pictures(3)])),
        neighbours=Neighbours(
            draws=pictures(2),
            by_pixels=pictures(2),
            by_code=pictures(2),
            pixels_apart={
                "draws": rng.uniform(20, 30, 40),
                "test": rng.uniform(15, 30, 40),
                "copies": rng.uniform(10, 20, 40),
            },
            codes_apart={"draws": rng.uniform(2, 5, 40), "test": rng.uniform(1, 3, 40)},
            searched=700,
            train=800,
        ),
        census=_census(roles, pictures(4)),
        evidence=make_evidence(roles, dims[:-1], list(roles)[1:], pictures, UNIT),
    )


def _census(roles, pictures):
    """Labels and numbers with gaps; the first two labels go together; two pictures are refused."""
    rows = []
    for number, (target, role) in enumerate(roles.items()):
        row = dict.fromkeys(TARGET_COLUMNS, np.nan) | {"target": target, "role": role}
        row |= {"known": 1000.0 - 10 * number, "missing": 10.0 * number}
        if role == "attribute":
            row |= {"positives": 250.0, "share": 250 / row["known"]}
        else:
            names = ("low", "quarter", "median", "three_quarters", "high")
            row |= {"distinct": 900.0} | dict(zip(names, np.linspace(-1, 1, 5), strict=True))
        rows.append(row)
    names = list(roles)
    return Census(
        targets=pd.DataFrame(rows),
        pairs=pd.DataFrame([(names[0], names[1], -0.456, -0.5, -0.4, 990)], columns=PAIR_COLUMNS),
        refused=pd.DataFrame({"what": ["picture"], "reason": ["is empty"], "count": [2]}),
        pictures=pictures,
    )


def _verdicts(roles):
    """One of each in turn; the first target could not be probed."""
    kinds = ("cannot measure", "supported", "entangled", "not moved", "not encoded")
    rows = []
    for number, (target, role) in enumerate(roles.items()):
        verdict = kinds[number % len(kinds)]
        moved = verdict in ("supported", "entangled")
        row = {
            "target": target,
            "role": role,
            "verdict": verdict,
            "latents": "mu_000, mu_001" if moved else np.nan,
            "direction": "mu_000" if moved else np.nan,
            "judge": "pixels" if moved else np.nan,
            "worst": "Attribute_2" if moved else np.nan,
            "rule": f"rule number {number}",
            "other_direction": f"probe:{target}" if moved else np.nan,
            "other_effect": 0.4 if moved else np.nan,
            "other_selectivity": 0.987 if moved else np.nan,
        }
        numbers = ("effect", "low", "high", "selectivity", "selectivity_low", "selectivity_high")
        row |= {name: 0.5 + 0.01 * at if moved else np.nan for at, name in enumerate(numbers)}
        rows.append(row)
    return pd.DataFrame(rows)


def _unmoved(verdicts):
    """The same targets where nothing could be moved."""
    known = ["target", "role", "verdict", "rule"]
    empty = verdicts.assign(**{name: np.nan for name in verdicts if name not in known})
    return empty.assign(
        verdict="cannot measure", rule="nothing was moved: no decoder was used"
    ).astype({"judge": object})


def _without_model(contents):
    """What `analyze` has: tables, but no model, no history, no pictures."""
    nothing = np.empty((0, 1, 1, 3), dtype=np.uint8)
    return replace(
        contents,
        config={},
        provenance={},
        data={},
        history=contents.history[:0],
        truth=contents.truth[:0],
        metrics=contents.metrics[:0],
        originals=nothing,
        reconstructions=nothing,
        samples=nothing,
        strips={},
        direction_strips={},
        faces=None,
        epochs=None,
        neighbours=None,
        census=replace(contents.census, pictures=nothing, refused=pd.DataFrame()),
        verdicts=_unmoved(contents.verdicts),
        evidence=Evidence(
            controls=contents.evidence.controls,
            needed=contents.evidence.needed,
            correlations=contents.evidence.correlations,
            densities=contents.evidence.densities,
            spreads=contents.evidence.spreads,
        ),
    )


@pytest.fixture(scope="session")
def make_contents():
    return _make_contents


@pytest.fixture(scope="session")
def contents():
    return _make_contents()


@pytest.fixture(scope="session")
def without_model(contents):
    return _without_model(contents)


@pytest.fixture(scope="session")
def gallery():
    """What a gallery's page is made of: three runs, a comparison, a run half done."""
    from reports.gallery.contents import GalleryComparison, GalleryContents, Unfinished
    from tests.reports.test_gallery import made_run

    return GalleryContents(
        "runs",
        tuple(map(made_run, range(3))),
        (GalleryComparison("beta: faces", "sweep/comparison", "./sweep/c.html", 12.0, 4.0),),
        (Unfinished("half", "no report yet; done: train", "latentlab encode half"),),
    )


@pytest.fixture(scope="session")
def comparison():
    """What a comparison's page is made of: nine runs in three groups, and a run left out."""
    from latentlab.comparison.groups import group_runs
    from latentlab.comparison.runs import LeftOut
    from tests.latentlab.comparison import made
    from tests.reports.test_comparison import a_face, control, make_contents

    runs = made.runs(control=control)
    face = a_face([group.name for group in group_runs(runs).groups])
    left = (LeftOut("beta_32_seed_0", "unfinished: no latents.parquet"),)
    return make_contents(runs, [face], left_out=left)
