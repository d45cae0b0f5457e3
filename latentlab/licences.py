"""Under which terms data are to be had, and what their labels are worth. A model, and a page with
pictures, come under the same terms as the data."""

from dataclasses import dataclass

LABELS = (
    "A label is what somebody said about one picture. It is no measurement, and no fact about the"
    " person: people who label the same picture disagree, above all about words such as"
    " attractive, young or big. Do not use labels, or what latents say of them, to judge anybody."
)
CELEBA_LABELS = (
    "The 40 attributes were given by annotators, with errors: of two who labelled anew, only 12"
    " attributes agree in at least 95 % of the pictures, and a check of single attributes found up"
    " to 40 % of their values wrong (Wu et al. 2023, https://arxiv.org/abs/2210.07356). "
)


@dataclass(frozen=True)
class Terms:
    """What must be known before data, or what was made of them, are passed on.

    Attributes:
        licence: In sentences, with the address of the publisher.
        labels: What the labels are, and what they are not.
    """

    licence: str
    labels: str


# By the name of the source. What is not here is somebody's own.
TERMS = {
    "faces": Terms(
        "The faces are drawn by latentlab. They show nobody, and nobody has rights in them.",
        "Attributes are thresholds on the numbers that the faces were drawn from, so they are exact"
        " about the drawing, and say nothing about real faces.",
    ),
    "celeba": Terms(
        "CelebA is for research that is not commercial; its pictures may not be published or passed"
        " on, and belong to others (https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html).",
        CELEBA_LABELS + LABELS,
    ),
    "celeba_mask_hq": Terms(
        "CelebAMask-HQ is for research and teaching that are not commercial, and its pictures are"
        " those of CelebA (https://github.com/switchablenorms/CelebAMask-HQ).",
        CELEBA_LABELS + LABELS,
    ),
    "mnist": Terms(
        "MNIST is by Yann LeCun and Corinna Cortes, under CC BY-SA 3.0.",
        "Labels are the digits that were meant to be written.",
    ),
    "dsprites": Terms(
        "dSprites is under Apache-2.0 (https://github.com/google-deepmind/dsprites-dataset).",
        "Labels are the factors that the pictures were made from, and exact.",
    ),
}
OWN = Terms(
    "The licence of these data is not known to latentlab: write it here before you pass the model"
    " on. Where people are shown, they may have a say too.",
    LABELS,
)


def terms_of(source: str) -> Terms:
    """The terms of a source's data, by its name."""
    return TERMS.get(source, OWN)
