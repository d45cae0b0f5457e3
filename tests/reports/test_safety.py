"""Whatever names hold, the page stays what it is: no markup from them, no dialog, no request."""

import dataclasses
import json
import re
from collections import Counter

import pandas as pd
import pytest

from latentlab import files
from latentlab.artifacts import mu_name
from reports.build import build
from reports.claims import claims
from reports.comparison import page as comparison_page
from tests.reports.hostile import HALF, HOSTILE

HONEST = tuple(f"Honest_{index}" for index in range(len(HOSTILE)))
NESTED = {f"key {name}": {"name": name, "list": [name]} for name in HOSTILE}
PLAIN = {f"key {name}": {"name": name, "list": [name]} for name in HONEST}
# What the document is made of, whatever the text in it says.
CENSUS = """() => {
  const counts = {}, ids = [], risky = [];
  for (const one of document.querySelectorAll("*")) {
    counts[one.localName] = (counts[one.localName] || 0) + 1;
    if (one.id) ids.push(one.id);
    for (const {name, value} of one.attributes) {
      const leads = name === "href" && !/^(#|https:)/.test(value);
      const loads = ["src", "srcdoc", "srcset", "data", "action"].includes(name);
      if (name.startsWith("on") || name === "style" || leads || loads) {
        risky.push(one.localName + " " + name + "=" + value);
      }
    }
  }
  return {counts, ids, risky};
}"""
USE = """() => {
  for (const one of document.querySelectorAll("details")) one.open = true;
  for (const table of [...document.querySelectorAll("table")].slice(0, 4)) {
    const buttons = [...table.querySelectorAll("thead button, .tools button")];
    for (const one of buttons.slice(0, 6)) one.click();
  }
  const box = document.querySelector("nav input");
  for (const text of box ? ["<script>", "=1", "(", "\\\\", ""] : []) {
    box.value = text;
    box.dispatchEvent(new Event("input"));
  }
}"""


def renamed(value, names):
    """Any value with these names in place of others, in every frame, dict and dataclass of it."""
    if isinstance(value, str):
        return names.get(value, value)
    if isinstance(value, pd.DataFrame):
        columns = {name: names.get(name, name) for name in value.columns}
        return value.rename(columns=columns, index=lambda one: renamed(one, names)).map(
            lambda one: renamed(one, names)
        )
    if dataclasses.is_dataclass(value):
        changed = {
            field.name: renamed(getattr(value, field.name), names)
            for field in dataclasses.fields(value)
            if field.init
        }
        return dataclasses.replace(value, **changed)
    if isinstance(value, dict):
        return {renamed(key, names): renamed(one, names) for key, one in value.items()}
    if isinstance(value, list | tuple):
        made = [renamed(one, names) for one in value]
        return type(value)(*made) if hasattr(value, "_fields") else type(value)(made)
    return value


def targets_named(make_contents, names, config):
    """Contents whose targets, run, files and settings have these names."""
    contents = make_contents(names=["Unmeasured", *names])
    settings = json.dumps({"codes": "means", **{name: name for name in names}})
    return dataclasses.replace(
        contents,
        title=" ".join(names),
        config={"name": " ".join(names), "data": config, **contents.config},
        data={**contents.data, "source": " ".join(names), "files": config, "half": HALF},
        provenance={**contents.provenance, "command": " ".join(names), "versions": config},
        metrics=contents.metrics.assign(settings=settings),
        probes=contents.probes.assign(
            reason=contents.probes["reason"].mask(contents.probes["value"].isna(), " ".join(names))
        ),
    )


def dimensions_named(make_contents, names):
    """Contents of two attributes whose dimensions have these names."""
    contents = make_contents(attributes=2, latents=len(names))
    return renamed(contents, {mu_name(index): name for index, name in enumerate(names)})


def pieces(names, count):
    """So many texts that hold all names between them."""
    return [" ".join(names[start::count]) for start in range(count)]


def compared(contents, names, config):
    """A comparison whose runs, groups and targets have these names."""
    groups = [group.name for group in contents.groups]
    runs = [run for group in contents.groups for run in group.runs]
    known = [*groups, *dict.fromkeys(getattr(run, "name", run) for run in runs), *contents.roles]
    made = renamed(contents, dict(zip(known, pieces(names, len(known)), strict=True)))
    return dataclasses.replace(made, title=" ".join(names), common=config)


