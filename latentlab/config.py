"""Settings: frozen, closed, and spelled out. YAML becomes objects here and nowhere else.

The sections `source`, `model` and `objective` each choose one component by `name`; their other keys
are the parameters of that component's constructor, so a new component brings its settings along
and this file does not change. Everything is checked when the config is read: an unknown key or
name is refused with the nearest known one.
"""

import difflib
import importlib
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

import pydantic
from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from latentlab import files
from latentlab.artifacts import relative_to
from latentlab.errors import ConfigError
from latentlab.naming import unknown
from latentlab.overrides import overridden
from latentlab.settings import settings_model
from latentlab.verdicts import Rules


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Component(BaseModel):
    """A section that names an entry of a registry; the other keys are that entry's parameters."""

    model_config = ConfigDict(frozen=True, extra="allow")
    registry: ClassVar[str]  # "module:DICT"
    supplied: ClassVar[frozenset[str]] = (
        frozenset()
    )  # parameters that the data decide, not the user

    name: str

    @property
    def settings(self) -> dict[str, Any]:
        """The component's parameters, every one of them, defaults included."""
        return dict(self.model_extra or {})

    @model_validator(mode="before")
    @classmethod
    def spell_out(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            raise ValueError(f"a mapping with `name` is needed here, not {given!r}")
        given = {str(key): value for key, value in given.items()}
        name = given.pop("name", cls.model_fields["name"].default)
        entries = cls.entries()
        if name not in entries:
            raise ValueError(unknown(str(name), entries))
        settings = settings_model(entries[name], cls.supplied).model_validate(given)
        return {"name": name, **dict(settings)}

    @classmethod
    def entries(cls) -> dict[str, Callable[..., Any]]:
        # Imported on use: the registries pull in torch, which `--help` must not wait for.
        module, _, variable = cls.registry.partition(":")
        return dict(getattr(importlib.import_module(module), variable))

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: Any) -> dict[str, Any]:
        choices = []
        for name, entry in cls.entries().items():
            schema = settings_model(entry, cls.supplied).model_json_schema()
            schema["properties"] = {"name": {"const": name}, **schema.get("properties", {})}
            choices.append(schema | {"title": name, "description": inspect.getdoc(entry) or ""})
        return {"oneOf": choices}


class SourceConfig(Component):
    """Where the pictures come from."""

    registry = "latentlab.data:SOURCES"
    name: str = "faces"


class ModelConfig(Component):
    """The network and its likelihood."""

    registry = "latentlab.models:MODELS"
    supplied = frozenset({"channels", "side"})
    name: str = "vae"


class ObjectiveConfig(Component):
    """What training minimises."""

    registry = "latentlab.objectives:OBJECTIVES"
    name: str = "beta_vae"


class DataConfig(Section):
    folder: Path = Path("data/faces")
    """The prepared data folder, made on first use and shared by many runs."""
    side: Annotated[int, Ge(28), Le(256)] = 64
    """Height and width of the prepared images, pixels."""
    split: Literal["auto", "published", "identity", "random"] = "auto"
    """Where train, valid and test come from: as published; whole persons; every image on its own;
    auto takes the first of these that the source allows."""
    valid: Annotated[float, Gt(0), Lt(1)] = 0.1
    """Share of the images that choose, where they are not split as published."""
    test: Annotated[float, Gt(0), Lt(1)] = 0.1
    """Share of the images that test, likewise."""
    split_seed: Annotated[int, Ge(0)] = 0
    on_bad: Literal["fail", "skip"] = "fail"
    """A picture or label that cannot be used: stop, or go on without it and list it."""

    @model_validator(mode="after")
    def leaves_some_to_train(self) -> "DataConfig":
        if self.valid + self.test >= 1:
            raise ValueError(f"valid {self.valid} and test {self.test} leave no image to train on")
        return self


