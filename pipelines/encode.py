"""`latentlab encode`: a model and its images to latents.parquet, whole or in parts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines import console
from pipelines.parts import (
    AddressOption,
    Asked,
    EngineOption,
    JoinOption,
    PartsOption,
    ShardOption,
    make_all,
)

if TYPE_CHECKING:
    import pandas as pd

    from latentlab.models.vae import VAE
    from latentlab.shards import Parts
    from pipelines.stages import Stage, Workspace

NAMED = 1 << 20  # images whose names are in memory at a time; a row group of the samples table

# What the columns of latents are, by their name.
SAID = {
    "mu": "means of the posterior",
    "pooled": "means over the grid of the embeddings of discrete codes",
    "histogram": "shares of the grid's positions with each discrete code",
}


@dataclass(frozen=True)
class Encoding:
    """The latents table of a run: what it is made from, and its rows."""

    work: "Workspace"

    @cached_property
    def model(self) -> "VAE":
        from latentlab import checkpoints

        return checkpoints.load_model(self.work.run.model_folder)

    @cached_property
    def inputs(self) -> dict[str, Any]:
        from latentlab import checkpoints, files

        work = self.work
        return {
            "data": work.data.digest,
            "model": files.digest(checkpoints.trained_weights(work.run.model_folder)),
            "encode": work.config.plain()["encode"],
            "seed": work.config.seed,
        }

    @property
    def stage(self) -> "Stage":
        from pipelines.stages import Stage

        return Stage(self.work.run, "encode", self.inputs, (self.work.run.latents_path,))

    @cached_property
    def images(self) -> int:
        return int(self.work.data.description["images"])

    @property
    def about(self) -> dict[str, Any]:
        """What the table says of itself."""
        config, encode = self.work.config, self.work.config.encode
        feature = self.model.head.feature if encode.features == "mean" else encode.features
        return {
            "run": config.name,
            "model": self.inputs["model"],
            "latents": self.model.latents,
            "beta": config.objective.settings.get("beta"),
            "features": SAID[feature],
            "likelihood_samples": encode.likelihood_samples,
        }

    @property
    def parts(self) -> "Parts":
        from latentlab.shards import Parts, key_of, parts_folder

        return Parts(
            parts_folder(self.work.run.path, "latents"),
            key_of(self.inputs),
            self.work.data.image_ids,
            self.work.config.encode.batch_size,
        )

    def frames(
        self, rows: range | None = None, progress: "Callable[[int], None]" = lambda images: None
    ) -> "Iterator[pd.DataFrame]":
        from latentlab.encoding import encode_images
        from latentlab.feeding import pictures_for
        from latentlab.training import choose_device

        config, data = self.work.config, self.work.data
        rows = range(self.images) if rows is None else rows
        batch, pictures = config.encode.batch_size, pictures_for(self.model, data, rows)
        step = max(batch, NAMED - NAMED % batch)
        with self.work.arithmetic():
            for start in range(rows.start, rows.stop, step):
                these = range(start, min(start + step, rows.stop))
                yield from encode_images(
                    self.model,
                    pictures,
                    data.samples_of(these, ["image_id", "split"]),
                    **config.encode.model_dump(),
                    device=choose_device(config.train.device),
                    seed=config.seed,
                    first=start,
                    progress=progress,
                )


def ensure_encoded(work: "Workspace", *, fresh: bool = False) -> None:
    """Write the posterior of every image, unless the table stands for this model and data."""
    from latentlab import parquet

    encoding = Encoding(work)
    if encoding.stage.current and not fresh:
        return
    with (
        encoding.stage.recorded(),
        console.progress("encode", encoding.images) as advance,
        parquet.table_writer(work.run.latents_path, encoding.about) as write,
    ):
        for frame in encoding.frames(progress=advance):
            write(frame)


def encode_part(asked: tuple[Path, tuple[str, ...], str]) -> None:
    """Encode one part of a run's images: its folder, overrides of its config, and i/n."""
    from latentlab.shards import Shard
    from pipelines.stages import open_workspace

    run, overrides, text = asked
    encoding, shard = Encoding(open_workspace(run, overrides)), Shard.parse(text)
    parts = encoding.parts
    parts.write(shard, encoding.frames(parts.rows(shard)), encoding.about)


def _in_parts(work: "Workspace", overrides: tuple[str, ...], asked: Asked) -> Path:
    """What was asked for, and the file that it made."""
    from latentlab import files
    from latentlab.shards import Shard

    encoding, run = Encoding(work), work.run
    parts, place = encoding.parts, run.path.resolve()
    if asked.shard is not None:
        shard = Shard.parse(asked.shard)
        if parts.there(shard):
            console.say(f"part {shard} is there already")
        else:
            encode_part((place, overrides, asked.shard))
        return parts.path(shard)
    with files.sole_writer(run.path), encoding.stage.recorded():
        if asked.engine is not None:
            make_all(parts, asked, encode_part, lambda text: (place, overrides, text))
        parts.join(run.latents_path, encoding.about)
    return run.latents_path


def encode(
    run: Annotated[Path, typer.Argument(help="A run folder with a trained model.")],
    likelihood_samples: Annotated[
        int | None, typer.Option(min=0, help="Draws that estimate the likelihood of each image.")
    ] = None,
    features: Annotated[
        str | None, typer.Option(help="Of discrete codes: mean, or histogram.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="Compute on auto, cpu, cuda or mps.")] = None,
    shard: ShardOption = None,
    join: JoinOption = False,
    engine: EngineOption = None,
    parts: PartsOption = 0,
    workers: Annotated[int, typer.Option(min=0, help="With --engine: parts at a time.")] = 0,
    address: AddressOption = None,
) -> None:
    """Write the posterior mean and log-variance of every image.

    On many machines: --shard i/n on each, then --join; or --engine ray. docs/scale.md shows both.
    """
    from latentlab import files
    from pipelines.stages import device_override, open_workspace

    wanted = {"likelihood_samples": likelihood_samples, "features": features}
    overrides = [f"encode.{key}={value}" for key, value in wanted.items() if value is not None]
    given = (*device_override(device), *overrides)
    asked = Asked(shard, join, engine, parts, workers, address)
    work = open_workspace(run, given)
    made = work.run.latents_path
    if asked.whole:
        with files.sole_writer(work.run.path):
            ensure_encoded(work, fresh=True)
    else:
        made = _in_parts(work, given, asked)
    console.result({"latents": str(made)}, f"Wrote {made}")
