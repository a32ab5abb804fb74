"""How far off forecasts were on students held out of training: what ranges and risks are made from.

The errors are those of a conformal predictive system (Vovk, Shen, Manokhin and Xie, "Nonparametric
predictive distributions based on conformal prediction", Machine Learning 108, 2019), scaled by what
is usual for the term, for how much is known, and for the category (normalized conformal prediction:
Papadopoulos, Vovk and Gammerman, Journal of Artificial Intelligence Research 40, 2011). Each
held-out forecast was made by networks of its own, as in cross-conformal prediction, so that the
coverage is measured and not guaranteed.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from nextsem.students.students import Integers, Mask, Numbers, Texts

# The size of a few residuals is pulled towards the usual one, as if so many more had that.
_USUAL_RESIDUALS = 5
# Forecasts from a certain number of grades have residuals of their own, if these are so many or
# more, and else share those of all.
_ENOUGH = 50
# Of more residuals than this, so many quantiles are kept.
_KEPT = 2000


@dataclass(frozen=True)
class Calibration:
    """How large errors are to be expected, as told by residuals.

    Attributes
    ----------
    by : the column whose categories differ, or None
    usual : the usual size of a residual (root mean square), grade points
    by_place, by_known : the same for each term that is forecast, and for each number of known grades
    by_category : for each term that is forecast, the same of each category that has residuals there
    residuals : actual less forecast in units of its spread, sorted, for each number of known grades
        that has many; under 0 those of all
    """

    by: str | None
    usual: float
    by_place: dict[str, float]
    by_known: dict[str, float]
    by_category: dict[str, dict[str, float]]
    residuals: dict[str, list[float]]

    @classmethod
    def of(
        cls,
        residuals: Numbers,
        places: Integers,
        known: Integers,
        by: str | None,
        categories: Texts,
    ) -> Self:
        """Calibrate.

        Parameters
        ----------
        residuals : [forecasts], actual less forecast, grade points
        places, known : [forecasts], the term that is forecast, and how many grades were known
        by, categories : the column, and [forecasts] its categories
        """
        usual = _size(residuals)
        by_place = {
            str(place): _pooled(residuals[places == place], usual) for place in np.unique(places)
        }
        by_known = {
            str(count): _pooled(residuals[known == count], usual) for count in np.unique(known)
        }
        by_category: dict[str, dict[str, float]] = {}
        for place, own in by_place.items():
            here = places == int(place)
            found, codes = np.unique(categories[here], return_inverse=True)
            squares = np.bincount(codes, residuals[here] ** 2, len(found))
            counts = np.bincount(codes, minlength=len(found))
            pooled = np.sqrt((squares + _USUAL_RESIDUALS * own**2) / (counts + _USUAL_RESIDUALS))
            by_category[place] = {
                str(name): float(each)
                for name, each in zip(found, pooled, strict=True)
                if name != ""
            }
        self = cls(by, usual, by_place, by_known, by_category, {})
        scaled = residuals / self.spread(places, known, categories)
        self.residuals["0"] = _kept(scaled)
        for count in np.unique(known):
            if (known == count).sum() >= _ENOUGH:
                self.residuals[str(count)] = _kept(scaled[known == count])
        return self

    def spread(self, places: Integers, known: Integers, categories: Texts) -> Numbers:
        """How large an error is to be expected, [forecasts], grade points.

        Of the term that is forecast and the category; wider where fewer grades are known than there
        are terms before it, as forecasts with so few were.
        """
        result = np.empty(len(places))
        keys = np.stack([places, known], axis=1)
        for place, count in np.unique(keys, axis=0):
            here = (places == place) & (known == count)
            of_place = _nearest(self.by_place, place, self.usual)
            of_known = _nearest(self.by_known, count, self.usual)
            widened = max(1.0, of_known / of_place) if count < place else 1.0
            own = self.by_category.get(str(place), {})
            found, codes = np.unique(categories[here], return_inverse=True)
            sizes = np.array([own.get(str(name), of_place) for name in found])
            result[here] = sizes[codes] * widened
        return result

    def residuals_for(self, known: Integers) -> list[tuple[Mask, Numbers]]:
        """For each number of known grades, which forecasts have it, and the residuals [sorted] that
        stand for their errors, in units of the spread."""
        return [
            (
                np.asarray(known == count),
                np.array(self.residuals.get(str(count), self.residuals["0"])),
            )
            for count in np.unique(known)
        ]


def _size(residuals: Numbers) -> float:
    """Root mean square; 1 where there is none at all, since spreads are divided by."""
    return (float(np.sqrt(np.mean(residuals**2))) if len(residuals) else 0.0) or 1.0


def _pooled(residuals: Numbers, usual: float) -> float:
    total = float(np.sum(residuals**2)) + _USUAL_RESIDUALS * usual**2
    return float(np.sqrt(total / (len(residuals) + _USUAL_RESIDUALS)))


def _kept(residuals: Numbers) -> list[float]:
    ordered = np.sort(residuals)
    if len(ordered) > _KEPT:
        ordered = np.quantile(ordered, (np.arange(_KEPT) + 0.5) / _KEPT)
    return [float(each) for each in ordered]


def _nearest(sizes: dict[str, float], key: int, usual: float) -> float:
    """The size at a key, or at the nearest one that is there."""
    if not sizes:
        return usual
    return sizes[min(sizes, key=lambda each: (abs(int(each) - key), int(each)))]
