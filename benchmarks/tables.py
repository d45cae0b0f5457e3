"""The tables of README.md and docs/performance.md, made from benchmarks/results/.

    python -m benchmarks.tables

Each table stands between `<!-- NAME -->` and `<!-- end -->`.
"""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import measuring
from latentlab import files

ROOT = Path(__file__).parents[1]
README, PERFORMANCE = ROOT / "README.md", ROOT / "docs" / "performance.md"

Result = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """A line of the README's table.

    Attributes:
        name: Of the result.
        what, instead: What was measured, and what one would do otherwise.
        wanted: The ratio that was set as the aim.
        limit: Seconds that were.
        optional: Left out where it was never measured, as it needs what few machines have.
    """

    name: str
    what: str
    instead: str
    wanted: float | None = None
    limit: float | None = None
    optional: bool = False


ROWS = (
    Row("prepare.jpeg.torchvision", "prepare JPEGs", "Pillow and torchvision in a loop"),
    Row("training.cpu", "train on the CPU", "the loop most VAEs are published with", wanted=1.5),
    Row("training.cuda", "train on a GPU", "the same loop", wanted=10.0, optional=True),
    Row("encode.cpu", "encode to a table", "a `DataLoader` over the JPEGs", wanted=2.0),
    Row("landmarks.processes", "face landmarks, two processes", "one process", wanted=1.8),
    Row("probes.logistic_cv.newton-cholesky", "40 logistic probes, 5 folds, 10 penalties",
        "scikit-learn's fastest, in a loop"),
    Row("rankings.resampling.images.well written", "rankings with intervals",
        "a well-written loop over resamples, of less"),
    Row("metrics.binned", "MIG, SAP and modularity", "scikit-learn, pair by pair"),
    Row("report.build", "the report's page", "pandas and matplotlib in base64"),
    Row("startup.help", "`latentlab --help`", '`python -c "import torch"`', limit=0.5),
    Row("startup.first_step", "command to first training step", "the shortest script",
        limit=5.0),
)  # fmt: skip


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    renew(README, readme_tables(results()))
    renew(PERFORMANCE, performance_tables(results()))


def results(folder: Path | None = None) -> list[Result]:
    """Every line of every results file, file by file."""
    folder = folder or measuring.RESULTS
    return [one for path in sorted(folder.glob("*.json")) for one in files.read_json(path)]


def renew(page: Path, tables: Mapping[str, str]) -> None:
    files.write_text(page, filled(page.read_text(encoding="utf-8"), tables))


def filled(text: str, tables: Mapping[str, str]) -> str:
    """A page with its tables made anew.

    Raises:
        ValueError: it has no place for one.
    """
    for name, table in tables.items():
        before, begin, rest = text.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        if not (begin and end):
            raise ValueError(f"there is no place for the table {name}")
        text = f"{before}{begin}{table}\n{end}{after}"
    return text


def readme_tables(found: Sequence[Result]) -> dict[str, str]:
    named = {one["name"]: one for one in found}
    rows = []
    for row in ROWS:
        one = named.get(row.name)
        if one is not None:
            rows.append([row.what, row.instead, *compared(one), gap(row, one)])
        elif not row.optional:
            rows.append([row.what, row.instead, "", "", "", "", "", "not measured yet"])
    titles = ("what", "instead", "ours", "theirs", "times", "range", "n", "gap")
    return {"speed": table(titles, rows)}


def performance_tables(found: Sequence[Result]) -> dict[str, str]:
    """By name: `compared`, `epochs`, `machine`, `stages`, `sizes`."""
    lines = [one for one in found if "ratio" in one and not one["name"].startswith("rankings.cov")]
    many = [one for one in found if one["name"].startswith("many_images.")]
    profiles = [one for one in found if one["name"].startswith("profile.")]
    return {
        "compared": table(
            ("name", "ours", "theirs", "times", "range", "n"),
            [[full_name(one), *compared(one)] for one in lines],
        ),
        "epochs": table(
            ("epochs of", "images a second", "as published", "aimed at", "waits for", "reached"),
            [epoch_row(one) for one in found if "share_of_bound" in one],
        ),
        "machine": "\n".join(machine_lines(profiles)),
        "stages": table(
            ("stage", "seconds", "of", "cores busy", "where the time goes", "bound", "reached"),
            [stage_row(one) for one in profiles if "places" in one],
        ),
        "sizes": table(
            ("stage", "images", "images a second", "most memory", "bend of the time",
             "bytes an image more"),
            [row for one in many for row in size_rows(one)],
        ),
    }  # fmt: skip


