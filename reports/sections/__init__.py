"""Contents to a page: which sections there are, and in which order."""

from reports.contents import Contents
from reports.effects import effects_of
from reports.findings import findings
from reports.page import Page, Section
from reports.pictures import Album
from reports.sections import (
    answer,
    associations,
    background,
    data,
    dimensions,
    instruments,
    maps,
    metrics,
    pictures,
    playground,
    scores,
    targets,
    training,
    truth,
)


def compose(contents: Contents, album: Album) -> Page:
    """The page as data. Pictures go into the album; a section without content is left out."""
    found = findings(contents.probes, contents.rankings)
    moved = effects_of(contents)
    made: list[Section | None] = [
        answer.section(contents, found, moved, album),
        playground.section(contents, found, album),
        associations.section(contents, found, album) if answer.anything_moved(contents) else None,
        targets.section(contents, found, moved, album),
        dimensions.section(contents, found, moved, album),
        maps.section(contents, found, moved),
        truth.section(contents, found),
        instruments.section(contents, found, moved),
        scores.section(found),
        pictures.section(contents, album),
        training.section(contents, album),
        data.section(contents, album),
        metrics.section(contents),
        background.settings(contents),
        background.glossary(),
    ]
    return Page(contents.title, tuple(section for section in made if section is not None))
