"""Who is forecast, and why the others are not."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nextsem.students.pending import to_forecast
from tests.advice.fake import cohort


@given(known=st.lists(st.integers(0, 5), min_size=1, max_size=8))
def test_the_term_after_the_last_known_one_is_forecast(known: list[int]) -> None:
    students = cohort(len(known)).until(np.array(known))
    terms, reasons = to_forecast(students, None)
    for count, term, reason in zip(known, terms, reasons, strict=True):
        if count == 0:
            assert (term, reason) == ("", "no grade is known")
        elif count == 5:
            assert (term, reason) == ("", "5th is known: nothing comes after it")
        else:
            assert (term, reason) == (students.schema.terms[count], "")


def test_who_has_no_row_in_the_newest_terms_has_left() -> None:
    students = cohort(3, layout="long").until(2)
    times = np.array([[0, 1, -1, -1, -1], [2, 3, -1, -1, -1], [3, 4, -1, -1, -1]], np.int32)
    students = replace(students, times=times)
    assert to_forecast(students, None)[0].tolist() == ["3", "3", "3"]
    assert to_forecast(students, 2)[0].tolist() == ["", "3", "3"]
    terms, reasons = to_forecast(students, 1)
    assert terms.tolist() == ["", "", "3"]
    assert reasons[0] == "has left: no row in the newest term"
    wide = replace(students, schema=replace(students.schema, calendar=[]))
    assert to_forecast(wide, 1)[0].tolist() == ["3", "3", "3"]
