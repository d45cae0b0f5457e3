"""What a reader may expect of any page: sort, filter, take along, link, follow, explain."""

import io
import re
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from reports.build import build
from reports.claims import claims

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def many(make_contents):
    """More targets than one sees at once, so that there is a filter."""
    names = [
        "Unmeasured",
        "Smiling",
        "Mouth_Slightly_Open",
        "Male",
        *(f"Other_{k}" for k in range(6)),
    ]
    return make_contents(names=names)


@pytest.fixture(scope="module")
def path(tmp_path_factory, many):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(build(many), encoding="utf-8")
    return path


@pytest.fixture
def page(path, open_page):
    opened = open_page(path, permissions=["clipboard-read", "clipboard-write"])
    yield opened.page
    assert opened.quiet, opened


def downloaded(page, button):
    with page.expect_download() as found:
        button.click()
    return found.value.suggested_filename, found.value.path().read_bytes()


def until(page, expression):
    """Wait for an expression to be true; Playwright's own way needs `eval`, which is forbidden."""
    for _ in range(100):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"not true within 5 s: {expression}")


def texts(page, selector):
    return page.locator(selector).all_inner_texts()


def test_the_csv_of_every_table_parses_to_the_numbers_of_the_claims(page, many):
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    sections = claims(many)["sections"].values()
    tables = {id: rows for one in sections for id, rows in one.get("tables", {}).items()}
    assert {"heat", "scores-attribute"} <= set(tables)
    compared = 0
    for id, rows in tables.items():
        if not rows or id.startswith("settings-"):
            continue
        page.evaluate("navigator.clipboard.writeText('')")
        page.locator(f"#{id} .tools button", has_text="Copy").click()
        until(page, "navigator.clipboard.readText()")
        table = pd.read_csv(io.StringIO(page.evaluate("navigator.clipboard.readText()")))
        assert len(table) == len(rows)
        for column, claim in ((key, row[key]) for row in rows for key in row):
            if not isinstance(claim, str | bool) and column not in table:
                assert claim is None or claim["value"] is None, (id, column)
        for at, row in enumerate(rows):
            for column, claim in row.items():
                told = claim if isinstance(claim, dict) else {"value": claim}
                if isinstance(claim, str | bool) or column not in table or "value" not in told:
                    continue
                assert same(table.at[at, column], told["value"]), (id, column, at)
                for end in ("low", "high"):
                    if end in told and f"{column} {end}" in table:
                        assert same(table.at[at, f"{column} {end}"], told[end])
                        compared += 1
                compared += told["value"] is not None
    assert compared > 100


def same(cell, value):
    """As the page writes it: with eight digits."""
    if isinstance(cell, str):
        return False
    return np.isnan(cell) if value is None else cell == pytest.approx(value, rel=1e-7)


def test_reasons_and_groups_are_in_the_csv(page):
    _, content = downloaded(page, page.locator("#scores-attribute .tools button", has_text="CSV"))
    row = pd.read_csv(io.BytesIO(content)).set_index("target").loc["Unmeasured"]
    assert np.isnan(row["auc"]) and row["auc reason"] == "only 7 positive images in train"
    _, content = downloaded(page, page.locator("#heat .tools button", has_text="CSV"))
    heat = pd.read_csv(io.BytesIO(content)).set_index("target")
    assert heat.loc["mouth_aspect_ratio", "group"] == "Face statistics"


def test_copying_gives_the_same_table(page):
    name, content = downloaded(page, page.locator("#heat .tools button", has_text="CSV"))
    page.locator("#heat .tools button", has_text="Copy").click()
    until(page, "document.getElementById('said').textContent === 'Table copied'")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.replace("\r\n", "\n") == content.decode("utf-8-sig")
    assert name == "a-run-latentlab-heat.csv"


FORMULAS = ["=1+1", '=HYPERLINK("x")', "+1-1", "-1+1", "@SUM(1)", "\t=2", "\r=3", "\uff1d4"]


def test_a_spreadsheet_runs_no_cell(make_contents, tmp_path, open_page):
    path = tmp_path / "report.html"
    path.write_text(build(make_contents(names=["Unmeasured", *FORMULAS, 'say "hi", you'])), "utf-8")
    page = open_page(path).page
    _, content = downloaded(page, page.locator("#scores-attribute .tools button", has_text="CSV"))
    names = set(pd.read_csv(io.BytesIO(content))["target"])
    assert names == {"Unmeasured", 'say "hi", you', *(f"'{name.strip()}" for name in FORMULAS)}
    for line in content.decode("utf-8-sig").splitlines():
        assert line[0] not in "=+-@\t\r\uff1d"
        if line.startswith("\"'"):
            assert re.match(r'"(\'[^"]|"")*', line)


