"""Who has a term to come that can be forecast, and why the others have not."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from nextsem.students.students import Students, Texts

NO_GRADE = "no grade is known"
STUDENT, TERM, REASON, MARK = "student", "term", "reason", "mark"
_ID = "id: "  # before the name of a column that tells who a student is


def pending(
    students: Students, ids: pd.DataFrame, marks: Sequence[str] | Texts, last_terms: int | None
) -> pd.DataFrame:
    """The term to forecast of each student, or why there is none, and who the student is.

    Parameters
    ----------
    ids : a row for each student; columns that tell who it is
    marks : [students], what stands where the grade to forecast would, such as AB
    last_terms : see `to_forecast`
    """
    terms, reasons = to_forecast(students, last_terms)
    columns = {STUDENT: students.names, TERM: terms, REASON: reasons, MARK: marks}
    # By way of pyarrow, as pandas would make an object of each text.
    table = pd.DataFrame({name: pd.array(pa.array(own), "str") for name, own in columns.items()})
    return pd.concat([table, ids.add_prefix(_ID)], axis=1)


def ids_of(table: pd.DataFrame) -> pd.DataFrame:
    """The columns of `pending` that tell who a student is, by their names in the students' table."""
    own = [str(name) for name in table if str(name).startswith(_ID)]
    return table[own].rename(columns=lambda name: name.removeprefix(_ID))


def to_forecast(students: Students, last_terms: int | None) -> tuple[Texts, Texts]:
    """The term to forecast of each student, and the reason where there is none.

    Parameters
    ----------
    last_terms : only students with a row in the newest so many points in time of the table are
        forecast, as the others have left; None: everybody. A table that does not say when a term
        was (`schema.calendar` is empty) forecasts everybody.

    Returns
    -------
    terms : [students], name of the term after the last known grade, "" if it is not forecast
    reasons : [students], why it is not forecast, "" if it is
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
