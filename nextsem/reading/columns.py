"""The columns of a strange table: what their names and their values say of them."""

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import yaml

from nextsem.reading.cells import parsed
from nextsem.students.students import Integers, Mask, Numbers, Texts

_MARKS = 12  # different texts in a column of numbers, at most
_HIGHEST = (1, 4, 5, 6, 10, 20, 100)  # grades of the scales in use


WORDS: dict[str, list[str]] = {
    kind: text.split()
    for kind, text in yaml.safe_load(
        Path(__file__).with_name("words.yaml").read_text(encoding="utf-8")
    ).items()
}
_NUMBERS = {
    word: number
    for kind in ("ordinals", "ordinals_written")
    for number, word in enumerate(WORDS[kind], 1)
}
_IDS = ("roll", "name", "serial", "other_id")


@dataclass(frozen=True, eq=False)
class Column:
    """A column of cells.

    Attributes
    ----------
    rows : [rows], as a spreadsheet counts them
    texts : [rows], "" where empty
    numbers : [rows], NaN where a cell is no number
    words : of its name, in lower case: numbers as "#", half-years as "~", semesters as "semester"
    order : the numbers in its name
    in_letters : whether its numbers stand for letters
    """

    name: str
    place: int
    rows: Integers
    texts: Texts
    numbers: Numbers
    words: tuple[str, ...]
    order: tuple[int, ...]
    in_letters: bool = False

    @classmethod
    def of(cls, cells: pd.DataFrame, place: int) -> Self:
        """A column of a table as `tables.read_cells` gives it."""
        name, texts = str(cells.columns[place]), cells.iloc[:, place]
        numbers = parsed(texts.mask(texts == ""), "auto").to_numpy(dtype=float)
        numbers = np.where(np.isfinite(numbers), numbers, np.nan)
        rows = texts.index.to_numpy(dtype=int)
        return cls(name, place, rows, texts.to_numpy(dtype=str), numbers, *_read_name(name))

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
    def numeric(self) -> bool:
        """Whether it holds numbers, and few texts besides."""
        count = len(self.values)
        texts = len(np.unique(self.texts[self.no_number]))
        return bool(count) and count >= self.filled / 2 and texts <= _MARKS

    def in_points(self, letters: dict[str, float]) -> Self:
        """The column with numbers for its letters."""
        points = [letters.get(text, np.nan) for text in self.texts.tolist()]
        return replace(self, numbers=np.array(points), in_letters=True)

    @cached_property
    def codes(self) -> Integers:
        """[rows], a number for each text."""
        return pd.factorize(self.texts)[0].astype(np.int64)

    @cached_property
    def distinct(self) -> list[str]:
        return sorted(str(text) for text in pd.unique(self.texts) if text)

    @cached_property
    def decimals(self) -> bool:
        return bool((self.values % 1 > 0).any())

    @cached_property
    def counts(self) -> bool:
        """Whether all numbers are whole and nearly all are different: those of students, not grades."""
        different = len(np.unique(self.values))
        return not self.decimals and different > max(20, 0.95 * len(self.values))

    def named(self, *kinds: str) -> bool:
        """Whether a word of its name is of one of these kinds of `WORDS`."""
        return any(word in WORDS[kind] for kind in kinds for word in self.words)

    @property
    def named_id(self) -> bool:
        return self.named(*_IDS)

    def may_be_grades(self) -> bool:
        """Whether its numbers can be those of a scale."""
        usual = float(np.median(self.values)) if self.numeric else np.inf
        return not self.counts and usual <= 1.5 * max(_HIGHEST)

    @cached_property
    def is_place(self) -> bool:
        """Whether it is called such as a college, and no student's number there."""
        return self.named("place") and not self.named("roll")

    def follows(self, other: Self) -> bool:
        """Whether a value of the other column always goes with the same one of this column."""
        return bool((again(other, self) == again(other))[other.texts != ""].all())


def again(*together: Column) -> Mask:
    """Whether a row has the same texts in some columns as one above it, [rows]."""
    frame = pd.DataFrame({column.place: column.codes for column in together})
    return frame.duplicated().to_numpy()


@dataclass
class Remarks:
    """What a person is told of a proposal for the table at `path`, without a cell of a student.

    Attributes
    ----------
    mend : what keeps the table from being read as proposed, with its row
    check : what to look at, a sentence each
    why : a reason, for those keys of the group `data` that have one
    """

    path: Path
    mend: list[str] = field(default_factory=list)
    check: list[str] = field(default_factory=list)
    why: dict[str, str] = field(default_factory=dict)


def highest(values: Numbers) -> float:
    """The highest grade of the scale that numbers are of: the smallest that they are within."""
    most = float(values.max(initial=0))
    power = 10.0 ** np.ceil(np.log10(max(most, 1)))
    larger = (power * share for share in (0.2, 0.5, 1))
    return float(next(high for high in (*_HIGHEST, *larger) if most <= high))


def scale(values: Numbers) -> float:
    """The highest grade; a few numbers may be so far above it that they must be mistakes."""
    for high in _HIGHEST:
        beyond = values[values > high]
        if len(beyond) <= max(1, 0.005 * len(values)) and (beyond > 1.5 * high).all():
            return float(high)
    return highest(values)


def marks_in(found: list[Column]) -> dict[str, int]:
    """Texts among the numbers that mean that there is none, and how many, the most frequent first.

    A text that stands once or twice, and is no usual mark, may be a name in the wrong column.
    """
    times = Counter(text for each in found for text in each.texts[each.no_number].tolist())
    return {
        text: count
        for text, count in times.most_common()
        if text.casefold() in WORDS["no_mark"] or (count > 2 and not re.search(r"\d", text))
    }


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
        elif not (word in WORDS["after_a_number"] and words[-1:] == ["#"]):
            words.append("~" if word in WORDS["half_years"] else word)
    if "#" in words or len(words) == 1:  # else an s is something else, as in S.No
        words = ["semester" if word in WORDS["semesters"] else word for word in words]
    return tuple(words), tuple(order)
