"""`latentlab report`: tables and pictures of a run to one HTML page."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines import console

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from latentlab.artifacts import DataFolder, Targets
    from latentlab.models.vae import VAE
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
    tables = ("probes", "directions", "rankings", "dimensions", "verdicts", "metrics")
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

    from latentlab import checkpoints
    from latentlab.artifacts import latent_columns
    from latentlab.decoding import decode, reconstruct
    from latentlab.feeding import pictures_for
    from latentlab.truth import dependence_on_factors
    from pipelines.places import places_of_prior
    from reports.contents import Contents

    run, config, data = work.run, work.config, work.data
    model = checkpoints.load_model(run.model_folder)
    latents, rankings, probes = run.latents(), run.table("rankings"), run.table("probes")
    dimensions = run.table("dimensions")
    names = latent_columns(latents)
    targets = data.targets()
    shown = np.flatnonzero(latents["split"].to_numpy() == "test")[:EXAMPLES]
    given = pictures_for(model, data)
    active = dimensions.loc[dimensions["active"], "latent"]
    wanted = {name: np.eye(len(names))[names.index(name)] for name in active}
    directions = {
        str(target): group.set_index("latent")["weight"].reindex(names).to_numpy()
        for target, group in run.table("directions").groupby("target", sort=False)
    }
    strips, direction_strips = _strips(work, model, latents, [wanted, directions])
    return Contents(
        title=config.name,
        config=_shown_config(work),
        provenance=run.provenance(),
        data={key: value for key, value in data.description.items() if key != "settings"},
        positives=positives(targets),
        history=run.history(),
        dimensions=dimensions,
        probes=probes,
        rankings=rankings,
        metrics=run.table("metrics", "metrics"),
        truth=dependence_on_factors(targets),
        originals=given.images[shown],
        reconstructions=reconstruct(model, given, shown),
        samples=decode(model, places_of_prior(run, model, SAMPLES, config.seed)),
        faces=_faces(data),
        verdicts=run.table("verdicts", "intervene"),
        strips=strips,
        direction_strips=direction_strips,
    )


def _strips(
    work: "Workspace",
    model: "VAE",
    latents: "pd.DataFrame",
    families: "list[dict[str, np.ndarray]]",
) -> "list[dict[str, Strip]]":
    """The first test image moved along each direction, (latents,), of each family; none for
    histograms of codes, which cannot be decoded."""
    from latentlab import traversals
    from latentlab.artifacts import latent_columns
    from pipelines.places import decodable, places_of_images

    if not decodable(latents):
        return [{} for _ in families]
    codes = latents[latent_columns(latents)].to_numpy()
    first = latents.loc[latents["split"] == "test", "image_id"].iloc[:1]
    anchor = places_of_images(work.run, model, latents, first.tolist())
    settings = work.config.traverse

    def strip(direction: "np.ndarray") -> "Strip":
        return traversals.traverse(
            model,
            anchor,
            direction,
            scale=traversals.spread(codes, traversals.unit_direction(direction)),
            steps=settings.steps,
            span=settings.span,
            unit="sd",
        )

    return [{name: strip(direction) for name, direction in family.items()} for family in families]


def _shown_config(work: "Workspace") -> dict[str, Any]:
    """The config as the page may show it: of a path no more than the last name."""
    return work.config.with_paths(lambda path: Path(path.name)).plain()


def _faces(data: "DataFolder") -> tuple[int, int] | None:
    """Images with a face, and images looked at."""
    landmarks = data.landmarks()
    return None if landmarks is None else (int(landmarks["detected"].sum()), len(landmarks))


def positives(targets: "Targets") -> dict[str, float]:
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
