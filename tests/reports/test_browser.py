"""The page in a real browser: it asks nobody for anything, and nothing in it goes wrong."""

from dataclasses import replace

import pytest

from reports.build import build
from reports.comparison import page as comparison_page
from reports.contents import without_pictures

KINDS = ("a run", "tables alone", "grey pictures", "no verdicts", "without pictures")


@pytest.fixture(scope="module")
def pages(make_contents, without_model):
    """Contents of every kind: what a run, or tables alone, may lack."""
    contents = make_contents()
    return {
        "a run": contents,
        "tables alone": without_model,
        "grey pictures": make_contents(channels=1),
        "no verdicts": replace(contents, verdicts=contents.verdicts[:0]),
        "without pictures": without_pictures(contents),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_page_opens_without_a_request_or_a_complaint(
    pages, tmp_path, open_page, kind
):
    path = tmp_path / "report.html"
    path.write_text(build(pages[kind]), encoding="utf-8")
    opened = open_page(path)
    opened.page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    assert opened.page.title() == "a run · latentlab"
    assert opened.page.locator("main > section").count() >= 5
    assert opened.quiet, opened


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_comparison_opens_without_a_request_or_a_complaint(
    comparison, tmp_path, open_page, theme
):
    path = tmp_path / "comparison.html"
    path.write_text(comparison_page.build(comparison), encoding="utf-8")
    opened = open_page(path, color_scheme=theme)
    assert opened.page.title() == "a sweep · latentlab"
    assert opened.quiet, opened


def test_the_harness_sees_what_it_is_for(tmp_path, open_page):
    path = tmp_path / "bad.html"
    path.write_text("<img src='https://example.org/a.png'><script>alert(1); throw 2</script>")
    opened = open_page(path)
    assert opened.requests == ["https://example.org/a.png"]
    assert opened.dialogs == ["1"]
    assert "2" in opened.complaints
