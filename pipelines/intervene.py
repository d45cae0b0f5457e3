"""`latentlab intervene`: move the latents, decode, and measure what became of the picture; whole or
in parts."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines import console, memory
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
    import numpy as np
    import pandas as pd

    from latentlab.data.batches import Pictures
    from latentlab.examination import DecodeRows, Trial
    from latentlab.interventions.looks import Encode
    from latentlab.models.vae import VAE
    from latentlab.shards import Parts, Shard
    from pipelines.stages import Stage, Workspace

TABLES = ("interventions", "selectivity", "paths", "responses", "judges", "moves")


@dataclass(frozen=True)
class Intervening:
    """The interventions of a run: what they are made from, and their tables."""

    work: "Workspace"

    @cached_property
    def latents(self) -> "pd.DataFrame":
        return self.work.run.latents()

    @cached_property
    def inputs(self) -> dict[str, Any]:
        from latentlab import files

        work = self.work
        run, config = work.run, work.config
        if not run.table_path("directions").is_file():
            run.table("directions")  # says how to make it
        return {
            "latents": files.digest(run.latents_path),
            "model": files.digest(run.model_folder / "model.safetensors"),
            "directions": files.digest(run.table_path("directions")),
            "data": work.data.digest,
            "intervene": config.plain()["intervene"],
            "landmarks": config.landmarks.enabled,
            "resamples": config.probe.resamples,
            "seed": config.seed,
        }

    @property
    def stage(self) -> "Stage":
        from pipelines.stages import Stage

        run = self.work.run
        return Stage(run, "intervene", self.inputs, tuple(map(run.table_path, TABLES)))

    @cached_property
    def parts(self) -> "Parts":
        """Those of the moved pictures' measurements."""
        from latentlab import files
        from latentlab.interventions.experiment import BATCH
        from latentlab.shards import Parts, key_of, parts_folder

        landmarks = self.work.data.landmarks_path  # the judges learn from them
        known = files.digest(landmarks) if landmarks.is_file() else None
        return Parts(
            parts_folder(self.work.run.path, "interventions"),
            key_of({**self.inputs, "landmarks table": known}),
            self.trial.experiment.ids,
            BATCH,
        )

    @cached_property
    def trial(self) -> "Trial":
        """Images chosen, judges ready."""
        from latentlab import checkpoints
        from latentlab.examination import set_out
        from latentlab.feeding import pictures_for
        from latentlab.judges.pixels import PixelJudge
        from latentlab.training import choose_device
        from pipelines.judges import ready_judges

        run, config, data = self.work.run, self.work.config, self.work.data
        settings = config.intervene
        model = checkpoints.load_model(run.model_folder).to(choose_device(config.train.device))
        given, targets = pictures_for(model.eval(), data), data.targets()
        directions = run.table("directions")
        encode = None if model.conditions else _encoder(model)
        with self.work.arithmetic():
            judges = ready_judges(
                self.work, targets, encode, directions["target"].unique().tolist()
            )
            return set_out(
                self.latents,
                targets,
                directions,
                given.images,
                _decoder(model, given),
                judges,
                encode=encode,
                embed=next((one.embed for one in judges if isinstance(one, PixelJudge)), None),
                without=settings.without or None,
                anchors=settings.anchors,
                random=settings.random,
                span=settings.span,
                steps=settings.steps,
                seed=config.seed,
            )

    def make(self, shard: "Shard") -> None:
        """Measure one part of the moved pictures."""
        rows = self.parts.some_rows(shard)
        with self.work.arithmetic():
            self.parts.write(shard, self.trial.experiment.frames(rows))

    def write(self, measured: "Iterable[pd.DataFrame] | None" = None) -> None:
        """Write the tables.

        Args:
            measured: All moved pictures; measured now if not given.
        """
        work = self.work
        experiment = self.trial.experiment
        count = experiment.pictures if measured is None else len(experiment.anchors)
        with work.arithmetic(), console.progress("intervene", count, "pictures") as advance:
            found = self.trial.examined(
                references=work.config.intervene.references,
                resamples=work.config.probe.resamples,
                progress=advance,
                measured=measured,
            )
        for name in TABLES:
            work.run.write_table(name, getattr(found, name))


def ensure_intervened(work: "Workspace", *, fresh: bool = False) -> None:
    """Move and measure, unless that was done with these latents, probes and judges; nothing is
    done where interventions are switched off or the latents cannot be decoded."""
    if not _possible(work):
        return
    intervening = Intervening(work)
    stage = intervening.stage
    if stage.current and not fresh:
        return
    with stage.recorded():
        memory.claim_for_products()
        intervening.write()


