"""Contents to the page of a comparison and to its claims."""

from typing import Any

from reports.build import render
from reports.claims import claims_of
from reports.comparison import agreement, answer, background, faces, numbers, survival, targets
from reports.comparison.contents import ComparisonContents
from reports.page import Page
from reports.pictures import Album


def build(contents: ComparisonContents) -> str:
    """The page as text, one file that opens offline; the same contents give the same text."""
    album = Album()
    return render(compose(contents, album), album)


def claims(contents: ComparisonContents) -> dict[str, Any]:
    """Every number the page states, as `reports.claims.claims` gives those of a report."""
    return claims_of(compose(contents, Album()))


def compose(contents: ComparisonContents, album: Album) -> Page:
    """The page as data; a section without content is left out."""
    made = [
        answer.section(contents),
        faces.section(contents, album),
        targets.section(contents),
        numbers.section(contents),
        numbers.plane(contents),
        survival.section(contents),
        agreement.section(contents),
        background.settings(contents),
        background.glossary(),
    ]
    return Page(contents.title, tuple(section for section in made if section is not None))