def test_sorting_keeps_groups_and_leaves_what_has_no_value_last(page):
    def column(body, index):
        rows = page.locator(f"#scores-attribute tbody:nth-of-type({body}) tr:not(.group)")
        return [
            row.locator(f"td:nth-child({index})").get_attribute("data-value") for row in rows.all()
        ]

    head = page.locator("#scores-attribute thead th", has_text="AUC").first
    index = 1 + page.locator("#scores-attribute thead th").all_inner_texts().index(
        head.inner_text()
    )
    for order, sign in (("descending", -1), ("ascending", 1)):
        head.locator("button").first.click()
        assert head.get_attribute("aria-sort") == order
        values = column(1, index)
        known = [sign * float(value) for value in values if value]
        assert known == sorted(known) and values[-1] == "" and len(known) > 5
    groups = texts(page, "#heat tr.group")
    before = texts(page, "#heat tbody th a")
    page.locator("#heat thead th button").nth(2).click()
    after = texts(page, "#heat tbody th a")
    assert texts(page, "#heat tr.group") == groups and len(groups) > 1
    assert after != before and set(after) == set(before)
    assert after[-1] == before[-1]  # the last group has one row


def test_the_filter_leaves_those_that_hold_what_is_typed(page):
    rows = page.locator("#heat tbody tr:visible")
    every = rows.count()
    page.keyboard.press("/")
    page.keyboard.type("smil")
    assert page.evaluate("document.activeElement.type") == "search"
    assert texts(page, "#heat tbody th a:visible") == ["Smiling", "smile"]
    assert texts(page, "#targets details[id^=t-]:visible > summary span") == ["Smiling", "smile"]
    assert texts(page, "#heat tr.group:visible") == ["Attributes", "True factors"]
    assert page.locator("nav output").inner_text() == "2 of 11"
    page.locator("nav input").fill("SLIGHTLY_open mouth")
    assert texts(page, "#heat tbody th a:visible") == ["Mouth_Slightly_Open"]
    page.keyboard.press("Escape")
    assert rows.count() == every


def test_a_link_to_what_the_filter_hides_shows_it(page):
    page.locator("nav input").fill("male")
    page.evaluate("location.hash = '#t-smiling'")
    until(page, "document.querySelector('nav input').value === ''")
    assert page.locator("#t-smiling").is_visible() and page.locator("#t-smiling[open]").count()


def test_a_slash_typed_elsewhere_stays_a_slash(page):
    page.locator("nav input").fill("a")
    page.keyboard.type("/")
    assert page.locator("nav input").input_value() == "a/"


def test_permanent_links_are_seen_on_pointing_and_on_focus_and_open_what_they_name(page, path):
    link = page.locator('.here[href="#t-smiling"]')
    assert link.evaluate("(one) => getComputedStyle(one).opacity") == "0"
    page.locator("#t-smiling > summary").hover()
    assert link.evaluate("(one) => getComputedStyle(one).opacity") == "1"
    page.mouse.move(0, 0)
    link.click()
    until(page, "document.getElementById('said').textContent === 'Link copied'")
    address = page.evaluate("navigator.clipboard.readText()")
    assert address == path.as_uri() + "#t-smiling" == page.url
    other = page.context.new_page()  # as somebody who was given the address
    other.goto(address)
    box = other.locator("#t-smiling").bounding_box()
    assert other.locator("#t-smiling[open]").count() == 1
    assert -5 <= box["y"] <= 200


def test_every_section_fold_table_and_figure_has_a_permanent_link(page):
    missing = page.evaluate("""() => {
      const all = (what) => [...document.querySelectorAll(what)];
      const linked = new Set(all(".here").map((one) => one.hash.slice(1)));
      return all("main > section, details[id], table[id], figure[id]")
        .filter((one) => !linked.has(one.id)).map((one) => one.outerHTML.slice(0, 200));
    }""")
    assert missing == []


@pytest.mark.parametrize("hash", ["#%E0%A4%A", "#play=abc", "#nowhere", "#"])
def test_an_address_of_no_part_of_the_page_does_no_harm(path, open_page, hash):
    opened = open_page(path)
    opened.page.goto(path.as_uri() + hash)
    opened.page.reload()
    assert opened.quiet, opened


