"""What a stage computes by."""

import numpy as np
import pytest
import torch
from scipy.linalg import blas
from threadpoolctl import threadpool_info, threadpool_limits

from latentlab import config
from latentlab.probes.kernels import threads
from pipelines.stages import Workspace

THREADS = 2


def of_products():
    """Threads of each library that multiplies matrices: numpy's, and scipy's own."""
    assert np.linalg.norm(blas.dgemm(1.0, np.eye(2), np.eye(2))) > 0
    return [one["num_threads"] for one in threadpool_info() if one["internal_api"] == "openblas"]


@pytest.mark.parametrize("deterministic", [False, True])
def test_deterministic_stages_do_without_what_hangs_on_threads(deterministic):
    work = Workspace(None, config.build({"deterministic": deterministic}), None)
    with threadpool_limits(THREADS, user_api="blas"):
        before = of_products()
        assert len(before) > 1 and set(before) == {THREADS}
        with work.arithmetic():
            assert set(of_products()) == {1 if deterministic else THREADS}
            assert torch.backends.mkldnn.enabled != deterministic
            with threads() as count:  # blocks are summed in one order by any number
                assert count == THREADS
        assert of_products() == before and torch.backends.mkldnn.enabled