class TrainConfig(Section):
    epochs: Annotated[int, Ge(1)] = 12
    batch_size: Annotated[int, Ge(1)] = 32
    learning_rate: Annotated[float, Gt(0)] = 1e-3
    """Of Adam."""
    decoder_learning_rate: Annotated[float, Gt(0)] | None = None
    """Of the decoder's weights, if it has another."""
    critic_learning_rate: Annotated[float, Gt(0)] = 1e-4
    """Of the objective's own network, such as FactorVAE's discriminator."""
    clip: Annotated[float, Gt(0)] | None = None
    """Largest norm of a step's gradient."""
    precision: Literal["float32", "tf32", "bfloat16"] = "float32"
    """Of the networks' arithmetic; losses and weights stay float32. tf32 counts on CUDA alone."""
    average: Annotated[float, Ge(0), Lt(1)] = 0.0
    """Decay of a moving average of the weights, which is then kept; 0 keeps the last step's."""
    patience: Annotated[int, Ge(0)] = 0
    """Stop after so many epochs without a better validation loss; 0 never does."""
    compile: bool = False
    """Translate the networks with torch.compile: a slow start for faster steps."""
    capture: bool = True
    """On a CUDA device, record a step once and replay it."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"


class EncodeConfig(Section):
    batch_size: Annotated[int, Ge(1)] = 64
    """Images at a time. Far larger ones are slower on a CPU, whose caches they do not fit into."""
    features: Literal["mean", "histogram"] = "mean"
    """Posterior means, which for discrete codes are pooled embeddings; or histograms of codes."""
    likelihood_samples: Annotated[int, Ge(0)] = 0
    """Draws that estimate the likelihood of each image; 0 leaves it out."""


class LandmarksConfig(Section):
    enabled: bool = True
    """Measure the faces with MediaPipe; false leaves the face statistics out."""
    model: Path | None = None
    """face_landmarker.task; looked for in the usual places if not given."""
    workers: Annotated[int, Ge(0)] = 0
    """Processes; 0 takes one a core."""


class ProbeConfig(Section):
    resamples: Annotated[int, Ge(100)] = 1000
    """Bootstrap resamples behind every interval."""
    min_positives: Annotated[int, Ge(2)] = 20
    """A label with fewer positive or negative training images is not probed."""
    nonlinear: bool = True
    """Probe with a small non-linear model too: what no line reads may still be encoded."""
    controls: bool = True
    """Probe shuffled labels, random directions, pixels and an untrained encoder too."""


class InterveneConfig(Section):
    """How latents are moved and who measures what comes of it."""

    enabled: bool = True
    """Move latents and measure the decoded pictures; false leaves every verdict open."""
    anchors: Annotated[int, Ge(10)] = 40
    """Images of test that are moved along every direction."""
    span: Annotated[float, Gt(0)] = 2.0
    """How far to either side, in standard deviations of the aggregate posterior."""
    steps: Annotated[int, Ge(3)] = 5
    """Places on the way, the unmoved one among them; odd."""
    random: Annotated[int, Ge(0)] = 10
    """Random directions, as a control."""
    references: Annotated[int, Ge(20)] = 1000
    """Images of test that give a judge its unit and its accuracy, at most."""
    judges: tuple[Literal["landmarks", "pixels", "parts", "circular"], ...] = (
        "landmarks", "pixels", "circular",
    )  # fmt: skip
    """Who measures; landmarks only where `landmarks.enabled`."""
    judge_epochs: Annotated[int, Ge(1)] = 10
    """Of training the judges that look at pixels."""
    judge_seed: Annotated[int, Ge(0)] = 0
    """Of the same; not the run's own, so that runs of several seeds share the judges."""
    without: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Target -> targets to project out of its direction; those most like it if not given."""


class MetricsConfig(Section):
    """Scores of the codes and of the reconstructions."""

    surrogates: Literal["all"] | tuple[str, ...] = ()
    """Attributes that stand in for true factors, or all of them."""
    dci: Literal["fast_trees", "boosted_trees", "random_forest", "lasso"] = "fast_trees"
    """What predicts the factors; boosted_trees is the published study's and slow."""
    images: Annotated[int, Ge(0)] = 1000
    """Images of test whose reconstructions are scored, at most; 0 scores none."""
    lpips_backbone: Path | None = None
    """torchvision's weights of AlexNet; LPIPS is left out without them."""
    lpips_heads: Path | None = None
    """LPIPS' own weights, for AlexNet."""
    inception: Path | None = None
    """torch-fidelity's weights of Inception v3; FID and KID are left out without them."""

    @model_validator(mode="after")
    def both_or_none(self) -> "MetricsConfig":
        if (self.lpips_backbone is None) != (self.lpips_heads is None):
            raise ValueError("LPIPS needs both lpips_backbone and lpips_heads")
        return self


class TraverseConfig(Section):
    steps: Annotated[int, Ge(2)] = 7
    span: Annotated[float, Gt(0)] = 3.0
    """How far to either side, in standard deviations of the codes."""


