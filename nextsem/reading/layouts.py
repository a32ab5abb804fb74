"""Read a table of students in either layout."""

from pathlib import Path

from nextsem.reading.tables import Read
from nextsem.reading.transcripts import read_long
from nextsem.reading.wide import read_wide
from nextsem.shared.params import Data


def read_students(path: Path, data: Data, to_come: bool = False) -> Read:
    """Read and check the columns that `data` names; see `read_wide` and `read_long`.

    Parameters
    ----------
    to_come : whether the table is only forecast, not trained on: group columns may be missing, and
        in the layout `wide` also ids and the last semesters
    """
    return (read_wide if data.layout == "wide" else read_long)(path, data, to_come)
