"""From a source to a data folder: one pass over the pictures, flat memory, whole or not at all."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from latentlab import artifacts, files
from latentlab.artifacts import ROLES, SPLITS, DataFolder
from latentlab.data.source import Source
from latentlab.errors import DataError
from latentlab.settings import settings_model

CHUNK = 256  # pictures read at a time


def prepare(
    source: Source,
    name: str,
    folder: Path,
    *,
    side: int,
    progress: Callable[[int], None] = lambda images: None,
) -> DataFolder:
    """Write `images.npy`, `samples.parquet` and `data.yaml` of a new data folder.

    Args:
        source: A dataclass whose fields are its settings.
        name: The source's name in SOURCES, by which it can be opened again.
        folder: Takes its name only when everything is in place.
        side: Height and width of the prepared images, pixels.
        progress: Called with the number of pictures just written.

    Raises:
        DataError: a picture cannot be read, ids repeat, or the folder holds something else.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / "data.yaml").is_file():
        raise DataError(f"{folder} exists and is not a data folder. Choose another --out.")
    samples = source.samples
    _check(samples, source.roles)
    count = len(samples)
    with files.whole_folder(folder) as building:
        content = hashlib.sha256()
        # A plain write of header and rows: numpy's own writer would need the whole array.
        with (building / "images.npy").open("wb") as file:
            shape = (count, side, side, source.channels)
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for start in range(0, count, CHUNK):
                images = source.images(start, min(start + CHUNK, count), side)
                block = np.ascontiguousarray(images, dtype=np.uint8).tobytes()
                content.update(block)
                file.write(block)
                progress(len(images))
        artifacts.write_table(building / "samples.parquet", samples)
        description = {
            "source": name,
            "settings": stored_settings(source, folder),
            "side": side,
            "channels": source.channels,
            "images": count,
            "splits": {split: int((samples["split"] == split).sum()) for split in SPLITS},
            "columns": {
                role: [column for column, its in source.roles.items() if its == role]
                for role in ROLES
            },
            "notes": list(getattr(source, "notes", [])),
            "digests": {
                "images": content.hexdigest(),
                "samples": files.digest(building / "samples.parquet"),
            },
        }
        files.write_yaml(building / "data.yaml", description)
    return DataFolder.open(folder)


def reopen(folder: DataFolder) -> Source:
    """The source a data folder was made from, to read the original pictures again."""
    from latentlab.data import SOURCES  # here, since the sources are built on this module's package

    description = folder.description
    entry = SOURCES[description["source"]]
    settings = dict(settings_model(entry).model_validate(description["settings"]))
    for key, value in settings.items():
        if isinstance(value, Path):
            settings[key] = folder.path / value
    return entry(**settings)


def stored_settings(source: Source, folder: Path) -> dict[str, Any]:
    """The source's fields with paths made relative to the folder that stores them."""
    settings = asdict(source)  # type: ignore[call-overload]
    return {
        key: artifacts.relative_to(value, folder) if isinstance(value, Path) else value
        for key, value in settings.items()
    }


def _check(samples: Any, roles: dict[str, str]) -> None:
    if samples.empty:
        raise DataError("the source holds no image. Check its folder and its limit.")
    if not samples["image_id"].is_unique:
        double = samples["image_id"][samples["image_id"].duplicated()].iloc[0]
        raise DataError(f"image {double} is listed twice. Remove one of the two rows.")
    missing = [split for split in SPLITS if not (samples["split"] == split).any()]
    if missing:
        raise DataError(
            f"no image is in the {missing[0]} split, which every later stage needs."
            " Use more images, or another partition."
        )
    unknown = set(roles) - set(samples.columns)
    if unknown:
        raise ValueError(f"roles name columns that samples lack: {sorted(unknown)}")
