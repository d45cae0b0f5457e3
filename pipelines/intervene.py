"""`latentlab intervene`: move the latents, decode, and measure what became of the picture."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines import console

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from latentlab.data.batches import Pictures
    from latentlab.examination import DecodeRows
    from latentlab.interventions.looks import Encode
    from latentlab.models.vae import VAE
    from pipelines.stages import Workspace

TABLES = ("interventions", "selectivity", "paths", "responses", "judges", "moves")


def ensure_intervened(work: "Workspace", *, fresh: bool = False) -> None:
    """Move and measure, unless that was done with these latents, probes and judges; nothing is
    done where interventions are switched off or the latents cannot be decoded."""
    from latentlab import files
    from pipelines.places import decodable
    from pipelines.stages import Stage

    run, config = work.run, work.config
    if not config.intervene.enabled:
        _remove_tables(work)
        return
    latents = run.latents()
    if not decodable(latents):
        _remove_tables(work)
        console.say("intervene: left out, since histograms of codes cannot be decoded")
        return
    if not run.table_path("directions").is_file():
        run.table("directions")  # says how to make it
    stage = Stage(
        run,
        "intervene",
        {
            "latents": files.digest(run.latents_path),
            "model": files.digest(run.model_folder / "model.safetensors"),
            "directions": files.digest(run.table_path("directions")),
            "data": work.data.digest,
            "intervene": config.plain()["intervene"],
            "landmarks": config.landmarks.enabled,
            "resamples": config.probe.resamples,
            "seed": config.seed,
        },
        tuple(map(run.table_path, TABLES)),
    )
    if stage.current and not fresh:
        return
    with stage.recorded(), work.arithmetic():
        for name, table in _examined(work, latents).items():
            run.write_table(name, table)


def _examined(work: "Workspace", latents: "pd.DataFrame") -> "dict[str, pd.DataFrame]":
    """The tables of the examination, by name."""
    from latentlab import checkpoints
    from latentlab.examination import examine
    from latentlab.feeding import pictures_for
    from latentlab.judges.pixels import PixelJudge
    from latentlab.training import choose_device
    from pipelines.judges import ready_judges

    run, config, data = work.run, work.config, work.data
    settings = config.intervene
    model = checkpoints.load_model(run.model_folder).to(choose_device(config.train.device)).eval()
    given, targets, directions = pictures_for(model, data), data.targets(), run.table("directions")
    encode = None if model.conditions else _encoder(model)
    probed = directions["target"].unique().tolist()
    judges = ready_judges(work, targets, encode, probed)
    embed = next((one.embed for one in judges if isinstance(one, PixelJudge)), None)
    directions_made = int(run.table("dimensions")["active"].sum()) + 3 * len(probed)
    directions_made += settings.random + 1  # and the step of zero
    pictures = settings.anchors * (1 + directions_made * (settings.steps - 1))
    with console.progress("intervene", pictures, "pictures") as advance:
        found = examine(
            latents,
            targets,
            directions,
            given.images,
            _decoder(model, given),
            judges,
            encode=encode,
            embed=embed,
            without=settings.without or None,
            anchors=settings.anchors,
            references=settings.references,
            random=settings.random,
            span=settings.span,
            steps=settings.steps,
            resamples=config.probe.resamples,
            seed=config.seed,
            progress=advance,
        )
    return {name: getattr(found, name) for name in TABLES}


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


def _remove_tables(work: "Workspace") -> None:
    """Tables of an earlier intervention must not stand beside what was not moved."""
    for name in TABLES:
        work.run.table_path(name).unlink(missing_ok=True)


def intervene(
    run: Annotated[Path, typer.Argument(help="A run folder that is probed.")],
    anchors: Annotated[int | None, typer.Option(min=10, help="Images that are moved.")] = None,
    device: Annotated[str | None, typer.Option(help="Compute on auto, cpu, cuda or mps.")] = None,
) -> None:
    """Move the latents, decode, measure the pictures, and give a verdict on every target."""
    from latentlab import files
    from latentlab.errors import ConfigError
    from pipelines.stages import device_override, open_workspace
    from pipelines.verdicts import ensure_verdicts

    overrides = () if anchors is None else (f"intervene.anchors={anchors}",)
    work = open_workspace(run, (*device_override(device), *overrides))
    if not work.config.intervene.enabled:
        raise ConfigError(
            f"{work.run.config_path} has intervene.enabled=false. Run again with --set"
            " intervene.enabled=true."
        )
    with files.sole_writer(work.run.path):
        ensure_intervened(work, fresh=True)
        ensure_verdicts(work, fresh=True)
    counts: dict[str, Any] = work.run.table("verdicts")["verdict"].value_counts().to_dict()
    console.result(
        {"tables": str(work.run.path / "tables"), "verdicts": counts},
        "; ".join(f"{count} {verdict}" for verdict, count in counts.items()),
    )
