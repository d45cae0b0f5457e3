"""The first screen, the pages of targets and dimensions, and the maps say what the tables say."""

import re
from dataclasses import replace
from importlib import resources

import numpy as np
import pandas as pd
import pytest

from latentlab.verdicts import VERDICTS
from reports.build import build
from reports.claims import claims
from reports.contents import Evidence
from reports.effects import effects_of
from reports.findings import findings
from reports.page import LineChart, Series, Table
from reports.pictures import Album
from reports.sections import compose, maps, targets
from reports.sections.verdicts import WORDS
from tests.reports.test_build import Tags


@pytest.fixture(scope="module")
def page(contents):
    return build(contents)


@pytest.fixture(scope="module")
def said(contents):
    return claims(contents)["sections"]


@pytest.fixture(scope="module")
def moved(contents):
    return effects_of(contents)


def text_of(html):
    return " ".join(" ".join(Tags(html).text).split())


def test_every_verdict_is_on_the_first_screen_with_its_rule_effect_and_selectivity(
    contents, page, said
):
    rows = {row["target"]: row for row in said["answer"]["tables"]["verdicts"]}
    assert set(rows) == set(contents.verdicts["target"])
    text = text_of(page)
    for row in contents.verdicts.itertuples():
        mine = rows[row.target]
        assert mine["verdict"] == {"text": row.verdict, "note": row.rule}
        assert row.rule in text
        if row.effect == row.effect:
            assert mine["effect"] == {"value": row.effect, "low": row.low, "high": row.high}
            assert mine["selectivity"]["value"] == 0.6
            assert mine["worst"]["slope"] == 0.33
        else:
            assert mine["effect"]["value"] is None and mine["effect"]["reason"]


def test_the_useful_verdicts_stand_first_in_each_role(contents, said):
    roles = dict(zip(contents.verdicts["target"], contents.verdicts["role"], strict=True))
    rows = said["answer"]["tables"]["verdicts"]
    for role in set(roles.values()):
        order = [
            list(WORDS).index(row["verdict"]["text"])
            for row in rows
            if roles[row["target"]] == role
        ]
        assert order == sorted(order)


def test_the_counts_of_the_first_screen_are_those_of_the_table(contents, said):
    facts, counts = said["answer"]["facts"], contents.verdicts["verdict"].value_counts()
    for verdict, count in counts.items():
        assert facts[verdict.replace(" ", "-")] == count
    attributes = contents.verdicts[contents.verdicts["role"] == "attribute"]
    supported = int((attributes["verdict"] == "supported").sum())
    assert facts["attribute_supported"] == supported
    assert facts["attribute_judged"] == len(attributes)


def test_a_run_without_a_supported_target_is_told_not_to_name_its_dimensions(contents):
    verdicts = contents.verdicts
    none = verdicts[verdicts["verdict"] != "supported"]
    text = text_of(build(replace(contents, verdicts=none)))
    assert "None of the" in text and "do not name a dimension" in text
    assert "you may say that the dimension controls it" in text_of(build(contents))


def test_every_word_of_the_verdicts_can_be_filtered_by(page):
    assert set(WORDS) == set(VERDICTS)
    style = resources.files("reports").joinpath("assets", "style.css").read_text(encoding="utf-8")
    for verdict in VERDICTS:
        key = verdict.replace(" ", "-")
        assert f'[id$="-{key}"]:checked' in style and f":not(.v-{key})" in style
        assert f'id="show-{key}"' in page


def test_the_filter_works_without_a_script(tmp_path, contents, page, open_page):
    path = tmp_path / "report.html"
    path.write_text(page, encoding="utf-8")
    opened = open_page(path, java_script_enabled=False).page
    rows = opened.locator("#verdicts tr[class^=v-]")
    assert rows.count() == len(contents.verdicts)
    opened.locator("#show-entangled").check()
    kept = [row for row in rows.all() if row.is_visible()]
    assert len(kept) == (contents.verdicts["verdict"] == "entangled").sum()
    assert all("v-entangled" in row.get_attribute("class") for row in kept)


def test_a_judge_that_fails_on_reconstructions_is_an_alert(page, contents):
    alerts = page[page.index('class="alerts"') : page.index('id="verdicts"')]
    assert "The judge pixels reads" in alerts and "mouth_aspect_ratio" in alerts
    assert "The judge circular" not in alerts
    sharp = contents.evidence.judges.assign(low=0.9)
    blind = replace(contents, evidence=replace(contents.evidence, judges=sharp))
    assert "The judge pixels reads" not in build(blind)


