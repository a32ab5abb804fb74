"""Rolling-origin evaluation: forecast points in time from what was known before each."""

from dataclasses import replace

import numpy as np

from nextsem.students.students import UNKNOWN, Students
from nextsem.validation.folds import Part
from nextsem.validation.inputs import known_codes

LEAST = 5  # students to forecast, and as many grades to train on


def origins(students: Students, number: int) -> list[Part]:
    """The last `number` points in time at which `LEAST` students can be forecast, in order.

    The training set is everybody with an earlier grade. Empty for a table without a calendar.
    """
    parts: list[Part] = []
    for time, name in reversed([*enumerate(students.schema.calendar)]):
        if len(parts) == number:
            break
        past = students.times < time
        train = np.flatnonzero((students.known & past).any(axis=1))
        test = np.flatnonzero((students.to_learn & (students.times == time)).any(axis=1))
        if min(len(test), (students.to_learn & past).sum()) >= LEAST:
            parts.insert(0, Part("origin", name, 0, 0, train, test))
    return parts


def as_known(students: Students, part: Part) -> list[Students]:
    """Training students as known before a point in time, and test students including its term.

    Everything later is removed, including new categories and further terms.
    """
    time = students.schema.calendar.index(part.label)
    so_far = (students.times != UNKNOWN) & (students.times <= time)
    terms = int(np.flatnonzero(so_far.any(axis=0)).max()) + 1
    train = _until(students[part.train], time - 1, terms)
    test = _until(students[part.test], time, terms)
    vocabulary = []
    for column, names in enumerate(students.vocabulary):
        found = known_codes(train.codes[..., column])
        places = np.full(len(names) + 1, UNKNOWN, np.int32)  # the last one is for UNKNOWN
        places[found] = np.arange(len(found))
        for of in (train, test):
            of.codes[..., column] = places[of.codes[..., column]]
        vocabulary.append([names[code] for code in found])
    schema = replace(students.schema, terms=students.schema.terms[:terms])
    return [replace(of, schema=schema, vocabulary=vocabulary) for of in (train, test)]


def _until(students: Students, time: int, terms: int) -> Students:
    """The students cut to the first terms, without rows after a point in time."""
    times, places = students.times[:, :terms], np.arange(1, terms + 1)
    rows = (times != UNKNOWN) & (times <= time)
    kept = places <= (rows * places).max(axis=1)[:, None]
    return replace(
        students,
        grades=np.where(kept, students.grades[:, :terms], np.nan),
        codes=np.where(kept[..., None], students.codes[:, :terms], np.int32(UNKNOWN)),
        numbers=np.where(kept[..., None], students.numbers[:, :terms], np.nan),
        times=np.where(kept, times, np.int32(UNKNOWN)),
    )
