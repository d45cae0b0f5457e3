"""Weights at steps worked out by hand."""

import pytest

from latentlab.objectives import BetaVAE
from latentlab.objectives.schedules import cyclic, linear
from latentlab.objectives.terms import FINAL_STEP


@pytest.mark.parametrize(
    ("step", "steps", "expected"),
    [(0, 10, 0.0), (1, 10, 0.1), (5, 10, 0.5), (10, 10, 1.0), (11, 10, 1.0), (0, 0, 1.0)],
)
def test_linear(step, steps, expected):
    assert linear(step, steps) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("step", "expected"),
    # 40 steps in 2 cycles of 20: up over 10 steps, at the top for 10.
    [
        (0, 0.0),
        (5, 0.5),
        (10, 1.0),
        (19, 1.0),
        (20, 0.0),
        (23, 0.3),
        (30, 1.0),
        (39, 1.0),
        (40, 1.0),
        (45, 1.0),
        (FINAL_STEP, 1.0),
    ],
)
def test_cyclic(step, expected):
    assert cyclic(step, 40, 2) == pytest.approx(expected)


@pytest.mark.parametrize(("anneal", "half"), [("linear", 50), ("cyclic", 25)])
def test_beta_starts_at_0_and_ends_at_its_full_weight(anneal, half):
    objective = BetaVAE(beta=4.0, anneal=anneal, anneal_steps=100, cycles=1)
    assert [objective.weight(step) for step in (0, half, FINAL_STEP)] == [0.0, 2.0, 4.0]


def test_without_a_schedule_the_weight_is_full_from_the_start():
    assert BetaVAE(beta=4.0).weight(0) == BetaVAE(beta=4.0).weight(FINAL_STEP) == 4.0


def test_a_schedule_never_leaves_its_range():
    for cycles in (1, 3, 7):
        weights = [cyclic(step, 100, cycles) for step in range(120)]
        assert min(weights) == 0.0
        assert max(weights) == 1.0
        assert sum(weight == 0.0 for weight in weights) >= 1
