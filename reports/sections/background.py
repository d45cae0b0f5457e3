"""What the page rests on: settings, provenance, and every word explained."""

import json
from typing import Any

from reports.contents import Contents
from reports.page import Column, Details, Glossary, Row, Section, Table, Term, Text, finite, number

TERMS = (
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
    """The whole config, the data, the versions and the seconds of each stage, on demand."""
    provenance = contents.provenance
    run = {
        "command": provenance.get("command"),
        "git commit": provenance.get("git"),
        **{f"version of {name}": text for name, text in provenance.get("versions", {}).items()},
    }
    stages = provenance.get("stages", {})
    seconds = tuple(
        Row((Text(str(name)), number(finite(entry.get("seconds")), form="amount")))
        for name, entry in stages.items()
        if name != "report"  # its own seconds would make every next build another page
    )
    stage_columns = (Column("stage", "Stage"), Column("seconds", "Seconds", numeric=True))
    blocks = [
        Details("config", "Every setting", (_pairs("settings-config", "Config", contents.config),)),
        Details("data", "The data", (_pairs("settings-data", "Data folder", contents.data),)),
        Details("provenance", "How it was made", (_pairs("settings-run", "Provenance", run),)),
    ]
    if contents.positives:
        shares = tuple(
            Row((Text(name), number(share, form="share")))
            for name, share in sorted(contents.positives.items())
        )
        columns = (Column("attribute", "Attribute"), Column("share", "Positive", numeric=True))
        caption = "Share of positive labels, whole data set"
        table = Table("positives", caption, columns, shares)
        blocks.append(Details("labels", "How common each attribute is", (table,)))
    if seconds:
        table = Table("stages", "Seconds of each stage", stage_columns, seconds)
        blocks.append(Details("seconds", "How long it took", (table,)))
    return Section("settings", "Settings and provenance", "Settings", tuple(blocks))


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
