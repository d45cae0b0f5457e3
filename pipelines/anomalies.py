"""`latentlab anomalies`: the images that a model finds least likely, to look at."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines import console

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = 5  # pictures in a row of the sheet
DRAWS = 64  # suggested where none were taken yet


def anomalies(
    run: Annotated[Path, typer.Argument(help="A run folder with likelihoods.")],
    count: Annotated[int, typer.Option(min=1, max=400, help="How many to show.")] = 20,
    split: Annotated[str, typer.Option(help="train, valid or test.")] = "test",
    out: Annotated[Path | None, typer.Option(help="The PNG to write.")] = None,
) -> None:
    """Rank images from the least likely on, and show the first on one sheet.

    A ranking for looking at, no verdict on any image:

    a likelihood ranks plain images as likely, whatever they show.

    https://arxiv.org/abs/1810.09136, https://arxiv.org/abs/1906.02845
    """
    import pandas as pd

    from latentlab import files, parquet, pictures
    from latentlab.anomalies import rank_anomalies
    from latentlab.errors import DataError, MissingArtifactError
    from pipelines.places import of_split
    from pipelines.stages import open_workspace

    work = open_workspace(run)
    latents = work.run.latents()
    if "log_likelihood" not in latents:
        raise MissingArtifactError(
            f"{work.run.latents_path} has no column log_likelihood. Make it with"
            f" `latentlab encode {run} --likelihood-samples {DRAWS}`."
        )
    images = work.data.images()
    table = rank_anomalies(of_split(latents, split, work.run), images[0].size)
    lowest = table.head(count)
    rows = pd.Index(work.data.samples()["image_id"]).get_indexer(lowest["image_id"])
    if (rows < 0).any():
        raise DataError(
            f"image_id {lowest['image_id'][rows < 0].iloc[0]!r} of {work.run.latents_path} is not"
            f" in {work.data.path}. Encode again with `latentlab encode {run}`."
        )
    captions = [[row.image_id, f"{row.log_likelihood:,.1f} nats"] for row in lowest.itertuples()]
    sheet = pictures.contact_sheet([images[row] for row in rows], captions, columns=COLUMNS)
    with files.sole_writer(work.run.path):
        written = work.run.write_table("anomalies", table)
    path = out or work.run.path / "pictures" / f"anomalies_{split}.png"
    files.write_bytes(path, pictures.png(sheet))
    draws = parquet.read_metadata(work.run.latents_path).get("likelihood_samples")
    console.result(
        {
            "table": str(written),
            "picture": str(path),
            "likelihood_samples": draws,
            "anomalies": lowest.to_dict("records"),
        },
        f"{_told(lowest)}\n\n"
        f"{len(table):,} {split} images, likelihoods from {draws} draws each: {written}\n"
        f"Wrote {path}: the {len(lowest)} least likely.\n"
        "To look at, no verdict: a likelihood ranks plain images as likely, whatever they show.",
    )


def _told(table: "pd.DataFrame") -> str:
    """Rows as lines under a head, in columns."""
    width = max(len("image_id"), *(len(str(name)) for name in table["image_id"]))
    lines = [f"{'rank':>6}  {'image_id':<{width}} {'nats':>12} {'bits/dim':>9}"]
    lines += [
        f"{row.rank:>6}  {row.image_id:<{width}} {row.log_likelihood:>12,.1f}"
        f" {row.bits_per_dim:>9.4f}"
        for row in table.itertuples()
    ]
    return "\n".join(lines)
