"""`latentlab analyze`: a latents table and a label table, of any model, to a report."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines import console, memory

if TYPE_CHECKING:
    import pandas as pd

    from latentlab.artifacts import RunFolder, Targets


def read_labels(path: Path, latents: "pd.DataFrame") -> "tuple[pd.DataFrame, Targets]":
    """The latents with a split, and what the label file says of their images.

    The split is that of the latents table, else that of the label file, else drawn: as
    `data.splits` does for a source without one, whole persons together where identities are known.

    Raises:
        DataError: The file cannot be read, or no row of it names an image of the latents.
    """
    from latentlab.alignment import check_latents
    from latentlab.artifacts import Targets
    from latentlab.data.labelled import listed
    from latentlab.data.labels import read_rows
    from latentlab.data.splits import Shares, automatic
    from latentlab.errors import DataError

    check_latents(latents)
    ids = latents["image_id"].astype(str).tolist()
    listing = listed(ids, {}, table=read_rows(path))
    samples = listing.samples
    if not listing.roles:
        raise DataError(f"{path} has no column of labels or numbers. Add one.")
    for note in listing.notes:
        console.say(note)
    if "split" in latents:
        own = dict(zip(ids, latents["split"], strict=True))
        samples = samples.assign(split=samples["image_id"].map(own))
    elif "split" not in samples:
        samples = samples.assign(split=automatic(samples, Shares(valid=0.1, test=0.2), 0))
    samples = samples.set_index("image_id")
    kept = latents.assign(image_id=ids, split=samples["split"].reindex(ids).to_numpy())
    kept = kept[kept["split"].notna()].reset_index(drop=True)
    return kept, Targets(samples[list(listing.roles)], listing.roles, samples.get("identity"))


def analyze_tables(
    folder: "RunFolder",
    latents: "pd.DataFrame",
    targets: "Targets",
    *,
    title: str,
    resamples: int,
    min_positives: int,
    seed: int,
) -> None:
    """Everything that needs no decoder: probes with controls, ranks, metrics, verdicts, report."""
    from latentlab.dimensions import summarize_dimensions
    from latentlab.metrics import evaluate
    from latentlab.parquet import write_table
    from latentlab.probes.analysis import probe_targets
    from latentlab.rankings import dimensions_needed, rank_dimensions
    from latentlab.verdicts import judge_targets

    with console.progress("probe", len(targets.roles), "targets") as advance:
        found = probe_targets(
            latents,
            targets,
            resamples=resamples,
            min_positives=min_positives,
            seed=seed,
            nonlinear=True,
            controls={},
            progress=advance,
        )
    tables = {
        "probes": found.probes,
        "controls": found.controls,
        "directions": found.directions,
        "dimensions": summarize_dimensions(latents),
        "rankings": rank_dimensions(latents, targets, found, resamples=resamples, seed=seed),
        "needed": dimensions_needed(latents, targets, found, seed=seed),
        "metrics": evaluate(latents, targets, seed=seed),
    }
    tables["verdicts"] = judge_targets(
        found.probes, tables["needed"], None, None, None, controls=found.controls
    )
    write_table(folder.latents_path, latents)
    for name, table in tables.items():
        folder.write_table(name, table)
    write_report(folder, latents, tables, targets, title)


def write_report(
    folder: "RunFolder",
    latents: "pd.DataFrame",
    tables: "dict[str, pd.DataFrame]",
    targets: "Targets",
    title: str,
) -> None:
    import numpy as np
    import pandas as pd

    from latentlab import files
    from latentlab.truth import dependence_on_factors
    from pipelines import report_evidence
    from pipelines.report_training import data_census
    from reports.build import build
    from reports.claims import claims
    from reports.contents import Contents

    nothing = np.empty((0, 1, 1, 3), np.uint8)
    contents = Contents(
        title=title,
        config={},
        provenance={},
        data={},
        history=pd.DataFrame(),
        truth=dependence_on_factors(targets),
        originals=nothing,
        reconstructions=nothing,
        samples=nothing,
        strips={},
        direction_strips={},
        census=data_census(targets),
        evidence=report_evidence.evidence_of(
            {name: tables[name] for name in report_evidence.TABLES if name in tables},
            latents,
            tables["dimensions"],
            targets,
        ),
        **{
            name: tables[name]
            for name in ("dimensions", "probes", "rankings", "metrics", "verdicts")
        },
    )
    files.write_json(folder.claims_path, claims(contents))
    files.write_text(folder.report_path, build(contents))


def analyze(
    latents: Annotated[Path, typer.Argument(help="Parquet: image_id, mu_000, mu_001, ...")],
    labels: Annotated[Path, typer.Argument(help="Labels and numbers by image: CSV, TSV, parquet.")],
    out: Annotated[Path, typer.Option(help="The folder to write tables and the report to.")],
    factor: Annotated[
        list[str] | None, typer.Option(help="A column that is a true factor; several times.")
    ] = None,
    resamples: Annotated[int, typer.Option(min=100, help="Behind every interval.")] = 1000,
    min_positives: Annotated[
        int, typer.Option(min=2, help="Of train, for a label to be probed.")
    ] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Of all that is drawn.")] = 0,
    out_of_core: Annotated[
        bool,
        typer.Option("--out-of-core", help="Read the tables in passes, as a folder's always are."),
    ] = False,
) -> None:
    """Examine latents that any model made, without a decoder: probes, ranks, metrics, a report.

    LATENTS may be a folder of parquet files larger than memory; LABELS are then parquet too, of
    the same images in the same order.
    """
    from dataclasses import replace

    from latentlab import files
    from latentlab.artifacts import RunFolder
    from latentlab.errors import ConfigError, DataError, MissingArtifactError
    from latentlab.naming import unknown
    from latentlab.parquet import read_table

    if not latents.exists():
        raise MissingArtifactError(f"{latents} does not exist. Give a latents table in parquet.")
    if (out / "config.yaml").is_file():
        raise ConfigError(f"{out} holds a run of latentlab's own. Choose another --out.")
    memory.claim_for_products()
    if latents.is_dir() or out_of_core:
        from pipelines.analyze_parts import analyze_parts

        folder = RunFolder(out)
        with files.sole_writer(out):
            count = analyze_parts(
                latents,
                labels,
                folder,
                factors=tuple(factor or ()),
                resamples=resamples,
                min_positives=min_positives,
                seed=seed,
            )
        console.result(
            {"tables": str(out / "tables"), "report": str(folder.report_path), "targets": count},
            f"{count} targets. The report: {folder.report_path}",
        )
        return
    table, targets = read_labels(labels, read_table(latents))
    if table.empty:
        raise DataError(
            f"No image of {latents} has a split. Add a column split that says train, valid or test."
        )
    roles = dict(targets.roles)
    for name in factor or []:
        if name not in roles:
            raise ConfigError(f"--factor {name}: {unknown(name, roles)}")
        roles[name] = "factor"
    with files.sole_writer(out):
        folder = RunFolder(out)
        analyze_tables(
            folder,
            table,
            replace(targets, roles=roles),
            title=out.name,
            resamples=resamples,
            min_positives=min_positives,
            seed=seed,
        )
    console.result(
        {"tables": str(out / "tables"), "report": str(folder.report_path), "targets": len(roles)},
        f"{len(roles)} targets of {len(table):,} images. The report: {folder.report_path}",
    )
