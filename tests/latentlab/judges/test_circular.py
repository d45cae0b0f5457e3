"""The circular judge is the probe on what the model encodes its own pictures to, and no more."""

import numpy as np
import pytest

from latentlab.errors import DataError
from latentlab.judges import CircularJudge
from latentlab.probes.logistic import LogisticProbe
from latentlab.probes.ridge import RidgeProbe


def planted(seed):
    """Codes, a decoder to pictures (n, 6, 6, 1), and the encoder that reads them again."""
    rng = np.random.default_rng(seed)
    codes, mixing = rng.normal(size=(200, 4)), rng.normal(size=(4, 36))

    def decode(z):
        return np.clip(128 + 10 * z @ mixing, 0, 255).astype(np.uint8).reshape(len(z), 6, 6, 1)

    def encode(images):
        return (images.reshape(len(images), 36) - 128.0) / 10 @ np.linalg.pinv(mixing)

    return codes, decode, encode


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_probe_on_the_codes_of_the_decoded_pictures(seed):
    codes, decode, encode = planted(seed)
    fits = {
        "Smiling": LogisticProbe().fit(codes, codes[:, 0] > 0.3),
        "yaw": RidgeProbe().fit(codes, codes @ [1.0, -2.0, 0.5, 0.0]),
    }
    judge = CircularJudge.of_probes(encode, fits)
    assert (judge.name, judge.circular) == ("circular", True)
    said, again = judge.measure(decode(codes)), encode(decode(codes))
    np.testing.assert_allclose(said["Smiling"], fits["Smiling"].decision_function(again))
    np.testing.assert_allclose(said["yaw"], fits["yaw"].predict(again))
    assert np.corrcoef(said["yaw"], fits["yaw"].predict(codes))[0, 1] > 0.99


def test_probes_of_another_model_are_refused():
    _, decode, encode = planted(0)
    judge = CircularJudge(encode, {"yaw": (np.ones(7), 0.0)})
    with pytest.raises(DataError, match=r"probe of yaw reads 7 latents and the encoder gives 4"):
        judge.measure(decode(np.zeros((2, 4))))
