"""Contents to one HTML page that opens offline: the only place where anything becomes HTML."""

import base64
import hashlib
from importlib import resources

import jinja2
from markupsafe import Markup

from reports import charts, dot_charts, palette
from reports.contents import Contents
from reports.page import Page
from reports.pictures import Album
from reports.sections import compose

LONGEST_ROW = 64  # tiles


def build(contents: Contents) -> str:
    """The page as text. The same contents give the same text.

    Everything is in it: style, script and pictures. Its content-security policy lets the browser
    fetch nothing and run nothing but this script, which is named by its digest.
    """
    album = Album()
    return render(compose(contents, album), album)


def render(page: Page, album: Album) -> str:
    """Any page as text, with the pictures that it put into the album."""
    style = "\n".join((_asset("style.css"), palette.css(), album.css(), _tile_numbers()))
    script = _asset("report.js")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("reports"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = _breakable
    environment.globals.update(
        lines=charts.lines, bars=charts.bars, dots=dot_charts.dots, along=charts.along
    )
    return environment.get_template("page.html").render(
        page=page,
        style=style,
        script=script,
        style_digest=_digest(style),
        script_digest=_digest(script),
    )


def _breakable(text: str) -> Markup:
    """The text, escaped, with leave to break a line after each underscore."""
    return Markup("_<wbr>").join(text.split("_"))


def _tile_numbers() -> str:
    """A rule for each place in a row: the policy allows no style on a single element."""
    return "".join(f".t{place}{{--i:{place}}}" for place in range(LONGEST_ROW))


def _asset(name: str) -> str:
    return resources.files("reports").joinpath("assets", name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """As a content-security policy names what may run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
