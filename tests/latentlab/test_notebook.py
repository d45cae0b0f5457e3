"""Results as notebooks show them: every number with its interval, all text escaped, no colours."""

import html.parser
import re

import numpy as np
import pandas as pd
import pytest

from latentlab.artifacts import TABLES, RunFolder
from latentlab.examination import Examination
from latentlab.metrics.result import Result
from latentlab.notebook import show, table_html
from latentlab.pictures import Strip
from latentlab.probes.analysis import ProbeResults

EVIL = "<script>alert(1)</script><img src=x onerror=\"alert('2')\">'\"&"


class Tags(html.parser.HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.tags, self.cells, self.row = [], [], None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag == "tr":
            self.cells.append([])
        if tag in ("th", "td"):
            self.cells[-1].append("")

    def handle_data(self, data):
        if self.cells and self.cells[-1]:
            self.cells[-1][-1] += data


def some(**more):
    return pd.DataFrame(
        {
            "target": ["Smiling", "Bald"],
            "value": [0.91234, np.nan],
            "low": [0.9, np.nan],
            "high": [0.95, np.nan],
            "n": [1200, 3],
            "reason": [None, "only 3 positives"],
            "nothing": [None, None],
        }
        | more
    )


def made_probes(**more):
    table = some(role="attribute", metric="auc", baseline=0.5, **more)
    return ProbeResults(table, pd.DataFrame(), {}, pd.DataFrame())


def made_examination(target="Smiling"):
    table = pd.DataFrame(
        {
            "direction": ["mu_001", "mu_002", "probe:x", "mu_003"],
            "kind": ["latent", "latent", "probe", "latent"],
            "target": target,
            "judge": "pixels",
            "circular": [False, False, False, True],
            "slope": [0.1, -0.4, 0.9, 2.0],
            "low": -1.0,
            "high": 1.0,
            "anchors": 12,
        }
    )
    rest = [pd.DataFrame()] * 5
    return Examination(table, *rest)


def made_strip():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    return Strip(images, (-2.0, 0.0, 2.0), "standard deviations")


def test_a_number_has_its_interval_and_a_null_its_reason():
    cells = Tags(table_html(some())).cells
    assert cells[0] == ["target", "value", "n"]  # no empty column, no ends of intervals
    assert cells[1] == ["Smiling", "0.912 [0.900, 0.950]", "1,200"]
    assert cells[2] == ["Bald", "\N{EM DASH} only 3 positives", "3"]


def test_each_number_takes_its_own_interval():
    table = pd.DataFrame(
        {
            "target": ["Smiling"],
            "effect": [-0.5], "low": [-0.6], "high": [-0.4],
            "selectivity": [0.8], "selectivity_low": [0.7], "selectivity_high": [0.9],
        }
    )  # fmt: skip
    assert Tags(table_html(table)).cells[1] == [
        "Smiling",
        "-0.500 [-0.600, -0.400]",
        "0.800 [0.700, 0.900]",
    ]


def test_long_tables_say_how_much_is_left_out():
    table = pd.concat([some()] * 20, ignore_index=True)
    shown = show(table, "Scores", most=5)._repr_html_()
    assert len(Tags(shown).cells) == 1 + 5
    assert "35 more rows" in shown and "Scores" in shown


def test_results_show_what_matters():
    assert "Probes of 2 targets" in made_probes()._repr_html_()
    cells = Tags(made_examination()._repr_html_()).cells
    assert cells[1][:2] == ["Smiling", "mu_002"]  # steepest latent that is not circular
    assert len(cells) == 2
    assert "0.250" in Result(0.25, None, {"bins": 20, "scores": {"a": 1}})._repr_html_()
    assert "constant" in Result(None, "every factor is constant")._repr_html_()
    strip = made_strip()._repr_html_()
    assert strip.count("<img") == 3 and "+2" in strip and "standard deviations" in strip


def whole(name, table):
    """With the columns that a table of this name has, empty where nobody looks at them here."""
    return table.reindex(columns=list(dict.fromkeys([*table, *TABLES[name]])))


def test_a_run_shows_its_verdicts(tmp_path):
    run = RunFolder(tmp_path / "demo")
    assert "demo" in run._repr_html_()
    run.write_table("probes", whole("probes", some()))
    assert "Run demo: probes" in run._repr_html_()
    run.write_table("verdicts", whole("verdicts", some(verdict="entangled")))
    assert "Run demo: verdicts" in run._repr_html_() and "entangled" in run._repr_html_()


def shown_pieces():
    hostile = some(target=[EVIL, EVIL], reason=[EVIL, EVIL], verdict=[EVIL, EVIL])
    hostile[EVIL] = 1
    strip = made_strip()
    return {
        "table": table_html(hostile, EVIL),
        "probes": made_probes(target=[EVIL, EVIL])._repr_html_(),
        "examination": made_examination(EVIL)._repr_html_(),
        "strip": Strip(strip.images, strip.offsets, EVIL)._repr_html_(),
        "result": Result(None, EVIL, {EVIL: EVIL})._repr_html_(),
    }


@pytest.mark.parametrize("kind", ["table", "probes", "examination", "strip", "result"])
def test_hostile_strings_stay_text(kind):
    page = shown_pieces()[kind]
    assert "script" not in Tags(page).tags
    assert Tags(page).tags.count("img") == (3 if kind == "strip" else 0)
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize("kind", ["table", "probes", "examination", "strip", "result"])
def test_no_colour_is_fixed(kind):
    styles = " ".join(re.findall(r"style='([^']*)'", shown_pieces()[kind]))
    assert styles
    assert not re.search(r"#[0-9a-fA-F]{3}|rgb\(|hsl\(|: ?(white|black)|background", styles)


def test_a_browser_shows_them_on_dark_and_runs_nothing(tmp_path, open_page):
    path = tmp_path / "notebook.html"
    body = "".join(shown_pieces().values())
    path.write_text(
        "<!doctype html><meta charset=utf-8><title>n</title>"
        f"<body style='background:#111;color:#eee'>{body}",
        encoding="utf-8",
    )
    opened = open_page(path)
    assert opened.quiet, opened
    page = opened.page
    colours = page.locator("td, th, p").evaluate_all(
        "all => all.map(e => getComputedStyle(e).color)"
    )
    assert set(colours) == {"rgb(238, 238, 238)"}
    loaded = page.locator("img").evaluate_all("all => all.map(e => e.naturalWidth)")
    assert loaded == [8, 8, 8]
