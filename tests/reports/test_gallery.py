"""The page over a folder of runs: every run is on it, with links that stay in the folder."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from latentlab.pictures import Strip
from reports.gallery.contents import (
    GalleryComparison,
    GalleryContents,
    GalleryRun,
    MeanScore,
    Unfinished,
)
from reports.gallery.page import build, claims

SIDE = 8


def made_run(number, **more):
    rng = np.random.default_rng(number)
    pictures = rng.integers(0, 256, (7, SIDE, SIDE, 3), dtype=np.uint8)
    return replace(
        GalleryRun(
            title=f"run {number}",
            folder=f"sweep/run_{number}",
            href=f"./sweep/run_{number}/report.html",
            model="vae, beta_vae",
            data="faces",
            images=1000,
            latents=32,
            active=number % 32,
            beta=float(number),
            scores={"auc": MeanScore(0.5 + number / 200, 0.5, 0.99, 14)},
            verdicts={"supported": number, "entangled": 3, "not moved": 1},
            strip=Strip(pictures, tuple(np.linspace(-3, 3, 7)), "standard deviations"),
            moved="mu_007",
            moved_for="Smiling, supported",
        ),
        **more,
    )


@pytest.fixture(scope="module")
def contents():
    return GalleryContents(
        "runs",
        tuple(made_run(number) for number in range(3)),
        (GalleryComparison("beta: faces", "sweep/comparison", "./sweep/c.html", 12.0, 4.0),),
        (Unfinished("half", "no report yet; done: train", "latentlab encode half"),),
    )


def test_every_run_is_a_row_with_its_numbers(contents):
    said = claims(contents)["sections"]
    rows = said["runs"]["tables"]["gallery"]
    assert said["runs"]["facts"] == {"runs": 3, "comparisons": 1, "unfinished_runs": 1}
    assert [row["beta"] for row in rows] == [0, 1, 2]
    assert [row["supported"] for row in rows] == [0, 1, 2]
    assert rows[1]["auc"] == {"value": 0.505, "low": 0.5, "high": 0.99, "baseline": 0.5}
    assert "r2" not in rows[0]  # no run has it
    page = build(contents)
    assert 'href="./sweep/run_2/report.html"' in page
    assert 'href="./sweep/c.html"' in page
    assert "of 32" in page and "14 targets" in page and "of 6" in page
    assert "no report yet; done: train" in page


def test_what_no_run_has_is_no_column(contents):
    bare = replace(
        contents,
        runs=(made_run(1, strip=None, scores={}, verdicts={}, beta=None, no_strip="no model"),),
        comparisons=(),
        unfinished=(),
    )
    said = claims(bare)["sections"]
    assert list(said) == ["runs"]
    (row,) = said["runs"]["tables"]["gallery"]
    assert set(row) == {"run", "data", "model", "beta", "active"}
    assert row["beta"]["value"] is None
    assert "data:image/webp" not in build(bare)


def test_a_run_without_a_strip_says_why_beside_those_that_have_one(contents):
    mixed = replace(contents, runs=(*contents.runs, made_run(9, strip=None, no_strip="no model")))
    assert "no model" in build(mixed)


def test_the_same_contents_give_the_same_bytes(contents):
    assert build(contents) == build(contents)
    json.dumps(claims(contents), allow_nan=False)


def test_names_stay_text(contents):
    evil = "\"><script>alert(1)</script><img src=x onerror='alert(2)'>"
    hostile = replace(
        contents,
        title=evil,
        runs=(made_run(1, title=evil, folder=evil, model=evil, data=evil, moved_for=evil),),
        comparisons=(replace(contents.comparisons[0], title=evil),),
        unfinished=(Unfinished(evil, evil, evil),),
    )
    page = build(hostile)
    assert page.count("<script>") == 1  # the page's own
    assert "<img" not in page
    assert page.count("&lt;script&gt;alert(1)") >= 8


def test_sixty_runs_make_a_small_page(contents):
    page = build(replace(contents, runs=tuple(made_run(number) for number in range(60))))
    assert len(re.findall(r'<th scope="row">', page)) == 62
    assert len(page.encode()) < 1_000_000


def test_the_page_sorts_its_cards_and_is_quiet(tmp_path, contents, open_page):
    path = tmp_path / "index.html"
    path.write_text(build(contents), encoding="utf-8")
    opened = open_page(path)
    names = "#gallery tbody th a"
    first = opened.page.locator(names).all_text_contents()
    opened.page.locator("#gallery thead th").nth(3).locator("button").first.click()
    once = opened.page.locator(names).all_text_contents()
    assert sorted(first) == sorted(once)
    assert once == first[::-1]  # the largest beta first
    assert opened.quiet, opened
    assert opened.page.locator("#gallery tbody").evaluate("e => getComputedStyle(e).display") == (
        "grid"
    )
