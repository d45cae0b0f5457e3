"""What stands where in a data folder and a run folder. Every artefact is read and written here.

A data folder is made once by `prepare` and shared by many runs; a run folder holds one model and
all that was learned about it. Tables are parquet (zstd, page checksums) that pandas, DuckDB and
Polars read as they are.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from latentlab import blocks, files, integrity, parquet
from latentlab.errors import DataError, MissingArtifactError

SPLITS = ("train", "valid", "test")
ROLES = ("attribute", "statistic", "factor")  # what a target is: a label, a measurement, the truth
LARGEST = 1e100  # of values that are taken for numbers: sums of their squares are finite

SAMPLES, REFUSED = "samples.parquet", "refused.csv"
BLOCKS = "blocks.sha256"  # digests of the large files of a data folder, block by block

SAMPLES_ROW_GROUP = 1 << 20  # every process of a part reads this footer, and some of its columns

# The columns every table of this name has; more may follow.
TABLES: dict[str, tuple[str, ...]] = {
    "probes": (
        "target", "role", "probe", "metric", "value", "low", "high", "baseline", "n", "positives",
        "reason",
    ),
    "rankings": (
        "target", "latent", "measure", "value", "low", "high", "rank", "p_first", "q", "reason",
    ),
    "directions": ("target", "probe", "latent", "weight"),
    "dimensions": ("latent", "kl", "mean", "deviation", "active"),
    "probe_weights": ("target", "probe", "term", "coefficient"),
    "controls": (
        "target", "features", "probe", "metric", "value", "low", "high", "baseline", "n", "reason",
    ),
    "needed": ("target", "k", "latents", "metric", "value", "low", "high", "share", "reason", "n"),
    "interventions": (
        "direction", "target", "judge", "slope", "low", "high", "monotone_share", "anchors",
        "detected", "reason",
    ),
    "selectivity": (
        "direction", "target", "judge", "selectivity", "low", "high", "worst", "worst_slope",
        "worst_correlation", "reason",
    ),
    "paths": (
        "direction", "t", "quantile", "reencoding_error", "detected", "background_change",
        "identity_change", "reason",
    ),
    "responses": ("direction", "target", "judge", "t", "value", "low", "high", "anchors"),
    "judges": ("judge", "target", "pictures", "metric", "value", "low", "high", "n", "reason"),
    "moves": ("direction", "kind", "of", "without", "latent", "weight", "reason"),
    "verdicts": (
        "target", "verdict", "latents", "effect", "low", "high", "selectivity", "judge", "rule",
    ),
    "metrics": (
        "metric", "value", "low", "high", "settings", "reason", "baseline", "n", "ceiling",
        "surrogates",
    ),
    "anomalies": ("image_id", "split", "log_likelihood", "rank", "bits_per_dim"),
}  # fmt: skip


# The stage that makes a table, where it is not `probe`.
MADE_BY = {
    **dict.fromkeys(
        ("interventions", "selectivity", "paths", "responses", "judges", "moves", "verdicts"),
        "intervene",
    ),
    "metrics": "metrics",
}

# What the columns of a latents table may be: posterior means; for discrete codes the pooled
# embeddings, or the share of positions with each code.
FEATURES = ("mu", "pooled", "histogram")


def mu_name(index: int) -> str:
    """The name of a latent dimension, which is also the column of its posterior mean."""
    return latent_name("mu", index)


def latent_name(feature: str, index: int) -> str:
    """The name of a column of latents, `feature` being one of FEATURES."""
    return f"{feature}_{index:03d}"


def logvar_name(index: int) -> str:
    return f"logvar_{index:03d}"


def latent_columns(table: pd.DataFrame) -> list[str]:
    """The columns of latents in a latents table, in order: of the first of FEATURES it has."""
    names = list(map(str, table.columns))
    found = ([name for name in names if name.startswith(f"{kind}_")] for kind in FEATURES)
    return next((columns for columns in found if columns), [])


@dataclass(frozen=True)
class Targets:
    """What latents are held against: one row an image, one column a target.

    Attributes:
        values: Indexed by `image_id`. Attributes are pandas `boolean`, statistics and factors
            float; missing where unknown or not measured.
        roles: Target name -> one of ROLES.
        identity: Person in the image, indexed by `image_id`; None where unknown.
    """

    values: pd.DataFrame
    roles: dict[str, str]
    identity: pd.Series | None = None


def target_numbers(column: pd.Series, name: str, role: str) -> np.ndarray:
    """One target as float64; what is unknown becomes NaN.

    Raises:
        DataError: It holds what is no value of this role, or is infinite or nearly so.
    """
    if role not in ROLES:
        raise DataError(f"Target {name} has the role {role!r}; known are {', '.join(ROLES)}.")
    try:
        if role == "attribute":
            column = column.astype("boolean")
        numbers = column.to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        kind = "true, false or missing" if role == "attribute" else "numbers or missing"
        raise DataError(f"Target {name} ({role}) must hold {kind}: {error}.") from error
    endless = np.abs(numbers) > LARGEST
    if endless.any():
        raise DataError(
            f"Target {name} is infinite or nearly so for image_id {column.index[endless][0]!r}."
            " Correct it, or leave it empty."
        )
    return numbers


@dataclass(frozen=True)
class DataFolder:
    """A data folder that exists; `DataFolder.open` refuses any other path."""

    path: Path

    @classmethod
    def open(cls, path: Path) -> "DataFolder":
        if not (path / "data.yaml").is_file():
            what = "does not exist" if not path.exists() else "is not a data folder (no data.yaml)"
            raise MissingArtifactError(
                f"{path} {what}. Make it with `latentlab prepare SOURCE --out {path}`."
            )
        return cls(path)

    @property
    def description(self) -> dict[str, Any]:
        """Content of data.yaml: source, settings, side, channels, images, columns, digests."""
        path = self.path / "data.yaml"
        integrity.check_lines(path)
        content = files.read_yaml(path)
        if not isinstance(content, dict):
            raise DataError(f"{path} is damaged: it is no mapping. Prepare the data again.")
        return content

    @property
    def digest(self) -> str:
        """Identifies the prepared data: data.yaml holds the digests of the other files."""
        return files.digest(self.path / "data.yaml")

    def images(self, rows: range | None = None) -> np.ndarray:
        """uint8, (images, side, side, channels), memory-mapped and read-only.

        Args:
            rows: Those that will be looked at; all of them by default. What holds the others is
                not compared with its digests.

        Raises:
            DataError: it is not what was prepared. The first look in a process reads all of it,
                or all blocks that hold these rows.
        """
        return self._array("images", rows)

    def masks(self, rows: range | None = None) -> np.ndarray | None:
        """uint8, (images, side, side), memory-mapped: 255 where the picture is kept, 0 where it
        was painted over. None for a source without masks."""
        return self._array("masks", rows) if (self.path / "masks.npy").is_file() else None

    def _array(self, name: str, rows: range | None) -> np.ndarray:
        path, about = self.path / f"{name}.npy", self.description
        try:
            side, channels = about["side"], about["channels"]
            shape = (about["images"], side, side, *([channels] if name == "images" else []))
            one = None if "blocks" in self._digests else about["digests"][name]
        except (KeyError, TypeError) as error:
            raise DataError(
                f"{self.path / 'data.yaml'} does not describe {path.name}: {error} is missing."
                " Prepare the data again."
            ) from error
        if one is None:
            blocks.check_array(self._blocks(path), shape, rows)
        else:
            integrity.check_array(path, shape, one)
        return np.load(path, mmap_mode="r", allow_pickle=False)

    def _blocks(self, path: Path) -> blocks.Blocks:
        digests = self._digests
        listed = blocks.read_block_list(self.path / BLOCKS, str(digests["blocks"]))
        size = digests.get("block_bytes")
        if path.name not in listed or not isinstance(size, int) or size < 1:
            raise DataError(
                f"{self.path / BLOCKS} does not list {path.name}. Prepare the data again."
            )
        return blocks.Blocks(path, listed[path.name], block=size)

    @property
    def _digests(self) -> dict[str, Any]:
        """With `blocks`, or of a folder that was made before there were digests of blocks."""
        digests = self.description.get("digests", {})
        return digests if isinstance(digests, dict) else {}

    def samples(self) -> pd.DataFrame:
        """One row an image: `image_id`, `split`, `identity` if known, attributes and factors.

        Raises:
            DataError: it is damaged, or the table of other data.
        """
        path = self.path / SAMPLES
        table = parquet.read_table(path, "Prepare the data again.")
        self._check_samples(path)
        return table

    def samples_of(self, rows: range, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Some rows of the samples table, with their row numbers as index.

        What is read, and compared with its digests, are the row groups that hold them.

        Args:
            rows: Side by side.
            columns: All by default.

        Raises:
            DataError: as `samples`.
        """
        path = self.path / SAMPLES
        if "blocks" in self._digests:
            opened: Any = blocks.CheckedFile(self._blocks(path))
        else:
            self._check_samples(path)
            opened = path.open("rb")
        with parquet.explaining(path, "Prepare the data again."), opened as file:
            return parquet.read_rows(file, rows, columns)

    def _check_samples(self, path: Path) -> None:
        digests = self._digests
        if "blocks" in digests:
            self._blocks(path).check()
        elif "samples" in digests and files.digest(path) != digests["samples"]:
            raise DataError(f"{path} is not the table of these data. Prepare them again.")

    def splits(self) -> np.ndarray:
        """train, valid or test of every image: text, (images,); no other column is read."""
        column = self.samples_of(range(self.description["images"]), ["split"])["split"]
        split = column.astype("category").cat
        return split.categories.to_numpy(object)[split.codes]  # three texts, not one an image

    @property
    def image_ids(self) -> "ImageIds":
        return ImageIds(self)

    @property
    def refused_path(self) -> Path:
        return self.path / REFUSED

    def refused(self) -> pd.DataFrame:
        """What was found and is not a sample, as text: `name`, `what`, `reason`."""
        return pd.read_csv(self.refused_path, dtype=str, keep_default_na=False)

    @property
    def landmarks_path(self) -> Path:
        return self.path / "landmarks.parquet"

    def judge_folder(self, name: str) -> Path:
        """Of a judge that was trained on these images; runs share it, as it knows no model."""
        return self.path / "judges" / name

    def landmarks(self) -> pd.DataFrame | None:
        """Face statistics measured on the original images, or None where not yet measured."""
        if not self.landmarks_path.is_file():
            return None
        again = f"Delete it and measure again with `latentlab landmarks {self.path}`."
        return parquet.read_table(self.landmarks_path, again)

    def write_landmarks(self, table: pd.DataFrame) -> Path:
        return parquet.write_table(self.landmarks_path, table)

    def targets(self) -> Targets:
        """Attributes, factors and, where measured, face statistics, aligned by image.

        Raises:
            DataError: One holds what is no value of its role; or as `samples`, `landmarks`.
        """
        samples = self.samples().set_index("image_id")
        columns: dict[str, list[str]] = self.description["columns"]
        roles = {name: role for role in ROLES for name in columns.get(role, [])}
        values = samples[list(roles)].copy()
        landmarks = self.landmarks()
        if landmarks is not None:
            said = ["detected", "detector", "reason"]  # older tables have no reason
            twice = landmarks.loc[landmarks["image_id"].duplicated(), "image_id"]
            if len(twice):
                raise DataError(
                    f"{self.landmarks_path} lists image_id {twice.iloc[0]!r} more than once. Delete"
                    f" it and measure again with `latentlab landmarks {self.path}`."
                )
            measured = landmarks.set_index("image_id").drop(columns=said, errors="ignore")
            clash = sorted(set(measured.columns) & set(roles))
            if clash:
                raise DataError(
                    f"{self.landmarks_path} and samples.parquet both have a column {clash[0]}."
                    " Rename it in the label file and prepare again."
                )
            values = values.join(measured, how="left", validate="one_to_one")
            roles |= dict.fromkeys(map(str, measured.columns), "statistic")
        for name, role in roles.items():
            target_numbers(values[name], name, role)
        identity = samples.get("identity")
        return Targets(values, roles, identity)