def test_the_contents_follow_the_reader(page):
    for section in ("scores", "answer"):
        page.evaluate(f"document.getElementById('{section}').scrollIntoView()")
        until(page, f"document.querySelector('nav [aria-current]').hash === '#{section}'")
        assert page.locator("nav [aria-current]").count() == 1


def test_a_column_is_explained_in_place_and_in_the_glossary_with_a_way_back(page):
    asked = page.locator("thead a.term:visible").first
    entry = page.locator(asked.get_attribute("href"))
    asked.click()
    word = page.locator("#word")
    assert word.is_visible()
    assert entry.locator("dd").inner_text() in word.inner_text()
    page.keyboard.press("Escape")
    assert not word.is_visible()
    assert page.evaluate("document.activeElement.className") == "term"
    at = page.evaluate("scrollY")
    asked.click()
    word.locator("a", has_text="All words").click()
    assert page.url.endswith(asked.get_attribute("href"))
    # At once, while the page still scrolls: by then Playwright's own click has waited.
    entry.locator("button", has_text="Back").evaluate("button => button.click()")
    until(page, f"Math.abs(scrollY - {at}) < 5")


def test_a_chart_downloads_as_svg_that_stands_alone(page):
    figure = page.locator("figure.chart:has(.legend)").first
    name, content = downloaded(page, figure.locator(".tools button", has_text="SVG"))
    assert name.endswith(".svg")
    tree = ET.fromstring(content)
    assert tree.tag == SVG + "svg" and tree.get("viewBox")
    words = " ".join(one.text or "" for one in tree.iter(SVG + "text"))
    assert figure.locator(".title > span").first.inner_text() in words
    for item in figure.locator(".legend li").all_inner_texts():
        assert item in words
    lines = [one for one in tree.iter(SVG + "path") if "line" in one.get("class", "")]
    assert len(lines) == 2 * figure.locator(".legend li").count()  # in the chart and its legend
    assert all(re.match(r"rgb\(", one.get("stroke")) and one.get("fill") == "none" for one in lines)
    assert b"var(" not in content and b"url(" not in content


def test_charts_and_strips_download_as_png(page):
    figure = page.locator("figure.chart").first
    box = figure.locator("svg").first.evaluate(
        "(one) => [one.viewBox.baseVal.width, one.viewBox.baseVal.height]"
    )
    name, content = downloaded(page, figure.locator(".tools button", has_text="PNG"))
    image = Image.open(io.BytesIO(content))
    assert name.endswith(".png") and image.width == round(2 * box[0]) and image.height > 2 * box[1]
    assert len(image.convert("RGB").getcolors(1 << 24)) > 3  # lines and letters, not an empty sheet


def test_a_strip_downloads_with_its_own_pixels(many, page):
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    latent, strip = next(iter(many.strips.items()))
    row = f".strip.large[aria-label*='along {latent},']"
    figure = page.locator(f"figure.strip-figure:has({row})").first
    _, content = downloaded(page, figure.locator(".tools button", has_text="PNG"))
    image = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), dtype=float)
    side = strip.images.shape[1]
    times = round(128 / side)
    for index, tile in enumerate(strip.images):
        x, y = 8 + index * (side * times + 4), 36
        seen = image[y : y + side * times, x : x + side * times]
        seen = seen.reshape(side, times, side, times, 3).mean((1, 3))
        # WebP halves the resolution of colours, and these pictures are noise: lightness is kept.
        told, lightness = tile.astype(float), np.array([0.299, 0.587, 0.114])
        assert np.corrcoef((seen @ lightness).ravel(), (told @ lightness).ravel())[0, 1] > 0.9


def test_without_scripts_all_is_there_and_no_button_is_dead(path, open_page):
    page = open_page(path, java_script_enabled=False).page
    assert page.locator("main button:visible, header button:visible, nav input").count() == 0
    page.locator("#t-smiling > summary").click()
    assert page.locator("#t-smiling table").first.is_visible()
    asked = page.locator("thead a.term:visible").first
    target = asked.get_attribute("href")
    asked.click()
    assert page.url.endswith(target)


def test_light_and_dark_by_the_button(page):
    def paper():
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    first = paper()
    page.locator("#theme").click()
    second = paper()
    page.locator("#theme").click()
    assert first != second and paper() == first
