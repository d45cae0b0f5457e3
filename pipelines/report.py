"""`latentlab report`: tables and pictures of a run to one HTML page."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines import console

if TYPE_CHECKING:
    from latentlab.artifacts import DataFolder
    from pipelines.stages import Workspace
    from reports.contents import Contents

EXAMPLES = 12  # reconstructions shown
SAMPLES = 24  # draws from the prior shown


def ensure_report(work: "Workspace", *, fresh: bool = False) -> None:
    """Build the page, unless it stands for these tables and this model."""
    from latentlab import files
    from pipelines import report_evidence, report_playground
    from pipelines.stages import Stage
    from reports.build import build
    from reports.claims import claims

    run = work.run
    tables = ("probes", "directions", "rankings", "dimensions", "verdicts", "metrics")
    read = map(run.table_path, (*tables, *report_evidence.TABLES, *report_playground.TABLES))
    paths = [run.latents_path, run.history_path, *read]
    stage = Stage(
        run,
        "report",
        {
            "made from": {path.name: files.digest(path) for path in paths if path.is_file()},
            "data": work.data.digest,
            "config": _shown_config(work),
        },
        (run.report_path, run.claims_path),
    )
    if stage.current and not fresh:
        return
    with stage.recorded(), work.arithmetic():
        contents = gather(work)
        files.write_json(run.claims_path, claims(contents))
        files.write_text(run.report_path, build(contents))


def gather(work: "Workspace") -> "Contents":
    """Everything the page shows, read from the artefacts or decoded from the model."""
    import numpy as np

    from latentlab import checkpoints
    from latentlab.artifacts import latent_columns
    from latentlab.decoding import decode, reconstruct
    from latentlab.feeding import pictures_for
    from latentlab.truth import dependence_on_factors
    from pipelines import report_evidence, report_playground, report_training
    from pipelines.places import check_width, places_of_prior
    from pipelines.verdicts import verdicts_of
    from reports.contents import Contents, without_pictures

    run, config, data = work.run, work.config, work.data
    model = checkpoints.load_model(run.model_folder)
    latents, rankings, probes = run.latents(), run.table("rankings"), run.table("probes")
    check_width(run, model, latents)
    dimensions = run.table("dimensions")
    names = latent_columns(latents)
    targets = data.targets()
    shown = np.flatnonzero(latents["split"].to_numpy() == "test")[:EXAMPLES]
    given = pictures_for(model, data)
    active = dimensions.loc[dimensions["active"], "latent"]
    probed = {
        f"probe:{target}": group.set_index("latent")["weight"].reindex(names).to_numpy()
        for target, group in run.table("directions").groupby("target", sort=False)
    }
    verdicts, tables = verdicts_of(run), report_evidence.tables_of(run)
    along = {name: np.eye(len(names))[names.index(name)] for name in active}
    made = (
        report_evidence.directions_of(tables["moves"], verdicts, names) if "moves" in tables else {}
    )
    strips, others = report_evidence.strips_along(work, model, latents, along | probed | made)
    drawn = places_of_prior(run, model, report_training.DRAWN, config.seed)
    draws = decode(model, drawn)
    contents = Contents(
        title=config.name,
        config=_shown_config(work),
        provenance=run.provenance(),
        data={key: value for key, value in data.description.items() if key != "settings"},
        history=run.history(),
        dimensions=dimensions,
        probes=probes,
        rankings=rankings,
        metrics=run.table("metrics", "metrics"),
        truth=dependence_on_factors(targets),
        originals=given.images[shown],
        reconstructions=reconstruct(model, given, shown),
        samples=draws[:SAMPLES],
        faces=_faces(data),
        verdicts=verdicts,
        strips={name: strips[name] for name in along if name in strips},
        direction_strips={
            name.partition(":")[2]: strips[name] for name in probed if name in strips
        },
        evidence=report_evidence.evidence_of(
            tables,
            latents,
            dimensions,
            targets,
            strips={name: one for name, one in strips.items() if name in made},
            others=others,
        ),
        epochs=report_training.kept_epochs(work),
        neighbours=report_training.neighbours(work, model, given, latents, drawn, draws),
        census=report_training.data_census(targets, data),
        playground=report_playground.playground(
            work, model, latents, targets, dimensions, verdicts, probed, tables.get("moves")
        ),
    )
    return contents if config.report.faces else without_pictures(contents)


def _shown_config(work: "Workspace") -> dict[str, Any]:
    """The config as the page may show it: of a path no more than the last name."""
    return work.config.with_paths(lambda path: Path(path.name)).plain()


def _faces(data: "DataFolder") -> tuple[int, int] | None:
    """Images with a face, and images looked at."""
    landmarks = data.landmarks()
    return None if landmarks is None else (int(landmarks["detected"].sum()), len(landmarks))


def report(
    run: Annotated[Path, typer.Argument(help="A run folder that is probed.")],
    faces: Annotated[
        bool | None,
        typer.Option(
            "--faces/--no-faces",
            help="With pictures, or without any: the page of photographs of people can then be"
            " passed on. As `report.faces` in the config if not given.",
        ),
    ] = None,
) -> None:
    """Write the run's report.html and claims.json."""
    from latentlab import files
    from pipelines.stages import open_workspace

    overrides = () if faces is None else (f"report.faces={str(faces).lower()}",)
    work = open_workspace(run, overrides)
    with files.sole_writer(work.run.path):
        ensure_report(work, fresh=True)
    console.result({"report": str(work.run.report_path)}, f"Wrote {work.run.report_path.resolve()}")
