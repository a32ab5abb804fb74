"""Prepared students on disk: one self-describing Parquet file.

A row is a student. Each cell of `time`, `grade` and further columns is a list with a value for each
of the student's terms, the first term first. The schema is in the file's metadata.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from nextsem.shared.errors import InputError
from nextsem.students.students import UNKNOWN, Mask, Schema, Students

STUDENTS, TEST = Path("data/prepared/students.parquet"), Path("data/prepared/test.csv")
_SCHEMA = b"nextsem students 1"
_NAME, _TIME, _GRADE = "student", "time", "grade"


def write(students: Students, path: Path) -> None:
    """Write students; the same students give the same bytes."""
    kept = _lengths(students)[:, None] > np.arange(students.grades.shape[1])
    offsets = np.append(0, kept.sum(axis=1).cumsum()).astype(np.int32)

    def lists(values: Any) -> pa.ListArray:
        return pa.ListArray.from_arrays(pa.array(offsets), values)

    columns: dict[str, Any] = {
        _NAME: pa.array(students.names, pa.string()),
        _TIME: lists(pa.array(students.times[kept])),
        _GRADE: lists(pa.array(students.grades[kept])),
    }
    for place, (name, own) in enumerate(
        zip(students.schema.categories, students.vocabulary, strict=True)
    ):
        texts = pa.array([*own, ""], pa.string())
        columns[_column(name)] = lists(
            texts.take(pa.array(students.codes[..., place][kept] % (len(own) + 1)))
        )
    for place, name in enumerate(students.schema.numbers):
        columns[_column(name)] = lists(pa.array(students.numbers[..., place][kept]))
    table = pa.table(columns, metadata={_SCHEMA: json.dumps(asdict(students.schema))})
    pq.write_table(table, path, compression="zstd")


def read(path: Path = STUDENTS) -> Students:
    """Read back what `write` wrote.

    Raises
    ------
    InputError
        The file is missing, or was written by another version.
    """
    try:
        table = pq.read_table(path)
        schema = _schema(table.schema.metadata[_SCHEMA])
        names = table[_NAME].to_numpy().astype(str)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; `dvc repro prepare` makes it") from None
    except (pa.ArrowException, KeyError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path}: was not written by this version ({reason}); `dvc repro prepare` makes it again"
        ) from None
    lengths = table[_GRADE].combine_chunks().value_lengths().to_numpy(zero_copy_only=False)
    kept = lengths[:, None] > np.arange(len(schema.terms))

    def spread(values: Any, missing: Any, width: int = 0) -> Any:
        """The listed values as an array [students, terms] or [students, terms, width]."""
        whole = np.full((*kept.shape, width) if width else kept.shape, missing, values.dtype)
        whole[kept] = values
        return whole

    def flat(name: str) -> Any:
        return table[name].combine_chunks().flatten()

    codes = np.full((*kept.shape, len(schema.categories)), UNKNOWN, np.int32)
    vocabulary = []
    for place, name in enumerate(schema.categories):
        texts = flat(_column(name)).dictionary_encode()
        found = np.array(texts.dictionary.to_pylist(), dtype=str)
        own = sorted(set(found.tolist()) - {""})
        codes_of = np.where(found == "", UNKNOWN, np.searchsorted(own, found)).astype(np.int32)
        codes[..., place][kept] = codes_of[texts.indices.to_numpy(zero_copy_only=False)]
        vocabulary.append(own)
    numbers = np.full((*kept.shape, len(schema.numbers)), np.nan)
    for place, name in enumerate(schema.numbers):
        numbers[..., place][kept] = flat(_column(name)).to_numpy(zero_copy_only=False)
    return Students(
        schema,
        names,
        spread(flat(_GRADE).to_numpy(zero_copy_only=False), np.nan),
        codes,
        numbers,
        spread(flat(_TIME).to_numpy(zero_copy_only=False), UNKNOWN),
        vocabulary,
    )


def held_back(students: Students, path: Path = TEST) -> Mask:
    """Mask [students]: who is in the test set."""
    try:
        tested = pd.read_csv(path, usecols=[_NAME], dtype=str, keep_default_na=False)[_NAME]
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; `dvc repro prepare` makes it") from None
    return np.isin(students.names, tested.to_numpy(dtype=str))


def _lengths(students: Students) -> Any:
    """The number of terms of each student up to the last one with any value, [students]."""
    something = students.known | (students.times != UNKNOWN)
    something |= (students.codes != UNKNOWN).any(axis=2)
    something |= np.isfinite(students.numbers).any(axis=2)
    return (something * np.arange(1, something.shape[1] + 1)).max(axis=1, initial=0)


def _schema(text: bytes) -> Schema:
    content = json.loads(text)
    return Schema(**content | {"grade_range": tuple(content["grade_range"])})


def _column(name: str) -> str:
    """The name here of a column of the table, apart from those made here."""
    return f"column {name}"