def full_name(one: Result) -> str:
    """The name, with the number of rows where there are several lines of one name."""
    rows = f", {one['rows']:,} rows" if "rows" in one else ""
    return f"`{one['name']}`{rows}"


def compared(one: Result) -> list[str]:
    """Ours, theirs, how many times better, the range of that, and how many."""
    low, high = min(one["ratios"]), max(one["ratios"])
    spread = f"{low:,.1f} to {high:,.1f}" if len(one["ratios"]) > 1 else "once"
    return [
        amount(one["ours"], one["unit"]),
        amount(one["instead"], one["unit"]),
        f"{one['ratio']:,.1f}",
        spread,
        f"{one['n']:,}",
    ]


def gap(row: Row, one: Result) -> str:
    """How far a result is from what was wanted; empty where it is not."""
    if row.wanted is not None and one["ratio"] < row.wanted:
        return f"{row.wanted:g} times wanted"
    if row.limit is not None and one["ours"] > row.limit:
        return f"{row.limit:g} s wanted"
    return ""


def epoch_row(one: Result) -> list[str]:
    whole = "epoch_seconds" if "epoch_seconds" in one else "protocol_seconds"
    on_gpu = one["name"].startswith("training.cuda")  # what was aimed at is for one of these
    return [
        f"`{one['name']}`",
        f"{1 / one['ours']:,.0f}",
        f"{one[whole]:,.1f} s",
        f"{one['limit']:g} s" if on_gpu else "",
        one["binds"],
        f"{one['share_of_bound']:.0%}",
    ]


def stage_row(one: Result) -> list[str]:
    places = ", ".join(f"{name} {share:.0%}" for name, share in one["places"])
    bound = one["bound"]
    return [
        one["name"].removeprefix("profile."),
        f"{one['seconds']:.2f}",
        f"{one['items']:,} {one['unit']}" if one["items"] > 1 else "the run",
        f"{one['cores']:.1f}",
        places,
        f"{bound['what']}, {bound['seconds']:.2f} s" if bound else "none in one figure",
        f"{bound['share']:.0%}" if bound else "",
    ]


def machine_lines(profiles: Iterable[Result]) -> Iterable[str]:
    for one in profiles:
        if one["name"] == "profile.machine":
            about = one["machine"]
            yield (
                f"{about['processor']}, {about['cores']} cores, Python {about['python']},"
                f" torch {one['versions']['torch']} on {one['threads']} threads:"
                f" {one['gemm']:,.0f} GFLOP/s of matrix products,"
                f" {one['convolution']:,.0f} of the reference network's convolution,"
                f" {one['copy']:,.1f} GB/s copied, {one['sha256']:.2f} GB/s of SHA-256 on one core."
            )


def size_rows(one: Result) -> list[list[str]]:
    rows = [
        [
            one["name"].removeprefix("many_images."),
            f"{line['images']:,}",
            f"{line['images_per_second']:,.0f}",
            f"{line['megabytes'] + line['of_children']:,.0f} MB",
            "",
            "",
        ]
        for line in one["sizes"]
    ]
    rows[-1][-2:] = [f"{one['bend']:+.0%}", f"{one['bytes_an_image']:,.0f}"]
    return rows


def amount(value: float, unit: str) -> str:
    """A number with its unit; seconds in what suits their size."""
    word, _, rest = unit.partition(" ")
    if word not in ("s", "seconds"):
        return f"{value:,.0f} {unit}"
    steps = ((1.0, "s"), (1e-3, "ms"))
    scale, short = next((step for step in steps if value >= step[0]), (1e-6, "us"))
    number = f"{value:,.0f}" if value >= 1000 else f"{value / scale:.3g}"
    return f"{number} {short} {rest if rest.startswith(('a ', 'an ')) else ''}".strip()


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """In Markdown."""
    lines = ["|" + "---|" * len(titles), *(_line(row) for row in rows)]
    return "\n".join([_line(titles), *lines])


def _line(cells: Sequence[str]) -> str:
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in cells)


if __name__ == "__main__":
    main()
