"""`report --no-faces`: tables and charts, and not one picture."""

import re
import shutil

import pytest

from latentlab import files


@pytest.fixture(scope="module")
def pages(finished):
    """Name -> the page of a copy of the run, built in different ways."""
    run = finished.folder / "runs" / "hidden"
    shutil.copytree(finished.folder / "runs" / "small", run, dirs_exist_ok=True)
    made = {}

    def build(name, *words):
        done = finished("report", "runs/hidden", *words)
        assert done.code == 0, done.err
        made[name] = (run / "report.html").read_text(encoding="utf-8")
        made[f"{name} claims"] = files.read_json(run / "claims.json")

    build("whole")
    build("again")
    build("bare", "--no-faces")
    config = files.read_yaml(run / "config.yaml")
    files.write_yaml(run / "config.yaml", config | {"report": {"faces": False}})
    build("by config")
    build("overridden", "--faces")
    return made


def embedded(page):
    return re.findall(r"data:image/\w+", re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL))


def test_a_page_with_pictures_has_them_and_is_the_same_when_built_again(pages):
    assert len(embedded(pages["whole"])) > 10
    assert pages["whole"] == pages["again"]


@pytest.mark.parametrize("kind", ["bare", "by config"])
def test_a_page_without_faces_has_no_picture_and_says_so(pages, kind):
    page = pages[kind]
    assert embedded(page) == []
    assert 'id="playground"' not in page
    assert 'class="strip' not in page
    assert "left out" in page
    assert len(page) < len(pages["whole"])


def test_its_tables_are_those_of_the_page_with_pictures(pages):
    whole, bare = (pages[f"{kind} claims"]["sections"] for kind in ("whole", "bare"))
    for section in ("scores", "data", "training"):
        for kind in ("facts", "charts"):
            assert bare[section].get(kind) == whole[section].get(kind)
    assert bare["data"]["tables"] == whole["data"]["tables"]
    assert bare["pictures"]["tables"]["nearest"] == whole["pictures"]["tables"]["nearest"]


def test_the_flag_counts_more_than_the_config(pages):
    assert len(embedded(pages["overridden"])) == len(embedded(pages["whole"]))


def test_training_shows_every_epoch_of_the_run_and_the_nearest_images(pages):
    said = pages["whole claims"]["sections"]
    rows = said["training"]["tables"]["epochs"]
    assert [row["epoch"] for row in rows] == ["Originals", "Epoch 1", "Epoch 2", "Epoch 3"]
    kinds = [row["what"] for row in said["pictures"]["tables"]["nearest"]]
    assert kinds.count("Test images") == 2  # by pixels and by code
    facts = said["data"]["facts"]
    assert facts["images"] == 260 and facts["missing_labels"] == 0
