"""The page: one file, nothing fetched, nothing run but its own script, every number true."""

import base64
import hashlib
import html.parser
import json
import re
from dataclasses import replace
from importlib import resources

import numpy as np
import pytest

from latentlab.pictures import Strip
from reports import charts, palette
from reports.build import build
from reports.claims import claims
from reports.numbers import NO_BREAK, shown

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'; DROP TABLE faces; --",
    "{{ 7 * 7 }}",
    "</style><b>",
    "]]><!--",
    "&lt;b&gt; & é 顔 \N{RIGHT-TO-LEFT OVERRIDE}",
    "=1+1",
    "x" * 200,
    "a b\tc\nd",
]
VOID = {"meta", "path", "circle", "rect", "br", "link", "img", "wbr", "input"}


class Tags(html.parser.HTMLParser):
    """Collects elements and checks that they nest."""

    def __init__(self, page):
        super().__init__()
        self.open, self.elements, self.text = [], [], []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.text.append(data)


@pytest.fixture(scope="module")
def page(contents):
    return build(contents)


def test_the_page_is_well_formed_and_its_ids_are_unique(page):
    ids = [attributes["id"] for _, attributes in Tags(page).elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_every_link_within_the_page_leads_somewhere(page):
    elements = Tags(page).elements
    ids = {attributes.get("id") for _, attributes in elements}
    links = {a["href"] for tag, a in elements if tag == "a" and a["href"].startswith("#")}
    assert {link[1:] for link in links} <= ids


def test_nothing_is_fetched_and_only_the_named_script_and_style_count(page):
    elements = Tags(page).elements
    assert [a for tag, a in elements if "src" in a or tag in ("link", "iframe", "object")] == []
    assert re.findall(r"url\((?!data:image/webp;base64,)", page) == []
    assert [a for _, a in elements if "style" in a or any(k.startswith("on") for k in a)] == []
    (policy,) = [a["content"] for _, a in elements if a.get("http-equiv")]
    assert policy.startswith("default-src 'none'")
    for tag in ("script", "style"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_the_script_is_small(page):
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert len(script.encode()) <= 12 * 1024
    assert "eval" not in script
    assert "innerHTML" not in script


def test_the_same_contents_give_the_same_bytes(contents, page):
    assert build(contents) == page
    assert json.dumps(claims(contents)) == json.dumps(claims(contents))


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_stay_text(make_contents, name):
    names = ["Unmeasured", name, "Smiling"]
    hostile = make_contents(names=names)
    honest = make_contents(names=["Unmeasured", "Honest", "Smiling"])
    page, other = build(hostile), build(honest)
    assert sorted(tag for tag, _ in Tags(page).elements if tag != "wbr") == sorted(
        tag for tag, _ in Tags(other).elements if tag != "wbr"
    )
    text = "".join(Tags(page).text)
    assert name.split("_")[0] in text


def test_every_auc_is_on_the_page_and_among_the_claims(contents, page):
    text = "".join(Tags(page).text)
    said = claims(contents)["sections"]["scores"]["tables"]["scores-attribute"]
    table = contents.probes[contents.probes["metric"] == "auc"].set_index("target")
    for row in said:
        value = table.loc[row["target"], "value"]
        if np.isnan(value):
            assert row["auc"] == {"value": None, "reason": "only 7 positive images in train"}
        else:
            assert row["auc"]["value"] == value
            assert shown(value, "score") in text


def test_the_kl_of_each_dimension_is_among_the_claims(contents):
    said = claims(contents)["sections"]["dimensions"]["charts"]["kl"]
    assert said == contents.dimensions.set_index("latent")["kl"].to_dict()


def test_claims_are_strict_json(contents, without_model):
    json.dumps(claims(contents), allow_nan=False)
    json.dumps(claims(without_model), allow_nan=False)


def test_what_was_not_measured_is_a_dash_with_its_reason(page):
    text = "".join(Tags(page).text)
    assert "nan" not in text.lower().split()
    assert "NaN" not in text
    assert "None" not in text
    assert "only 7 positive images in train" in text
    assert "\N{EM DASH}" in text


def test_a_page_without_verdicts_says_so(contents):
    page = build(replace(contents, verdicts=contents.verdicts[:0]))
    assert 'id="verdicts"' not in page
    assert "which this page does not measure" in " ".join(" ".join(Tags(page).text).split())


def test_inactive_dimensions_are_named_and_not_ranked(page, contents):
    text = "".join(Tags(page).text)
    assert "1 of 5 dimensions carry nothing" in text
    held = claims(contents)["sections"]["associations"]["tables"]["held"]
    assert "mu_004" not in {row["dimension"] for row in held}


def test_few_faces_found_is_an_alert(page):
    assert f"A face was found in 90{NO_BREAK}%" in "".join(Tags(page).text)


def test_the_first_screen_says_how_many_targets_the_latents_hold(page, contents):
    sections = claims(contents)["sections"]
    facts = sections["answer"]["facts"] | sections["associations"]["facts"]
    aucs = contents.probes[contents.probes["metric"] == "auc"]
    read = int((aucs["low"] > aucs["baseline"]).sum())
    assert (facts["attribute_all"], facts["attribute_read"]) == (len(aucs), read)
    assert facts["normalized_beta"] == pytest.approx(4.0 * 5 / (16 * 16 * 3))
    assert f"{read} of {len(aucs)} attributes can be read off the latents" in page


def test_an_unmeasured_target_is_told_on_the_first_screen_with_its_reason(page):
    alerts = page[page.index('class="alerts"') : page.index('id="verdicts"')]
    assert "Attribute_0 (only 7 positive images in train)" in alerts


def test_a_missing_metric_tells_its_reason_in_sight(contents):
    table = contents.metrics.assign(value=np.nan, reason="fewer than 2 factors")
    text = "".join(Tags(build(replace(contents, metrics=table))).text)
    assert "\N{EM DASH} fewer than 2 factors" in text


def test_the_page_does_not_depend_on_how_long_it_took_to_build_it(contents, page):
    stages = {"train": {"seconds": 12.5}, "report": {"seconds": 99.0}}
    later = replace(contents, provenance={**contents.provenance, "stages": stages})
    assert build(later) == page


def test_long_strips_and_many_samples_are_thinned(make_contents):
    contents = make_contents()
    strip = Strip(np.zeros((101, 16, 16, 3), np.uint8), tuple(np.linspace(-3, 3, 101)), "steps")
    samples = np.repeat(contents.samples, 100, axis=0)
    tags = Tags(build(replace(contents, strips={"mu_000": strip}, samples=samples)))
    places = {c for _, a in tags.elements for c in (a.get("class") or "").split()}
    assert "t47" in places  # of the samples
    assert "t48" not in places
    labels = [a["aria-label"] for _, a in tags.elements if "mu_000" in a.get("aria-label", "")]
    assert "15 decoded pictures along mu_000, from \N{MINUS SIGN}3 to +3 steps" in labels


@pytest.mark.parametrize("channels", [1, 3])
def test_grey_and_coloured_pictures(make_contents, channels):
    assert "data:image/webp" in build(make_contents(channels=channels))


def test_tables_alone_make_a_page(without_model):
    text = "".join(Tags(build(without_model)).text)
    assert "Attribute_1" in text
    for absent in ("Training", "Pictures", "The truth"):
        assert absent not in text


def test_a_factor_that_accounts_for_nothing_is_not_called_a_cause(make_contents):
    contents = make_contents()
    weak = contents.truth.assign(explained=np.where(contents.truth.index == 1, 0.01, 0.9))
    text = "".join(Tags(build(replace(contents, truth=weak))).text)
    left_out = text.partition(
        "Left out, since no known factor accounts for 10% of their variance: "
    )
    assert left_out[2].startswith(f"{weak['target'].iloc[1]}.")
    assert "Left out, since" not in "".join(Tags(build(contents)).text)


def test_the_largest_page_is_small_enough(make_contents):
    page = build(make_contents(attributes=40, latents=32, side=64))
    assert len(page.encode()) < 6_000_000  # noise, which WebP cannot shrink as it does faces


def test_letters_can_be_read_in_both_themes():
    style = resources.files("reports").joinpath("assets", "style.css").read_text(encoding="utf-8")
    colours = dict(re.findall(r"--([\w-]+): light-dark\(([^)]+)\)", style))
    for theme in (0, 1):
        at = {name: pair.split(", ")[theme] for name, pair in colours.items()}
        for letters in ("ink", "quiet", "accent"):
            for background in ("page", "soft", "warn"):
                assert palette.contrast(at[letters], at[background]) >= 4.5, (letters, background)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (6899.2, 7443.1), (-3e-4, 2e-4), (5, 5), (0, 0)])
def test_ticks_hold_the_values_and_are_round(low, high):
    ticks = charts.round_numbers(low, high, at_most=6)
    assert 2 <= len(ticks) <= 8
    assert ticks[0] <= low + 1e-9 and ticks[-1] >= high - 1e-9
    assert np.allclose(np.diff(ticks), ticks[1] - ticks[0])


def test_heat_colours_can_be_read_in_both_themes():
    for theme in palette.THEMES:
        for step in range(-palette.STEPS, palette.STEPS + 1):
            background = palette.shade(step, theme)
            assert palette.contrast(palette.letters(background), background) >= 4.5
