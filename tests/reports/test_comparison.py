"""The comparison's page: one file, nothing fetched, its numbers those of the tables."""

import base64
import hashlib
import html.parser
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from latentlab.comparison.agreement import rank_agreement
from latentlab.comparison.choice import choose, tallies
from latentlab.comparison.groups import group_runs
from latentlab.comparison.matching import match_all, matches_table
from latentlab.comparison.numbers import values_of
from latentlab.comparison.runs import LeftOut, targets_of
from latentlab.comparison.summary import differences, summarize
from latentlab.comparison.survival import Changes, pairs_of, survival
from latentlab.pictures import Strip
from reports import dot_charts
from reports.comparison.contents import ComparisonContents, Faces, Moved
from reports.comparison.page import build, claims
from reports.numbers import shown
from reports.page import Dot, DotChart, Guide
from tests.latentlab.comparison import made


def control(beta, seed, target):
    """Smiling is best at beta 4, Male cannot be measured, nothing moves yaw."""
    if target == "Smiling":
        return {1.0: 0.4, 4.0: 0.9, 16.0: 0.5}[beta] + 0.01 * ((seed * int(beta)) % 5)
    return None if target == "Male" else 0.0


def make_contents(runs, faces=(), **changes):
    groups = group_runs(runs)
    values, matchings = values_of(runs, groups), match_all(runs)
    likelihoods = {one.name: "bernoulli" for one in groups.groups}
    means, tests = summarize(values, groups), differences(values, groups, likelihoods)
    rng = np.random.default_rng(0)
    changed = {run.name: Changes(tuple(run.active), rng.normal(size=(4, 12))) for run in runs}
    parts = {
        "title": "a sweep",
        "grouping": groups,
        "summary": means,
        "differences": tests,
        "choices": choose(runs, groups, means, tests),
        "matches": matches_table(matchings, runs, groups),
        "survival": survival(runs, groups, pairs_of(runs, matchings, changed)),
        "agreement": rank_agreement(values),
        "values": values,
        "tallies": tallies(runs, groups),
        "roles": targets_of(runs),
        "likelihoods": likelihoods,
        "normalized": {one.name: 0.01 for one in groups.groups},
        "images": made.IMAGES,
        "left_out": (),
        "common": {"model": {"name": "vae"}},
        "faces": tuple(faces),
        "unshown": (),
    }
    return ComparisonContents(**(parts | changes))


def a_face(groups, target="Smiling"):
    pictures = np.random.default_rng(1).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)
    strip = Strip(pictures, tuple(np.linspace(-3, 3, 5)), "standard deviations of the codes")
    rows = [Moved(group, f"{group} run", "mu_000", strip, "moves it most") for group in groups[:-1]]
    rows.append(Moved(groups[-1], "last run", "", None, "no dimension is matched"))
    return Faces(target, "mu_000 of a run", tuple(rows))


@pytest.fixture(scope="module")
def contents():
    runs = made.runs(control=control)
    face = a_face([group.name for group in group_runs(runs).groups])
    left = (LeftOut("beta_32_seed_0", "unfinished: no latents.parquet"),)
    return make_contents(runs, [face], left_out=left)


@pytest.fixture(scope="module")
def page(contents):
    return build(contents)


class Words(html.parser.HTMLParser):
    """The text of a page, and the attributes of its elements."""

    def __init__(self, page):
        super().__init__()
        self.text, self.attributes, self.inside = [], [], ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.inside = tag
        self.attributes.append((tag, dict(attributes)))

    def handle_data(self, data):
        if self.inside not in ("script", "style"):
            self.text.append(data)

    def __str__(self):
        return " ".join("".join(self.text).split())