class ReportConfig(Section):
    faces: bool = True
    """Show pictures. Without them the page has every number and chart, but no picture of anybody,
    nor any that the model decodes."""
    playground: bool = True
    """Put the decoder itself into the page, with sliders, where it is small enough."""


class DataSettings(Section):
    """Which data to prepare."""

    source: SourceConfig = Field(default_factory=lambda: SourceConfig.model_validate({}))
    data: DataConfig = DataConfig()

    def plain(self) -> dict[str, Any]:
        """The settings as nested plain values that YAML and JSON can hold."""
        return self.model_dump(mode="json")

    def with_paths(self, change: Callable[[Path], Path]) -> Self:
        """The same settings with `change` applied to every path in them."""

        def changed(value: Any) -> Any:
            if isinstance(value, dict):
                return {key: changed(item) for key, item in value.items()}
            return change(value) if isinstance(value, Path) else value

        return type(self).model_validate(changed(self.model_dump()))


class Config(DataSettings):
    """Every setting of a run."""

    name: str = "run"
    """Shown as the report's title."""
    seed: Annotated[int, Ge(0)] = 0
    deterministic: bool = False
    """Networks on the CPU and products of matrices give the same bytes by any number of threads;
    training takes two or three times as long."""
    landmarks: LandmarksConfig = LandmarksConfig()
    model: ModelConfig = Field(default_factory=lambda: ModelConfig.model_validate({}))
    objective: ObjectiveConfig = Field(default_factory=lambda: ObjectiveConfig.model_validate({}))
    train: TrainConfig = TrainConfig()
    encode: EncodeConfig = EncodeConfig()
    probe: ProbeConfig = ProbeConfig()
    intervene: InterveneConfig = InterveneConfig()
    verdicts: Rules = Rules()
    metrics: MetricsConfig = MetricsConfig()
    traverse: TraverseConfig = TraverseConfig()
    report: ReportConfig = ReportConfig()

    @model_validator(mode="after")
    def fits(self) -> "Config":
        """The model must be buildable at this side and give what the objective needs."""
        from latentlab.encoding import check_encoding
        from latentlab.models.trial import trial_posterior
        from latentlab.objectives.requirements import check_posterior

        entry = ModelConfig.entries()[self.model.name]
        model, posterior = trial_posterior(entry, self.data.side, self.model.settings)
        objective = ObjectiveConfig.entries()[self.objective.name](**self.objective.settings)
        check_posterior(posterior, getattr(objective, "needs", None), self.objective.name)
        check_encoding(posterior, self.encode.features, self.encode.likelihood_samples)
        if model.masked:
            source = SourceConfig.entries()[self.source.name](**self.source.settings)
            if not getattr(source, "gives_masks", False):
                raise ConfigError(
                    f"`model.masked` needs masks, and the source {self.source.name} gives none."
                    " Take model.masked=false, source.name=celeba_mask_hq, or source.cut=true with"
                    " generated faces."
                )
        return self


