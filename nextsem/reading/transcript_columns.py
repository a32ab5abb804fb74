"""Recognize transcripts in an unfamiliar table, and find their columns."""

import re
from dataclasses import dataclass

from nextsem.reading.columns import Column, Remarks, again, listed
from nextsem.reading.terms import ordered

_TERMS = 300  # at most
_STUDY_TERMS = 20  # at most, if they count a student's own semesters, not calendar terms
_TWICE = 0.02  # share of rows that repeat a student and term, at most
_ROWS = 1.3  # per student, at least


@dataclass(frozen=True)
class Transcripts:
    """The columns of student, term and grade.

    `terms` are all terms in order, if a term has the same place for every student; else empty.
    """

    student: Column
    term: Column
    grade: Column
    terms: list[str]


def transcripts(found: list[Column], remarks: Remarks) -> Transcripts | None:
    """The columns of a table with a row for each student and term; None for other tables."""
    for student, term in _pairs(found):
        twice = again(student, term)
        graded = [each for each in found if each not in (student, term) and _likely(each) > 0]
        graded = [each for each in graded if not each.follows(student)]
        if twice.mean() > _TWICE or not graded:
            continue
        grade = max(graded, key=_likely)
        more = [each for each in graded if each is not grade and _likely(each) > 2]
        if more:
            remarks.ask(f"grade: {listed(more)} look like grades, too, and are not taken")
        remarks.why["student"] = f"{student.filled} rows of {len(student.distinct)} students."
        terms = ordered(term.distinct) or []
        numbers = [re.findall(r"\d+", text) for text in terms]
        if not all(len(each) == 1 and int(each[0]) <= _STUDY_TERMS for each in numbers):
            terms = []
        elif terms:
            remarks.why["terms"] = "Semesters of a student's studies: each has a place of its own."
        return Transcripts(student, term, grade, terms)
    return None


def why_not(found: list[Column]) -> str:
    """Why a table cannot be used, and what is allowed."""
    for student, term in _pairs(found):
        for other in _terms(found):
            if other is not term and not again(student, term, other).any():
                both = f"{term.name} and {other.name}"
                return f"the term is in two columns, {both}; allowed: one, such as 2019-1"
        if again(student, term).mean() > _TWICE:
            return (
                f"has several rows with the same {student.name} and {term.name}; allowed: one for each "
                "student and term, with the mean of its courses"
            )
    return (
        f"no two columns look like grades of semesters; found: {listed(found)}; allowed: numbers, a "
        "column for each semester, or a row for each student and term"
    )


def _pairs(found: list[Column]) -> list[tuple[Column, Column]]:
    """Pairs of columns that may be student and term, the likeliest first."""
    others = ("grade", "term", "person", "gender", "counted", "no_id")
    students = [
        each
        for each in found
        if each.filled >= 0.98 * len(each.texts)
        and 1 < len(each.distinct) <= each.filled / _ROWS
        and (each.named_id or len(each.distinct) > 50)
        and not (each.is_place or each.decimals or each.named(*others))
    ]
    students.sort(key=lambda each: (not each.named("roll"), each.named("name")))
    return [(one, term) for one in students for term in _terms(found) if term is not one]


def _terms(found: list[Column]) -> list[Column]:
    """Columns that may be the term, those with most distinct values first."""
    others = ("grade", "counted", "of_all", "ahead")
    terms = [
        each
        for each in found
        if each.named("term")
        and each.filled >= 0.98 * len(each.texts)
        and 1 < len(each.distinct) <= _TERMS
        and not ("#" in each.words or each.decimals or each.named(*others))
    ]
    return sorted(terms, key=lambda each: len(each.distinct), reverse=True)


def _likely(column: Column) -> float:
    """Score of a column as the grade of a term, 0 or less if it is none."""
    graded = column.named("grade")
    if not column.may_be_grades() or (column.named("code") and not graded):
        return 0
    score = 4 * graded + 2 * column.decimals - 1
    return score - 3 * column.named("of_all") - 8 * column.named("counted", "no_grade")
