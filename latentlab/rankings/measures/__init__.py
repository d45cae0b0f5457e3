"""Measures of association by name. A new one is a module beside this file and a line in MEASURES.

A measure takes a `Task`, one target on the images where it is known, and returns what it found on
every dimension with the influence of each image; ranks, intervals, P(first) and q follow from
these alone. The tests run over MEASURES.
"""

from latentlab.probes.scales import ARCTANH, LOGIT
from latentlab.rankings.measures.auc import auc, auc_null
from latentlab.rankings.measures.conditional import conditional, conditional_null
from latentlab.rankings.measures.correlation import correlation, correlation_null
from latentlab.rankings.measures.measure import Measure
from latentlab.rankings.measures.mutual_information import (
    mutual_information,
    mutual_information_null,
)
from latentlab.rankings.measures.permutation_importance import permutation_importance
from latentlab.rankings.measures.r2 import r2, r2_null
from latentlab.rankings.measures.spearman import spearman, spearman_null
from latentlab.rankings.measures.weight import weight

MEASURES: dict[str, Measure] = {
    "correlation": Measure(correlation, scale=ARCTANH, null=correlation_null),
    "spearman": Measure(spearman, scale=ARCTANH, null=spearman_null),
    "auc": Measure(auc, scale=LOGIT, nothing=0.5, null=auc_null, numbers=False),
    "r2": Measure(r2, scale=ARCTANH, squared=True, null=r2_null, attributes=False),
    "weight": Measure(weight, split="train", untested="no q: the penalty shrinks the weights"),
    "permutation_importance": Measure(
        permutation_importance, signed=False, untested="no q: the probe was fitted to find it"
    ),
    "mutual_information": Measure(
        mutual_information,
        signed=False,
        null=mutual_information_null,
        untested="no q: its spread is not normal near 0",
    ),
    "conditional": Measure(conditional, scale=ARCTANH, null=conditional_null),
}