class SweepConfig(Section):
    """What `latentlab sweep` makes of the rest of the file: runs of every value with every seed."""

    set: dict[str, Annotated[tuple[Any, ...], Field(min_length=1)]] = Field(default_factory=dict)
    """Setting, as `objective.beta`, -> its values."""
    seeds: Annotated[int, Ge(1)] = 1
    """Runs of each, which differ in `seed` alone: from the file's own seed on."""
    variants: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Name -> settings that replace those of the file. Each is a comparison of its own."""


class ConfigFile(Config):
    """What a YAML config may hold: the settings of a run, or of a sweep of runs."""

    sweep: SweepConfig = SweepConfig()


class _SweepAlone(Section):
    sweep: SweepConfig


Settings = TypeVar("Settings", bound=DataSettings)


def load(path: Path, overrides: tuple[str, ...] = ()) -> Config:
    """Read a YAML config, apply `key.key=value` overrides, and check the whole.

    Raises:
        ConfigError: the file is missing or not YAML, or a key or value is wrong; the message
            names the place and the nearest known key.
    """
    content = _content(path)
    if "sweep" in content:
        raise ConfigError(
            f"{path} holds a sweep of runs. Start it with `latentlab sweep {path}`, or see its runs"
            " with --dry-run."
        )
    return build(content, overrides, where=str(path))


def load_sweep(path: Path, overrides: tuple[str, ...] = ()) -> tuple[dict[str, Any], SweepConfig]:
    """Read a YAML config for a sweep, with or without a section `sweep`.

    Returns:
        What the file and the overrides say about a run, not checked yet, and the section.

    Raises:
        ConfigError: the file is missing or not YAML, or the section is wrong.
    """
    content = _content(path)
    for override in overrides:
        content = overridden(content, override)
    section = {"sweep": content.pop("sweep", {})}
    try:
        return content, _SweepAlone.model_validate(section).sweep
    except pydantic.ValidationError as error:
        raise ConfigError(f"{path}: {_explained(error, ConfigFile)}") from None


def _content(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ConfigError(
            f"{path} does not exist. Show a config to start from with `latentlab config show`."
        )
    content = files.read_yaml(path)
    if content is not None and not isinstance(content, dict):
        raise ConfigError(
            f"{path} must hold a mapping of settings, not {content!r}. Write them as `key: value`;"
            " `latentlab config show` has them all."
        )
    return dict(content or {})


def save(config: Config, path: Path) -> None:
    """Write every setting; paths become relative to its folder, so no user name gets in."""
    here = path.parent
    relative = config.with_paths(lambda stored: Path(relative_to(stored, here)))
    files.write_yaml(path, relative.plain())


def load_saved(path: Path, overrides: tuple[str, ...] = ()) -> Config:
    """A config that `save` wrote, with its paths relative to the current folder again.

    They are reckoned by name, as there: `..` of a folder that is a link is where the link lies.
    """
    return load(path, overrides).with_paths(
        lambda stored: Path(os.path.normpath(path.parent / stored))
    )


def build(
    content: dict[str, Any], overrides: tuple[str, ...] = (), where: str = "config"
) -> Config:
    """Check nested plain values, as read from YAML, together with overrides."""
    return _checked(Config, content, overrides, where)


def build_data(content: dict[str, Any], overrides: tuple[str, ...], where: str) -> DataSettings:
    """The same for the sections that say which data to prepare, without a model."""
    return _checked(DataSettings, content, overrides, where)


def _checked(
    kind: type[Settings], content: dict[str, Any], overrides: tuple[str, ...], where: str
) -> Settings:
    for override in overrides:
        content = overridden(content, override)
    try:
        # A shell leaves the ~ of `--set source.root=~/celeba` alone.
        return kind.model_validate(content).with_paths(Path.expanduser)
    except pydantic.ValidationError as error:
        raise ConfigError(f"{where}: {_explained(error)}") from None


def _explained(error: pydantic.ValidationError, kind: type[BaseModel] = Config) -> str:
    """The first complaint in one line, and how many more there are."""
    complaints = error.errors()
    first = complaints[0]
    place = ".".join(str(part) for part in first["loc"])
    nested = first.get("ctx", {}).get("error")
    if first["type"] == "missing":
        message = f"`{place}` is missing: add it, or give it with --set {place}=VALUE"
    elif first["type"] == "extra_forbidden":
        message = f"unknown key `{place}`{_nearest(first['loc'], kind)}"
    elif nested is not None:
        message = f"`{place}`: {nested}"
    else:
        message = f"`{place}` is {first['input']!r}: {first['msg'].lower()}"
    more = f" ({len(complaints) - 1} more)" if len(complaints) > 1 else ""
    end = "" if message.endswith((".", "?")) else "."
    return f"{message}{end}{more} See `latentlab config schema`."


def _nearest(place: tuple[Any, ...], kind: type[BaseModel]) -> str:
    """ ", did you mean ...?" for an unknown key, or the keys that there are."""
    known = _keys_at(place[:-1], kind)
    if place[-1] in known:  # of another model, objective or source
        component = ".".join(map(str, place[:-1]))
        return f", which belongs to another `{component}.name`; take it out"
    close = difflib.get_close_matches(str(place[-1]), known, n=1)
    if close:
        return f", did you mean `{'.'.join([*map(str, place[:-1]), close[0]])}`?"
    return f"; known here: {', '.join(known)}"


def _keys_at(place: tuple[Any, ...], section: type[BaseModel]) -> list[str]:
    for part in place:
        section = section.model_fields[str(part)].annotation  # type: ignore[assignment]
    keys = list(section.model_fields)
    if issubclass(section, Component):
        for entry in section.entries().values():
            keys += settings_model(entry, section.supplied).model_fields
    return keys
