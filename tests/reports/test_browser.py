"""The page in a real browser: it asks nobody for anything, and nothing in it goes wrong."""

import pytest

from reports.build import build


@pytest.fixture
def report(tmp_path, contents):
    path = tmp_path / "report.html"
    path.write_text(build(contents), encoding="utf-8")
    return path


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_opens_without_a_request_or_a_complaint(report, open_page, theme):
    opened = open_page(report, color_scheme=theme)
    assert opened.page.title() == "a run · latentlab"
    assert opened.quiet, opened


def test_the_harness_sees_what_it_is_for(tmp_path, open_page):
    path = tmp_path / "bad.html"
    path.write_text("<img src='https://example.org/a.png'><script>alert(1); throw 2</script>")
    opened = open_page(path)
    assert opened.requests == ["https://example.org/a.png"]
    assert opened.dialogs == ["1"]
    assert "2" in opened.complaints
