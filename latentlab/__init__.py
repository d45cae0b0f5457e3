"""Which latent dimension controls this attribute, how sure are we, and what else moves?"""

__version__ = "0.1.0"
