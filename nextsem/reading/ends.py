"""Footer rows at the end of a table: totals, statistics and notes."""

import re

import pandas as pd

from nextsem.reading.columns import WORDS, Column, columns

_FIRST, _END = 1000, 30  # rows that are inspected, from the start and from the end
_CODES = ("code", "person", "gender")  # may be numbers, too
_ENOUGH = 5  # rows, to know which columns are always filled


def looked_at(cells: pd.DataFrame) -> pd.DataFrame:
    """The first and the last rows of a table, all that `footer` needs."""
    last = max(len(cells) - _END, 0)
    return cells.iloc[[*range(min(_FIRST, last)), *range(last, len(cells))]]


def footer(cells: pd.DataFrame) -> tuple[int, list[str]]:
    """Number of footer rows, and the names of the columns in which each student has an id."""
    body = cells[: max(len(cells) - _END, len(cells) // 2)][:_FIRST]
    found = columns(body)
    always = [
        each
        for each in found
        if each.filled >= 0.95 * len(body)
        and not (each.numeric and not (each.named_id or each.is_place or each.named(*_CODES)))
    ]
    ids = [
        each
        for each in always
        if not (each.decimals or each.is_place)
        and (each.named_id or len(each.distinct) > max(20, 0.95 * each.filled))
    ]
    usual = (body != "").sum(axis=1).median()
    last = 0
    for back in range(1, min(_END, len(cells) - 1) + 1):
        row = {place: text for place, text in enumerate(cells.iloc[-back]) if text}
        labels = {place: _label(found[place], text) for place, text in row.items()}
        named = not ids or any(
            not labels.get(each.place, 1) and (each.numeric or not row[each.place].isdecimal())
            for each in ids
        )
        nameless = ids and len(body) >= _ENOUGH and not any(each.place in row for each in always)
        text = " ".join(row.values())
        note = usual >= 4 and (
            (len(row) == 1 and re.search(r"[^\W\d].* |[:*]", text))
            or (len(row) <= 2 and not re.search(r"\d", text))
        )
        if row and (note or nameless or max(labels.values()) > named):
            last = back
        elif row:
            break
    return last, [each.name for each in ids]


def _label(column: Column, text: str) -> int:
    """How strongly a cell suggests that its row is not a student: 2, 1 or 0 (not at all)."""
    words = set(re.findall(r"[^\W\d_]+", text.casefold()))
    kinds = (WORDS[kind] for kind in ("total", "statistic", "beside_total", "place"))
    only = words <= {word for kind in kinds for word in kind}
    told = not words.isdisjoint(WORDS["total"])
    one = len(words) == 1 and words.isdisjoint(WORDS["statistic"])  # such as Programme
    if text in column.distinct or not words or not (told or (only and not one)):
        return 0
    return 1 + only if told else int(only)