def test_pictures_lost_far_out_are_an_alert(contents, said):
    assert said["answer"]["facts"]["measured_at_the_ends"] == pytest.approx(0.7)
    kept = contents.evidence.paths.assign(detected=1.0)
    page = build(replace(contents, evidence=replace(contents.evidence, paths=kept)))
    assert "could be measured by every judge" not in text_of(page)


def test_the_side_effect_matrix_holds_the_slopes_of_the_judge_that_speaks(contents, said, moved):
    table = contents.evidence.interventions.set_index(["direction", "target", "judge"])
    rows = said["map"]["tables"]["effects"]
    assert len(rows) == len(said["map"]["tables"]["heat"])
    for row in rows:
        judge = moved.judge(row["target"])
        assert judge != "circular"
        for latent in moved.latents:
            slope = table.loc[(latent, row["target"], judge)]
            if np.isnan(slope["slope"]):
                assert row[latent] == {"value": None, "reason": slope["reason"]}
            else:
                assert row[latent]["value"] == slope["slope"]
                assert row[latent]["low"] == slope["low"]


def test_rows_and_columns_of_the_two_maps_stand_alike(said):
    heat, effects = (said["map"]["tables"][name] for name in ("heat", "effects"))
    assert [list(row) for row in heat] == [list(row) for row in effects]
    assert [row["target"] for row in heat] == [row["target"] for row in effects]


def test_the_map_of_labels_is_symmetric_and_one_on_its_diagonal(contents, said):
    rows = said["map"]["tables"]["label-map"]
    names = [row["target"] for row in rows]
    matrix = np.array([[row[name] for name in names] for row in rows], dtype=float)
    assert np.allclose(matrix, matrix.T) and np.allclose(np.diag(matrix), 1)
    first, second = names[0], names[-1]
    assert matrix[0, -1] == contents.evidence.correlations.at[first, second]


@pytest.mark.parametrize("seed", range(3))
def test_like_profiles_become_neighbours(seed):
    rng = np.random.default_rng(seed)
    apart = rng.standard_normal((4, 6)) * 10
    profiles = np.concatenate([apart, apart + 0.01])[rng.permutation(8)]
    order = maps.by_likeness(profiles)
    assert sorted(order) == list(range(8))
    steps = np.linalg.norm(np.diff(profiles[order], axis=0), axis=1)
    assert (steps[::2] < 1).all()


def test_the_curves_of_a_target_are_its_responses(contents, said, moved):
    one = next(one for one in findings(contents.probes, contents.rankings) if not one.reason)
    directions = targets.shown_directions(one, moved)
    chart = said["targets"]["charts"][f"{one.anchor}-curves"]
    assert set(chart) == {directions[0], "probe direction", "probe, others held"}
    rows = contents.evidence.responses
    for name, direction in zip(chart, directions, strict=False):
        own = rows[(rows["direction"] == direction) & (rows["target"] == one.target)]
        own = own[own["judge"] == moved.judge(one.target)].sort_values("t")
        assert chart[name]["x"] == own["t"].tolist()
        known = own["value"].notna()
        assert np.array(chart[name]["y"])[known].tolist() == own["value"][known].tolist()
        assert np.array(chart[name]["low"])[known].tolist() == own["low"][known].tolist()


def test_what_moves_beside_a_target_is_ordered_by_what_the_data_do_not_explain(contents, said):
    found = findings(contents.probes, contents.rankings)
    for one in found:
        if one.reason:
            continue
        rows = said["targets"]["tables"][f"{one.anchor}-beside"]
        assert one.target not in {row["other"] for row in rows}
        beyond = []
        for row in rows:
            slope = row["moved"]["value"]
            if slope is None:
                continue
            low, high = sorted((0.0, row["explained"]))
            beyond.append(max(low - slope, slope - high, 0.0))
        assert beyond == sorted(beyond, reverse=True)


def test_directions_are_held_against_random_ones(contents, said, moved):
    one = next(one for one in findings(contents.probes, contents.rankings) if not one.reason)
    rows = said["targets"]["tables"][f"{one.anchor}-directions"]
    sizes = [
        abs(value)
        for name in ("random:00", "random:01")
        if (value := moved.slope(name, one.target).value) is not None
    ]
    (random,) = [row for row in rows if "random directions" in row["direction"]]
    assert random["effect"] == pytest.approx(np.mean(sizes))
    assert random["reencoding"] == pytest.approx(1.4)
    assert {row["direction"] for row in rows} >= {"probe direction", "difference of means"}


