"""Every row that the benchmark of models would train can be built."""

import pytest

from benchmarks.models import DATA, ROWS, rows_of, settings
from latentlab import config as configs


@pytest.mark.parametrize(("data", "row"), [(data, row) for data in DATA for row in rows_of(data)])
def test_a_row_is_a_config_that_can_be_read(row, data):
    config = configs.build(settings(row, data, epochs=1))
    assert config.data.side == DATA[data][0]


def test_every_row_is_measured_on_some_data():
    assert {row for data in DATA for row in rows_of(data)} == set(ROWS)
