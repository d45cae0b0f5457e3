"""Settings are closed, spelled out, and checked when they are read."""

from pathlib import Path

import pytest

from latentlab import config as configs
from latentlab.config import Config
from latentlab.errors import ConfigError
from pipelines.demo import SETTINGS

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_config_in_the_house_is_valid(path):
    content, sweep = configs.load_sweep(path)
    assert configs.build(content).name == path.stem
    assert bool(sweep.set) == (path.stem == "beta_sweep")  # whose runs test_sweep checks


def test_the_demo_command_and_its_config_are_the_same_settings():
    (demo,) = [path for path in CONFIGS if path.stem == "demo"]
    assert configs.load(demo) == configs.build(SETTINGS)


def test_saving_and_loading_gives_the_same_settings_from_any_folder(tmp_path, monkeypatch):
    config = configs.build(
        {
            "source": {"name": "celeba", "root": str(tmp_path / "celeba")},
            "objective": {"beta": 4},
            "data": {"folder": str(tmp_path / "data")},
        }
    )
    run = tmp_path / "runs" / "a"
    run.mkdir(parents=True)
    configs.save(config, run / "config.yaml")
    text = (run / "config.yaml").read_text()
    assert str(tmp_path) not in text
    assert "learning_rate" in text  # defaults are spelled out
    again = configs.load_saved(run / "config.yaml")
    assert again.data.folder.resolve() == config.data.folder
    assert again.source.settings["root"].resolve() == tmp_path / "celeba"
    assert again.objective == config.objective


def test_another_component_by_override_does_not_keep_the_old_settings():
    content = {"source": {"name": "celeba", "root": "somewhere", "crop": 100}}
    config = configs.build(content, ("source.name=faces",))
    assert config.source.name == "faces"
    assert "crop" not in config.source.settings


def test_renaming_the_run_changes_nothing_else():
    content = {"name": "a", "train": {"epochs": 3}, "source": {"name": "celeba", "root": "x"}}
    assert configs.build(content, ("name=b",)) == configs.build({**content, "name": "b"})


def test_data_are_prepared_at_sides_that_the_default_model_cannot_halve():
    settings = configs.build_data({"data": {"side": 30}}, ("source.limit=20",), "prepare")
    assert settings.data.side == 30
    assert settings.source.settings["limit"] == 20


def test_overrides_are_yaml_values():
    config = configs.build({}, ("objective.beta=4", "model.widths=[8, 16]", "name=a b"))
    assert config.objective.settings["beta"] == 4.0
    assert tuple(config.model.settings["widths"]) == (8, 16)
    assert config.name == "a b"


def test_settings_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        Config().seed = 1


def test_the_schema_tells_every_component_with_its_settings():
    schema = Config.model_json_schema()
    definitions = str(schema)
    for key in ("beta", "latents", "root", "learning_rate"):
        assert key in definitions


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ({"train": {"epochs": 0}}, r"train\.epochs.*0"),
        ({"train": {"epochs": "many"}}, r"train\.epochs.*many"),
        ({"model": {"latents": -3}}, r"model\.latents"),
        ({"model": "vae"}, r"model.*mapping"),
        ({"source": {"name": "celeba"}}, r"source\.root` is missing.*--set source\.root="),
        ({"objective": {"name": None}}, "unknown name"),
        ({1: 2}, "1"),
    ],
)
def test_a_wrong_value_is_named(content, match):
    with pytest.raises(ConfigError, match=match):
        configs.build(content)


def test_a_run_folder_behind_a_link_finds_its_data(tmp_path):
    """Paths of a saved config are reckoned by name: its `..` do not follow the link."""
    data = tmp_path / "data"
    data.mkdir()
    (tmp_path / "far" / "away" / "run").mkdir(parents=True)
    run = tmp_path / "runs" / "run"
    run.parent.mkdir()
    run.symlink_to(tmp_path / "far" / "away" / "run")
    configs.save(configs.build({"data": {"folder": str(data)}}), run / "config.yaml")
    assert configs.load_saved(run / "config.yaml").data.folder == data
