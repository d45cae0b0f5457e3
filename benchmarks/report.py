"""The report of a large run: how long it takes, how many bytes it has, how soon it can be used.

    latentlab run configs/celeba.yaml --set source.root=CELEBA --set source.limit=10000
    python -m benchmarks.report runs/celeba

Instead: the same tables by pandas, the same charts by matplotlib and the same pictures as PNG, all
in base64 on one page. Needs Chromium; writes benchmarks/results/report.json.
"""

import argparse
import base64
import html
import io
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from PIL import Image

from benchmarks import measuring
from pipelines.report import gather
from pipelines.stages import open_workspace
from reports.build import SCRIPTS, build, script_of
from reports.contents import Contents
from reports.page import BarChart, Block, Columns, Details, LineChart, Paragraph, Table, Tiles
from reports.pictures import Album
from reports.sections import compose

matplotlib.use("agg")
from matplotlib import pyplot

ROUNDS, LOADS = 3, 5
LIMITS = {"page": 6_000_000, "with playground": 8_000_000, "seconds": 20.0, "usable": 1.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="a run folder with all tables")
    work = open_workspace(parser.parse_args().run)
    began, processor = time.perf_counter(), time.process_time()
    contents = gather(work)
    gathered = time.perf_counter() - began, time.process_time() - processor
    processor = time.process_time()
    still = replace(contents, playground=None)
    page = build(contents)
    built = time.process_time() - processor
    plain, other = build(still), naive(still)
    size = {
        "attributes": sum(role == "attribute" for role in work.data.targets().roles.values()),
        "targets": len(work.data.targets().roles),
        "dimensions": len(contents.dimensions),
        "active": int(contents.dimensions["active"].sum()),
        "rows_of_tables": sum(map(len, (contents.probes, contents.rankings, contents.verdicts))),
    }
    ours, theirs = measuring.side_by_side(
        lambda: build(contents), lambda: naive(still), rounds=ROUNDS
    )
    bytes_of = {name: len(text.encode()) for name, text in (("page", plain), ("other", other))}
    results = [
        measuring.result(
            "report.build", ours, theirs, n=1, unit="seconds from what was gathered to a page",
            seconds_of_gathering=gathered[0], processor_seconds_of_gathering=gathered[1],
            processor_seconds=built, **size,
        ),
        measuring.result(
            "report.build.bytes", [bytes_of["page"]], [bytes_of["other"]], n=1, unit="bytes",
            with_playground=len(page.encode()), script=len(script_of(SCRIPTS).encode()), **size,
        ),
        usable(plain, page, other, size),
    ]  # fmt: skip
    measuring.write("report", results)
    seen = {
        "page": results[1]["ours"],
        "with playground": results[1]["with_playground"],
        "seconds": results[0]["ours"] + gathered[0],
        "usable": results[2]["ours"],
    }
    for name, limit in LIMITS.items():
        print(f"{name}: {seen[name]:,.2f} of {limit:,.2f}{'' if seen[name] <= limit else ' OVER'}")


