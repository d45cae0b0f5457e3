"""The plan for a billion faces adds up, and docs/scale.md holds what it says."""

import numpy as np
import pytest

from benchmarks import scale_plan
from benchmarks.scale_plan import PAGE, Assumptions, makespan, plan, simulate, with_tables

RATES = {
    "prepare.jpeg": 2e-4, "landmarks": 1e-2, "training": 3e-3, "encode": 1e-3, "join": 1e-6,
    "probes": 5e-6, "bytes.images": 12_288, "bytes.latents": 300, "bytes.landmarks": 150,
    "bytes.samples": 20, "memory.list": 200, "prepare.list": 1e-5, "prepare.join": 5e-5,
}  # fmt: skip


def test_the_page_holds_the_tables_of_the_measured_rates():
    page = PAGE.read_text(encoding="utf-8")
    assert with_tables(page, plan(scale_plan.rates())) == page


def test_the_plan_adds_up():
    made = plan(RATES)
    stages = {stage.name: stage for stage in made.stages}
    assert stages["landmarks"].seconds == pytest.approx(1e7)
    assert stages["landmarks"].hours == pytest.approx(1e7 / 3600 / 1024)
    assert stages["encode"].read == pytest.approx(12.288e12)
    cores = sum(stage.seconds for stage in made.stages) / 3600 * 0.04
    disk = (8000 + 12_288 + 300 + 150 + 20) * 1e9 / 1e12 * 23
    assert made.cost == pytest.approx(cores + disk)
    by_name = {limit.what: limit.images for limit in made.limits}
    assert by_name["list of all pictures in memory"] == pytest.approx(64e9 / 200)
    assert by_name["`prepare: join` in one process"] == pytest.approx(7 * 86400 / 5e-5)
    assert stages["prepare"].hours == pytest.approx(2e5 / 3600 / 1024)
    assert "`prepare` in one process" not in by_name  # it has parts
    assert [limit.images for limit in made.limits] == sorted(by_name.values())


def test_twice_the_images_cost_twice_and_stop_at_the_same_number():
    one, two = plan(RATES), plan(RATES, Assumptions(images=2e9))
    assert two.cost == pytest.approx(2 * one.cost)
    assert [limit.images for limit in one.limits] == pytest.approx(
        [limit.images for limit in two.limits]
    )
    assert one.limits[0].what == two.limits[0].what


@pytest.mark.parametrize("mean_life", [1e9, 20_000.0, 2_000.0])
@pytest.mark.parametrize(("parts", "workers"), [(64, 64), (2000, 20), (5000, 50)])
def test_the_closed_form_is_what_a_simulation_plays_through(parts, workers, mean_life):
    rng = np.random.default_rng(0)
    ends = []
    for _ in range(20):
        end, finished = simulate(parts, 600.0, workers, mean_life, rng)
        assert (finished == 1).all()
        ends.append(end)
    expected = makespan(parts, 600.0, workers, mean_life)
    if parts == workers:  # all wait for the unluckiest, which a mean does not know
        assert np.mean(ends) >= 0.99 * expected
    else:
        assert np.mean(ends) == pytest.approx(expected, rel=0.06)
