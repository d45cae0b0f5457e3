"""The model card: what a model is, what it was made from, how good it is, and its limits."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipelines.stages import Workspace


def model_card(work: "Workspace", history: list[dict[str, float]]) -> str:
    """Markdown for the model folder's README.md."""
    config, facts, last = work.config, work.data.description, history[-1]
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
`latentlab.checkpoints.load_model`. The model is a research instrument: what its latents say about a
picture of a person is not a fact about that person, and the data's own licence goes on to apply.
"""
