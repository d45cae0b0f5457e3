"""Training, pictures and data on the page; and the page without pictures."""

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from reports.build import build
from reports.claims import claims
from reports.contents import Census, without_pictures
from reports.numbers import MINUS, shown
from reports.pictures import Album
from reports.sections import data, pictures, training


def section(made, kind=None):
    """The blocks of a section, those in folds and columns too, of one kind."""
    found = []
    for block in made.blocks if hasattr(made, "blocks") else made:
        found.append(block)
        if hasattr(block, "blocks"):
            found += section(block.blocks)
    return [one for one in found if kind is None or one.kind == kind]


def words(made):
    return " ".join(block.text for block in section(made, "paragraph"))


def test_every_term_has_a_curve_and_beta_only_where_it_changes(contents):
    def charts(history):
        made = training.section(replace(contents, history=history), Album())
        return {chart.id: chart for chart in section(made, "line_chart")}

    history = contents.history
    still = charts(history)
    assert list(still) == [
        "history-reconstruction", "history-kl", "history-elbo", "history-active-units",
    ]  # fmt: skip
    assert still["history-kl"].series[1].name == "valid"
    assert still["history-kl"].series[1].y == (10.0, 20.0, 30.0, 40.0)
    moving = history.assign(beta=[1.0, 2.0, 3.0, 4.0], train_capacity=[0.0, 5.0, 10.0, 15.0])
    assert list(charts(moving))[4:] == ["history-beta", "history-capacity"]


def test_it_says_where_learning_ended(contents):
    made = training.section(contents, Album())
    assert "lowest after epoch 3; the weights of that epoch were kept" in words(
        replace(
            made,
            blocks=training.section(
                replace(
                    contents,
                    history=contents.history.assign(valid_loss=[9.0, 8.0, 7.0, 7.5]),
                ),
                Album(),
            ).blocks,
        )
    )
    assert "still falling" in words(made)


def test_the_same_faces_stand_below_each_other_after_each_epoch(contents):
    (table,) = (
        one for one in section(training.section(contents, Album()), "table") if one.id == "epochs"
    )
    assert [row.cells[0].text for row in table.rows] == ["Originals", "Epoch 1", "Epoch 4"]
    assert [row.cells[1].value for row in table.rows] == [None, 7000.0, 1750.0]
    assert len({row.cells[2].picture for row in table.rows}) == 3
    assert {row.cells[2].count for row in table.rows} == {3}


def test_the_kl_of_each_dimension_is_told_for_some_epochs(contents):
    kl = pd.DataFrame({f"kl_{k:03d}": np.linspace(0, 5 - k, 40) for k in range(5)})
    history = pd.concat(
        [pd.DataFrame({"epoch": range(1, 41), "seconds": 1.0, "beta": 1.0}), kl], axis=1
    )
    made = training.section(replace(contents, history=history), Album())
    (table,) = (one for one in section(made, "table") if one.id == "kl-over-epochs")
    assert [row.cells[0].text for row in table.rows] == [f"mu_{k:03d}" for k in range(5)]
    assert len(table.columns) == 1 + training.IN_HEAT
    assert table.columns[1].title == "1" and table.columns[-1].title == "40"
    assert [cell.value for cell in table.rows[0].cells[-1:]] == [5.0]
    assert table.rows[0].cells[-1].shade == 10 and table.rows[0].cells[1].shade == 0


def test_neighbours_are_held_against_images_it_never_saw(contents):
    known = contents.neighbours
    said = claims(contents)["sections"]["pictures"]
    near = np.quantile(known.pixels_apart["copies"], 0.95)
    facts = said["facts"]
    assert facts["near_as_a_copy"] == near
    assert facts["draws_near"] == (known.pixels_apart["draws"] < near).sum()
    assert facts["draw_2_by_code"] == known.codes_apart["draws"][1]
    text = words(pictures.section(contents, Album()))
    assert "700 of the 800 training images, taken at random" in text
    assert "no sign that it repeats" in text
    rows = said["tables"]["nearest"]
    assert [row["n"] for row in rows] == [40] * 5
    assert rows[0]["median"]["value"] == np.median(known.pixels_apart["draws"])


def test_a_decoder_that_repeats_its_training_images_is_told(contents):
    apart = contents.neighbours.pixels_apart | {"draws": np.full(40, 1.0)}
    found = replace(contents.neighbours, pixels_apart=apart)
    text = words(pictures.section(replace(contents, neighbours=found), Album()))
    assert "40 of 40 draws do" in text and "a sign that it repeats" in text


