"""Which runs belong together, and which may not be compared at all."""

from dataclasses import replace

import pytest

from latentlab.comparison.groups import group_runs, normalized_beta
from latentlab.comparison.runs import Candidates, LeftOut, check_comparable
from latentlab.errors import DataError
from tests.latentlab.comparison import made


def test_beta_alone_is_a_numeric_axis_in_rising_order():
    found = group_runs(made.runs(betas=(16.0, 1.0, 4.0)))
    assert found.axis == "objective.beta" and found.differing == ("objective.beta",)
    assert [group.name for group in found.groups] == ["beta 1", "beta 4", "beta 16"]
    assert found.groups[0].seeds == (0, 1, 2)
    assert found.of("beta_4_seed_1").settings == {"objective.beta": 4.0}


def test_names_places_and_devices_set_nothing_apart():
    first, second = made.run(seed=0), made.run(seed=1)
    second.config.update(name="another", data={"folder": "elsewhere"})
    second.config["train"]["device"] = "cuda"
    (group,) = group_runs([first, second]).groups
    assert group.name == "all runs" and group.runs == (first.name, second.name)


def test_a_whole_number_and_the_same_with_a_point_are_one():
    first, second = made.run(4, 0), made.run(4.0, 1)
    assert len(group_runs([first, second]).groups) == 1


def test_without_one_number_groups_are_named_by_what_differs():
    a, b, c = made.run(1.0), made.run(4.0), made.run(4.0, name="wide")
    c.config["model"]["latents"] = 10
    found = group_runs([a, b, c])
    assert found.axis is None
    assert [group.name for group in found.groups] == [
        "latents 4, beta 1", "latents 4, beta 4", "latents 10, beta 4"
    ]  # fmt: skip


def test_settings_of_another_component_do_not_lengthen_the_name():
    a, b = made.run(name="a"), made.run(name="b")
    b.config["objective"] = {"name": "factor_vae", "gamma": 10.0}
    found = group_runs([a, b])
    assert [group.name for group in found.groups] == ["objective beta_vae", "objective factor_vae"]
    assert found.groups[1].settings == {
        "objective.name": "factor_vae", "objective.beta": None, "objective.gamma": 10.0
    }  # fmt: skip


def test_unlike_instruments_are_named():
    a, b = made.run(name="a"), made.run(4.0, name="b")
    b.config["intervene"]["anchors"] = 40
    assert group_runs([a, b]).unlike_instruments == ("intervene.anchors",)


def test_the_same_run_twice_is_refused():
    with pytest.raises(DataError, match="same settings and the same seed"):
        group_runs([made.run(name="a"), made.run(name="b")])


def test_normalised_beta_counts_a_pixel_once_a_channel():
    assert normalized_beta(made.run(4.0), side=64, channels=3) == pytest.approx(
        4.0 * made.LATENTS / (64 * 64 * 3)
    )


def test_one_run_is_refused_with_why_the_others_are_out():
    left = (LeftOut("b", "unfinished: no latents.parquet"),)
    with pytest.raises(DataError, match=r"only a is.*b: unfinished"):
        check_comparable(Candidates((made.run(name="a"),), left))
    with pytest.raises(DataError, match="no run is"):
        check_comparable(Candidates((), left))


def test_other_data_and_other_test_images_are_refused_by_name():
    a, b = made.run(name="a"), made.run(seed=1, name="b")
    check_comparable(Candidates((a, b)))
    with pytest.raises(DataError, match="b was made from other data than a"):
        check_comparable(Candidates((a, replace(b, data="other"))))
    fewer = replace(b, latents=b.latents[:-3])
    with pytest.raises(DataError, match="b has 3 fewer test images than a"):
        check_comparable(Candidates((a, fewer)))
    renamed = b.latents.assign(image_id=b.latents["image_id"].str.replace("0000", "x"))
    with pytest.raises(DataError, match="b has other test images than a"):
        check_comparable(Candidates((a, replace(b, latents=renamed))))


def test_the_order_of_the_images_does_not_matter():
    a, b = made.run(name="a"), made.run(seed=1, name="b")
    shuffled = replace(b, latents=b.latents.sample(frac=1, random_state=0))
    check_comparable(Candidates((a, shuffled)))
    assert shuffled.test_codes.equals(b.test_codes)
