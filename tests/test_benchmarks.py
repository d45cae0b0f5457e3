"""Every row that the benchmark of models would train can be built."""

import pytest

from benchmarks.models import DATA, ROWS, settings
from latentlab import config as configs


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("row", ROWS)
def test_a_row_is_a_config_that_can_be_read(row, data):
    config = configs.build(settings(row, data, epochs=1))
    assert config.data.side == DATA[data][0]
