"""Every page for everyone: axe finds nothing serious, letters stand out, the keyboard suffices,
nothing is wider than the window, and system settings are heeded."""

import re

import pytest

from reports import palette
from reports.build import build
from reports.comparison import page as comparison_page
from reports.gallery import page as gallery_page

WIDTHS = (320, 390, 640, 768, 1024, 1280, 1500, 1680, 2560)
OPEN = "for (const one of document.querySelectorAll('details')) one.open = true"
# The colour of every text in sight, pseudo-elements' too, with the first opaque one behind it, and
# whether it is large; for each, where it was first seen.
PAIRS = """() => {
  const found = {};
  const behind = (one) => {
    for (let up = one; up; up = up.parentElement) {
      const colour = getComputedStyle(up).backgroundColor;
      if (!/, 0\\)$|^transparent$/.test(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const add = (one, style, svg) => {
    const letters = svg ? style.fill : style.color;
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || size >= 18.66 && style.fontWeight >= 700;
    const key = [letters, behind(one), large].join("|");
    const name = one.localName + "." + (one.className.baseVal ?? one.className);
    found[key] ??= name + " " + one.textContent.slice(0, 40);
  };
  for (const one of document.querySelectorAll("body *")) {
    if (!one.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    const svg = one instanceof SVGElement;
    const own = [...one.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
    if (own && !["script", "style", "title"].includes(one.localName)) {
      add(one, getComputedStyle(one), svg);
    }
    if (one.placeholder) add(one, getComputedStyle(one, "::placeholder"), false);
    for (const part of svg ? [] : ["::before", "::after"]) {
      const style = getComputedStyle(one, part);
      if (!["none", "normal", '""'].includes(style.content)) add(one, style, false);
    }
  }
  return found;
}"""


@pytest.fixture(scope="module")
def paths(tmp_path_factory, make_contents, without_model, comparison, gallery):
    folder = tmp_path_factory.mktemp("pages")
    made = {
        "report": build(make_contents(attributes=9, latents=7)),
        "tables alone": build(without_model),
        "comparison": comparison_page.build(comparison),
        "gallery": gallery_page.build(gallery),
    }
    for name, text in made.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in made}


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["report", "comparison", "gallery"])
def test_axe_finds_nothing_serious(paths, open_page, kind, theme, width):
    from axe_playwright_python.sync_playwright import Axe

    page = open_page(paths[kind], width=width, color_scheme=theme).page
    for folded in (True, False):
        if not folded:
            page.evaluate(OPEN)
        found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        serious = [
            (one["id"], one["impact"], [node["html"][:300] for node in one["nodes"][:3]])
            for one in found
            if one["impact"] in ("serious", "critical")
        ]
        assert serious == []


def channels(colour):
    """`rgb(...)` or `rgba(...)` as numbers and its opacity."""
    numbers = [float(part) for part in re.findall(r"[\d.]+", colour)]
    assert colour.startswith("rgb"), colour
    return numbers[:3], (numbers[3] if len(numbers) > 3 else 1.0)


def hexadecimal(letters, background):
    (front, opacity), (back, _) = channels(letters), channels(background)
    mixed = [round(opacity * a + (1 - opacity) * b) for a, b in zip(front, back, strict=True)]
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def too_faint(pairs):
    assert len(pairs) >= 4
    faint = {}
    for key, sample in pairs.items():
        letters, background, large = key.split("|")
        ratio = palette.contrast(
            hexadecimal(letters, background), hexadecimal(background, background)
        )
        if ratio < (3.0 if large == "true" else 4.5):
            faint[key] = (round(ratio, 2), sample)
    return faint


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["report", "comparison", "gallery"])
def test_all_letters_stand_out_from_what_is_behind_them(paths, open_page, kind, theme):
    page = open_page(paths[kind], color_scheme=theme).page
    page.evaluate(OPEN)
    pairs = page.evaluate(PAIRS)
    shades = {key.split("|")[1] for key in pairs}
    assert len(shades) >= {"report": 7, "comparison": 2, "gallery": 1}[kind]  # of heat maps
    assert too_faint(pairs) == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_shows_on_pointing_and_on_demand_stands_out_too(paths, open_page, theme):
    page = open_page(paths["report"], color_scheme=theme, permissions=["clipboard-write"]).page
    page.locator("#answer thead .term").first.click()
    pairs = page.evaluate(PAIRS)
    page.keyboard.press("Escape")
    page.locator("nav input").fill("attribute_2")
    link = page.locator("#answer h2 + .here")
    link.focus()
    link.click()
    page.locator("main table tbody tr:not(.group):visible").first.hover()
    pairs |= page.evaluate(PAIRS)
    assert any("Link copied" in sample for sample in pairs.values())
    assert too_faint(pairs) == {}


@pytest.mark.parametrize("kind", ["report", "tables alone", "comparison", "gallery"])
def test_no_width_needs_sideways_scrolling(paths, open_page, kind):
    page = open_page(paths[kind]).page
    page.evaluate(OPEN)
    for width in WIDTHS:  # 640 is a window of 1280 at 200 %, 320 at 400 %
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_timeout(30)
        root = "document.documentElement"
        assert page.evaluate(f"{root}.scrollWidth") <= page.evaluate(f"{root}.clientWidth"), width


