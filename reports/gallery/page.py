"""Gallery contents to one HTML page and to its claims."""

from typing import Any

from latentlab.verdicts import VERDICTS
from reports.build import render
from reports.claims import claims_of
from reports.gallery.contents import GalleryContents, GalleryRun, MeanScore
from reports.numbers import number
from reports.page import Block, Cell, Column, Page, Paragraph, Row, Section, Table, Text
from reports.pictures import Album
from reports.sections.strips import tiles

SCORES = {
    "auc": ("Mean AUC", "Of the probes of all attributes, on test images; 0.5 is guessing"),
    "r2": (
        "Mean R²",
        "Of the probes of all true factors, on test images; 0 is no better than none",
    ),
}
SHOWN_VERDICTS = ("supported", "entangled")  # the others are told in a note


def build(contents: GalleryContents) -> str:
    """The page as text, one file that opens offline; the same contents give the same text."""
    album = Album()
    return render(compose(contents, album), album)


def claims(contents: GalleryContents) -> dict[str, Any]:
    """Every number the page states, as `reports.claims.claims` gives those of a report."""
    return claims_of(compose(contents, Album()))


def compose(contents: GalleryContents, album: Album) -> Page:
    """The page as data; a section without content is left out."""
    made = (_runs(contents, album), _comparisons(contents), _unfinished(contents))
    return Page(contents.title, tuple(section for section in made if section is not None))


def _runs(contents: GalleryContents, album: Album) -> Section:
    counts = {
        "run": len(contents.runs),
        "comparison": len(contents.comparisons),
        "unfinished run": len(contents.unfinished),
    }
    parts = [_count(n, what) for what, n in counts.items() if n or what == "run"]
    text = f"{', '.join(parts)}. Open one by its name; press a column's head to sort by it."
    facts = tuple((f"{what.replace(' ', '_')}s", float(n)) for what, n in counts.items())
    blocks: list[Block] = [Paragraph(text, facts, style="lead")]
    if contents.runs:
        blocks.append(_table(contents.runs, album))
    return Section("runs", "Runs", "Runs", tuple(blocks))


def _table(runs: tuple[GalleryRun, ...], album: Album) -> Table:
    """A row a run; columns that no run has a value for are left out."""
    scores = [name for name in SCORES if any(name in run.scores for run in runs)]
    judged = any(run.verdicts for run in runs)
    pictured = any(run.strip is not None for run in runs)
    columns = [
        Column("run", "Run", "And the folder it is in"),
        Column("data", "Data"),
        Column("model", "Model"),
        Column("beta", "beta", "Weight of the KL term", numeric=True),
        Column("active", "Active", "Dimensions that carry something, of all", numeric=True),
        *(Column(name, *SCORES[name], numeric=True) for name in scores),
    ]
    if judged:
        columns += [
            Column(verdict, verdict.capitalize(), "Targets with this verdict, of all", numeric=True)
            for verdict in SHOWN_VERDICTS
        ]
    if pictured:
        about = "The dimension that moves a supported target most; else an entangled one's"
        columns += [Column("moved", "Dimension", about), Column("strip", "Moving it")]
    rows = []
    for run in runs:
        cells: list[Cell] = [
            Text(run.title, href=run.href, note=run.folder),
            Text(run.data, note=_count(run.images, "image")),
            Text(run.model or "none: tables alone"),
            number(run.beta, form="amount", reason="no beta", quiet=True),
            number(run.active, form="count", of=f"of {run.latents}"),
            *(_mean(run.scores.get(name), name) for name in scores),
        ]
        if judged:
            cells += [_verdicts(run, verdict) for verdict in SHOWN_VERDICTS]
        if pictured:
            cells += [
                Text(run.moved or "none", note=run.moved_for),
                number(None, reason=run.no_strip)
                if run.strip is None
                else tiles(run.strip, album, run.moved, small=True),
            ]
        rows.append(Row(tuple(cells)))
    caption = (
        "Every run with a report. Means over targets; brackets hold the least and the most of a"
        " target. Runs of other data or settings of the instruments were not measured alike"
    )
    return Table("gallery", caption, tuple(columns), tuple(rows), style="gallery")


def _mean(score: MeanScore | None, name: str) -> Cell:
    if score is None:
        return number(None, reason="nothing of this kind was probed", quiet=True)
    baseline = 0.5 if name == "auc" else 0.0
    targets = _count(score.targets, "target")
    return number(score.mean, score.low, score.high, baseline, of=f"{targets}")


def _verdicts(run: GalleryRun, verdict: str) -> Cell:
    """How many targets got it; the other verdicts on pointing."""
    if not run.verdicts:
        return number(None, reason="nothing was moved", quiet=True)
    others = [f"{run.verdicts[name]} {name}" for name in VERDICTS if run.verdicts.get(name)]
    total = sum(run.verdicts.values())
    count = run.verdicts.get(verdict, 0)
    return number(count, form="count", of=f"of {total}", about=", ".join(others))


def _comparisons(contents: GalleryContents) -> Section | None:
    if not contents.comparisons:
        return None
    columns = (
        Column("comparison", "Comparison", "And the folder it is in"),
        Column("runs", "Runs", numeric=True),
        Column("groups", "Groups", "Runs that differ in nothing but their seed", numeric=True),
    )
    rows = tuple(
        Row(
            (
                Text(one.title, href=one.href, note=one.folder),
                number(one.runs, form="count", reason="not told", quiet=True),
                number(one.groups, form="count", reason="not told", quiet=True),
            )
        )
        for one in contents.comparisons
    )
    table = Table("comparisons-found", "Pages that hold runs against each other", columns, rows)
    return Section("comparisons", "Comparisons", "Comparisons", (table,))


def _unfinished(contents: GalleryContents) -> Section | None:
    if not contents.unfinished:
        return None
    columns = (Column("folder", "Folder"), Column("reason", "Why"), Column("next", "What to do"))
    rows = tuple(
        Row((Text(one.folder), Text(one.reason), Text(one.next))) for one in contents.unfinished
    )
    caption = "Runs that have no report, or cannot be read"
    table = Table("no-report", caption, columns, rows, style="cards")
    return Section("unfinished", "Unfinished", "Unfinished", (table,))


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"
