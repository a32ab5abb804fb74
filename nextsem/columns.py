"""The columns of a strange table: what their names and their values say of them."""

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd

from nextsem.students import Mask, Numbers, Texts
from nextsem.tables import parsed

MARKS = 12  # different texts in a column of numbers, at most
_HIGHEST = (1, 4, 5, 6, 10, 20, 100)  # grades of the scales in use


def _words(text: str) -> dict[str, int]:
    """Words, and the place of each, from 1."""
    return {word: place for place, word in enumerate(text.split(), 1)}


_NUMBERS = _words("i ii iii iv v vi vii viii ix x xi xii") | _words(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
)
_AFTER_A_NUMBER = _words("st nd rd th er ere ère e ème o a º ª do ro to mo")
_HALF_YEARS = _words("spring summer fall autumn winter odd even ws ss wise sose")
_SEMESTERS = _words("sem semester semestre semestral term trimester s t")

# What a column is of, by a word in its name.
GRADE = _words(
    "gpa sgpa spi tgpa ygpa gp grade grades mark marks score scores point points note noten nota notas "
    "moyenne media promedio punkte percent percentage result average avg durchschnitt ocena známka"
)
SEMESTER = _words("semester year yr quarter period jahr année annee año ano")
OF_ALL = _words(
    "cgpa cpi ogpa ccpa cumulative cum overall total final aggregate average avg mean gesamt rank "
    "percentile result results status division remark remarks outcome pass passed promoted degree "
    "classification award merit topper"
)
NO_GRADE = _words(
    "credit credits attendance absence absences absent backlog backlogs arrear arrears fail fails "
    "failed failures hour hours fee fees code id roll phone mobile age day days attended attempt "
    "attempts subject subjects course courses study income"
)
NAME_OF_STUDENT = _words("name names")
SERIAL = _words("s sl sr sno slno srno serial no number nr index")
ROLL = _words(
    "roll reg regd regn registration enrol enroll enrolment enrollment usn prn matric matrikel "
    "matrikelnummer matriculation student admission hallticket htno ticket uid sid"
)
ID = ROLL | NAME_OF_STUDENT | SERIAL | _words("id email")
PLACE = _words(
    "college department dept branch program programme school campus section institute institution "
    "university faculty stream major course discipline specialization specialisation batch class group "
    "studiengang fakultät fachbereich hochschule filière faculté école carrera facultad escuela centre "
    "center"
)
GENDER = _words("gender sex geschlecht sexe sexo género genero")
PERSON = GENDER | _words(
    "caste religion ethnicity ethnic race disability disabled nationality category quota residence "
    "region community minority"
)
CODE = SERIAL | _words(
    "code id roll phone mobile contact zip pin pincode postal year batch date dob aadhaar aadhar usn prn"
)
HELPFUL = _words("attendance score scores hours points marks percent percentage attended")
HARMFUL = _words("absence absences backlog backlogs arrear arrears fail fails failed failures")
BEST_IS_ONE = _words(
    "note noten durchschnitt známka znamka"
)  # at places with a scale from 1 to 5 or 6


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    texts : [rows], "" where empty
    numbers : [rows], NaN where there is none
    words : of its name; '#' is a number, however written, and '~' a half-year
    order : the numbers in its name
    """

    name: str
    place: int
    texts: Texts = field(repr=False)
    numbers: Numbers = field(repr=False)
    words: tuple[str, ...]
    order: tuple[int, ...]

    @classmethod
    def of(cls, name: str, place: int, texts: pd.Series) -> Self:
        """A column of cells as `tables.read_cells` gives them."""
        numbers = parsed(texts.mask(texts == ""), "auto").to_numpy(dtype=float)
        numbers = np.where(np.isfinite(numbers), numbers, np.nan)
        return cls(name, place, texts.to_numpy(dtype=str), numbers, *_read_name(name))

    @cached_property
    def filled(self) -> int:
        return int(np.count_nonzero(self.texts != ""))

    @cached_property
    def values(self) -> Numbers:
        """Its numbers, without the gaps."""
        return self.numbers[np.isfinite(self.numbers)]

    @cached_property
    def no_number(self) -> Mask:
        return np.asarray((self.texts != "") & np.isnan(self.numbers))

    @cached_property
    def marks(self) -> list[str]:
        """The texts that are no numbers, the most frequent first."""
        return [text for text, _ in Counter(self.texts[self.no_number].tolist()).most_common()]

    @cached_property
    def numeric(self) -> bool:
        """Whether it holds numbers, and few texts besides."""
        count = len(self.values)
        return bool(count) and count >= self.filled / 2 and len(self.marks) <= MARKS

    @cached_property
    def distinct(self) -> list[str]:
        return [str(text) for text in np.unique(self.texts) if text]

    @cached_property
    def counts(self) -> bool:
        """Whether all numbers are whole and nearly all are different: those of students, not grades."""
        different = len(np.unique(self.values))
        return bool((self.values % 1 == 0).all()) and different > max(20, 0.95 * len(self.values))

    def named(self, *kinds: dict[str, int]) -> bool:
        """Whether a word of its name is of one of these kinds."""
        return any(word in kind for kind in kinds for word in self.words)

    def may_be_grades(self) -> bool:
        """Whether its numbers can be those of a scale."""
        usual = float(np.median(self.values)) if self.numeric else np.inf
        return not self.counts and usual <= 1.5 * max(_HIGHEST)


def highest(values: Numbers) -> float:
    """The highest grade of the scale that numbers are of: the smallest that they are within."""
    most = float(values.max(initial=0))
    power = 10.0 ** np.ceil(np.log10(max(most, 1)))
    larger = (power * share for share in (0.2, 0.5, 1))
    return float(next(high for high in (*_HIGHEST, *larger) if most <= high))


def scale(values: Numbers) -> tuple[float, Numbers]:
    """The highest grade, and the few numbers that are so far above it that they must be mistakes."""
    for high in _HIGHEST:
        beyond = values[values > high]
        if len(beyond) <= max(1, 0.005 * len(values)) and (beyond > 1.5 * high).all():
            return float(high), beyond
    return highest(values), values[:0]


def like_a_number(text: str) -> bool:
    return bool(re.fullmatch(r"[+-]?\d+([.,]\d+)?\s*(%|/\s*\d+)?", text))


def listed(names: Any) -> str:
    """Names, or what columns are called, one after the other."""
    texts = [getattr(each, "name", str(each)) for each in names]
    shown = ", ".join(text if len(text) <= 60 else text[:57] + "..." for text in texts[:8])
    return shown + (f" and {len(texts) - 8} more" if len(texts) > 8 else "")


def _read_name(name: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The words of a column's name, and the numbers in it."""
    words: list[str] = []
    order = []
    for part in re.findall(r"\d+|[^\W\d_]+", re.sub(r"(?<=[a-zß-ÿ])(?=[A-Z])", " ", name)):
        word = part.casefold()
        if word.isdecimal() or word in _NUMBERS:
            words.append("#")
            order.append(int(word) if word.isdecimal() else _NUMBERS[word])
        elif not (word in _AFTER_A_NUMBER and words[-1:] == ["#"]):
            words.append("~" if word in _HALF_YEARS else word)
    if "#" in words or len(words) == 1:  # else an s is something else, as in S.No
        words = ["semester" if word in _SEMESTERS else word for word in words]
    return tuple(words), tuple(order)
