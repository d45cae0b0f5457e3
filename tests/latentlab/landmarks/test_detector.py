"""Pictures to rows, whatever the number of processes; nulls where there is no face."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from latentlab.data.celeba import CelebA
from latentlab.data.faces import Faces
from latentlab.landmarks.detector import FaceDetector, measure, measure_source
from latentlab.landmarks.statistics import STATISTICS


def test_one_and_two_processes_give_the_same_table_in_order(face_model):
    source = Faces(limit=150)
    tables = [
        pd.concat(measure_source(source, model=face_model, workers=workers), ignore_index=True)
        for workers in (1, 2)
    ]
    pd.testing.assert_frame_equal(*tables)
    assert tables[0]["image_id"].tolist() == source.samples["image_id"].tolist()
    assert tables[0]["detected"].all()
    assert tables[0]["detector"].str.startswith("mediapipe").all()


def test_no_face_gives_nulls_not_zeros(face_model):
    pictures = [np.full((128, 128, 3), shade, dtype=np.uint8) for shade in (0, 128)]
    with FaceDetector(face_model) as detector:
        table = measure(pictures, ["a", "b"], detector)
    assert not table["detected"].any()
    assert table[list(STATISTICS)].isna().all().all()


def test_a_mirrored_face_turns_and_tilts_the_other_way(face_model):
    source = Faces(limit=30)
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
    table = pd.concat(measure_source(source, model=face_model), ignore_index=True)
    assert table["detected"].mean() >= 0.98
    seen = table["detected"].to_numpy()
    labels = source.samples["Mouth_Slightly_Open"].to_numpy(dtype=bool)[seen]
    assert roc_auc_score(labels, table["mouth_aspect_ratio"][seen]) > 0.9
