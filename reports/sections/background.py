"""What the page rests on: settings, provenance, and every word explained."""

import json
from typing import Any

from reports.contents import Contents
from reports.page import Column, Details, Glossary, Row, Section, Table, Term, Text

TERMS = (
    Term(
        "Verdict",
        "Supported: one dimension reads the target, moves it, and moves nothing else beyond what"
        " goes with it in the data. Entangled: the target moves, but it takes several dimensions,"
        " or other things move too. Not moved: it can be read, but nothing changes it. Not encoded:"
        " it cannot be read. Cannot measure: none of these can be told. The first rule that holds"
        " decides; it stands below the word.",
    ),
    Term(
        "Effect",
        "The slope of a target while a direction is followed: its change on decoded pictures, in"
        " standard deviations of the real data, per standard deviation of the direction; the mean"
        " over the anchors. 1 would change it as much as real images differ.",
    ),
    Term(
        "Side effect",
        "What else changes when a direction is followed. What goes with the target in the data may"
        " move along with it; what goes farther, or the other way, is a side effect.",
    ),
    Term(
        "Selectivity",
        "|s| / (|s| + e): s is the effect on the target, e the farthest that any other target goes"
        " beyond what the correlations of the real data explain. 1: nothing else moves; 1/2:"
        " something moves as much as the target; 0: the target stays.",
    ),
    Term(
        "Anchor",
        "A test image from which a direction is followed, in steps to both sides of its own code.",
    ),
    Term(
        "Judge",
        "An instrument that measures decoded pictures: face landmarks, or a small network trained"
        " on the real images. It knows nothing of the model. The model's own encoder and probe are"
        " called circular, and never decide.",
    ),
    Term(
        "Re-encoding error",
        "The error with which the model reconstructs its own moved picture, relative to the unmoved"
        " one. Well above 1: the picture has left what the encoder knows.",
    ),
    Term(
        "Probe, others held",
        "The probe direction of a target with the probe directions of its closest rivals projected"
        " out, so that their probes' answers stay the same along it.",
        "Shen et al. 2020",
        "https://arxiv.org/abs/1907.10786",
    ),
    Term(
        "Aggregate posterior",
        "The mean of the posteriors of all images: where the model puts the data. The prior is"
        " where it was told to put them.",
        "Hoffman and Johnson 2016",
        "https://approximateinference.org/accepted/HoffmanJohnson2016.pdf",
    ),
    Term(
        "AUC",
        "The chance that the probe puts a random positive image above a random negative one:"
        " 0.5 is guessing, 1 is perfect. It does not depend on how common the attribute is.",
        "Fawcett 2006",
        "https://doi.org/10.1016/j.patrec.2005.10.010",
    ),
    Term(
        "R²",
        "The share of the target's variance that the probe explains on test images; 0 is no better"
        " than the mean, and it can be negative.",
    ),
    Term(
        "Baseline",
        "The score that needs no latents: guessing for AUC and balanced accuracy, the share of"
        " positives for average precision, the training mean for R².",
    ),
    Term(
        "Interval",
        "Between the 2.5th and 97.5th percentile of the score over bootstrap resamples of the test"
        " images, of whole persons where they are known.",
        "Efron and Tibshirani 1993",
        "https://doi.org/10.1201/9780429246593",
    ),
    Term(
        "Correlation",
        "Pearson's r of a dimension's posterior mean with the target; its sign tells which way the"
        " dimension goes.",
    ),
    Term(
        "Weight",
        "What the probe adds to its answer per standard deviation of the dimension, the others"
        " held.",
    ),
    Term(
        "P(first)",
        "The share of bootstrap resamples in which this dimension is first. Near 100 %: the answer"
        " is firm. Spread over several: they share the target, or the data cannot tell.",
    ),
    Term(
        "q",
        "The false-discovery rate if this and every smaller one is called real, over all targets"
        " and dimensions together.",
        "Benjamini and Hochberg 1995",
        "https://doi.org/10.1111/j.2517-6161.1995.tb02031.x",
    ),
    Term(
        "KL",
        "How much the posterior of an image differs from the prior, in nats: the information that a"
        " dimension carries. A dimension below 0.01 nats is inactive.",
        "Kingma and Welling 2014",
        "https://arxiv.org/abs/1312.6114",
    ),
    Term(
        "beta",
        "The weight of the KL term: the loss is reconstruction + beta * KL, in nats per image,"
        " summed over pixels and latents. Normalised beta is beta * latents / pixels.",
        "Higgins et al. 2017",
        "https://openreview.net/forum?id=Sy2fzU9gl",
    ),
    Term(
        "Probe direction",
        "The direction in latent space along which the probe's answer rises fastest.",
    ),
    Term(
        "Standard deviations of the codes",
        "Strips move in multiples of the spread that the posterior means of all images have along"
        " the line, so that 3 is far out for every dimension alike.",
    ),
    Term(
        "Mutual information gap",
        "How far the best dimension for a factor leads the second best, as a share of the factor's"
        " entropy, averaged over factors.",
        "Chen et al. 2018",
        "https://arxiv.org/abs/1802.04942",
    ),
)


def settings(contents: Contents) -> Section:
    """The whole config, the data and the versions, on demand. How long stages took is left to
    provenance.json: a page does not depend on the clock."""
    provenance = contents.provenance
    run = {
        "command": provenance.get("command"),
        "git commit": provenance.get("git"),
        **{f"version of {name}": text for name, text in provenance.get("versions", {}).items()},
    }
    blocks = (
        Details("config", "Every setting", (_pairs("settings-config", "Config", contents.config),)),
        Details(
            "data-folder",
            "The data folder",
            (_pairs("settings-data", "Data folder", contents.data),),
        ),
        Details("provenance", "How it was made", (_pairs("settings-run", "Provenance", run),)),
    )
    return Section("settings", "Settings and provenance", "Settings", blocks)


def glossary() -> Section:
    return Section("words", "Every number explained", "Words", (Glossary(TERMS),))


def _pairs(id: str, caption: str, values: dict[str, Any]) -> Table:
    """Nested values as dotted keys and plain texts."""
    rows = tuple(Row((Text(key), Text(value))) for key, value in _flat(values))
    return Table(id, caption, (Column("key", "Name"), Column("value", "Value")), rows)


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    flat: list[tuple[str, str]] = []
    for key, value in values.items():
        if isinstance(value, dict):
            flat += _flat(value, f"{prefix}{key}.")
        elif value is not None:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            flat.append((f"{prefix}{key}", text))
    return flat
