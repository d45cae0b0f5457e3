"""Which dimensions go with a target, in what order, and how sure that is; how many it needs."""

from latentlab.rankings.measures import MEASURES
from latentlab.rankings.needed import NEEDED_COLUMNS, dimensions_needed
from latentlab.rankings.ranking import COLUMNS, rank_dimensions

__all__ = ["COLUMNS", "MEASURES", "NEEDED_COLUMNS", "dimensions_needed", "rank_dimensions"]
