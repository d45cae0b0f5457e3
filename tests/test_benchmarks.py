"""What the benchmarks count and what they would train; those of speed at a toy size."""

import importlib.util
import subprocess
import sys
import threading
import time

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks import (
    __main__ as every,
)
from benchmarks import (
    agreement,
    encode,
    machine,
    many_images,
    measuring,
    memory,
    sampling,
    startup,
    tables,
)
from benchmarks.models import DATA, ROWS, rows_of, settings
from latentlab import config as configs
from latentlab import files
from latentlab.data.faces import Faces
from latentlab.data.prepared import prepare


@pytest.mark.parametrize(("data", "row"), [(data, row) for data in DATA for row in rows_of(data)])
def test_a_row_is_a_config_that_can_be_read(row, data):
    config = configs.build(settings(row, data, epochs=1))
    assert config.data.side == DATA[data][0]


def test_every_row_is_measured_on_some_data():
    assert {row for data in DATA for row in rows_of(data)} == set(ROWS)


def moves(*rows):
    columns = ("judge", "kind", "direction", "target", "slope", "q")
    return pd.DataFrame([("pixels", "latent", *row) for row in rows], columns=columns)


def test_only_latents_that_are_seen_to_move_a_factor_can_contradict_the_correlation():
    correlated = pd.DataFrame(
        {"smile": [0.6, -0.6, 0.4, 0.1]}, index=["mu_000", "mu_001", "mu_002", "mu_003"]
    )
    found = agreement.sign_counts(
        correlated,
        moves(
            ("mu_000", "smile", 0.5, 0.01),  # as correlated
            ("mu_001", "smile", 0.5, 0.01),  # against it
            ("mu_002", "smile", -0.05, 0.01),  # too little to count
            ("mu_003", "smile", 0.5, 0.01),  # hardly correlated: nothing is expected
            ("mu_000", "not a factor", -0.5, 0.01),
        ),
        effect=0.1,
        significance=0.05,
        thresholds=(0.3, 0.5),
    )
    counts = [
        {key: row[key] for key in ("pairs", "moved", "moved_as_correlated", "same_sign_of_all")}
        for row in found
        if row["judge"] == "pixels"
    ]
    assert counts == [
        {"pairs": 3, "moved": 2, "moved_as_correlated": 1, "same_sign_of_all": 1},
        {"pairs": 2, "moved": 2, "moved_as_correlated": 1, "same_sign_of_all": 1},
    ]


def test_the_pages_have_the_tables_of_the_results():
    found = tables.results()
    for page, made in (
        (tables.README, tables.readme_tables(found)),
        (tables.PERFORMANCE, tables.performance_tables(found)),
    ):
        text = page.read_text(encoding="utf-8")
        assert tables.filled(text, made) == text, "renew it: python -m benchmarks.tables"
        assert tables.filled(text, dict.fromkeys(made, "other")) != text
    with pytest.raises(ValueError, match="no place for the table nowhere"):
        tables.filled("# A page", {"nowhere": ""})


def line(name, ratios, **others):
    found = {"name": name, "ours": 0.5, "instead": 1.0, "unit": "seconds an image", "n": 7}
    return found | {"ratio": float(np.median(ratios)), "ratios": ratios} | others


def test_an_aim_for_gpus_is_not_held_against_a_processor():
    whole = {"ours": 0.002, "epoch_seconds": 325.54, "limit": 3.0, "binds": "arithmetic"}
    names = ("training.cpu.celeba.128", "training.cuda.celeba.128")
    found = [{"name": name, **whole, "share_of_bound": 0.41} for name in names]
    *_, cpu, gpu = tables.performance_tables(found)["epochs"].splitlines()
    assert cpu == "| `training.cpu.celeba.128` | 500 | 325.5 s | | arithmetic | 41% |"
    assert gpu == "| `training.cuda.celeba.128` | 500 | 325.5 s | 3 s | arithmetic | 41% |"


def test_what_falls_short_is_said_in_the_table():
    found = [line("encode.cpu", [1.2, 1.5, 1.9]), line("startup.help", [9.0], ours=0.6)]
    rows = {row.split(" | ")[0]: row for row in tables.readme_tables(found)["speed"].splitlines()}
    assert rows["| encode to a table"].endswith("| 1.5 | 1.2 to 1.9 | 7 | 2 times wanted |")
    assert rows["| `latentlab --help`"].endswith("| 9.0 | once | 7 | 0.5 s wanted |")
    assert rows["| prepare JPEGs"].endswith("| not measured yet |")
    assert "| train on a GPU" not in rows  # few have one
    better = [line("encode.cpu", [2.5])]
    assert "| 2.5 | once | 7 | |" in tables.readme_tables(better)["speed"]


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (0.000166, "seconds an image", "166 us an image"),
        (0.02, "s a decode", "20 ms a decode"),
        (4.168, "seconds from what was gathered to a page", "4.17 s"),
        (27092.9, "seconds a table", "27,093 s a table"),
        (1617.4, "megabytes at most", "1,617 megabytes at most"),
    ],
)
def test_amounts_are_given_in_units_that_suit_them(value, unit, said):
    assert tables.amount(value, unit) == said


def sizes(seconds, megabytes):
    keys = ("images", "seconds", "megabytes", "of_children", "images_per_second")
    rows = zip((100, 1000, 10_000), seconds, megabytes, (0, 0, 0), (1, 1, 1), strict=True)
    return [dict(zip(keys, row, strict=True)) for row in rows]


