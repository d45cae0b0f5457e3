"""One warm server and one finished world for all the experiments of a session."""

import pytest

from tests.faults.harness import Warm, make_world


@pytest.fixture(scope="session")
def warm():
    server = Warm()
    yield server
    server.close()


@pytest.fixture(scope="session")
def world(warm, tmp_path_factory):
    return make_world(warm, tmp_path_factory.mktemp("world"))


def pytest_collection_modifyitems(config, items):
    """The full set takes an hour: it is run only where it is asked for by its mark."""
    if "faults" in (config.option.markexpr or ""):
        return
    full = [item for item in items if item.get_closest_marker("faults")]
    if full:
        config.hook.pytest_deselected(items=full)
        items[:] = [item for item in items if item not in full]