def test_the_page_is_one_file_that_fetches_nothing(page):
    attributes = Words(page).attributes
    assert not [a for tag, a in attributes if "src" in a or tag in ("link", "iframe")]
    assert not [a for _, a in attributes if "style" in a or any(k.startswith("on") for k in a)]
    assert re.findall(r"url\((?!data:image/webp;base64,)", page) == []
    (policy,) = [a["content"] for _, a in attributes if a.get("http-equiv")]
    for tag in ("script", "style"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_ids_are_unique_and_links_lead_somewhere(page):
    attributes = Words(page).attributes
    ids = [a["id"] for _, a in attributes if "id" in a]
    assert len(ids) == len(set(ids))
    links = {a["href"] for _, a in attributes if a.get("href", "").startswith("#")}
    assert {link[1:] for link in links} <= set(ids)


def test_the_same_contents_give_the_same_bytes(contents, page):
    assert build(contents) == page


def test_the_first_screen_answers_for_smiling_with_an_interval(contents, page):
    row = contents.choices.set_index("target").loc["Smiling"]
    text = str(Words(page[: page.index('id="faces"')]))
    interval = f"{shown(row['control'], 'short')} [{shown(row['low'], 'short')}, "
    assert "Which beta for controlling Smiling?" in text
    assert f"Smiling: beta 4, with control {interval}" in text
    assert "supported in 3" in text and "It is told from all others (p " in text
    assert "beta_32_seed_0 (unfinished: no latents.parquet)" in text
    assert "Most runs cannot measure these: Male" in text
    assert "in most runs of any group: yaw" in text


def test_claims_are_the_numbers_of_the_tables(contents):
    said = claims(contents)["sections"]
    json.dumps(said, allow_nan=False)
    (answer,) = said["answer"]["tables"]["choices"]
    row = contents.choices.set_index("target").loc["Smiling"]
    assert answer["control"] == {"value": row["control"], "low": row["low"], "high": row["high"]}
    assert answer["p"] == row["p_holm"]
    means = contents.summary[contents.summary["target"].isna()]
    listed = [one["mean"] for one in said["numbers"]["tables"]["means"]]
    values = [one["value"] if isinstance(one, dict) else one for one in listed]
    assert values == [None if np.isnan(mean) else mean for mean in means["mean"]]
    chart = said["numbers"]["charts"]["number-kl"]
    kl = contents.summary[contents.summary["number"] == "kl"]
    assert [one["y"] for one in chart["means"]] == kl["mean"].tolist()
    assert len(chart["runs"]) == 9
    plane = said["plane"]["charts"]["plane-bernoulli"]["runs"]
    of_models = contents.values[contents.values["target"].isna()]
    own = of_models.set_index(["number", "run"])["value"]
    for dot in plane:
        assert (dot["x"], dot["y"]) == (own["kl", dot["name"]], own["reconstruction", dot["name"]])


def test_every_mean_and_test_is_in_sight(contents, page):
    text = str(Words(page))
    for row in contents.differences[contents.differences["target"].isna()].itertuples():
        if row.p_holm == row.p_holm:
            assert shown(row.p_holm, "q") in text
    assert "nan" not in text.lower().split() and "None" not in text.split()


def test_survival_shows_exact_counts(contents, page):
    text = str(Words(page[page.index('id="survival"') :]))
    assert "3 of 3 supported" in text and "Seeds of beta 4" in text
    rows = claims(contents)["sections"]["survival"]["tables"]["matching"]
    whole = contents.survival[contents.survival["question"] == "match_strength"]
    assert [row["strength"]["value"] for row in rows] == whole["value"].tolist()


def test_a_tie_is_said(contents):
    runs = made.runs(control=lambda beta, seed, target: 0.6 + 0.01 * ((seed + int(beta)) % 3))
    text = str(Words(build(make_contents(runs))))
    assert "It is a tie with" in text and "one best beta" not in text


def test_one_seed_a_collapsed_run_and_missing_verdicts_are_alerts():
    runs = [made.run(1.0), made.run(4.0, verdicts=None), made.run(16.0)]
    flat = runs[2].dimensions.assign(active=False)
    runs[2] = replace(runs[2], dimensions=flat)
    text = str(Words(build(make_contents(runs))))
    assert "3 groups of one seed only" in text
    assert "1 run collapsed" in text and "beta_16_seed_0 (beta 16)" in text
    assert "1 run without verdicts" in text


def test_likelihoods_are_drawn_apart_and_told():
    runs = made.runs(betas=(1.0, 4.0))
    likelihoods = {"beta 1": "bernoulli", "beta 4": "gaussian"}
    made_of = make_contents(runs, likelihoods=likelihoods)
    charts = claims(made_of)["sections"]["plane"]["charts"]
    assert sorted(charts) == ["plane-bernoulli", "plane-gaussian"]
    assert {len(chart["runs"]) for chart in charts.values()} == {3}
    assert "Groups have different likelihoods" in str(Words(build(made_of)))


def test_groups_without_an_axis_keep_their_names():
    runs = [made.run(seed=seed) for seed in (0, 1)]
    for seed in (0, 1):
        other = made.run(seed=seed, name=f"other {seed}")
        other.config["objective"] = {"name": "factor_vae", "gamma": 10.0}
        runs.append(other)
    text = str(Words(build(make_contents(runs))))
    assert "objective factor_vae" in text and "Every number against group" in text


def test_one_group_alone_makes_a_page():
    text = str(Words(build(make_contents(made.runs(betas=(1.0,))))))
    assert "differ in nothing but their seed" in text


def test_a_hostile_name_stays_text(contents):
    hostile = replace(contents, title="<script>alert(1)</script>")
    assert "<script>alert(1)" not in build(hostile)


def test_dots_guides_and_intervals_lie_inside_the_chart():
    dots = tuple(Dot(f"run {k}", float(k), 10.0 - k) for k in range(5))
    chart = DotChart(
        "c", "C", "x", "y", dots, (Dot("mean", 2.0, 8.0, 3.0, 13.0),),
        guides=(Guide(10.0, "ten"), Guide(1000.0, "far")),
    )  # fmt: skip
    plot = dot_charts.dots(chart)
    for one in (*plot.dots, *plot.means):
        assert plot.left <= one.x <= plot.right and plot.top <= one.y <= plot.bottom
    (guide,) = plot.guides  # the other misses the box
    assert guide.label == "ten"
    ends = re.findall(r"V([\d.]+)", plot.means[0].range)
    assert plot.top <= float(ends[0]) <= plot.bottom
    # A guide y = 10 - x goes through the dots, which lie on it.
    x0, y0, x1, y1 = map(float, re.findall(r"[\d.]+", guide.path))
    for one in plot.dots:
        assert y0 + (one.x - x0) * (y1 - y0) / (x1 - x0) == pytest.approx(one.y, abs=0.2)