def _possible(work: "Workspace") -> bool:
    """Whether there is something to move; where not, tables of an earlier intervention are removed,
    as they must not stand beside what was not moved."""
    from pipelines.places import decodable

    if work.config.intervene.enabled:
        if decodable(work.run.latents()):
            return True
        console.say("intervene: left out, since histograms of codes cannot be decoded")
    for name in TABLES:
        work.run.table_path(name).unlink(missing_ok=True)
    return False


def intervene_part(asked: tuple[Path, tuple[str, ...], str]) -> None:
    """Measure one part of a run's moved pictures: its folder, overrides of its config, and i/n."""
    from latentlab.shards import Shard
    from pipelines.stages import open_workspace

    run, overrides, text = asked
    Intervening(open_workspace(run, overrides)).make(Shard.parse(text))


def _part(work: "Workspace", text: str) -> Path:
    """The file of part i/n, made now if it is not there yet."""
    from latentlab.shards import Shard

    intervening, shard = Intervening(work), Shard.parse(text)
    if intervening.parts.there(shard):
        console.say(f"part {shard} is there already")
    else:
        intervening.make(shard)
    return intervening.parts.path(shard)


def _ensure_joined(work: "Workspace", overrides: tuple[str, ...], asked: Asked) -> None:
    """Write the tables from parts, which an engine makes first if it was asked for."""
    from latentlab.shards import every

    intervening, place = Intervening(work), work.run.path.resolve()
    with intervening.stage.recorded():
        parts = intervening.parts
        if asked.engine is not None:
            # Parts at a time are as many as there are cores, so each keeps to one.
            own = (*overrides, "landmarks.workers=1")
            make_all(parts, asked, intervene_part, lambda text: (place, own, text))
        shards = every(len(parts.complete()))
        intervening.write(frame for shard in shards for frame in parts.frames(shard))


def _decoder(model: "VAE", given: "Pictures") -> "DecodeRows":
    """Latents that started from some images, decoded with what else those images gave."""
    from latentlab.decoding import Places, decode, places_of

    def decoded(z: "np.ndarray", rows: "np.ndarray") -> "np.ndarray":
        if not model.contextual:
            return decode(model, Places(z))
        import numpy as np

        started, back = np.unique(rows, return_inverse=True)
        context = places_of(model, given, started).context
        return decode(model, Places(z, None if context is None else context[back.ravel()]))

    return decoded


def _encoder(model: "VAE") -> "Encode":
    """Pictures to the means of their posteriors."""

    def encoded(images: "np.ndarray") -> "np.ndarray":
        import numpy as np

        from latentlab.data.batches import Pictures
        from latentlab.decoding import places_of

        return places_of(model, Pictures(images), np.arange(len(images))).z

    return encoded


def intervene(
    run: Annotated[Path, typer.Argument(help="A run folder that is probed.")],
    anchors: Annotated[int | None, typer.Option(min=10, help="Images that are moved.")] = None,
    device: Annotated[str | None, typer.Option(help="Compute on auto, cpu, cuda or mps.")] = None,
    shard: ShardOption = None,
    join: JoinOption = False,
    engine: EngineOption = None,
    parts: PartsOption = 0,
    workers: Annotated[int, typer.Option(min=0, help="With --engine: parts at a time.")] = 0,
    address: AddressOption = None,
) -> None:
    """Move the latents, decode, measure the pictures, and give a verdict on every target.

    On many machines: --shard i/n on each, then --join; or --engine ray. docs/scale.md shows both.
    """
    from latentlab import files
    from latentlab.errors import ConfigError
    from pipelines.stages import device_override, open_workspace
    from pipelines.verdicts import ensure_verdicts

    overrides = () if anchors is None else (f"intervene.anchors={anchors}",)
    given = (*device_override(device), *overrides)
    asked = Asked(shard, join, engine, parts, workers, address)
    work = open_workspace(run, given)
    if not work.config.intervene.enabled:
        raise ConfigError(
            f"{work.run.config_path} has intervene.enabled=false. Run again with --set"
            " intervene.enabled=true."
        )
    if asked.shard is not None:
        made = _part(work, asked.shard)
        console.result({"part": str(made)}, f"Wrote {made}")
        return
    with files.sole_writer(work.run.path):
        if asked.whole:
            ensure_intervened(work, fresh=True)
        elif _possible(work):
            _ensure_joined(work, given, asked)
        ensure_verdicts(work, fresh=True)
    counts: dict[str, Any] = work.run.table("verdicts")["verdict"].value_counts().to_dict()
    console.result(
        {"tables": str(work.run.path / "tables"), "verdicts": counts},
        "; ".join(f"{count} {verdict}" for verdict, count in counts.items()),
    )