@pytest.fixture(scope="module")
def pages(make_contents, comparison):
    """Kind of page -> that of hostile names, and that of honest ones."""
    return {
        "targets": [
            build(targets_named(make_contents, *named))
            for named in ((HOSTILE, NESTED), (HONEST, PLAIN))
        ],
        "dimensions": [
            build(dimensions_named(make_contents, names)) for names in (HOSTILE, HONEST)
        ],
        "comparison": [
            comparison_page.build(compared(comparison, *named))
            for named in ((HOSTILE, NESTED), (HONEST, PLAIN))
        ],
    }


@pytest.mark.parametrize("kind", ["targets", "dimensions", "comparison"])
def test_hostile_names_make_no_markup_no_dialog_and_no_request(pages, tmp_path, open_page, kind):
    found = []
    for name, text in zip(("hostile", "honest"), pages[kind], strict=True):
        path = tmp_path / f"{name}.html"
        path.write_text(text, encoding="utf-8")
        opened = open_page(path)
        census = opened.page.evaluate(CENSUS)
        opened.page.evaluate(USE)
        opened.page.wait_for_timeout(50)
        assert opened.quiet, opened
        assert census["risky"] == []
        assert [name for name, count in Counter(census["ids"]).items() if count > 1] == []
        del census["counts"]["wbr"]  # after each underscore of a name
        found.append(census["counts"])
    assert found[0] == found[1]


def test_every_hostile_name_is_there_as_text(pages, tmp_path, open_page):
    path = tmp_path / "page.html"
    path.write_text(pages["targets"][0], encoding="utf-8")
    names = open_page(path).page.evaluate(
        "[...document.querySelectorAll('tbody th a')].map((one) => one.textContent)"
    )
    for name in HOSTILE:
        shown = re.sub(r"\r\n?", "\n", re.sub(r"[\x00\x07\x1b\x9b]", "\ufffd", name))
        assert shown in names, name


def test_claims_of_hostile_names_are_json_and_a_browser_sees_only_text(
    make_contents, tmp_path, open_page
):
    contents = targets_named(make_contents, HOSTILE, NESTED)
    path = tmp_path / "claims.json"
    files.write_json(path, claims(contents))
    assert json.loads(path.read_text(encoding="utf-8")) == json.loads(json.dumps(claims(contents)))
    assert HALF in [
        row["value"] for row in claims(contents)["sections"]["settings"]["tables"]["settings-data"]
    ]
    opened = open_page(path)
    assert opened.quiet, opened
    assert opened.page.evaluate("document.querySelectorAll('script, img, svg, iframe').length") == 0


def test_the_policy_holds_in_the_browser(pages, tmp_path, open_page):
    path = tmp_path / "page.html"
    path.write_text(pages["targets"][1], encoding="utf-8")
    page = open_page(path).page
    blocked = page.evaluate("""async () => {
      const seen = [];
      const note = (event) => seen.push(event.effectiveDirective);
      document.addEventListener("securitypolicyviolation", note);
      const add = (tag, what) =>
        document.body.append(Object.assign(document.createElement(tag), what));
      setTimeout("window.ran = 3");  // text run as a program, as by eval
      try { await fetch("https://example.org/"); } catch { seen.push("fetch"); }
      add("script", {textContent: "window.ran = 1"});
      add("img", {src: "https://example.org/a.png"});
      document.body.insertAdjacentHTML(
        "beforeend", "<b id=b onclick='window.ran = 2' style='color: red'>b</b>");
      const b = document.getElementById("b");
      b.click();
      await new Promise((done) => setTimeout(done, 50));
      return [...new Set(seen), String(window.ran), getComputedStyle(b).color];
    }""")
    assert {"fetch", "connect-src", "img-src", "script-src"} <= set(blocked)
    assert {"script-src-elem", "script-src-attr", "style-src-attr"} <= set(blocked)
    assert blocked[-2] == "undefined" and blocked[-1] != "rgb(255, 0, 0)"


def test_the_scripts_make_no_code_and_no_markup_from_text(pages):
    for text, _ in pages.values():
        (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
        for word in (
            r"\beval\b", r"\bFunction\b", r"innerHTML", r"outerHTML", r"insertAdjacentHTML",
            r"document\.write", r"\bfetch\b", r"XMLHttpRequest", r"WebSocket", r"sendBeacon",
            r"\bimport\b", r"setTimeout\(\s*[\"'`]", r"setAttribute\(\s*[\"'`]on", r"srcdoc",
        ):  # fmt: skip
            assert not re.search(word, script), word
