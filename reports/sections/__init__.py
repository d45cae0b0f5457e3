"""Contents to a page: which sections there are, and in which order."""

from reports.contents import Contents
from reports.findings import findings
from reports.page import Page, Section
from reports.pictures import Album
from reports.sections import answer, background, evidence, model, verdicts


def compose(contents: Contents, album: Album) -> Page:
    """The page as data. Pictures go into the album; a section without content is left out."""
    found = findings(contents.probes, contents.rankings)
    made: list[Section | None] = [
        answer.section(contents, found, album),
        verdicts.section(contents, found),
        evidence.heat_map(contents, found),
        evidence.targets(contents, found, album),
        evidence.truth(contents, found),
        evidence.scores(found),
        model.pictures(contents, album),
        model.dimensions(contents, found, album),
        model.training(contents),
        evidence.metrics(contents),
        background.settings(contents),
        background.glossary(),
    ]
    return Page(contents.title, tuple(section for section in made if section is not None))
