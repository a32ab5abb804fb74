"""Points in time, each forecast as it would have been: from what was known before it."""

from dataclasses import replace

import numpy as np

from nextsem.students.students import UNKNOWN, Students
from nextsem.validation.folds import Part
from nextsem.validation.inputs import known_codes

LEAST = 5  # students who are forecast, and as many grades to learn from


def origins(students: Students, number: int) -> list[Part]:
    """The last points in time at which `LEAST` students or more can be forecast, in their order.

    Everybody with a grade before it is trained on. Empty where no term has a time.
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
    """Those to train on as they were before a point in time, and those to forecast with its term.

    Of all that came later nothing is left, no category that was new and no further term either.
    """
    time = students.schema.calendar.index(part.label)
    so_far = (students.times != UNKNOWN) & (students.times <= time)
    terms = int(np.flatnonzero(so_far.any(axis=0)).max()) + 1
    train = _until(students[part.train], time - 1, terms)
    test = _until(students[part.test], time, terms)
    vocabulary = []
    for column, names in enumerate(students.vocabulary):
        found = known_codes(train.codes[..., column])
        places = np.full(len(names) + 1, UNKNOWN, np.int32)  # the last one is that of UNKNOWN
        places[found] = np.arange(len(found))
        for of in (train, test):
            of.codes[..., column] = places[of.codes[..., column]]
        vocabulary.append([names[code] for code in found])
    schema = replace(students.schema, terms=students.schema.terms[:terms])
    return [replace(of, schema=schema, vocabulary=vocabulary) for of in (train, test)]


def _until(students: Students, time: int, terms: int) -> Students:
    """The first terms, of which those after a point in time are as if they had no row."""
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