def test_a_start_that_costs_time_does_not_bend_a_line_and_growth_is_seen():
    straight = many_images.summed_up("encode", sizes((3.1, 4.0, 13.0), (400, 410, 410)))
    assert straight["bend"] == pytest.approx(0) and straight["bytes_an_image"] == 0
    squared = many_images.summed_up("encode", sizes((0.01, 1.0, 100.0), (400, 400, 500)))
    assert squared["bend"] == pytest.approx(9)
    assert squared["bytes_an_image"] == pytest.approx(100 * 2**20 / 9000)


def test_many_images_at_a_toy_size(tmp_path):
    (tmp_path / "pictures").mkdir()
    made = encode.jpegs(None, 6, tmp_path / "more")
    for path in made:
        (tmp_path / "pictures" / path.rpartition("/")[2]).hardlink_to(path)
    found = many_images.alone(many_images.preparing, tmp_path, 40)
    assert found["images"] == 40 and found["images_per_second"] > 0 and found["megabytes"] > 0
    again = many_images.Repeated(tmp_path / "prepared40", 90)
    folder = prepare(again, "faces", tmp_path / "again", side=many_images.SIDE)
    images = folder.images()
    assert len(images) == 90 and np.array_equal(images[80:90], images[0:10])
    assert folder.samples()["image_id"].is_unique
    many_images.tidy(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["pictures"]


def test_encoding_and_the_loop_give_the_same_means(tmp_path, monkeypatch):
    monkeypatch.setattr(measuring, "RESULTS", tmp_path)
    monkeypatch.setattr(sys, "argv", ["encode", "--images", "20", "--rounds", "1"])
    encode.main()
    jpegs, array = files.read_json(tmp_path / "encode.json")
    assert (jpegs["name"], array["name"]) == ("encode.cpu", "encode.cpu.array")
    assert array["difference"] < encode.SAME
    assert jpegs["n"] == 20 and jpegs["ours"] > 0 and jpegs["instead"] > 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_that_was_held_for_a_moment_is_seen():
    with memory.watched() as peak:
        block = np.ones(64 << 20, np.uint8)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1)"])
        time.sleep(4 * memory.EVERY)
        child.kill()
        child.wait()
        del block
    assert 60 < peak.own - peak.before < 200
    assert peak.after < peak.own - 50
    assert 0 < peak.child <= peak.children < 60


def test_looks_tell_work_from_waiting():
    over = threading.Event()
    idle = threading.Thread(target=over.wait)  # seen as Python's own, if it were seen
    with sampling.sampled() as found:
        idle.start()
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            np.linalg.inv(np.eye(300) * 2)
    over.set()
    idle.join()
    (most, share), *_ = sampling.largest(found, 1)
    assert most == "numpy._linalg" and share == found[most] / sum(found.values())
    assert "python" not in found


def test_products_are_counted():
    a, b = torch.randn(3, 5), torch.randn(5, 7)
    assert machine.operations(lambda: a @ b) == 2 * 3 * 5 * 7
    able = machine.measured(tries=1, size=64, megabytes=1)
    assert min(machine.plain(able).values()) > 0


def test_the_first_step_ends_the_command_and_no_step_is_an_error(tmp_path):
    prepare(Faces(limit=60), "faces", tmp_path / "data", side=28)
    config = tmp_path / "config.yaml"
    config.write_text(
        f"source: {{name: faces, limit: 60}}\ndata: {{folder: {tmp_path / 'data'}, side: 28}}\n"
        "model: {latents: 2, widths: [4, 4]}\n"
    )
    startup.first_step("train", tmp_path / "run", "--config", config, "--device", "cpu")
    assert (tmp_path / "run" / "config.yaml").is_file()
    assert not (tmp_path / "run" / "history.parquet").exists()  # it did not go on
    with pytest.raises(subprocess.CalledProcessError):
        startup.first_step("--help")


def test_reading_settings_loads_neither_a_compiler_nor_statistics(tmp_path):
    (tmp_path / "plain.yaml").write_text("name: plain\n")
    code = (
        "import sys; from pathlib import Path; from latentlab import config;"
        " config.load(Path(sys.argv[1]));"
        " print([name for name in ('torch._dynamo', 'scipy.stats', 'sklearn') if name in"
        " sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "plain.yaml"],
        capture_output=True, text=True, check=True, cwd=startup.ROOT,
    )  # fmt: skip
    assert done.stdout.strip() == "[]"


def test_a_benchmark_that_cannot_run_stops_no_other(monkeypatch, tmp_path, capfd):
    modules = [one.module for one in every.BENCHMARKS]
    assert all(importlib.util.find_spec(f"benchmarks.{name}") for name in modules)
    tried = (every.Benchmark("absent"), every.Benchmark("measuring"))
    monkeypatch.setattr(every, "BENCHMARKS", tried)
    before = sorted(path.stat().st_mtime_ns for path in measuring.RESULTS.iterdir())
    with pytest.raises(SystemExit):
        every.main(["--quick"])
    said = capfd.readouterr().out
    assert "absent cannot run here (exit code 1)" in said and "== measuring" in said
    assert "Not measured: absent." in said
    assert sorted(path.stat().st_mtime_ns for path in measuring.RESULTS.iterdir()) == before