def usable(plain: str, page: str, other: str, size: dict[str, int]) -> dict[str, Any]:
    """Seconds until the page can be used: parsed, its script run, and a column sorted on demand.
    The other page has nothing to press; its time ends when it is parsed."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, text in (("plain", plain), ("page", page), ("other", other)):
            paths.append(Path(folder) / f"{name}.html")
            paths[-1].write_text(text, encoding="utf-8")
        times: dict[Path, list[float]] = {path: [] for path in paths}
        with chromium() as browser:
            for _ in range(LOADS):
                for path in paths:
                    times[path].append(seconds_to_use(browser, path))
    ours, live, theirs = (times[path] for path in paths)
    return measuring.result(
        "report.build.usable", ours, theirs, n=1, unit="seconds from opening to the first sort",
        with_playground=statistics.median(live), **size,
    )  # fmt: skip


def seconds_to_use(browser: Any, path: Path) -> float:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(path.resolve().as_uri())
    loaded = page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    sorted_in = page.evaluate("""() => {
      const began = performance.now();
      document.querySelector("table[data-sortable] thead button")?.click();
      document.body.getBoundingClientRect();
      return performance.now() - began;
    }""")
    page.close()
    return (loaded + sorted_in) / 1000


@contextmanager
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


class Kept(Album):
    """An album whose pictures can be asked for again."""

    def __init__(self) -> None:
        super().__init__()
        self.images: dict[str, np.ndarray] = {}

    def add(self, images: np.ndarray) -> str:
        name = super().add(images)
        self.images[name] = images
        return name


def naive(contents: Contents) -> str:
    """The same tables, charts and pictures as one would put on a page in an afternoon."""
    album = Kept()
    parts = []
    for section in compose(contents, album).sections:
        parts.append(f"<h2>{html.escape(section.title)}</h2>")
        parts += [part for block in section.blocks for part in shown(block, album)]
    return f"<!doctype html><meta charset=utf-8><title>report</title>{''.join(parts)}"


def shown(block: Block, album: Kept) -> Iterator[str]:
    """A block as HTML; what is in a block, after its title."""
    if isinstance(block, Columns | Details):
        if isinstance(block, Details):
            yield f"<h3>{html.escape(block.title)}</h3>"
        for one in block.blocks:
            yield from shown(one, album)
    elif isinstance(block, Table):
        yield from table(block, album)
    elif isinstance(block, Tiles):
        yield picture(album.images[block.picture])
    elif isinstance(block, LineChart | BarChart):
        yield chart(block)
    elif isinstance(block, Paragraph):
        yield f"<p>{html.escape(block.text)}</p>"


def table(block: Table, album: Kept) -> Iterator[str]:
    """Numbers with their intervals as text; maps are shaded; pictures in cells follow below."""
    titles = [column.title for column in block.columns]
    if block.style == "heat":
        values = [[cell.value for cell in row.cells[1:]] for row in block.rows]  # type: ignore[union-attr]
        names = [row.cells[0].text for row in block.rows]  # type: ignore[union-attr]
        frame = pd.DataFrame(values, index=pd.Index(names), columns=titles[1:], dtype=float)
        frame = frame.loc[~frame.index.duplicated()]
        frame.columns = pd.Index([f"{title} {at}" for at, title in enumerate(frame.columns)])
        yield frame.style.background_gradient("coolwarm", vmin=-1, vmax=1).to_html()
        return
    rows = [
        [f"{getattr(cell, 'text', '')} {getattr(cell, 'interval', '')}" for cell in row.cells]
        for row in block.rows
    ]
    yield pd.DataFrame(rows, columns=titles).to_html(index=False)
    for row in block.rows:
        for cell in row.cells:
            if isinstance(cell, Tiles):
                yield picture(album.images[cell.picture])


def picture(images: np.ndarray) -> str:
    row = np.concatenate(list(np.broadcast_to(images, (*images.shape[:3], 3))), 1)
    buffer = io.BytesIO()
    Image.fromarray(row).save(buffer, "PNG")
    return embedded(buffer)


def chart(block: LineChart | BarChart) -> str:
    figure, axes = pyplot.subplots(figsize=(5.2, 2.6))
    if isinstance(block, BarChart):
        axes.bar([bar.label for bar in block.bars], [bar.value for bar in block.bars])
        axes.tick_params("x", rotation=60)
    else:
        for series in block.series:
            y = [np.nan if value is None else value for value in series.y]
            axes.plot(series.x, y, label=series.name)
            if series.low:
                ends = np.array([series.low, series.high], dtype=float)
                axes.fill_between(series.x, *ends, alpha=0.2)
        axes.legend()
    axes.set(title=block.title, xlabel=block.x_label, ylabel=block.y_label)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    pyplot.close(figure)
    return embedded(buffer)


def embedded(buffer: io.BytesIO) -> str:
    return f'<img src="data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}">'


if __name__ == "__main__":
    main()
