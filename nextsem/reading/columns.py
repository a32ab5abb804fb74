"""Columns of an unfamiliar table: features of their names and values."""

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from nextsem.reading.cells import parsed
from nextsem.students.students import Integers, Mask, Numbers, Texts

_MARKS = 12  # distinct texts in a numeric column, at most
_HIGHEST = (1, 4, 5, 6, 10, 20, 100)  # highest grades of common scales


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


class Column:
    """A column with features of its cells and of its name.

    Attributes
    ----------
    cells : texts, "" where empty, indexed by spreadsheet row
    texts : the same as an array [rows]
    numbers : [rows], NaN where a cell is not a number; grade points of letters
    values : the numbers without NaN
    no_number : [rows], whether there is text that is not a number
    numeric : whether it holds numbers, and few other texts
    counts : whether nearly all are distinct integers, such as student numbers, not grades
    counted_up : whether each number is one more than that above it
    codes : [rows], an integer code for each text
    distinct : the distinct texts, sorted
    words : of its name, in lower case: numbers as "#", half-years as "~", semesters as "semester"
    order : the numbers in its name
    of_school : whether its name is 10th or 12th, a year of school before college
    is_place : whether its name is of a place, such as college, and not of a roll number there
    is_person : whether its name is of a personal attribute, such as gender, to compare groups by
    named_id : whether its name is of an id or a person's name
    """

    def __init__(
        self, name: str, place: int, cells: pd.Series, letters: dict[str, float] | None = None
    ) -> None:
        self.name, self.place, self.cells, self.in_letters = name, place, cells, bool(letters)
        numbers = cells.map(letters) if letters else parsed(cells.mask(cells == ""), "auto")
        values = numbers.to_numpy(dtype=float)
        self.texts: Texts = cells.to_numpy(dtype=str)
        self.numbers: Numbers = np.where(np.isfinite(values), values, np.nan)
        self.values: Numbers = self.numbers[np.isfinite(self.numbers)]
        self.no_number: Mask = np.asarray((self.texts != "") & np.isnan(self.numbers))
        self.codes: Integers = pd.factorize(self.texts)[0].astype(np.int64)
        self.distinct = sorted(str(text) for text in pd.unique(self.texts) if text)
        self.filled = int(np.count_nonzero(self.texts != ""))
        count, marks = len(self.values), len(np.unique(self.texts[self.no_number]))
        self.numeric = bool(count) and count >= self.filled / 2 and marks <= _MARKS
        self.decimals = bool((self.values % 1 > 0).any())
        different = len(np.unique(self.values))
        self.counts = not self.decimals and different > max(20, 0.95 * count)
        self.counted_up = self.numeric and bool((np.diff(self.values) == 1).all())
        self.words, self.order = _read_name(name)
        self.of_school = self.order in ((10,), (12,)) and self.words[0] == "#"
        self.is_place = self.named("place") and not self.named("roll")
        self.is_person = self.named("person", "gender")
        self.named_id = self.named("roll", "name", "serial", "other_id") and not self.named("no_id")

    def in_points(self, letters: dict[str, float]) -> "Column":
        """The column with grade points for its letters."""
        return Column(self.name, self.place, self.cells, letters)

    def named(self, *kinds: str) -> bool:
        """Whether its name contains a word of one of these kinds in `WORDS`."""
        return any(word in WORDS[kind] for kind in kinds for word in self.words)

    def may_be_grades(self) -> bool:
        """Whether its numbers can be on a grading scale."""
        usual = float(np.median(self.values)) if self.numeric else np.inf
        return not self.counts and usual <= 1.5 * max(_HIGHEST)

    def follows(self, other: "Column") -> bool:
        """Whether this column is a function of the other one (functional dependency)."""
        return bool((again(other, self) == again(other))[other.texts != ""].all())


def columns(cells: pd.DataFrame) -> list[Column]:
    """The columns of a table from `tables.read_cells`."""
    return [Column(str(name), n, cells.iloc[:, n]) for n, name in enumerate(cells)]


def again(*together: Column) -> Mask:
    """Mask [rows]: rows with the same texts in these columns as a row above."""
    frame = pd.DataFrame({column.place: column.codes for column in together})
    return frame.duplicated().to_numpy()


@dataclass
class Remarks:
    """Remarks for the user on a proposal for the table at `path`, without cells of students.

    `mend` lists errors to correct before the table can be read as proposed; `check` lists what to
    verify, a sentence each; `why` has reasons for values, by key of the group `data`.
    """

    path: Path
    mend: list[str] = field(default_factory=list)
    check: list[str] = field(default_factory=list)
    why: dict[str, str] = field(default_factory=dict)

    def ask(self, what: str) -> None:
        self.check.append(what)


def highest(values: Numbers) -> float:
    """The highest grade of the smallest common scale that contains all numbers."""
    most = float(values.max(initial=0))
    power = 10.0 ** np.ceil(np.log10(max(most, 1)))
    larger = (power * share for share in (0.2, 0.5, 1))
    return float(next(high for high in (*_HIGHEST, *larger) if most <= high))


def scale(values: Numbers) -> float:
    """The highest grade of the scale, ignoring a few numbers far above it as errors."""
    for high in _HIGHEST:
        beyond = values[values > high]
        if len(beyond) <= max(1, 0.005 * len(values)) and (beyond > 1.5 * high).all():
            return float(high)
    return highest(values)


def marks_in(found: list[Column]) -> dict[str, int]:
    """Texts among the numbers that mark missing ones, and their counts, most frequent first.

    A text that occurs once or twice, and is not a usual mark, may be a name in the wrong column.
    """
    times = Counter(text for each in found for text in each.texts[each.no_number].tolist())
    return {
        text: count
        for text, count in times.most_common()
        if text.casefold() in WORDS["no_mark"] or (count > 2 and not re.search(r"\d", text))
    }


def listed(names: Any) -> str:
    """Names (or names of columns) as a comma-separated text, shortened."""
    texts = [getattr(each, "name", str(each)) for each in names]
    shown = ", ".join(text if len(text) <= 60 else text[:57] + "..." for text in texts[:8])
    return shown + (f" and {len(texts) - 8} more" if len(texts) > 8 else "")


def _read_name(name: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The words of a column's name, and the numbers in it."""
    words: list[str] = []
    order = []
    name = re.sub(r"\b(\d{4})\s*[/–-]\s*\d\d(\d\d)?\b", r"\1", name)  # 2023/24 is one year
    name = re.sub(r"(?i)degree[\W_]*(?=program|course)", "", name)  # not the final degree
    for part in re.findall(r"\d+|[^\W\d_]+", re.sub(r"(?<=[a-zß-ÿ])(?=[A-Z])", " ", name)):
        word = part.casefold()
        if word.isdecimal() or word in _NUMBERS:
            words.append("#")
            order.append(int(word) if word.isdecimal() else _NUMBERS[word])
        elif not (word in WORDS["after_a_number"] and words[-1:] == ["#"]):
            words.append("~" if word in WORDS["half_years"] else word)
    if "#" in words or len(words) == 1:  # otherwise an s is not a semester, as in S.No
        words = ["semester" if word in WORDS["semesters"] else word for word in words]
    return tuple(words), tuple(order)
