"""Read a table of students in the layout that it has."""

from pathlib import Path

from nextsem.reading.tables import Read
from nextsem.reading.transcripts import read_long
from nextsem.reading.wide import read_wide
from nextsem.shared.params import Data


def read_students(path: Path, data: Data, to_come: bool = False) -> Read:
    """Read the columns that `data` names, checked; see `read_wide` and `read_long`.

    Parameters
    ----------
    to_come : whether it is another table than the one that a forecaster learnt from: group columns
        may be missing, and in the layout `wide` ids and the last semesters, too
    """
    return (read_wide if data.layout == "wide" else read_long)(path, data, to_come)
