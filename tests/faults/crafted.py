"""Files made to do harm: no code of theirs runs, and what reads them says so in one line."""

import io
import json
import os
import pickle
import stat
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import safetensors.torch
import torch

from latentlab import checkpoints, files, integrity, parquet
from latentlab import config as configs
from latentlab.artifacts import DataFolder
from latentlab.data.archives import members
from latentlab.data.labels import read_rows
from latentlab.data.stored_arrays import StoredArray, names_in
from latentlab.errors import LatentlabError
from tests.faults.harness import Count, Warm, World


class Trap:
    """Unpickling it touches a file."""

    def __init__(self, sprung: Path):
        self.sprung = sprung

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch '{self.sprung}'",)


Attack = Callable[[Path, Path], Callable[[], object]]  # (folder, trap) -> what reads the file
ATTACKS: dict[str, Attack] = {}


def attack(function: Attack) -> Attack:
    ATTACKS[function.__name__] = function
    return function


def _state(folder: Path, content: bytes) -> Callable[[], object]:
    path = folder / "state_000000001.pt"
    path.write_bytes(content)
    return lambda: checkpoints.read_state(path)


def _saved(value: object, **how: Any) -> bytes:
    written = io.BytesIO()
    torch.save(value, written, **how)
    return written.getvalue()


@attack
def state_that_is_a_pickle(folder: Path, trap: Path) -> Callable[[], object]:
    return _state(folder, pickle.dumps(Trap(trap)))


@attack
def state_with_a_trap(folder: Path, trap: Path) -> Callable[[], object]:
    return _state(folder, _saved({"step": Trap(trap)}))


@attack
def state_with_a_trap_and_a_right_digest(folder: Path, trap: Path) -> Callable[[], object]:
    return _state(folder, integrity.with_trailer(_saved({"step": Trap(trap)})))


@attack
def old_state_with_a_trap_and_a_right_digest(folder: Path, trap: Path) -> Callable[[], object]:
    old = _saved({"step": Trap(trap)}, _use_new_zipfile_serialization=False)
    return _state(folder, integrity.with_trailer(old))


@attack
def pickle_with_a_right_digest(folder: Path, trap: Path) -> Callable[[], object]:
    return _state(folder, integrity.with_trailer(pickle.dumps(Trap(trap), protocol=5)))


@attack
def state_that_is_a_program(folder: Path, trap: Path) -> Callable[[], object]:
    written = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), written)
    return _state(folder, integrity.with_trailer(written.getvalue()))


@attack
def state_that_is_no_mapping(folder: Path, trap: Path) -> Callable[[], object]:
    return _state(folder, integrity.with_trailer(_saved(torch.ones(3))))


def _prepared(folder: Path, content: bytes) -> Callable[[], object]:
    (folder / "images.npy").write_bytes(content)
    about = {"images": 2, "side": 1, "channels": 3, "digests": {"images": "0" * 64}}
    files.write_yaml(folder / "data.yaml", about)
    return DataFolder.open(folder).images


def _array_of_traps(trap: Path) -> bytes:
    written = io.BytesIO()
    np.save(written, np.array([Trap(trap)], dtype=object), allow_pickle=True)
    return written.getvalue()


def _array(header: str) -> bytes:
    text = header.encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


@attack
def images_of_objects(folder: Path, trap: Path) -> Callable[[], object]:
    return _prepared(folder, _array_of_traps(trap))


@attack
def images_that_are_a_pickle(folder: Path, trap: Path) -> Callable[[], object]:
    return _prepared(folder, pickle.dumps(Trap(trap)))


@attack
def images_with_code_in_the_header(folder: Path, trap: Path) -> Callable[[], object]:
    code = f"__import__('os').system(\"touch '{trap}'\")"
    return _prepared(folder, _array(f"{{'descr': '|u1', 'shape': {code}}}\n"))


def _npy(folder: Path, content: bytes) -> Callable[[], object]:
    path = folder / "given.npy"
    path.write_bytes(content)
    return lambda: StoredArray(path).take([0])


@attack
def array_of_objects(folder: Path, trap: Path) -> Callable[[], object]:
    return _npy(folder, _array_of_traps(trap))


@attack
def array_that_is_a_pickle(folder: Path, trap: Path) -> Callable[[], object]:
    return _npy(folder, pickle.dumps(Trap(trap)))


@attack
def array_with_code_in_the_header(folder: Path, trap: Path) -> Callable[[], object]:
    code = f"__import__('os').system(\"touch '{trap}'\")"
    return _npy(folder, _array(f"{{'descr': '|u1', 'fortran_order': False, 'shape': {code}}}\n"))


