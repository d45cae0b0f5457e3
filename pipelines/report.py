"""`latentlab report`: tables and pictures of a run to one HTML page."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines import console

if TYPE_CHECKING:
    import numpy as np

    from latentlab.artifacts import DataFolder, Targets
    from latentlab.pictures import Strip
    from pipelines.stages import Workspace
    from reports.contents import Contents

EXAMPLES = 12  # reconstructions shown
SAMPLES = 24  # draws from the prior shown


def ensure_report(work: "Workspace", *, fresh: bool = False) -> None:
    """Build the page, unless it stands for these tables and this model."""
    from latentlab import files
    from pipelines.stages import Stage
    from reports.build import build
    from reports.claims import claims

    run = work.run
    tables = ("probes", "directions", "rankings", "dimensions", "metrics")
    paths = [run.latents_path, run.history_path, *map(run.table_path, tables)]
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
    with stage.recorded():
        contents = gather(work)
        files.write_json(run.claims_path, claims(contents))
        files.write_text(run.report_path, build(contents))


def gather(work: "Workspace") -> "Contents":
    """Everything the page shows, read from the artefacts or decoded from the model."""
    import numpy as np

    from latentlab import checkpoints, traversals
    from latentlab.artifacts import latent_columns
    from latentlab.decoding import reconstruct, sample
    from latentlab.truth import dependence_on_factors
    from reports.contents import Contents

    run, config, data = work.run, work.config, work.data
    model = checkpoints.load_model(run.model_folder)
    latents, rankings, probes = run.latents(), run.table("rankings"), run.table("probes")
    dimensions = run.table("dimensions")
    codes = latents[latent_columns(latents)].to_numpy()
    targets = data.targets()
    shown = np.flatnonzero(latents["split"].to_numpy() == "test")[:EXAMPLES]
    originals = data.images()[shown]
    anchor = codes[shown[0]]

    def strip(direction: "np.ndarray") -> "Strip":
        return traversals.traverse(
            model,
            anchor,
            direction,
            scale=traversals.spread(codes, direction),
            steps=config.traverse.steps,
            span=config.traverse.span,
            unit="sd",
        )

    names = latent_columns(latents)
    axes = np.eye(len(names))
    active = dimensions.loc[dimensions["active"], "latent"]
    directions = run.table("directions")
    return Contents(
        title=config.name,
        config=_shown_config(work),
        provenance=run.provenance(),
        data={key: value for key, value in data.description.items() if key != "settings"},
        positives=_positives(targets),
        history=run.history(),
        dimensions=dimensions,
        probes=probes,
        rankings=rankings,
        metrics=run.table("metrics", "metrics"),
        truth=dependence_on_factors(targets),
        originals=originals,
        reconstructions=reconstruct(model, originals),
        samples=sample(model, SAMPLES, config.seed),
        faces=_faces(data),
        strips={name: strip(axes[names.index(name)]) for name in active},
        direction_strips={
            str(target): strip(group.set_index("latent")["weight"].reindex(names).to_numpy())
            for target, group in directions.groupby("target", sort=False)
        },
    )


def _shown_config(work: "Workspace") -> dict[str, Any]:
    """The config as the page may show it: of a path no more than the last name."""
    return work.config.with_paths(lambda path: Path(path.name)).plain()


def _faces(data: "DataFolder") -> tuple[int, int] | None:
    """Images with a face, and images looked at."""
    landmarks = data.landmarks()
    return None if landmarks is None else (int(landmarks["detected"].sum()), len(landmarks))


def _positives(targets: "Targets") -> dict[str, float]:
    """Attribute -> share of positive labels among the known ones."""
    attributes = [name for name, role in targets.roles.items() if role == "attribute"]
    shares = targets.values[attributes].astype("Float64").mean()
    return {str(name): float(share) for name, share in shares.items() if share == share}


def report(
    run: Annotated[Path, typer.Argument(help="A run folder that is probed.")],
) -> None:
    """Write the run's report.html and claims.json."""
    from latentlab import files
    from pipelines.stages import open_workspace

    work = open_workspace(run)
    with files.sole_writer(work.run.path):
        ensure_report(work, fresh=True)
    console.result({"report": str(work.run.report_path)}, f"Wrote {work.run.report_path.resolve()}")
