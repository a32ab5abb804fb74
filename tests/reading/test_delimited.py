"""A .csv file is read the same, however fast it can be read."""

import csv
from pathlib import Path

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nextsem.reading import tables
from tests.conftest import PARAMETERS

CELLS = st.sampled_from(["", "a", " a ", "007", "7", "7.5", "-1", "1e3", "inf", "nan", "True", "é"])
LONG = PARAMETERS.data.model_copy(
    update={"layout": "long", "static": ["college"], "numeric": [], "groups": []}
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(*[CELLS] * 4), min_size=1, max_size=12), st.sampled_from(["\n", "\r\n"]))
def test_quotes_around_cells_change_nothing(
    tmp_path: Path, rows: list[tuple[str, ...]], line_end: str
) -> None:
    """Without quotes, pyarrow reads the file; with them, pandas does."""
    read = []
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL):
        path = tmp_path / "table.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, quoting=quoting, lineterminator=line_end)
            writer.writerows([("Student", "Term", "college", "other"), *rows, ("s", "1", "c", "0")])
        found = tables.read(path, LONG)
        read.append(found.astype(dict.fromkeys(found, object)))
    pd.testing.assert_frame_equal(*read)