@attack
def array_of_an_absurd_shape(folder: Path, trap: Path) -> Callable[[], object]:
    shape = (2**62, 2**62)
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}}}\n"
    return _npy(folder, _array(header))


@attack
def archive_of_objects(folder: Path, trap: Path) -> Callable[[], object]:
    path = folder / "given.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", _array_of_traps(trap))
    return lambda: [StoredArray(path, name).take([0]) for name in names_in(path)]


def _yaml(folder: Path, text: str) -> Callable[[], object]:
    path = folder / "config.yaml"
    path.write_text(text)
    return lambda: configs.load(path)


@attack
def config_that_calls(folder: Path, trap: Path) -> Callable[[], object]:
    return _yaml(folder, f"name: !!python/object/apply:os.system [\"touch '{trap}'\"]\n")


@attack
def config_that_imports(folder: Path, trap: Path) -> Callable[[], object]:
    return _yaml(folder, "name: !!python/module:antigravity\n")


@attack
def config_that_laughs(folder: Path, trap: Path) -> Callable[[], object]:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for before, name in zip("abcdefghijk", "bcdefghijkl", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]")
    return _yaml(folder, "\n".join(lines) + "\n")


@attack
def config_within_itself(folder: Path, trap: Path) -> Callable[[], object]:
    return _yaml(folder, "model: &m {name: vae, widths: *m}\n")


@attack
def config_of_ten_thousand_levels(folder: Path, trap: Path) -> Callable[[], object]:
    return _yaml(folder, "name: " + "[" * 10_000 + "]" * 10_000 + "\n")


@attack
def config_that_names_a_module(folder: Path, trap: Path) -> Callable[[], object]:
    return _yaml(folder, "source: {name: 'os:system'}\n")


@attack
def setting_that_calls(folder: Path, trap: Path) -> Callable[[], object]:
    (folder / "config.yaml").write_text("name: mine\n")
    value = f"objective.beta=!!python/object/apply:os.system [\"touch '{trap}'\"]"
    return lambda: configs.load(folder / "config.yaml", (value,))


@attack
def description_that_calls(folder: Path, trap: Path) -> Callable[[], object]:
    text = f"images: !!python/object/apply:os.system [\"touch '{trap}'\"]\n"
    (folder / "data.yaml").write_text(text)
    return lambda: DataFolder.open(folder).description


@attack
def description_that_is_a_list(folder: Path, trap: Path) -> Callable[[], object]:
    (folder / "data.yaml").write_text("- images\n")
    return DataFolder.open(folder).images


def _model(folder: Path, about: object, weights: bytes) -> Callable[[], object]:
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "config.json").write_text(about if isinstance(about, str) else json.dumps(about))
    return lambda: checkpoints.load_model(folder)


def _weights(header: object) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text


SMALL = {"name": "vae", "settings": {"latents": 2}, "channels": 1, "side": 28}


@attack
def weights_that_are_a_pickle(folder: Path, trap: Path) -> Callable[[], object]:
    return _model(folder, SMALL, pickle.dumps(Trap(trap)))


@attack
def weights_with_an_endless_header(folder: Path, trap: Path) -> Callable[[], object]:
    return _model(folder, SMALL, struct.pack("<Q", 2**63) + b"{}")


@attack
def weights_that_overlap(folder: Path, trap: Path) -> Callable[[], object]:
    one = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}
    return _model(folder, SMALL, _weights({"a": one, "b": one}) + bytes(16))


@attack
def weights_beyond_the_end(folder: Path, trap: Path) -> Callable[[], object]:
    one = {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}
    return _model(folder, SMALL, _weights({"a": one}))


@attack
def model_of_another_name(folder: Path, trap: Path) -> Callable[[], object]:
    weights = safetensors.torch.save({"a": torch.ones(1)})
    return _model(folder, SMALL | {"name": "os.system"}, weights)


@attack
def model_of_an_absurd_size(folder: Path, trap: Path) -> Callable[[], object]:
    weights = safetensors.torch.save({"a": torch.ones(1)})
    return _model(folder, SMALL | {"settings": {"latents": 10**12}}, weights)


@attack
def model_that_is_a_list(folder: Path, trap: Path) -> Callable[[], object]:
    return _model(folder, [1, 2], safetensors.torch.save({"a": torch.ones(1)}))


@attack
def model_of_a_hundred_thousand_levels(folder: Path, trap: Path) -> Callable[[], object]:
    weights = safetensors.torch.save({"a": torch.ones(1)})
    return _model(folder, "[" * 100_000, weights)