@dataclass(frozen=True)
class ImageIds:
    """`image_id` of every image of a data folder, read when asked for: `ids[first:last]`."""

    data: DataFolder

    def __len__(self) -> int:
        return int(self.data.description["images"])

    def __getitem__(self, rows: slice) -> list[str]:
        wanted = range(len(self))[rows]
        return self.data.samples_of(wanted, ["image_id"])["image_id"].tolist()


@dataclass(frozen=True)
class RunFolder:
    """One model and all that was learned about it.

    Opening it needs no more than its config; or its latents, where `analyze` made it of tables.
    """

    path: Path

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        if not any((path / name).is_file() for name in ("config.yaml", "latents.parquet")):
            what = "does not exist" if not path.exists() else "is not a run folder (no config.yaml)"
            raise MissingArtifactError(
                f"{path} {what}. Start a run with `latentlab run CONFIG --run {path}`."
            )
        return cls(path)

    def _repr_html_(self) -> str:
        """For a notebook: the verdicts where there are any, else the probes, else what there is."""
        from latentlab.notebook import facts_html, table_html

        title = f"Run {self.path.name}"
        for name in ("verdicts", "probes"):
            if self.table_path(name).is_file():
                return table_html(self.table(name), f"{title}: {name}")
        held = {path.name: "there" for path in (self.model_folder, self.latents_path)}
        return facts_html(title, {k: v for k, v in held.items() if (self.path / k).exists()})

    @property
    def config_path(self) -> Path:
        return self.path / "config.yaml"

    @property
    def model_folder(self) -> Path:
        return self.path / "model"

    @property
    def checkpoints_folder(self) -> Path:
        return self.path / "checkpoints"

    @property
    def grids_folder(self) -> Path:
        return self.path / "grids"

    @property
    def latents_path(self) -> Path:
        return self.path / "latents.parquet"

    @property
    def history_path(self) -> Path:
        return self.path / "history.parquet"

    @property
    def report_path(self) -> Path:
        return self.path / "report.html"

    @property
    def claims_path(self) -> Path:
        return self.path / "claims.json"

    @property
    def provenance_path(self) -> Path:
        return self.path / "provenance.json"

    def table_path(self, name: str) -> Path:
        return self.path / "tables" / f"{name}.parquet"

    def history(self) -> pd.DataFrame:
        """One row an epoch; see `latentlab.training` for the columns.

        Raises:
            DataError: it is damaged, or a loss in it is no number; training never writes one.
        """
        table = self._read(self.history_path, "train")
        for name in table.columns:
            if str(name).startswith(("train_", "valid_", "kl_")):
                values = table[name].to_numpy(np.float64, na_value=np.nan)
                if not (np.abs(values) <= LARGEST).all():
                    raise DataError(
                        f"{self.history_path} holds what is no number in {name}. Make it again with"
                        f" `latentlab train {self.path} --fresh`."
                    )
        return table

    def write_history(self, table: pd.DataFrame) -> Path:
        return parquet.write_table(self.history_path, table)

    def latents(self) -> pd.DataFrame:
        """The posterior of every image: `image_id`, `split`, `mu_*`, `logvar_*`, nats."""
        return self._read(self.latents_path, "encode")

    def table(self, name: str, stage: str | None = None) -> pd.DataFrame:
        """One of TABLES.

        Args:
            stage: What makes it; as in MADE_BY if not given.

        Raises:
            MissingArtifactError: it is not there.
            DataError: it is damaged, or lacks a column.
        """
        path, stage = self.table_path(name), stage or MADE_BY.get(name, "probe")
        table = self._read(path, stage)
        lacking = sorted(set(TABLES.get(name, ())) - set(map(str, table.columns)))
        if lacking:
            raise DataError(
                f"{path} has no column {lacking[0]}, so it is of another version or program. Make"
                f" it again with `latentlab {stage} {self.path}`."
            )
        key = TABLES[name][0] if name in TABLES else table.columns[0]
        if table[key].isna().any():
            raise DataError(
                f"{path} has a row without {key}. Make it again with `latentlab {stage}"
                f" {self.path}`."
            )
        return table

    def write_table(self, name: str, table: pd.DataFrame) -> Path:
        """Write one of TABLES; a missing column is a bug of the caller."""
        missing = set(TABLES[name]) - set(table.columns)
        if missing:
            raise ValueError(f"table {name} lacks the columns {sorted(missing)}")
        return parquet.write_table(self.table_path(name), table)

    def provenance(self) -> dict[str, Any]:
        return files.read_json(self.provenance_path) if self.provenance_path.is_file() else {}

    def write_provenance(self, value: dict[str, Any]) -> None:
        files.write_json(self.provenance_path, value)

    def _read(self, path: Path, stage: str) -> pd.DataFrame:
        if not path.is_file():
            raise MissingArtifactError(
                f"{path} is missing. Make it with `latentlab {stage} {self.path}`."
            )
        return parquet.read_table(path, f"Make it again with `latentlab {stage} {self.path}`.")


def write_refused(folder: Path, rows: Iterable[tuple[str, str, str]]) -> None:
    """The list of what could not be used: (name, what it is, why)."""
    table = pd.DataFrame(list(rows), columns=["name", "what", "reason"])
    files.write_text(folder / REFUSED, table.to_csv(index=False, lineterminator="\n"))


def relative_to(path: Path, folder: Path) -> str:
    """A path as an artefact in `folder` may hold it: relative, so that no user name gets in."""
    return Path(os.path.relpath(path, folder)).as_posix()
