"""Read and check the table, leave out what cannot be learnt from, and split the rest."""

from pathlib import Path

import numpy as np
import pandas as pd

from nextsem import InputError, params, tables
from nextsem.files import whole_files, write_metrics
from nextsem.params import Split
from nextsem.writing import write_csv

LEAST = 4  # complete rows: 2 to train on, and 2 to test on


def main() -> None:
    parameters = params.load()
    data = parameters.data
    path = Path(data.table)
    students, blank = tables.read_students(path, data)

    known = students[data.semesters].notna()
    complete = students[known.all(axis=1)]
    pending = students[~known[data.semesters[-1]]]
    incomplete = students[known[data.semesters[-1]] & ~known.all(axis=1)]
    for column in data.numeric:
        if len(complete) and complete[column].isna().all():
            raise InputError(
                f"{path}: column {column!r} is empty in all complete rows; allowed: numbers to learn "
                "from (data.numeric)"
            )
    grades = known.sum()
    for semester in data.semesters if grades.max() >= LEAST else ():
        if grades[semester] < LEAST:
            raise InputError(
                f"{path}: column {semester!r} has {grades[semester]} grades; allowed: {LEAST} or more in "
                "each of data.semesters"
            )
    train, test = split(path, complete, parameters.split)
    if data.incomplete == "keep":
        train = pd.concat([train, incomplete])
    left_out = {
        "blank": blank,
        "gap_before_last": len(incomplete) if data.incomplete == "drop" else 0,
    }

    rows = {
        "read": len(students) + blank,
        "complete": len(complete),
        "train": len(train),
        "test": len(test),
        "pending": len(pending),
    }
    with whole_files() as place:
        write_csv(complete, place("data/prepared/complete.csv"))
        write_csv(incomplete, place("data/prepared/incomplete.csv"))
        write_csv(train, place("data/prepared/train.csv"))
        write_csv(test, place("data/prepared/test.csv"))
        write_csv(pending, place("data/prepared/pending.csv"))
        write_metrics({"rows": rows, "left_out": left_out}, place("metrics/data.json"))
    gap = f"{len(incomplete)} with a gap: the {data.semesters[-1]} is known, a semester before it is not"
    print(
        f"{path}: {rows['read']} rows read\n"
        f"  {len(complete)} complete: {len(complete) - len(test)} to train on, {len(test)} to test on\n"
        f"  {len(pending)} pending: the {data.semesters[-1]} is still to come\n"
        f"  {gap}; {'left out' if data.incomplete == 'drop' else 'to train on, too'}\n"
        f"  {blank} left out: blank"
        + (f"\n  {data.footer_rows} at the end left out: data.footer_rows" * bool(data.footer_rows))
    )


def split(path: Path, complete: pd.DataFrame, how: Split) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training and test rows: the very ones, in order, of scikit-learn's `train_test_split`."""
    tested = int(np.ceil(how.test_size * len(complete)))
    if min(tested, len(complete) - tested) < 2:
        raise InputError(
            f"{path}: {len(complete)} complete rows cannot be split with split.test_size "
            f"{how.test_size:g}; allowed: 2 or more rows to train on, and 2 or more to test on"
        )
    order = np.random.RandomState(how.seed).permutation(len(complete))
    return complete.iloc[order[tested:]], complete.iloc[order[:tested]]


if __name__ == "__main__":
    main()
