"""The playground in a real browser: the decoder's pictures, the probes' answers, the controls."""

import base64
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from latentlab.decoding import Places, decode
from latentlab.models import build_model
from latentlab.portable.export import portable
from latentlab.probes import LogisticProbe, RidgeProbe
from latentlab.probes.weights import weight_table, weights_of
from reports.build import build
from reports.claims import claims
from reports.playground import Axis, LiveDecoder, NoDecoder, Reader

LATENTS = [f"mu_{index:03d}" for index in range(4)]
CODES = 50
KINDS = {
    "conv": ("vae", {"widths": (6, 8)}, 3),
    "reference": ("vae", {"latents": 32}, 3),
    "deep_conv": ("vae", {"network": "deep_conv", "widths": (6, 8), "likelihood": "gaussian"}, 3),
    "mlp": ("vae", {"network": "mlp", "widths": (12,), "likelihood": "gaussian_scalar"}, 1),
    "burgess": ("vae", {"network": "burgess", "likelihood": "gaussian_pixel"}, 3),
    "residual": (
        "vae",
        {"network": "residual", "widths": (6, 8), "likelihood": "continuous_bernoulli"},
        3,
    ),
    "mixture": ("vae", {"widths": (6,), "likelihood": "logistic_mixture"}, 3),
    "grey mixture": ("vae", {"widths": (6,), "likelihood": "logistic_mixture"}, 1),
    "masked": ("vae", {"widths": (6,), "masked": True}, 3),
    "flow": ("flow_vae", {"widths": (6,), "flow": "planar"}, 3),
    "hierarchical": ("hierarchical_vae", {"widths": (6,), "upper_latents": 3}, 3),
    "conditional": ("conditional_vae", {"widths": (6,), "conditions": ("Male",)}, 3),
}


