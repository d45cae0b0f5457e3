"""The model card: what a model is, what it was made from, how good it is, and its limits."""

import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipelines.stages import Workspace

WIDTH = 100  # letters of a line


def model_card(work: "Workspace", history: list[dict[str, float]]) -> str:
    """Markdown for the model folder's README.md."""
    from latentlab.licences import terms_of

    config, facts, last = work.config, work.data.description, history[-1]
    terms = terms_of(facts["source"])
    settings = "\n".join(f"- {key}: {value}" for key, value in config.model.settings.items())
    objective = ", ".join(f"{key} {value}" for key, value in config.objective.settings.items())
    return f"""# {config.name}

A `{config.model.name}` trained by latentlab with the objective
`{config.objective.name}` ({objective}) on {facts["splits"]["train"]:,} images
of {facts["side"]}x{facts["side"]} pixels, source `{facts["source"]}`.

{settings}

After {int(last["epoch"])} epochs, on {facts["splits"]["valid"]:,} held-out images: reconstruction
{last["valid_reconstruction"]:.1f} and KL {last["valid_kl"]:.1f} nats per image.

The weights are those of the epoch with the lowest validation loss. Load them with
`latentlab.checkpoints.load_model`.

## Data and licence

{_wrapped(terms.licence)}

The data's own licence goes on to apply to the model, and to every picture that it makes.

## Limits

{_wrapped(terms.labels)}

The model is a research instrument: what its latents say about a picture of a person is not a fact
about that person.
"""


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)
