"""What an encoder says about the latents of an image, one kind a module.

A head turns the encoder's features into a posterior and knows the prior it is held against.
"""

from latentlab.models.posteriors.codes import Codes as Codes
from latentlab.models.posteriors.codes import OneLevel as OneLevel
from latentlab.models.posteriors.codes import TwoLevels as TwoLevels
from latentlab.models.posteriors.flow import Flow as Flow
from latentlab.models.posteriors.flow import FlowHead as FlowHead
from latentlab.models.posteriors.flow import FlowKind as FlowKind
from latentlab.models.posteriors.gaussian import Gaussian as Gaussian
from latentlab.models.posteriors.gaussian import GaussianHead as GaussianHead
from latentlab.models.posteriors.hierarchical import Hierarchical as Hierarchical
from latentlab.models.posteriors.hierarchical import HierarchicalHead as HierarchicalHead
from latentlab.models.posteriors.point import Point as Point
from latentlab.models.posteriors.point import PointHead as PointHead
from latentlab.models.posteriors.posterior import Draw as Draw
from latentlab.models.posteriors.posterior import Head as Head
from latentlab.models.posteriors.posterior import Posterior as Posterior
from latentlab.models.posteriors.posterior import gaussian_kl as gaussian_kl
from latentlab.models.posteriors.posterior import gaussian_log_prob as gaussian_log_prob
from latentlab.models.posteriors.posterior import noise_like as noise_like