def test_twice_the_letters_fit_too(paths, open_page):
    page = open_page(paths["report"], width=1280).page
    page.evaluate(OPEN)
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    cut = page.evaluate("""() =>
      [...document.querySelectorAll("h1, h2, p, summary span, nav a, button")]
        .filter((one) => one.checkVisibility() && one.scrollWidth > one.clientWidth + 1
            && getComputedStyle(one).overflowX !== "visible")
        .map((one) => one.textContent.slice(0, 40))""")
    assert cut == []


FOCUSABLE = """() =>
  [...document.querySelectorAll("a[href], button, input, summary, [tabindex='0']")]
    .filter((one) => one.checkVisibility())
    .filter((one) => one.type !== "radio" || one.checked).length"""
FOCUSED = """() => {
  const one = document.activeElement, style = getComputedStyle(one);
  const box = one.getBoundingClientRect();
  one.dataset.reached = "";
  return {tag: one.localName, text: one.textContent.slice(0, 30), outline: style.outlineStyle,
          width: parseFloat(style.outlineWidth), opacity: style.opacity,
          inside: box.bottom > 0 && box.top < innerHeight && box.right > 0};
}"""


def test_the_keyboard_reaches_everything_and_shows_where_it_is(tmp_path, make_contents, open_page):
    path = tmp_path / "small.html"
    path.write_text(build(make_contents(attributes=8, latents=3)), encoding="utf-8")
    page = open_page(path, reduced_motion="reduce").page  # else it is still on its way there
    count = page.evaluate(FOCUSABLE)
    for _ in range(count):
        page.keyboard.press("Tab")
        at = page.evaluate(FOCUSED)
        if at["tag"] == "body":  # past the end
            break
        assert at["outline"] != "none" and at["width"] >= 1 and at["opacity"] == "1", at
        assert at["inside"], at
    assert page.locator("[data-reached]:not(body)").count() == count
    assert page.locator("[data-reached].here").count() > 5


def test_the_first_stop_skips_to_the_content(paths, open_page):
    page = open_page(paths["report"]).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


def test_keys_sort_unfold_and_explain(paths, open_page):
    page = open_page(paths["report"]).page
    page.locator("#heat thead th button").nth(1).focus()
    page.keyboard.press("Enter")
    assert page.locator("#heat thead th").nth(1).get_attribute("aria-sort") == "descending"
    page.keyboard.press("Space")
    assert page.locator("#heat thead th").nth(1).get_attribute("aria-sort") == "ascending"
    folded = page.locator("#targets details:not([open])").first
    id = folded.get_attribute("id")
    folded.locator("summary").first.focus()
    page.keyboard.press("Space")
    assert page.locator(f"#{id}[open]").count() == 1
    asked = page.locator("#answer thead .term").first
    asked.focus()
    page.keyboard.press("Enter")
    assert page.locator("#word").is_visible()
    assert page.evaluate("document.getElementById('word').contains(document.activeElement)")
    page.keyboard.press("Escape")
    assert asked.evaluate("(one) => one === document.activeElement")


@pytest.mark.parametrize("kind", ["report", "comparison", "gallery"])
def test_tables_pictures_and_parts_are_named(paths, open_page, kind):
    page = open_page(paths[kind]).page
    nameless = page.evaluate("""() => {
      const all = (what) => [...document.querySelectorAll(what)];
      const word = (id) => document.getElementById(id)?.textContent.trim() ?? "";
      const ids = (one) => (one.getAttribute("aria-labelledby") ?? "").split(" ");
      const named = (one) => one.ariaLabel || ids(one).map(word).join("");
      const wrong = [
        ...all("table, nav, main > section, [role=img], [role=group]").filter((one) => !named(one)),
        ...all("th").filter((one) => !one.getAttribute("scope")),
        ...all("table").filter((one) => !one.caption?.textContent.trim()),
        ...all("svg").filter((one) => !one.getAttribute("role") && one.ariaHidden !== "true"),
      ];
      return wrong.map((one) => one.outerHTML.slice(0, 150));
    }""")
    assert nameless == []
    names = page.evaluate(
        "[...document.querySelectorAll('table')].map((one) => one.getAttribute('aria-labelledby'))"
    )
    assert len(set(names)) == len(names)


def test_a_chart_is_told_in_words(paths, open_page):
    page = open_page(paths["report"]).page
    label = page.locator("#history-kl svg").get_attribute("aria-label")
    assert label.startswith("KL")
    assert "train" in label and "10.00" in label and "40.00" in label  # where it begins and ends


def test_motion_is_only_where_it_is_welcome(paths, open_page):
    for reduced, behaviour in (("reduce", "auto"), ("no-preference", "smooth")):
        page = open_page(paths["report"], reduced_motion=reduced).page
        assert (
            page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == behaviour
        )


def test_forced_colours_keep_the_heat_map_and_everything_legible(paths, open_page):
    page = open_page(paths["report"], forced_colors="active").page
    page.evaluate(OPEN)
    shades = page.evaluate("""() => [...new Set([...document.querySelectorAll("#heat td")]
        .map((one) => getComputedStyle(one).backgroundColor))].length""")
    assert shades > 5
    pairs = page.evaluate(PAIRS)
    assert too_faint(pairs) == {}
    line = "getComputedStyle(document.querySelector('.line')).stroke"
    assert page.evaluate(line) != page.evaluate("getComputedStyle(document.body).backgroundColor")
