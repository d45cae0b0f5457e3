"""What judges values, privacy, messages and packages sees what is wrong, or their counts would
prove nothing."""

import base64
import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image, PngImagePlugin

from latentlab import parquet
from latentlab.artifacts import DataFolder
from pipelines.cli import COMMANDS
from tests.faults import bad_tables, values
from tests.faults.bad_tables import Bad
from tests.faults.harness import Ended
from tests.faults.messages import poorly_told
from tests.faults.mistakes import MISTAKES, PREPARE_CELEBA
from tests.faults.privacy import MACHINE, PERSON, SECRETS, embedded, shown_of, told
from tests.faults.spoils import celeba
from tests.faults.supply import entries, loose


def test_there_are_mistakes_of_every_command():
    assert len(MISTAKES) >= 60
    examples = (example.split()[1:] for _, _, example in COMMANDS)
    commands = {words[0] for words in examples} - {"demo", "doctor", "status"}  # see below
    assert commands <= {mistake.words[0] for mistake in MISTAKES.values()}


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("latentlab: x is missing. Make it with `latentlab train x`.", []),
        ("x is missing. Make it.", ["is not one line that begins with `latentlab: `"]),
        ("latentlab: x is missing", ["does not end as a sentence", "does not say what to do next"]),
        ("latentlab: x is missing.", ["does not say what to do next"]),
        ("latentlab: y is missing. Make it.", ["does not say 'x'"]),
        ("Traceback\nlatentlab: x is missing. Make it.", ["shows a traceback"]),
    ],
)
def test_a_poor_message_is_seen(said, wrong):
    found = poorly_told(Ended(3, said, 0.0, 0.0), 3, ("x",))
    assert set(wrong) <= set(found) and bool(found) == bool(wrong)
    assert "exit 1, not 3" in poorly_told(Ended(1, said, 0.0, 0.0), 3, ("x",))


def test_debug_shows_the_traceback_and_a_small_celeba_is_prepared(warm, tmp_path):
    done = warm(("run", "nowhere.yaml", "--debug"), tmp_path, logs=tmp_path)
    assert done.code != 0 and "Traceback" in done.said
    celeba()(tmp_path)  # as it is before something is wrong with it
    done = warm(PREPARE_CELEBA, tmp_path, logs=tmp_path)
    assert done.code == 0 and "12 images" in done.said


@pytest.mark.parametrize("word", ["nan", "NaN", "inf", "-inf", "Infinity", "undefined", "None"])
def test_what_is_no_number_is_seen_on_a_page(word):
    assert values.no_numbers(f"<p>AUC {word} [0.1, 0.2]</p>")
    assert values.no_numbers(f'<td data-value="{word}">0.1</td>')
    assert not values.no_numbers(f"<script>let x = {word}</script><p>AUC 0.1</p>")
    assert not values.no_numbers(f"<p>{word}thing and some{word}</p>")


def test_a_number_that_is_none_is_seen_in_a_table():
    good = pd.DataFrame({"target": ["a"], "value": [0.5], "reason": [None]})
    assert values.unreasoned("probes", good, {"b"}) == []
    assert values.unreasoned("probes", good, {"a"})  # nothing can be known of it
    for value in (np.nan, np.inf):
        assert values.unreasoned("probes", good.assign(value=value), set())
    assert not values.unreasoned("probes", good.assign(value=np.nan, reason="why"), set())


def test_bad_tables_are_bad_and_the_same_for_the_same_seed(world):
    samples = DataFolder(world.after / "data/tiny").samples()
    for seed in range(20):
        one, again = (
            bad_tables.spoiled(samples, np.random.default_rng(seed), values.OF_SAMPLES)
            for _ in range(2)
        )
        assert isinstance(one, Bad) and one.what == again.what
        pd.testing.assert_frame_equal(one.table, again.table)
        assert not one.table.equals(samples)


def test_a_name_is_found_in_whatever_holds_it(tmp_path):
    picture = Image.new("RGB", (40, 40))
    picture.putdata([(n % 251, n % 7, n % 83) for n in range(1600)])
    about = PngImagePlugin.PngInfo()
    about.add_text("Author", PERSON, zip=True)
    written = io.BytesIO()
    picture.save(written, "PNG", pnginfo=about)
    hidden = base64.b64encode(written.getvalue()).decode()
    (tmp_path / "a.png").write_bytes(written.getvalue())
    (tmp_path / "b.html").write_text(f'<img src="data:image/png;base64,{hidden}">')
    table = pd.DataFrame({"image_id": [MACHINE] * 3})
    parquet.write_table(tmp_path / "c.parquet", table)
    parquet.write_table(tmp_path / "d.parquet", table[:0], {"made by": PERSON})
    (tmp_path / "e.yaml").write_text(f"root: /home/{PERSON.upper()}/faces")
    (tmp_path / "f.json").write_text("{}")
    found = {name for name, _ in told(tmp_path)}
    assert found == {"a.png", "b.html", "c.parquet", "d.parquet", "e.yaml"}
    assert all(secret.encode() not in written.getvalue() for secret in SECRETS)  # it is packed


def test_a_face_on_a_page_is_recognized(world, tmp_path):
    images = DataFolder(world.after / "data/tiny").images()
    known = images.astype(np.float32)
    for picture, seen in ((images[3], 1), (255 - images[3], 0)):
        written = io.BytesIO()
        Image.fromarray(np.asarray(picture)).save(written, "WEBP", quality=90)
        hidden = base64.b64encode(written.getvalue()).decode()
        page = tmp_path / "page.html"
        page.write_text(f'<img src="data:image/webp;base64,{hidden}">')
        assert len(embedded(page.read_text())) == 1
        assert shown_of(page, known) == seen


@pytest.mark.parametrize(
    ("entry", "pinned"),
    [
        ("a==1.0     --hash=sha256:" + "0" * 64, True),
        ("a==1.0 ; python_version < '3.12'     --hash=sha256:" + "0" * 64, True),
        ("a==1.0", False),
        ("a>=1.0 --hash=sha256:" + "0" * 64, False),
        ("a @ https://example.org/a.whl --hash=sha256:" + "0" * 64, False),
        ("--index-url https://example.org", False),
        ("a==1.0 --hash=md5:" + "0" * 32, False),
    ],
)
def test_what_is_not_pinned_is_seen(entry, pinned):
    assert (loose(entry) == "") == pinned


def test_the_lines_of_a_lock_are_joined():
    lock = "# made by uv\na==1 \\\n    --hash=sha256:0 \\\n    --hash=sha256:1\n\nb==2\n"
    assert [line.split() for line in entries(lock)] == [
        ["a==1", "--hash=sha256:0", "--hash=sha256:1"],
        ["b==2"],
    ]
