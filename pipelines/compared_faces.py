"""What the decoders of compared runs show: how each latent changes the picture, and faces."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from latentlab.comparison.axes import Axis
    from latentlab.comparison.groups import Grouping
    from latentlab.comparison.matching import Matching
    from latentlab.comparison.runs import ComparedRun
    from latentlab.comparison.survival import Changes
    from latentlab.decoding import Places
    from latentlab.models.vae import VAE
    from latentlab.pictures import Strip
    from reports.comparison.contents import Faces

ANCHORS = 16  # test images that changes are averaged over


@dataclass(frozen=True, eq=False)
class Decoder:
    """A run's model with the places of the shared test images; the first is the face shown."""

    run: "ComparedRun"
    model: "VAE"
    places: "Places"

    def changes(self) -> "Changes":
        """What each active latent does to the pictures."""
        from latentlab.comparison.changes import mean_changes
        from latentlab.decoding import Places, decode

        table, context = self.run.dimensions, self.places.context
        return mean_changes(
            self.places.z,
            table["deviation"].to_numpy(),
            table["latent"].tolist(),
            self.run.active,
            lambda z, at: decode(self.model, Places(z, None if context is None else context[at])),
        )

    def strip(self, axis: "Axis", steps: int, span: float) -> "Strip":
        """The first image moved along an axis."""
        import numpy as np

        from latentlab.decoding import Places
        from latentlab.traversals import traverse

        context = self.places.context
        anchor = Places(self.places.z[:1], None if context is None else context[:1])
        names = self.run.dimensions["latent"].tolist()
        direction = np.zeros(len(names))
        direction[names.index(axis.latent)] = axis.sign
        scale = float(self.run.dimensions["deviation"].iloc[names.index(axis.latent)])
        return traverse(
            self.model, anchor, direction, scale=scale, steps=steps, span=span, unit="sd"
        )


def decoders(
    runs: Sequence["ComparedRun"],
    folders: Mapping[str, Path],
    progress: Callable[[int], None] = lambda runs: None,
) -> dict[str, Decoder]:
    """Run -> its decoder; runs whose codes cannot be decoded are not among them."""
    from latentlab import checkpoints
    from latentlab.artifacts import RunFolder
    from pipelines.places import decodable, places_of_images

    shared = runs[0].test_codes.index[:ANCHORS].tolist()
    found = {}
    for run in runs:
        folder = RunFolder.open(folders[run.name])
        if (folder.model_folder / "model.safetensors").is_file() and decodable(run.latents):
            model = checkpoints.load_model(folder.model_folder)
            # Contexts are made anew from the images, which the rows of the whole table find.
            latents = folder.latents() if model.contextual else run.latents
            found[run.name] = Decoder(run, model, places_of_images(folder, model, latents, shared))
        progress(1)
    return found


def faces(
    target: str,
    group: str,
    grouping: "Grouping",
    runs: Sequence["ComparedRun"],
    matchings: "Mapping[tuple[str, str], Matching]",
    known: Mapping[str, Decoder],
) -> "Faces | None":
    """The shared face along the latent that moves a target, and along its partners elsewhere; None
    where no single latent of the group moves it, or its run cannot be decoded.

    Args:
        group: Its first run with such a latent names the axis.
    """
    from latentlab.comparison.axes import axis_of, counterparts
    from reports.comparison.contents import Faces, Moved

    axis = axis_of(target, group, grouping, runs)
    if axis is None or axis.run not in known:
        return None
    config = next(run.config for run in runs if run.name == axis.run)
    steps, span = config["traverse"]["steps"], config["traverse"]["span"]
    rows = []
    for one in counterparts(target, axis, grouping, runs, matchings):
        strip, note = None, one.note
        if one.run not in known:
            note = "its codes cannot be decoded"
        elif one.axis is not None:
            strip = known[one.run].strip(one.axis, steps, span)
        latent = "" if one.axis is None else one.axis.latent
        rows.append(Moved(one.group, one.run, latent, strip, note))
    return Faces(target, f"{axis.latent} of {axis.run}", tuple(rows))
