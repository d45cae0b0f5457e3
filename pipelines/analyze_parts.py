"""`latentlab analyze` on tables larger than memory: folders of parquet files, read in passes."""

from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import console

if TYPE_CHECKING:
    from latentlab.artifacts import RunFolder


def analyze_parts(
    latents: Path,
    labels: Path,
    folder: "RunFolder",
    *,
    factors: tuple[str, ...],
    resamples: int,
    min_positives: int,
    seed: int,
) -> int:
    """Every table and the report, in memory that does not grow with the rows.

    Args:
        latents, labels: A parquet file or a folder of them; the same images in the same order.

    Returns:
        The number of targets.
    """
    from latentlab.errors import DataError
    from latentlab.parquet import write_table
    from latentlab.streams.analysis import analyze
    from latentlab.streams.tables import Tables
    from pipelines.analyze import write_report

    if labels.is_file() and labels.suffix != ".parquet":
        raise DataError(
            f"{labels} is not parquet. Tables read in passes need labels in parquet, with"
            " image_id, booleans and numbers, of the same images in the same order."
        )
    tables = Tables(latents, labels, dict.fromkeys(factors, "factor"))
    found = analyze(
        tables,
        resamples=resamples,
        min_positives=min_positives,
        seed=seed,
        step=console.say,
    )
    for split, rows in found.rows.items():
        drawn = found.drawn[split]
        if drawn < rows:
            console.say(
                f"{split}: {drawn:,} of {rows:,} images drawn for what needs many rows at once"
                " (`n` in the tables counts them)."
            )
    about = {"rows": found.rows, "drawn": found.drawn, "seed": seed}
    write_table(folder.latents_path, found.latents, about)
    for name, table in found.tables.items():
        folder.write_table(name, table)
    write_report(folder, found.latents, found.tables, found.targets, folder.path.name)
    return len(tables.roles)
