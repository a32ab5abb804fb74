"""Read and check the table, and split its students into training and test set."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import ceil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from nextsem.reading.layouts import read_students
from nextsem.reading.tables import STUDENT
from nextsem.shared import params
from nextsem.shared.errors import InputError
from nextsem.shared.files import whole_files, write_metrics
from nextsem.shared.params import Split
from nextsem.shared.program import run
from nextsem.students import prepared
from nextsem.students.pending import REASON, pending
from nextsem.students.students import Integers, Students

USABLE = {"wide": "complete students", "long": "students with two or more grades"}


def main() -> None:
    parameters = params.load()
    data, split = parameters.data, parameters.split
    path = Path(data.table)
    read = read_students(path, data)
    students = read.students
    complete = np.flatnonzero(students.testable)
    _check(path, students, len(complete), split)
    train, test = train_and_test(complete, split)
    asked = pending(students, read.ids, read.marks, data.current)
    reasons = asked[REASON]
    rows_of, table = _rows_of(read.table), _as_texts(read.table)
    tables = {
        "groups": _as_texts(pd.concat([asked[STUDENT], read.groups], axis=1)),
        "complete": table.take(rows_of(complete)),
        "train": table.take(rows_of(train)),
        "test": table.take(rows_of(test)),
        "to_forecast": _as_texts(asked),
    }
    rows = {"read": read.rows, "students": len(students), "complete": len(complete)}
    rows |= {"train": len(train), "test": len(test), "to_forecast": int((reasons == "").sum())}
    with whole_files() as place:
        paths = [place(f"data/prepared/{name}.csv") for name in tables]
        with ThreadPoolExecutor(2) as pool:  # pyarrow is seven times as fast as pandas
            written = pool.map(pyarrow.csv.write_csv, tables.values(), paths)
            prepared.write(students, place(prepared.STUDENTS))
            list(written)  # raises what went wrong
        write_metrics({"rows": rows, "left_out": read.left_out}, place("metrics/data.json"))

    print(f"{path}: {read.rows} rows read, {len(students)} students")
    for reason, count in read.left_out.items():
        print(f"  {count} rows left out: {reason}")
    print(
        f"  {len(complete)} {USABLE[data.layout]}: {len(train)} to train on, {len(test)} to test on"
    )
    print(f"  {rows['to_forecast']} to forecast")
    for reason, count in Counter(reasons[reasons != ""].tolist()).most_common():
        print(f"  {count} not to forecast: {reason}")


def train_and_test(students: Integers, split: Split) -> tuple[Integers, Integers]:
    """Training and test students, as split by scikit-learn's train_test_split.

    Reimplemented, as importing scikit-learn would take longer than the rest of this stage.
    """
    drawn = np.random.RandomState(split.seed).permutation(len(students))
    tested = ceil(split.test_size * len(students))
    return students[drawn[tested:]], students[drawn[:tested]]


def _check(path: Path, students: Students, complete: int, split: Split) -> None:
    """Reject a table with too little data to train and test on."""
    layout, known = students.schema.layout, students.known.sum(axis=0)
    tested = ceil(split.test_size * complete)
    if min(tested, complete - tested) < 2:
        fewest = f" ({known.min()} grades in {students.schema.terms[known.argmin()]!r})"
        raise InputError(
            f"{path}: {complete} {USABLE[layout]}{fewest if layout == 'wide' else ''} cannot be "
            f"split with split.test_size {split.test_size:g}; allowed: 2 or more to train on, and "
            "2 or more to test on"
        )
    for place, column in enumerate(students.schema.numbers):
        if np.isnan(students.numbers[..., place]).all():
            raise InputError(f"{path}: column {column!r} of data.numeric is empty")


def _rows_of(table: pd.DataFrame) -> Callable[[Integers], Integers]:
    """A function from indices of students to indices of their rows, in the order of the students.

    The table is in the order of all students, with the rows of each together.
    """
    student = pd.factorize(table[STUDENT])[0]
    number = np.bincount(student)
    first = np.cumsum(number) - number

    def rows_of(students: Integers) -> Integers:
        many = number[students]
        before = np.cumsum(many) - many
        return np.repeat(first[students] - before, many) + np.arange(many.sum())

    return rows_of


def _as_texts(table: pd.DataFrame) -> pa.Table:
    """The cells as text; each distinct one is converted once."""
    columns = {}
    for name, cells in table.items():
        found = pa.array(cells, from_pandas=True)
        if not pa.types.is_dictionary(found.type):
            found = found.dictionary_encode()
        texts = found.dictionary.cast(pa.string())
        columns[str(name)] = pa.DictionaryArray.from_arrays(found.indices, texts)
    return pa.table(columns)


if __name__ == "__main__":
    run(main)
