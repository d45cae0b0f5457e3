"""Pictures to rows, whatever the number of processes; nulls where there is no face."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from latentlab.data.celeba import CelebA
from latentlab.data.faces import Faces
from latentlab.data.prepared import Originals
from latentlab.errors import DataError
from latentlab.landmarks.detector import NO_FACE, FaceDetector, measure, measure_source
from latentlab.landmarks.statistics import STATISTICS


def test_one_and_two_processes_give_the_same_table_in_order(face_model, monkeypatch):
    monkeypatch.setattr("latentlab.landmarks.detector.CHUNK", 8)
    source = Originals.of(Faces(limit=60))
    tables = [
        pd.concat(measure_source(source, model=face_model, workers=workers), ignore_index=True)
        for workers in (1, 2)
    ]
    pd.testing.assert_frame_equal(*tables)
    assert tables[0]["image_id"].tolist() == list(source.image_ids)
    assert tables[0]["detected"].all()
    assert tables[0]["detector"].str.startswith("mediapipe").all()


def test_a_part_is_the_same_rows_of_the_whole(face_model):
    source = Originals.of(Faces(limit=30))
    whole, part = (
        pd.concat(measure_source(source, model=face_model, workers=1, **rows), ignore_index=True)
        for rows in ({}, {"start": 10, "stop": 25})
    )
    pd.testing.assert_frame_equal(part, whole[10:25].reset_index(drop=True))


def test_who_stops_early_does_not_wait_for_the_chunks_under_way(face_model, monkeypatch):
    monkeypatch.setattr("latentlab.landmarks.detector.CHUNK", 150)
    frames = measure_source(Originals.of(Faces(limit=6000)), model=face_model, workers=2, stop=1500)
    first = next(frames)
    start = time.monotonic()
    frames.close()
    assert len(first) == 150
    assert time.monotonic() - start < 3  # those in the queue would take longer
    assert not multiprocessing.active_children()


MEASURING = """
import multiprocessing, signal, sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background ignores it
from latentlab.data.faces import Faces
from latentlab.data.prepared import Originals
from latentlab.landmarks.detector import measure_source
for _ in measure_source(Originals.of(Faces(limit=3000)), model=Path(sys.argv[1]), workers=2):
    print(*(worker.pid for worker in multiprocessing.active_children()), flush=True)
"""


def runs(process: int) -> bool:
    """Whether a process is there and is more than an entry that nobody has collected."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("how", ["Ctrl-C", "kill"])
def test_no_process_outlives_its_parent(face_model, how):
    parent = subprocess.Popen(
        [sys.executable, "-c", MEASURING, str(face_model)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    workers = [int(word) for word in parent.stdout.readline().split()]
    assert len(workers) == 2
    if how == "Ctrl-C":
        os.killpg(parent.pid, signal.SIGINT)  # as a terminal does: to parent and workers alike
    else:
        parent.kill()
    _, said = parent.communicate(timeout=30)
    deadline = time.monotonic() + 20
    while any(map(runs, workers)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(runs, workers))
    assert said.count("Traceback") == (1 if how == "Ctrl-C" else 0)  # the parent's own, at most


def test_the_native_libraries_say_nothing(face_model, capfd):
    with FaceDetector(face_model) as detector:
        detector.detect(Faces(limit=10).original(0))
    assert capfd.readouterr().err == ""


def test_no_face_gives_nulls_not_zeros(face_model):
    pictures = [np.full((128, 128, 3), shade, dtype=np.uint8) for shade in (0, 128)]
    with FaceDetector(face_model) as detector:
        table = measure(pictures, ["a", "b"], detector)
    assert not table["detected"].any()
    assert table[list(STATISTICS)].isna().all().all()
    assert (table["reason"] == NO_FACE).all()


def test_a_mirrored_face_turns_and_tilts_the_other_way(face_model):
    source = Originals.of(Faces(limit=30))
    pictures = [source.original(index) for index in range(20)]
    names = [str(index) for index in range(20)]
    with FaceDetector(face_model) as detector:
        plain = measure(pictures, names, detector)
        mirrored = measure([picture[:, ::-1] for picture in pictures], names, detector)
    for name in ("head_yaw", "head_roll"):
        assert np.corrcoef(plain[name], mirrored[name])[0, 1] < -0.9
    assert np.corrcoef(plain["mouth_smile"], mirrored["mouth_smile"])[0, 1] > 0.9


def test_one_channel_is_a_grey_face(face_model):
    picture = Faces(limit=10).original(0).mean(axis=-1, keepdims=True).astype(np.uint8)
    with FaceDetector(face_model) as detector:
        assert detector.detect(picture) is not None


@pytest.mark.real
def test_real_faces_are_found_and_open_mouths_seen(shared_data, face_model):
    source = CelebA(shared_data / "celeba", limit=300)
    pictures = Originals.of(source)
    table = pd.concat(measure_source(pictures, model=face_model, workers=1), ignore_index=True)
    assert table["detected"].mean() >= 0.98
    seen = table["detected"].to_numpy()
    labels = source.listing.samples["Mouth_Slightly_Open"].to_numpy(dtype=bool)[seen]
    assert roc_auc_score(labels, table["mouth_aspect_ratio"][seen]) > 0.9


@pytest.mark.real
def test_the_signs_of_yaw_and_roll_on_real_faces(shared_data, face_model):
    source = CelebA(shared_data / "celeba", limit=100)
    nose, right_cheek, left_cheek = 1, 234, 454
    yaw, offset, turned = [], [], []
    with FaceDetector(face_model) as detector:
        for index in range(60):
            picture = source.original(index)
            clockwise = np.asarray(Image.fromarray(picture).rotate(-10, Image.Resampling.BILINEAR))
            face, rotated = detector.detect(picture), detector.detect(clockwise)
            if face is None or rotated is None:
                continue
            x = face.points[:, 0]
            middle, width = (x[right_cheek] + x[left_cheek]) / 2, x[left_cheek] - x[right_cheek]
            offset.append((x[nose] - middle) / width)
            yaw.append(STATISTICS["head_yaw"](face))
            turned.append(STATISTICS["head_roll"](rotated) - STATISTICS["head_roll"](face))
    assert np.corrcoef(yaw, offset)[0, 1] > 0.9  # the nose goes where the head turns
    assert np.mean(turned) == pytest.approx(10, abs=0.5)


def test_a_machine_without_the_system_libraries_hears_what_to_install(face_model, monkeypatch):
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(DataError, match=r"MediaPipe cannot start .*apt-get install libegl1"):
        FaceDetector(face_model).__enter__()