def test_controls_stand_beside_the_score(contents, said):
    one = next(one for one in findings(contents.probes, contents.rankings) if not one.reason)
    rows = said["targets"]["tables"][f"{one.anchor}-read"]
    read = [row["read"] for row in rows]
    assert read[:2] == ["all latents", "mu_000 alone"]
    assert {"all latents, labels shuffled", "principal components of the pixels"} <= set(read)
    assert said["targets"]["charts"][f"{one.anchor}-needed"]["test images"]["x"] == [1, 2, 3]


def test_targets_and_dimensions_link_to_each_other(contents, page):
    found = [one for one in findings(contents.probes, contents.rankings) if not one.reason]
    section = {
        name: page[page.index(f'<section id="{name}"') :].partition("</section>")[0]
        for name in ("targets", "dimensions", "map")
    }
    latents = list(contents.strips)
    assert all(f'href="#t-{one.anchor[2:]}"' in section["dimensions"] for one in found[:1])
    assert any(f'href="#d-{name}"' in section["targets"] for name in latents)
    assert all(f'href="#d-{name}"' in section["map"] for name in latents)
    for name in latents:
        assert f'<details id="d-{name}"' in section["dimensions"]
    assert 'id="d-mu_004"' not in page  # inactive


def test_a_dimension_says_how_it_lies_against_the_prior(contents, said):
    facts = said["dimensions"]["facts"]
    assert facts["mu_000_skew"] == -0.2 and facts["mu_000_outside"] == 0.004
    chart = said["dimensions"]["charts"]["d-mu_000-density"]
    assert set(chart) == {"posterior means", "aggregate posterior", "prior N(0, 1)"}


def test_every_strip_of_a_direction_is_on_the_page_once_and_with_other_images(contents):
    page = compose(contents, album := Album())
    assert page.sections
    made = re.findall(r"url\(([^)]+)\)", album.css())
    evidence = contents.evidence
    strips = len(contents.strips) + len(contents.direction_strips) + len(evidence.strips)
    # originals and two epochs; draws and their neighbours; pairs, samples, images of the data
    assert len(made) == len(set(made)) == strips + len(evidence.others) + 3 + 3 + 3


@pytest.mark.parametrize(
    "missing",
    ["responses", "selectivity", "paths", "controls", "needed", "judges", "moves", "correlations"],
)
def test_a_page_is_made_without_any_one_table(contents, missing):
    evidence = replace(contents.evidence, **{missing: pd.DataFrame()})
    part = replace(contents, evidence=evidence)
    text = text_of(build(part))
    assert "The verdict on every target" in text
    assert "None " not in text.replace("None of the", "")
    claims(part)


def test_without_any_evidence_the_verdicts_still_stand(contents):
    bare = replace(contents, evidence=Evidence())
    said = claims(bare)["sections"]
    assert len(said["answer"]["tables"]["verdicts"]) == len(contents.verdicts)
    assert "effects" not in said["map"]["tables"] and "instruments" not in said


def test_where_nothing_was_moved_the_first_screen_falls_back_to_what_goes_together(without_model):
    said = claims(without_model)["sections"]
    assert "held" in said["answer"]["tables"] and "associations" not in said
    text = text_of(build(without_model))
    assert "No latent was moved" in text and "no decoder was used" in text
    assert "controls it" not in text and "What moves together" not in text


def test_codes_that_are_not_posterior_means_have_no_prior(contents):
    densities = contents.evidence.densities.assign(prior=np.nan, aggregate=np.nan)
    part = replace(contents, evidence=replace(contents.evidence, densities=densities))
    chart = claims(part)["sections"]["dimensions"]["charts"]["d-mu_000-density"]
    assert set(chart) == {"posterior means"}


def test_a_band_goes_there_and_back():
    from reports import charts

    series = Series("a", (0.0, 1.0, 2.0), (0.0, 1.0, 0.0), (-1.0, None, -1.0), (1.0, 2.0, 1.0))
    (line,) = charts.lines(LineChart("c", "c", "x", "y", (series,))).lines
    assert line.band.startswith("M") and line.band.endswith("Z")
    assert line.band.count("L") == 3  # two known intervals: four corners


def test_every_title_that_asks_for_a_word_finds_it_in_the_glossary(contents, page):
    ids = {attributes.get("id") for _, attributes in Tags(page).elements}
    terms = {
        column.term
        for section in compose(contents, Album()).sections
        for block in section.blocks
        if isinstance(block, Table)
        for column in block.columns
        if column.term
    }
    assert {"Effect", "Selectivity", "Side effect", "Verdict"} <= terms
    links = re.findall(r'class="term" href="#([^"]+)"', page)
    assert len(links) > 100 and set(links) <= ids