def test_the_data_are_counted(contents):
    described = contents.data | {
        "splits": {"train": 800, "valid": 100, "test": 100},
        "split": {"policy": "identity"},
        "census": {"pictures": {"found": 1004, "used": 1000, "refused": 2, "left_out": 2}},
    }
    told = replace(contents, data=described)
    text = words(data.section(told, Album()))
    assert "1,000 images from the source faces: 800 train, 100 valid, 100 test" in text
    assert "(split: identity)" in text
    assert "Of 1,004 pictures, 1,000 are used, 2 are beyond the limit" in text
    assert "2 could not be used" in text
    assert "150 labels are missing" in text
    facts = claims(told)["sections"]["data"]["facts"]
    assert (facts["pictures_refused"], facts["missing_labels"]) == (2, 150)


def test_labels_stand_in_order_with_their_counts(contents):
    tables = claims(contents)["sections"]["data"]["tables"]
    shares = [row["share"] for row in tables["labels"]]
    assert shares == sorted(shares, reverse=True)
    assert {row["positives"] for row in tables["labels"]} == {250}
    assert tables["labels"][-1]["missing"] == 0
    assert tables["pairs"][0]["r"] == {"value": -0.456, "low": -0.5, "high": -0.4}
    assert tables["ranges-factor"][0]["median"] == 0
    assert tables["refused"] == [{"reason": "is empty", "what": "picture", "count": 2}]
    assert f"{MINUS}0.46" in build(contents)


def test_a_label_nobody_knows_has_no_share(contents):
    census = contents.census.targets.copy()
    census.loc[0, ["known", "positives", "share"]] = [0, 0, np.nan]
    told = replace(contents, census=replace(contents.census, targets=census))
    last = claims(told)["sections"]["data"]["tables"]["labels"][-1]
    assert last["share"] == {"value": None, "reason": "no label is known"}


def test_labels_that_do_not_go_together_are_told(contents):
    census = replace(contents.census, pairs=contents.census.pairs[:0])
    assert "No two attributes" in words(data.section(replace(contents, census=census), Album()))


def test_tables_alone_have_a_census_and_nothing_else(without_model):
    said = claims(without_model)["sections"]
    assert set(said["data"]["tables"]) == {"labels", "ranges-statistic", "ranges-factor", "pairs"}
    assert not {"training", "pictures"} & set(said)
    assert data.section(replace(without_model, census=Census()), Album()) is None


def test_without_pictures_no_picture_is_on_the_page(contents):
    def embedded(page):  # the script can make pictures of charts, and holds none
        return "data:image/" in re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)

    page = build(without_pictures(contents))
    assert embedded(build(contents)) and not embedded(page)
    assert 'role="img" aria-label="' in page  # charts stay
    assert "left out of this page on request" in page
    assert "Pictures were left out on request" in page[: page.index("</section>")]
    whole, bare = claims(contents)["sections"], claims(without_pictures(contents))["sections"]
    assert whole["scores"] == bare["scores"]
    assert whole["training"]["charts"] == bare["training"]["charts"]
    assert whole["data"] == bare["data"]
    assert bare["pictures"]["tables"]["nearest"] == whole["pictures"]["tables"]["nearest"]


def test_no_array_of_pictures_is_left_in_contents_without_pictures(contents):
    """Also of fields that are added later."""
    bare = without_pictures(contents)
    left = [where for where, array in arrays(bare) if array.ndim >= 4 and array.size]
    assert left == []
    assert [where for where, array in arrays(contents) if array.ndim >= 4 and array.size]


def arrays(value, where="contents"):
    """Every array in nested dataclasses, dicts and tuples, with where it is."""
    if isinstance(value, np.ndarray):
        yield where, value
    elif hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            yield from arrays(getattr(value, name), f"{where}.{name}")
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from arrays(one, f"{where}[{key}]")
    elif isinstance(value, list | tuple):
        for index, one in enumerate(value):
            yield from arrays(one, f"{where}[{index}]")


def test_the_claims_of_a_page_without_pictures_are_strict_json(contents):
    json.dumps(claims(without_pictures(contents)), allow_nan=False)


@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
def test_a_bar_is_as_long_as_its_value(contents, value):
    census = contents.census.targets.copy()
    census.loc[0, "share"] = value
    told = replace(contents, census=replace(contents.census, targets=census))
    page = build(told)
    cell = page[page.index('id="labels"') :]
    at = cell.index(shown(value, "share"))
    assert f"M0 4H{90 * value}" in cell[at : at + 300]