@attack
def table_with_a_pickled_type(folder: Path, trap: Path) -> Callable[[], object]:
    field = pa.field(
        "mu_000",
        pa.float32(),
        metadata={
            b"ARROW:extension:name": b"arrow.py_extension_type",
            b"ARROW:extension:metadata": pickle.dumps(Trap(trap)),
        },
    )
    path = folder / "latents.parquet"
    pq.write_table(pa.table([pa.array([1.0], pa.float32())], pa.schema([field])), path)

    def read() -> None:
        table = parquet.read_table(path)
        if table["mu_000"].tolist() != [1.0]:
            raise AssertionError("the numbers came otherwise")
        raise LatentlabError(f"{path.name} is read as plain numbers, which is safe")

    return read


@attack
def table_of_crafted_notes(folder: Path, trap: Path) -> Callable[[], object]:
    notes = {b"pandas": b'{"columns": 3, "index_columns": {"a": [[]]}}'}
    path = folder / "latents.parquet"
    pq.write_table(pa.table({"a": [1]}).replace_schema_metadata(notes), path)
    return lambda: parquet.read_table(path)


@attack
def table_with_half_a_digest(folder: Path, trap: Path) -> Callable[[], object]:
    path = folder / "latents.parquet"
    pq.write_table(pa.table({"a": [1]}).replace_schema_metadata({integrity.KEY: "x"}), path)
    return lambda: parquet.read_table(path)


@attack
def labels_that_are_a_pickle(folder: Path, trap: Path) -> Callable[[], object]:
    path = folder / "labels.csv"
    path.write_bytes(pickle.dumps(Trap(trap)))
    return lambda: read_rows(path)


def _zip(folder: Path, name: str, content: bytes = b"x", mode: int = 0) -> Callable[[], object]:
    path = folder / "given.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo(name)
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = mode << 16
        archive.writestr(entry, content)
    return lambda: members(path)


@attack
def archive_that_leads_up(folder: Path, trap: Path) -> Callable[[], object]:
    return _zip(folder, f"../{trap.name}")


@attack
def archive_that_leads_to_the_root(folder: Path, trap: Path) -> Callable[[], object]:
    return _zip(folder, str(trap))


@attack
def archive_with_backslashes(folder: Path, trap: Path) -> Callable[[], object]:
    return _zip(folder, f"..\\{trap.name}")


@attack
def archive_with_a_link(folder: Path, trap: Path) -> Callable[[], object]:
    return _zip(folder, "link", str(trap).encode(), stat.S_IFLNK | 0o777)


@attack
def archive_that_swells(folder: Path, trap: Path) -> Callable[[], object]:
    return _zip(folder, "bomb.png", bytes(64 << 20))


def _tar(folder: Path, entry: tarfile.TarInfo) -> Callable[[], object]:
    path = folder / "given.tar"
    with tarfile.open(path, "w") as archive:
        archive.addfile(entry)
    return lambda: members(path)


@attack
def tape_with_a_link(folder: Path, trap: Path) -> Callable[[], object]:
    entry = tarfile.TarInfo("link")
    entry.type, entry.linkname = tarfile.SYMTYPE, str(trap)
    return _tar(folder, entry)


@attack
def tape_with_a_device(folder: Path, trap: Path) -> Callable[[], object]:
    entry = tarfile.TarInfo("null")
    entry.type = tarfile.CHRTYPE
    return _tar(folder, entry)


@attack
def tape_that_leads_up(folder: Path, trap: Path) -> Callable[[], object]:
    return _tar(folder, tarfile.TarInfo(f"../{trap.name}"))


def crafted(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
    """Each of the attacks once, whatever `n` is."""
    count = Count()
    for name, make in ATTACKS.items():
        folder, trap = place / name, place / f"sprung_{name}"
        folder.mkdir(parents=True)
        with count.one():
            read = make(folder, trap)
            before = set(place.rglob("*"))
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # torch and numpy say what they think of it
                    read()
            except LatentlabError as error:
                count.expect("\n" not in str(error), f"{name}: several lines")
            except BaseException as error:
                count.expect(False, f"{name}: {type(error).__name__}: {str(error)[:200]}")
            else:
                count.expect(False, f"{name}: was read")
            count.expect(not trap.exists(), f"{name}: the trap was sprung")
            new = [path.name for path in set(place.rglob("*")) - before]
            count.expect(not new, f"{name}: {new} appeared")
    return count
