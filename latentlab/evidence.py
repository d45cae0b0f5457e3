"""Words in the tables of evidence that the rooms which write them share with those that read them.

A module of its own: settings name the rules of verdicts, and must be read without the libraries
that find the evidence.
"""

# Column `pictures` of the table `judges`: what a judge was checked on.
ORIGINALS, RECONSTRUCTIONS = "originals", "reconstructions"

# Column `features` of the table `controls`: what a probe read, or how.
LATENTS, NONLINEAR = "latents", "nonlinear"
