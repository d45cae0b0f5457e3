"""Every picture is made and measured once, in parts or at once; what does not fit is refused."""

import numpy as np
import pandas as pd
import pytest

from latentlab.artifacts import latent_columns
from latentlab.errors import ConfigError, DataError
from latentlab.interventions.directions import (
    Direction,
    latent_directions,
    random_directions,
    zero_direction,
)
from latentlab.interventions.intervene import intervene
from latentlab.judges.judge import Judge
from tests.latentlab.interventions.drawn import (
    ALL,
    ANCHORS,
    INNER,
    LATENTS,
    NAMES,
    Pixels,
    linear,
    moved,
    painted,
    planned,
    real,
    row_of,
    whole_anchors,
)


@pytest.mark.parametrize("seed", range(3))
def test_nothing_depends_on_the_order_of_anchors_and_directions_or_on_the_batch(seed):
    rng = np.random.default_rng(seed)
    decode = linear(rng.normal(0.0, 8.0, (4, LATENTS)))
    anchors, groups = rng.normal(size=(ANCHORS, LATENTS)), np.arange(ANCHORS) // 2 + 40
    groups[:12] = np.arange(12)
    directions = [*latent_directions(NAMES, ALL), *random_directions(3, ALL, seed)]
    order, turn = rng.permutation(ANCHORS), rng.permutation(len(directions))
    extras = {"encode": lambda pictures: pictures[:, 2, INNER, 0] / 10.0 - 12.8}
    keys = ["direction", "target", "judge"]
    first = moved(decode, directions, anchors=anchors, groups=groups, **extras)
    others = [
        moved(
            decode,
            [directions[index] for index in turn],
            anchors=anchors[order],
            groups=groups[order],
            **extras,
        ),
        moved(decode, directions, anchors=anchors, groups=groups, batch=7, **extras),
    ]
    for other in others:
        tables = (first.interventions, other.interventions)
        one, two = (table.set_index(keys).sort_index() for table in tables)
        numbers = one.select_dtypes("number").columns
        for column in numbers:
            np.testing.assert_allclose(
                one[column].to_numpy(float), two[column].to_numpy(float), atol=1e-9
            )
        one, two = (
            results.paths.set_index(["direction", "t"]).sort_index() for results in (first, other)
        )
        numbers = one.select_dtypes("number").columns
        np.testing.assert_allclose(one[numbers], two[numbers], atol=1e-9)


def test_the_zero_step_shows_whether_decoding_repeats_itself():
    zero = zero_direction(LATENTS)
    steady = moved(linear(10 * np.eye(4)), [zero]).interventions
    assert (steady[["slope", "low", "high", "effect"]] == 0.0).all(axis=None)
    rng = np.random.default_rng(0)
    restless = moved(lambda z, anchor: painted(rng.normal(0, 9, (len(z), 4))), [zero])
    assert (restless.interventions["slope"] != 0.0).all()
    paths = moved(linear(10 * np.eye(4)), [zero], anchors=np.eye(LATENTS)[np.arange(20) % 4]).paths
    assert paths["quantile"].nunique() == 1 and (paths["scale"] == 0.0).all()


def test_every_anchor_keeps_its_context_and_every_picture_is_made_once():
    seen, judge, done = [], Pixels(), []

    def decode(z, anchor):
        seen.append((z, anchor))
        return painted(np.column_stack([10 * z[:, 0], 5.0 * anchor]))

    anchors = whole_anchors()
    directions = [*latent_directions(NAMES, ALL), zero_direction(LATENTS)]
    directions.append(Direction("probe:x", "probe", np.zeros(LATENTS), "x", reason="not probed"))
    results = moved(
        decode, directions, anchors=anchors, judges=[judge], batch=50, progress=done.append
    )
    total = planned(decode, directions, anchors=anchors).pictures
    assert total == ANCHORS * (1 + 5 * 4)
    assert sum(len(z) for z, _ in seen) == sum(judge.sizes) == sum(done) == total
    assert max(judge.sizes) <= 50
    z, anchor = (np.concatenate(part) for part in zip(*seen, strict=True))
    apart = np.abs(z - anchors[anchor])
    assert (np.count_nonzero(apart > 1e-9, axis=1) <= 1).all() and apart.max() < 2.1
    assert row_of(results, "mu_000", "b")["slope"] == 0.0


