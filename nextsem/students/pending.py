"""Who has a next term to forecast, and why the others have none."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from nextsem.students.students import Students, Texts

NO_GRADE = "no grade is known"
STUDENT, TERM, REASON, MARK = "student", "term", "reason", "mark"
_ID = "id: "  # prefix of columns that identify a student


def pending(
    students: Students, ids: pd.DataFrame, marks: Sequence[str] | Texts, last_terms: int | None
) -> pd.DataFrame:
    """For each student the term to forecast, or why there is none, and the ids.

    Parameters
    ----------
    ids : a row for each student; columns that identify it
    marks : [students], the entry in place of the grade to forecast, such as AB
    last_terms : see `to_forecast`
    """
    terms, reasons = to_forecast(students, last_terms)
    columns = {STUDENT: students.names, TERM: terms, REASON: reasons, MARK: marks}
    # Through pyarrow, as pandas would create a Python object for each text.
    table = pd.DataFrame({name: pd.array(pa.array(own), "str") for name, own in columns.items()})
    return pd.concat([table, ids.add_prefix(_ID)], axis=1)


def ids_of(table: pd.DataFrame) -> pd.DataFrame:
    """The id columns of `pending`, under their names in the students' table."""
    own = [str(name) for name in table if str(name).startswith(_ID)]
    return table[own].rename(columns=lambda name: name.removeprefix(_ID))


def to_forecast(students: Students, last_terms: int | None) -> tuple[Texts, Texts]:
    """The term to forecast of each student, and the reason where there is none.

    Parameters
    ----------
    last_terms : forecast only students with a row in this many newest terms of the table, as the
        others have left; None for everybody. Without a calendar (`schema.calendar` is empty),
        everybody is forecast.

    Returns
    -------
    terms : [students], name of the term after the last known grade, "" if not forecast
    reasons : [students], why the student is not forecast, "" if forecast
    """
    terms = np.array([*students.schema.terms, ""], dtype=str)
    place = students.next_term
    nothing = place == 0
    done = place >= len(students.schema.terms)
    left = np.zeros(len(students), dtype=bool)
    if last_terms is not None and students.schema.calendar:
        newest = students.times.max(axis=1, initial=-1)
        left = newest < len(students.schema.calendar) - last_terms
    told = f"has left: no row in the newest {last_terms} terms"
    if last_terms == 1:
        told = "has left: no row in the newest term"
    last = students.schema.terms[-1] if students.schema.terms else ""
    reasons = np.select(
        [nothing, done, left],
        [NO_GRADE, f"{in_words(last)} is known: nothing comes after it", told],
        "",
    )
    return np.where(reasons == "", terms[np.minimum(place, len(terms) - 1)], ""), reasons


def in_words(term: str) -> str:
    """A term in a sentence: "5th", "term 5"."""
    return f"term {term}" if term.isdigit() else term
