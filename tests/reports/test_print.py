"""On paper: everything open and in light colours, nothing to press, addresses written out."""

import re

import pytest

from reports.build import build


@pytest.fixture
def page(tmp_path, contents, open_page):
    path = tmp_path / "report.html"
    path.write_text(build(contents), encoding="utf-8")
    opened = open_page(path, color_scheme="dark")
    yield opened.page
    assert opened.quiet, opened


def lightness(colour):
    return sum(map(int, re.findall(r"\d+", colour)[:3]))


def test_paper_is_light_whatever_the_theme(page):
    page.locator("#theme").click()
    page.locator("#theme").click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    page.emulate_media(media="print")
    style = "getComputedStyle(document.body)"
    assert lightness(page.evaluate(f"{style}.backgroundColor")) == 3 * 255
    assert lightness(page.evaluate(f"{style}.color")) < 200


def test_nothing_to_press_is_printed(page):
    page.emulate_media(media="print")
    pressed = "main button:not(th > :first-child), header button, nav, input, .here, .term"
    assert page.locator(pressed).filter(visible=True).count() == 0
    heads = page.locator("#heat thead th")  # the names of columns are buttons too
    assert heads.nth(1).inner_text() and heads.nth(1).locator("button").is_visible()


def test_printing_opens_every_fold_and_closes_it_again(page):
    count = page.locator("details").count()
    opened = page.locator("details[open]").count()
    assert opened < count
    page.evaluate("""() => addEventListener("beforeprint", () =>
        (window.seen = document.querySelectorAll("details[open]").length))""")
    pdf = page.pdf(format="A4")
    assert pdf.startswith(b"%PDF") and len(re.findall(rb"/Type\s*/Page\b", pdf)) >= 3
    assert page.evaluate("window.seen") == count
    assert page.locator("details[open]").count() == opened


def test_folds_are_printed_without_the_script_too(tmp_path, contents, open_page):
    path = tmp_path / "report.html"
    path.write_text(build(contents), encoding="utf-8")
    page = open_page(path, java_script_enabled=False).page
    page.emulate_media(media="print")
    folded = page.locator("details:not([open]) .inside")
    assert folded.count() > 3
    assert all(one.bounding_box()["height"] > 20 for one in folded.all())


def test_the_filter_does_not_reach_paper(make_contents, tmp_path, open_page):
    path = tmp_path / "report.html"
    path.write_text(build(make_contents(attributes=12)), encoding="utf-8")
    page = open_page(path).page
    page.locator("nav input").fill("attribute_3")
    hidden = "document.querySelectorAll('tr[hidden], .fold[hidden]').length"
    assert page.evaluate(hidden) > 0
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(hidden) == 0


def test_sources_are_written_out(page):
    page.emulate_media(media="print")
    link = page.locator(".glossary a[href^=https]").first
    written = link.evaluate("(one) => getComputedStyle(one, '::after').content")
    assert link.get_attribute("href") in written or "attr(href)" in written


def test_no_table_is_cut_at_the_edge_of_a4(page):
    page.set_viewport_size({"width": 688, "height": 1000})  # 182 mm at 96 pixels an inch
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    # Maps are printed on pages of their own that lie on their side.
    wide = page.evaluate("""() => [...document.querySelectorAll(".table:not(.heat) table")]
        .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
        .map((one) => one.id)""")
    assert wide == []
