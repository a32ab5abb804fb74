"""The chronological order of terms, from their names."""

import re
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

_SEASONS = {"spring": 1, "summer": 2, "ss": 2, "sose": 2, "fall": 3, "autumn": 3}
_WINTER = {"winter", "ws", "wise"}
_DATES = ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y")
Keys = list[tuple[float, ...]]


def ordered(terms: Sequence[str]) -> list[str] | None:
    """Distinct terms in chronological order; None if their names do not determine it.

    Names can be numbers, dates, a season and a year (Fall 2019), or texts that differ only in
    numbers (2019-1, 2019/20-2, Term 3).
    """
    for keys in (_numbers(terms), _dates(terms), _seasons(terms), _texts(terms)):
        if keys:
            # 2019.1 and 2019.10 are the same number, but maybe not the same term.
            return [terms[row] for row in _order(keys)] if len({*keys}) == len(keys) else None
    return None


def form(term: str) -> str:
    """The pattern of a term's name, equal for all terms that can be put in order."""
    return re.sub(r"\d+", "0", re.sub("|".join([*_SEASONS, *_WINTER]), "season", term.casefold()))


def _order(keys: Keys) -> list[int]:
    return sorted(range(len(keys)), key=keys.__getitem__)


def _numbers(terms: Sequence[str]) -> Keys:
    numbers = all(re.fullmatch(r"-?\d+(\.\d+)?", term) for term in terms)
    return [(float(term),) for term in terms] if numbers else []


def _dates(terms: Sequence[str]) -> Keys:
    """Days; nothing if the formats that fit give different orders: is 1/2/2024 in January?"""
    fitting: list[Keys] = []
    for each in _DATES:
        try:
            days = [datetime.strptime(term, each).toordinal() for term in terms]
        except ValueError:
            continue
        fitting.append([(day,) for day in days])
    alike = all(_order(one) == _order(other) for one, other in pairwise(fitting))
    return fitting[0] if fitting and alike else []


def _seasons(terms: Sequence[str]) -> Keys:
    keys: Keys = []
    seasons, winters = set(), set()
    for term in terms:
        words, numbers = re.findall(r"[^\W\d_]+", term.casefold()), re.findall(r"\d+", term)
        if len(words) != 1 or words[0] not in _SEASONS | dict.fromkeys(_WINTER, 4):
            return []
        if len(numbers) not in (1, 2) or len(numbers[0]) != 4:
            return []
        if words[0] in _WINTER:
            winters.add(len(numbers))
        else:
            seasons.add(_SEASONS[words[0]])
        keys.append((float(numbers[0]), float(_SEASONS.get(words[0], 4))))
    # Winter 2020 starts in January if there are also spring or fall terms, otherwise in October.
    return [] if 1 in winters and seasons - {2} else keys


def _texts(terms: Sequence[str]) -> Keys:
    if len({re.sub(r"\d+", "0", term) for term in terms}) > 1:
        return []
    parts = [[int(part) for part in re.findall(r"\d+", term)] for term in terms]
    places = range(len(parts[0]))
    years = [place for place in places if all(1900 <= part[place] <= 2100 for part in parts)]
    others = [place for place in places if place not in years]
    if not years or years[0] == 0:
        return [tuple(part) for part in parts]
    if len(others) == 1:  # 1/2019
        return [tuple(part[place] for place in [*years, *others]) for part in parts]
    return []
