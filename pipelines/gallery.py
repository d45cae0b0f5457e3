"""`latentlab gallery`: one page over a folder of runs."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from pipelines import console
from pipelines.status import STAGES

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from latentlab.artifacts import RunFolder
    from latentlab.pictures import Strip
    from reports.gallery.contents import (
        GalleryComparison,
        GalleryContents,
        GalleryRun,
        MeanScore,
        Unfinished,
    )

NOBODY = ("faces", "mnist", "dsprites")  # sources whose pictures show no real person
KINDS = {"auc": "attribute", "r2": "factor"}  # what a mean score is of
STEPS, SPAN = 7, 3.0
COMPARISON = "comparison.html"


def gallery(
    folder: Annotated[Path, typer.Argument(help="A folder with runs in it, at any depth.")],
    faces: Annotated[
        bool,
        typer.Option("--faces", help="Show faces also of models of real people."),
    ] = False,
) -> None:
    """Write FOLDER/index.html: every run with its verdicts, scores and a link to its report."""
    from latentlab import files
    from latentlab.errors import ConfigError, MissingArtifactError
    from reports.gallery.page import build, claims

    if not folder.is_dir():
        raise MissingArtifactError(f"{folder} does not exist. Give a folder that holds runs.")
    if _is_run(folder):
        above = folder.parent if folder.name else folder / ".."
        raise ConfigError(
            f"{folder} is one run. Give the folder above: `latentlab gallery {above}`."
        )
    contents = gather(folder, faces=faces)
    if not (contents.runs or contents.comparisons or contents.unfinished):
        raise MissingArtifactError(
            f"{folder} holds no run. Make one with `latentlab demo --run {folder / 'demo'}`."
        )
    files.write_json(folder / "claims.json", claims(contents))
    page = folder / "index.html"
    files.write_text(page, build(contents))
    result = {
        "page": str(page),
        "runs": [run.folder for run in contents.runs],
        "comparisons": [one.folder for one in contents.comparisons],
        "unfinished": {one.folder: one.reason for one in contents.unfinished},
    }
    said = f"{len(contents.runs)} runs, {len(contents.unfinished)} unfinished. Wrote {page}"
    console.result(result, said)


def gather(folder: Path, *, faces: bool = False) -> "GalleryContents":
    """What there is in a folder, in the order of names.

    Args:
        faces: Move faces also where they may be of real people, unless the run's own config leaves
            pictures out.
    """
    from reports.gallery.contents import GalleryContents, GalleryRun

    found = list(_found(folder))
    runs = [path for path in found if _is_run(path)]
    comparisons = [path for path in found if not _is_run(path)]
    with console.progress("gallery", len(runs), "runs") as advance:
        read = []
        for path in runs:
            read.append(_run(path, folder, faces=faces))
            advance(1)
    return GalleryContents(
        folder.resolve().name,
        tuple(one for one in read if isinstance(one, GalleryRun)),
        tuple(_comparison(path, folder) for path in comparisons),
        tuple(one for one in read if not isinstance(one, GalleryRun)),
    )


def _found(folder: Path) -> Iterator[Path]:
    """Folders of runs and of comparisons below this one; nothing is looked for inside them."""
    for here, names, held in os.walk(folder):
        path = Path(here)
        if path != folder and (_is_run(path) or COMPARISON in held):
            names.clear()
            yield path
        else:
            data = "data.yaml" in held
            names[:] = [] if data else sorted(name for name in names if name[0] != ".")


def _is_run(path: Path) -> bool:
    return any((path / name).is_file() for name in ("config.yaml", "latents.parquet"))


def _run(path: Path, root: Path, *, faces: bool) -> "GalleryRun | Unfinished":
    """A run as the page tells of it, or why it cannot."""
    from latentlab import memory
    from latentlab.artifacts import RunFolder
    from latentlab.errors import LatentlabError
    from reports.gallery.contents import Unfinished

    place = path.relative_to(root).as_posix()
    run = RunFolder(path)
    try:
        if not run.report_path.is_file():
            return _half(run, place)
        return _finished(run, place, faces=faces)
    except (LatentlabError, OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        if memory.ran_out(error):
            raise
        reason = " ".join(str(error).split()).replace(f"{path}/", "").replace(str(path), place)
        return Unfinished(place, f"cannot be read: {reason}", f"latentlab run CONFIG --run {place}")


def _half(run: "RunFolder", place: str) -> "Unfinished":
    from reports.gallery.contents import Unfinished

    stages = run.provenance().get("stages", {})
    missing = [name for name in STAGES if name not in stages]
    done = [name for name in STAGES if name in stages]
    reason = f"no report yet; done: {', '.join(done) if done else 'nothing'}"
    return Unfinished(place, reason, f"latentlab {missing[0] if missing else 'report'} {place}")


def _finished(run: "RunFolder", place: str, *, faces: bool) -> "GalleryRun":
    import pyarrow.parquet as pq

    from latentlab import files
    from pipelines.verdicts import verdicts_of
    from reports.gallery.contents import GalleryRun

    config = files.read_yaml(run.config_path) if run.config_path.is_file() else {}
    model, objective = config.get("model", {}), config.get("objective", {})
    dimensions, probes = run.table("dimensions"), run.table("probes")
    judged = run.table_path("verdicts").is_file()
    verdicts = verdicts_of(run) if judged else None
    counts = {} if verdicts is None else verdicts["verdict"].value_counts()
    beta = objective.get("beta")
    moved = _moved(run, config, dimensions, verdicts, faces=faces)
    return GalleryRun(
        title=str(config.get("name", run.path.name)),
        folder=place,
        href=f"./{quote(place)}/{run.report_path.name}",
        model=f"{model['name']}, {objective['name']}" if model else "",
        data=str(config.get("source", {}).get("name", "")),
        images=pq.read_metadata(run.latents_path).num_rows,
        latents=len(dimensions),
        active=int(dimensions["active"].sum()),
        beta=None if beta is None else float(beta),
        scores={metric: score for metric in KINDS if (score := _mean(probes, metric)) is not None},
        verdicts={str(verdict): int(count) for verdict, count in counts.items()},
        strip=moved.strip,
        moved=moved.along,
        moved_for=moved.taken_for,
        no_strip=moved.why_not,
    )


def _mean(probes: "pd.DataFrame", metric: str) -> "MeanScore | None":
    """Over the targets of the metric's kind that have it."""
    from reports.gallery.contents import MeanScore

    rows = probes[(probes["metric"] == metric) & (probes["role"] == KINDS[metric])]
    values = rows["value"].dropna()
    if values.empty:
        return None
    return MeanScore(float(values.mean()), float(values.min()), float(values.max()), len(values))


