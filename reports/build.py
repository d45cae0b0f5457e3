"""Contents to one HTML page that opens offline: the only place where anything becomes HTML."""

import base64
import hashlib
import itertools
import re
from collections.abc import Iterable
from importlib import resources

import jinja2
from markupsafe import Markup

from reports import charts, dot_charts, palette
from reports.contents import Contents
from reports.page import Page
from reports.pictures import Album
from reports.playground import Playground
from reports.sections import compose

LONGEST_ROW = 64  # tiles
# Bytes of a page, and of one with a decoder in it, beside style and script: pictures get coarser
# where it would be larger.
LARGEST, LARGEST_LIVE = 5_850_000, 7_800_000
# Control characters, and halves of characters, which UTF-8 cannot hold: names of files have them.
UNSHOWABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
PLAYGROUND_SCRIPTS, PLAYGROUND_SHEETS = ("decoder.js", "playground.js"), ("playground.css",)
SCRIPTS = ("report.js", "tables.js", "figures.js")  # in this order: the first has what all use


def build(contents: Contents) -> str:
    """The page as text. The same contents give the same text.

    Everything is in it: style, script and pictures. Its content-security policy lets the browser
    fetch nothing and run nothing but this script, which is named by its digest.
    """
    album = Album()
    return render(compose(contents, album), album)


def render(page: Page, album: Album) -> str:
    """Any page as text, with the pictures that it put into the album."""
    live = has_playground(page)
    script = script_of((*SCRIPTS, *(PLAYGROUND_SCRIPTS if live else ())))
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("reports"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = _breakable
    environment.globals.update(
        lines=charts.lines,
        bars=charts.bars,
        dots=dot_charts.dots,
        along=charts.along,
        described=charts.described,
        next_picture=itertools.count(1).__next__,
    )
    sections = environment.get_template("sections.html").render(page=page)
    room = (LARGEST_LIVE if live else LARGEST) - len(sections.encode("utf-8", "replace"))
    sheets = ("style.css", *(PLAYGROUND_SHEETS if live else ()))
    style = "\n".join((*map(_asset, sheets), palette.css(), album.css(room), _tile_numbers()))
    text = environment.get_template("page.html").render(
        page=page,
        sections=Markup(sections),
        style=style,
        script=script,
        style_digest=_digest(style),
        script_digest=_digest(script),
    )
    return UNSHOWABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def has_playground(page: Page) -> bool:
    """Whether the page runs a decoder, which needs scripts of its own."""
    return any(isinstance(one, Playground) for section in page.sections for one in section.blocks)


def _breakable(text: str) -> Markup:
    """The text, escaped, with leave to break a line after each underscore."""
    return Markup("_<wbr>").join(text.split("_"))


def _tile_numbers() -> str:
    """A rule for each place in a row: the policy allows no style on a single element."""
    return "".join(f".t{place}{{--i:{place}}}" for place in range(LONGEST_ROW))


def script_of(names: Iterable[str]) -> str:
    """These assets in this order, without the lines that are comments and without indentation."""
    lines = (line.strip() for name in names for line in _asset(name).splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))


def _asset(name: str) -> str:
    return resources.files("reports").joinpath("assets", name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """As a content-security policy names what may run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