def model_of(kind, seed=0):
    """An untrained model whose pictures are not flat, with statistics as training leaves them."""
    name, settings, channels = KINDS[kind]
    side = 64 if kind == "reference" else 21
    model = build_model(name, {"latents": 4} | settings, channels=channels, side=side, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
                layer.weight.mul_(2)
            if isinstance(layer, nn.BatchNorm2d):
                layer.running_mean.uniform_(-0.5, 0.5, generator=generator)
                layer.running_var.uniform_(0.2, 2.0, generator=generator)
    return model.eval()


def codes_for(model, count=CODES, seed=0):
    shape = (count, model.latents + len(model.conditions))
    return np.random.default_rng(seed).normal(size=shape) * 2


def pictures_of(model, codes):
    z, context = codes[:, : model.latents], codes[:, model.latents :]
    return decode(model, Places(z, context if model.conditions else None))


@pytest.fixture(scope="module")
def probes():
    """A logistic and a ridge probe, fitted to codes of images."""
    rng = np.random.default_rng(1)
    codes = rng.normal(size=(400, 4)) * [1.0, 2.0, 0.5, 1.0] + [0.0, 1.0, 0.0, -1.0]
    label = codes @ [2.0, 0.5, 0.0, -1.0] + rng.normal(size=400) > 0.5
    value = codes @ [0.1, 0.0, 3.0, 0.2] + 7 + rng.normal(size=400)
    return {
        "Attribute_1": LogisticProbe().fit(codes, label),
        "smile": RidgeProbe().fit(codes, value),
    }


def live(model, probes):
    """What a run with these probes would give: two faces, four latents and two directions."""
    codes = codes_for(model, 2, seed=3) / 3
    weights = weights_of(weight_table(probes, LATENTS), LATENTS)
    vectors = {
        "probe": weights["Attribute_1"][1],
        "mean_difference": np.array([0.0, 0.3, -0.4, 0.1]),
    }
    axes = [Axis(name, "latent", np.eye(4)[index] * 1.5) for index, name in enumerate(LATENTS)]
    axes += [Axis("Attribute_1", kind, vector, 0.75) for kind, vector in vectors.items()]
    roles = {"Attribute_1": ("attribute", None), "smile": ("factor", 2.5)}
    return LiveDecoder(
        program=portable(model, codes_for(model)),
        images=("one.jpg", "two & more.jpg"),
        codes=codes,
        pictures=pictures_of(model, codes),
        latents=tuple(LATENTS),
        mean=np.zeros(4),
        deviation=np.full(4, 1.5),
        axes=tuple(axes),
        readers=tuple(
            Reader(target, roles[target][0], coefficients, intercept, roles[target][1])
            for target, (_, coefficients, intercept) in weights.items()
        ),
    )


@pytest.fixture(scope="module")
def model():
    return model_of("conv")


@pytest.fixture(scope="module")
def shown(contents, model, probes):
    return replace(contents, playground=live(model, probes))


@pytest.fixture(scope="module")
def path(shown, tmp_path_factory):
    path = tmp_path_factory.mktemp("playground") / "report.html"
    path.write_text(build(shown), encoding="utf-8")
    return path


@pytest.fixture
def opened(path, open_page):
    return started(open_page(path))


def started(opened):
    """The page, once the playground has come near the window."""
    opened.page.locator("#playground").scroll_into_view_if_needed()
    opened.page.wait_for_selector("#play[data-ready]")
    return opened


def slider(page, index):
    return page.locator(f"[data-axis='{index}']")


def move(page, index, value):
    """As a hand would: the slider is drawn along and let go."""
    slider(page, index).evaluate(
        "(one, value) => { one.value = value; for (const kind of ['input', 'change'])"
        " one.dispatchEvent(new Event(kind, {bubbles: true})) }",
        str(value),
    )


def picture(page, name):
    """What the canvas shows, (side, side, 3)."""
    file = page.evaluate("(id) => document.getElementById(id).toDataURL()", f"play-{name}")
    content = base64.b64decode(file.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


def read(page, index):
    """Start, now and change of a probe, in full."""
    cells = page.locator(f"[data-reader='{index}'] td")
    return [float(cells.nth(column).get_attribute("data-value")) for column in range(3)]


def code_of(live, face, offsets):
    return live.codes[face] + sum(
        offset * live.axes[axis].vector for axis, offset in offsets.items()
    )


def near(shown, wanted, within=3):
    return np.abs(shown - wanted.astype(int)).max() <= within


@pytest.mark.parametrize("kind", KINDS)
def test_every_decoder_draws_what_pytorch_draws(path, open_page, kind):
    model = model_of(kind)
    codes = codes_for(model)
    program, wanted = portable(model, codes), pictures_of(model, codes)
    assert wanted.std(axis=0).max() > 5  # they depend on the code
    found = open_page(path).page.evaluate(
        "([program, codes]) => { const decoder = portableDecoder(program);"
        " const levels = (code) => Array.from(decoder.decode(code), (x) => Math.round(255 * x));"
        " return codes.map(levels) }",
        [program.plain(), codes.tolist()],
    )
    assert near(np.array(found).reshape(wanted.shape), wanted)


def test_the_page_shows_the_face_before_and_after_it_is_moved(opened, shown, model):
    page, live = opened.page, shown.playground
    wanted = pictures_of(model, live.codes)
    assert near(picture(page, "before"), wanted[0])
    assert near(picture(page, "after"), wanted[0])
    offsets = {0: 1.5, 4: -2.0}
    for axis, offset in offsets.items():
        move(page, axis, offset)
    assert near(picture(page, "before"), wanted[0])
    moved = pictures_of(model, code_of(live, 0, offsets)[None])[0]
    assert np.abs(moved - wanted[0].astype(int)).max() > 20
    assert near(picture(page, "after"), moved)
    page.get_by_label("two & more.jpg").check()
    assert near(picture(page, "before"), wanted[1])
    assert near(picture(page, "after"), pictures_of(model, code_of(live, 1, offsets)[None])[0])
    page.get_by_role("button", name="Reset").click()
    assert near(picture(page, "after"), wanted[1])
    assert [slider(page, axis).input_value() for axis in offsets] == ["0", "0"]
    assert opened.quiet, opened


def test_the_probes_answer_as_they_do_in_python(opened, shown, probes):
    page, live = opened.page, shown.playground
    offsets = {1: -2.5, 5: 3.0}
    for axis, offset in offsets.items():
        move(page, axis, offset)
    codes = np.stack([live.codes[0], code_of(live, 0, offsets)])
    probability = probes["Attribute_1"].predict_proba(codes)[:, 1]
    value = probes["smile"].predict(codes)
    assert abs(probability[1] - probability[0]) > 0.1
    assert read(page, 0) == pytest.approx([*probability, probability[1] - probability[0]], abs=1e-3)
    assert read(page, 1) == pytest.approx([*value, (value[1] - value[0]) / 2.5], abs=1e-3)
    shown_text = page.locator("[data-reader='0'] td").all_inner_texts()
    assert shown_text[0] == f"{100 * probability[0]:.0f}\u00a0%"


def test_a_link_brings_the_state_back(opened, path, open_page, shown, model):
    page = opened.page
    page.get_by_label("two & more.jpg").check()
    move(page, 2, 0.7)
    move(page, 5, -1.2)
    link = page.url
    assert "#play=" in link
    assert page.evaluate("history.length") == 2  # the empty page and this one: no flood
    again = open_page(path)
    again.page.goto(link)
    again.page.wait_for_selector("#play[data-ready]")
    assert [slider(again.page, axis).input_value() for axis in (2, 5, 0)] == ["0.7", "-1.2", "0"]
    assert again.page.get_by_label("two & more.jpg").is_checked()
    wanted = pictures_of(model, code_of(shown.playground, 1, {2: 0.7, 5: -1.2})[None])[0]
    assert near(picture(again.page, "after"), wanted)
    again.page.get_by_role("button", name="Reset").click()
    again.page.get_by_label("one.jpg").check()
    assert "#" not in again.page.url
    assert again.quiet, again


@pytest.mark.parametrize(
    "hash",
    ["#play=nobody&mu_000=99", "#play=%3Cimg%20src=x%20onerror=alert(1)%3E", "#play=&mu_000=x"],
)
def test_a_link_that_somebody_made_up_does_no_harm(path, open_page, hash):
    opened = open_page(path)
    opened.page.goto(path.as_uri() + hash)
    opened.page.wait_for_selector("#play[data-ready]")
    assert opened.page.get_by_label("one.jpg").is_checked()
    assert abs(float(slider(opened.page, 0).input_value())) in (0, 4)  # the farthest there is
    assert opened.quiet, opened


def test_it_works_by_keyboard_and_tells_what_it_does(opened):
    page = opened.page
    slider(page, 0).focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert slider(page, 0).input_value() == "0.3"
    assert slider(page, 0).get_attribute("aria-valuetext") == "+0.3 standard deviations"
    told = page.locator("#play-told")
    assert "mu_000 +0.3" in told.inner_text()
    assert told.get_attribute("role") == "status"
    page.keyboard.press("0")
    assert slider(page, 0).input_value() == "0"
    assert told.inner_text() == "Nothing is moved."
    page.get_by_label("one.jpg").focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_label("two & more.jpg").is_checked()


def test_far_from_the_data_it_says_so(opened, shown):
    page, live = opened.page, shown.playground
    own = np.abs(live.codes[0]).max() / 1.5
    far = page.locator("#play-far")
    assert f"{own:.1f} standard deviations" in far.inner_text()
    assert not far.evaluate("(one) => one.classList.contains('beyond')")
    way = 1 if live.codes[0][3] > 0 else -1
    move(page, 3, 4 * way)
    away = abs(live.codes[0][3] + 6 * way) / 1.5
    assert far.inner_text().startswith(f"Extrapolated: mu_003 is {away:.1f} standard deviations")


def test_nothing_shifts_while_a_slider_moves(opened):
    page = opened.page
    place = (
        "() => [...document.querySelectorAll('.play-moves, .play-start')]"
        ".map((one) => one.getBoundingClientRect().top)"
    )
    before = page.evaluate(place)
    for axis in range(5):
        move(page, axis, 3.9)
    assert page.evaluate(place) == before


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nobody_is_left_out(path, open_page, width, theme):
    from axe_playwright_python.sync_playwright import Axe

    opened = started(open_page(path, width=width, color_scheme=theme))
    move(opened.page, 3, 4)
    found = Axe().run(opened.page, context="#playground").response["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width


def test_opening_the_page_does_not_wait_for_it(path, open_page):
    opened = open_page(path, height=500)
    assert opened.page.locator("#play[data-ready]").count() == 0
    started(opened)
    assert opened.quiet, opened


def test_the_scripts_are_there_where_they_are_needed_and_ask_for_no_eval(contents, shown):
    with_it, without = build(shown), build(contents)
    assert "portableDecoder" in with_it
    assert "portableDecoder" not in without
    assert ".play-faces" not in without
    (script,) = re.findall(r"<script>(.*?)</script>", with_it, re.DOTALL)
    assert not re.search(r"\beval\b|\bFunction\(|WebAssembly|Worker|import\(", script)
    assert "'unsafe" not in with_it
    assert build(shown) == with_it


def test_hostile_names_stay_text(contents, shown, open_page, tmp_path):
    evil = "</script><img src=x onerror=alert(1)>\"'=+{{7*7}}\u2028"
    old = shown.playground
    hostile = replace(
        old,
        images=(evil, "two"),
        axes=tuple(replace(axis, name=evil) for axis in old.axes),
        readers=tuple(replace(reader, target=evil) for reader in old.readers),
        latents=(evil,) * 4,
    )
    path = tmp_path / "report.html"
    path.write_text(build(replace(contents, playground=hostile)), encoding="utf-8")
    opened = started(open_page(path))
    move(opened.page, 0, 4)
    assert evil.replace("\u2028", "") in opened.page.locator("#play-told").inner_text().replace(
        "\u2028", ""
    )
    opened.page.goto(opened.page.url)
    assert opened.page.locator("img").count() == 0
    assert opened.quiet, opened


def test_claims_hold_its_numbers(shown):
    facts = claims(shown)["sections"]["playground"]["facts"]
    program = shown.playground.program
    assert facts["weights"] == len(program.weights)
    assert facts["largest_difference_in_grey_levels"] == program.deviation
    assert facts["selectivity of probe:Attribute_1"] == 0.75


def test_without_probes_it_says_why(contents, shown, open_page, tmp_path):
    silent = replace(shown.playground, readers=(), unread="no target could be probed")
    path = tmp_path / "report.html"
    path.write_text(build(replace(contents, playground=silent)), encoding="utf-8")
    opened = started(open_page(path))
    move(opened.page, 0, 2)
    section = opened.page.locator("#playground")
    assert "There are no predictions: no target could be probed." in section.inner_text()
    assert section.locator("table").count() == 0
    assert opened.quiet, opened


def test_a_decoder_that_cannot_run_leaves_strips_and_a_reason(contents):
    page = build(replace(contents, playground=NoDecoder("its decoder has 9.9 MB of weights")))
    section = page.partition('<section id="playground"')[2].partition("</section>")[0]
    assert "does not run in the page: its decoder has 9.9 MB of weights." in section
    assert section.count('class="strip large') == 4  # the active dimensions of these contents
    assert "portableDecoder" not in page


def test_the_data_are_json_that_no_markup_can_leave(shown):
    page = build(shown)
    (data,) = re.findall(r'<script type="application/json" id="play-data">(.*?)</script>', page)
    assert "<" not in data
    assert json.loads(data)["faces"][1]["name"] == "two & more.jpg"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_serious_in_it(path, open_page, theme, width):
    from axe_playwright_python.sync_playwright import Axe

    page = started(open_page(path, width=width, color_scheme=theme)).page
    slider(page, 0).press("ArrowRight")
    found = Axe().run(page, context={"include": [["#playground"]]}).response
    assert len(found["passes"]) > 10  # it looked
    assert not [one["id"] for one in found["violations"] if one["impact"] != "minor"]