def test_a_posterior_variance_lengthens_the_step():
    results = moved(linear(10 * np.eye(4)), posterior_variance=np.array([3.0, 0.0, 8.0, 0.0]))
    found = [
        row_of(results, name, target)["slope"] for name, target in zip(NAMES, "abcd", strict=True)
    ]
    np.testing.assert_allclose(found, [2.0, 1.0, 3.0, 1.0])


def test_judges_of_the_tests_keep_the_protocol():
    judge: Judge = Pixels()
    assert judge.measure(painted(np.zeros((3, 4)))).shape == (3, 4)
    assert latent_columns(pd.DataFrame(columns=NAMES)) == NAMES


@pytest.mark.parametrize(
    ("known", "message"),
    [
        ({"anchors": np.zeros((20, 3))}, "one model"),
        ({"anchors": np.zeros((0, LATENTS))}, "0 anchors"),
        ({"anchors": np.full((20, LATENTS), np.nan)}, "finite"),
        ({"groups": np.zeros(3)}, "3 groups for 20 anchors"),
        ({"reference": {}}, "no reference for the judge pixels"),
        ({"judges": [Pixels(), Pixels()]}, "judge pixels is listed more than once"),
        ({"directions": [zero_direction(LATENTS)] * 2}, "direction zero is listed"),
        ({"directions": [Direction("x", "probe", np.ones(3))]}, "shape"),
        ({"directions": [Direction("x", "probe", np.ones(LATENTS))]}, "length 2"),
    ],
)
def test_what_does_not_fit_is_refused(known, message):
    with pytest.raises(DataError, match=message):
        moved(linear(10 * np.eye(4)), **known)


def test_steps_that_have_no_middle_are_a_setting_to_mend():
    with pytest.raises(ConfigError, match="odd"):
        moved(linear(np.eye(4)), steps=4)


def test_a_decoder_or_judge_that_breaks_its_word_is_named():
    with pytest.raises(DataError, match="uint8"):
        moved(lambda z, anchor: painted(z).astype(float))

    class Forgetful(Pixels):
        def measure(self, images):
            found = super().measure(images)
            return found if len(self.sizes) == 1 else found[["a"]]

    with pytest.raises(DataError, match="judge pixels gave"):
        moved(linear(np.eye(4)), judges=[Forgetful()])


def test_moved_pictures_are_measured_in_parts_and_summed_up_as_if_at_once():
    experiment = planned(
        linear(10 * np.eye(4)), encode=lambda pictures: np.zeros((len(pictures), 4))
    )
    whole = moved(experiment.decode, encode=experiment.encode)
    total = len(experiment.ids)
    assert total == LATENTS * ANCHORS * 4
    parts = [range(100), range(100, 101), range(101, total)]
    frames = [frame for rows in parts for frame in experiment.frames(rows, batch=64)]
    assert [len(frame) for frame in frames] == [64, 36, 1, 64, 64, 64, 27]
    assert frames[2]["image_id"].tolist() == ["00000100"]
    one = intervene(
        experiment, reference={"pixels": real()}, resamples=100, seed=0, measured=iter(frames)
    )
    for name in ("interventions", "selectivity", "paths", "responses", "detections"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(whole, name))
    for wrong, said in (
        (frames[:-1], f"Only {total - 27} of {total}"),
        (frames[::-1], "something else"),
        ([*frames, frames[-1]], "something else"),
        ([frame.rename(columns={"pixels: a": "pixels: z"}) for frame in frames], "something else"),
    ):
        with pytest.raises(DataError, match=said):
            experiment.filled(wrong)
