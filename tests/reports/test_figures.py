"""Figures for papers: what is drawn is what the tables say."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle

from latentlab.pictures import Strip
from latentlab.verdicts import VERDICTS
from reports import figures


@pytest.fixture
def interventions():
    rows = []
    for place, of in enumerate(["Smiling", "Bald"]):
        for target, slope in (("Smiling", 0.5), ("Bald", -0.25), ("Hat", 0.0)):
            rows.append(
                {
                    "direction": f"probe:{of}",
                    "kind": "probe",
                    "of": of,
                    "target": target,
                    "judge": "pixels",
                    "slope": slope * (place + 1),
                }
            )
    rows.append({**rows[0], "judge": "landmarks", "slope": 9.0})
    rows.append({**rows[0], "direction": "mu_000", "kind": "latent", "of": None, "slope": 0.125})
    return pd.DataFrame(rows)


@pytest.fixture
def responses():
    t = np.linspace(-2, 2, 5)
    return pd.DataFrame(
        {
            "direction": "mu_003",
            "target": np.repeat(["Smiling", "Bald"], 5),
            "judge": "pixels",
            "t": np.tile(t, 2),
            "value": np.concatenate([t / 2, -t / 4]),
            "low": np.concatenate([t / 2, -t / 4]) - 0.1,
            "high": np.concatenate([t / 2, -t / 4]) + 0.1,
        }
    )


@pytest.fixture
def comparison():
    rows = []
    for beta in (1.0, 4.0, 16.0):
        for number, mean in (("kl", 40 / beta), ("reconstruction", 7000 + 10 * beta), ("mig", 0.1)):
            rows.append(
                {
                    "group": f"beta {beta:g}",
                    "objective.beta": beta,
                    "number": number,
                    "target": np.nan,
                    "mean": mean,
                    "low": np.nan if beta == 16 else mean - 1,
                    "high": np.nan if beta == 16 else mean + 2,
                }
            )
    rows.append({**rows[0], "number": "control", "target": "Smiling", "mean": 0.75})
    return pd.DataFrame(rows).astype({"target": object})


def labels(ticks):
    return [tick.get_text() for tick in ticks]


def drawn(axes):
    """The values of a heat map, row by row."""
    return np.asarray(axes.collections[0].get_array()).reshape(len(axes.get_yticklabels()), -1)


def whiskers(axes):
    """(x, y) of the dots, and the ends of the intervals of each set."""
    return [
        (
            np.column_stack(container[0].get_data()),
            np.array(container[2][0].get_segments()),
        )
        for container in axes.containers
    ]


def test_a_heat_map_holds_every_correlation(contents):
    axes = figures.heat_map(contents.rankings).axes[0]
    table = contents.rankings[contents.rankings["measure"] == "correlation"]
    for row, target in enumerate(labels(axes.get_yticklabels())):
        for column, latent in enumerate(labels(axes.get_xticklabels())):
            value = table[(table["target"] == target) & (table["latent"] == latent)]["value"]
            assert drawn(axes)[row, column] == pytest.approx(value.item())
    with pytest.raises(ValueError, match="nothing_such"):
        figures.heat_map(contents.rankings, "nothing_such")


def test_side_effects_hold_the_slopes_with_a_frame_around_what_was_wanted(interventions):
    axes = figures.side_effects(interventions, "pixels").axes[0]
    assert labels(axes.get_yticklabels()) == ["probe:Smiling", "probe:Bald"]
    assert labels(axes.get_xticklabels()) == ["Smiling", "Bald", "Hat"]
    assert drawn(axes).tolist() == [[0.5, -0.25, 0.0], [1.0, -0.5, 0.0]]
    frames = [patch.get_xy() for patch in axes.patches if isinstance(patch, Rectangle)]
    assert frames == [(0, 0), (1, 1)]
    assert "measured by pixels" in axes.get_xlabel()
    one = figures.side_effects(interventions, "pixels", ["mu_000"]).axes[0]
    assert labels(one.get_yticklabels()) == ["mu_000"] and not one.patches
    with pytest.raises(ValueError, match="nobody"):
        figures.side_effects(interventions, "nobody")


def test_the_colours_of_a_matrix_are_even_around_0(interventions):
    low, high = figures.side_effects(interventions, "pixels").axes[0].collections[0].get_clim()
    assert (low, high) == (-1.0, 1.0)


def test_intervention_curves_are_lines_with_bands(responses):
    figure = figures.intervention_curves(responses, "mu_003", ["Bald", "Smiling", "Hat"], "pixels")
    axes = figure.axes[0]
    lines = {line.get_label(): line for line in axes.lines if line.get_label()[0] != "_"}
    assert list(lines) == ["Bald", "Smiling"]
    assert lines["Smiling"].get_ydata().tolist() == [-1, -0.5, 0, 0.5, 1]
    assert lines["Bald"].get_linestyle() != lines["Smiling"].get_linestyle()
    assert lines["Bald"].get_marker() != lines["Smiling"].get_marker()
    assert len(axes.collections) == 2
    band = axes.collections[1].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == pytest.approx((-1.1, 1.1))
    assert "mu_003" in axes.get_xlabel() and "pixels" in axes.get_ylabel()
    with pytest.raises(ValueError, match="none of these targets"):
        figures.intervention_curves(responses, "mu_003", ["Hat"], "pixels")


def test_a_ranking_has_its_intervals_the_first_on_top(contents):
    target = "Attribute_1"
    axes = figures.ranking(contents.rankings, target, most=3).axes[0]
    table = contents.rankings[contents.rankings["rank"].notna()]
    table = table[(table["target"] == target) & (table["measure"] == "correlation")]
    first = table.sort_values("rank").head(3)
    assert labels(axes.get_yticklabels()) == first["latent"].tolist()
    ((dots, ranges),) = whiskers(axes)
    assert dots[:, 0] == pytest.approx(first["value"].to_numpy())
    assert ranges[:, 0, 0] == pytest.approx(first["low"].to_numpy())
    assert ranges[:, 1, 0] == pytest.approx(first["high"].to_numpy())
    bottom, top = axes.get_ylim()
    assert bottom > top
    with pytest.raises(ValueError, match="nobody"):
        figures.ranking(contents.rankings, "nobody")


def test_the_verdicts_are_counted_by_kind_of_target(contents):
    axes = figures.verdict_summary(contents.verdicts).axes[0]
    assert labels(axes.get_yticklabels()) == list(VERDICTS)
    counts = sum(
        np.array([patch.get_width() for patch in container]) for container in axes.containers
    )
    expected = [(contents.verdicts["verdict"] == verdict).sum() for verdict in VERDICTS]
    assert counts.tolist() == expected
    assert [container.get_label() for container in axes.containers] == [
        "attributes",
        "statistics",
        "factors",
    ]
    assert f"of {len(contents.verdicts)}" in axes.get_xlabel()


def test_rate_against_distortion_names_every_group(comparison):
    axes = figures.rate_distortion(comparison).axes[0]
    assert [text.get_text() for text in axes.texts] == ["beta 1", "beta 4", "beta 16"]
    upright, across = whiskers(axes)
    assert upright[0].tolist() == [[40, 7010], [10, 7040], [2.5, 7160]]
    assert upright[1][0].tolist() == [[40, 7009], [40, 7012]]
    assert across[1][2].tolist() == [[2.5, 7160], [2.5, 7160]]  # no interval: none is drawn
    with pytest.raises(ValueError, match="both a KL"):
        figures.rate_distortion(comparison[comparison["number"] != "kl"])


def test_numbers_against_beta(comparison):
    figure = figures.against_setting(comparison, ["kl", "mig"])
    first, second = figure.axes
    assert first.lines[0].get_xydata().tolist() == [[1, 40], [4, 10], [16, 2.5]]
    assert first.get_xscale() == "log" and labels(first.get_xticklabels()) == ["1", "4", "16"]
    assert second.get_xlabel() == "beta"
    (control,) = figures.against_setting(comparison, ["control"], target="Smiling").axes
    assert "of Smiling" in control.get_title()
    with pytest.raises(ValueError, match="no 'dci'"):
        figures.against_setting(comparison, ["dci"])
    with pytest.raises(ValueError, match="no column"):
        figures.against_setting(comparison, ["kl"], "seed")


@pytest.mark.parametrize("channels", [1, 3])
def test_a_traversal_grid_shows_every_picture(channels):
    rng = np.random.default_rng(0)

    def strip():
        images = rng.integers(0, 256, (3, 8, 8, channels), dtype=np.uint8)
        return Strip(images, (-2.0, 0.0, 2.0), "standard deviations")

    strips = {"mu_000": strip(), "mu_001": strip()}
    figure = figures.traversal_grid(strips)
    assert len(figure.axes) == 6
    shown = np.asarray(figure.axes[4].images[0].get_array())
    assert np.array_equal(shown, strips["mu_001"].images[1].squeeze())
    assert [axes.get_title() for axes in figure.axes[:3]] == ["-2", "0", "+2"]
    assert [figure.axes[at].get_ylabel() for at in (0, 3)] == ["mu_000", "mu_001"]
    other = Strip(strips["mu_000"].images, (-1.0, 0.0, 1.0), "")
    with pytest.raises(ValueError, match="same offsets"):
        figures.traversal_grid(strips | {"x": other})
    with pytest.raises(ValueError, match="no strip"):
        figures.traversal_grid({})


@pytest.mark.parametrize("ending", ["svg", "pdf", "png"])
def test_saved_figures_have_letters_and_the_same_bytes(tmp_path, contents, ending):
    figure = figures.ranking(contents.rankings, "Attribute_1")
    for name in ("one", "two"):
        figures.save(figure, tmp_path / f"{name}.{ending}")
    one, two = ((tmp_path / f"{name}.{ending}").read_bytes() for name in ("one", "two"))
    assert one == two
    if ending == "svg":
        assert b"correlation with Attribute_1</text>" in one


def test_training_curves_hold_the_history(contents):
    axes = figures.training_curves(contents.history).axes[1]
    assert axes.get_title() == "KL"
    assert axes.lines[1].get_ydata().tolist() == contents.history["valid_kl"].tolist()