@dataclass(frozen=True)
class _Moved:
    """A strip along a dimension and what that was taken for, or why there is none."""

    strip: "Strip | None" = None
    along: str = ""
    taken_for: str = ""
    why_not: str = ""


def _moved(
    run: "RunFolder",
    config: dict[str, Any],
    dimensions: "pd.DataFrame",
    verdicts: "pd.DataFrame | None",
    *,
    faces: bool,
) -> _Moved:
    """The first test image moved along one dimension."""
    import numpy as np

    if not (run.model_folder / "model.safetensors").is_file():
        return _Moved(why_not="no model")
    if not config.get("report", {}).get("faces", True):
        return _Moved(why_not="left out by its config")
    if not faces and config.get("source", {}).get("name") not in NOBODY:
        return _Moved(why_not="of real people: --faces shows them")
    active = dimensions[dimensions["active"]]
    if active.empty:
        return _Moved(why_not="no dimension is active")
    along, taken_for = _chosen(active, verdicts)
    from latentlab import checkpoints
    from latentlab.decoding import Places
    from latentlab.traversals import traverse

    model = checkpoints.load_model(run.model_folder)
    code = _first_test_code(run, dimensions["latent"].tolist())
    if code is None or model.contextual:
        return _Moved(why_not="its codes cannot be decoded alone")
    at = dimensions["latent"].tolist().index(along)
    direction = np.eye(len(dimensions))[at]
    scale = float(dimensions["deviation"].iloc[at])
    strip = traverse(model, Places(code), direction, scale=scale, steps=STEPS, span=SPAN, unit="sd")
    return _Moved(strip, along, taken_for)


def _chosen(active: "pd.DataFrame", verdicts: "pd.DataFrame | None") -> tuple[str, str]:
    """The dimension that moves a supported target farthest, else one of an entangled target, else
    the one that carries most."""
    names = set(active["latent"])
    if verdicts is not None:
        moving = verdicts[verdicts["direction"].isin(names) & verdicts["effect"].notna()]
        for verdict in ("supported", "entangled"):
            rows = moving[moving["verdict"] == verdict]
            if len(rows):
                best = rows.loc[rows["effect"].abs().idxmax()]
                return str(best["direction"]), f"{best['target']}, {verdict}"
    most = active.loc[active["kl"].fillna(0.0).idxmax()]
    return str(most["latent"]), "carries most"


def _first_test_code(run: "RunFolder", names: list[str]) -> "np.ndarray | None":
    """The posterior mean of the first test image, (1, latents); None for other codes."""
    import numpy as np
    import pyarrow.parquet as pq

    if not names[0].startswith("mu_"):
        return None
    for batch in pq.ParquetFile(run.latents_path).iter_batches(4096, columns=["split", *names]):
        rows = batch.to_pandas()
        rows = rows[rows["split"] == "test"]
        if len(rows):
            return rows[names].to_numpy(np.float32)[:1]
    return None


def _comparison(path: Path, root: Path) -> "GalleryComparison":
    """A page that `latentlab compare` wrote, with what its claims say of it."""
    from latentlab import files
    from latentlab.errors import DataError
    from reports.gallery.contents import GalleryComparison

    place = path.relative_to(root).as_posix()
    title, facts = path.name, dict[str, Any]()
    try:
        said = files.read_json(path / "claims.json")
        title, facts = str(said["title"]), said["sections"]["answer"]["facts"]
    except (DataError, KeyError, TypeError):
        pass  # the page itself can still be opened
    href = f"./{quote(place)}/{COMPARISON}"
    return GalleryComparison(title, place, href, facts.get("runs"), facts.get("groups"))
