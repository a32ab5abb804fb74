"""How far off forecasts were on students held out of training: what ranges and risks are made from.

The errors are those of a conformal predictive system (Vovk, Shen, Manokhin and Xie, "Nonparametric
predictive distributions based on conformal prediction", Machine Learning 108, 2019), scaled by what
is usual for the term, for how much is known, for the category, for the level of the forecast and for
how much the networks disagree (normalized conformal prediction: Papadopoulos, Vovk and Gammerman,
Journal of Artificial Intelligence Research 40, 2011). Each held-out forecast was made by networks of
its own, as in cross-conformal prediction, so that the coverage is measured and not guaranteed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from sklearn.linear_model import GammaRegressor

from nextsem.students.students import Integers, Mask, Numbers, Texts

# The size of a few residuals is pulled towards the usual one, as if so many more had that.
_USUAL_RESIDUALS = 5
# Forecasts from a certain number of grades have residuals of their own, if these are so many or
# more, and else share those of all.
_ENOUGH = 50
# A new category counts as one of those with the largest residuals.
_NEW = 0.9
# How the size of a residual follows the forecast and the disagreement is learnt as if so many more
# residuals told that it does not.
_USUAL_SLOPES = 20
_MOST = 3.0  # times the usual size at most, and a third of it at least
_WEAK = 0.25  # the share of students with the worst forecasts whose residuals are told apart
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
    by_category : for each term that is forecast, the same of each category that has residuals there,
        and under "" of one that is new or not known
    residuals : actual less forecast in units of its spread, sorted, for each number of known grades
        that has many; under 0 those of all; with " weak" those of the weak forecasts alone
    weak : for each number of known grades that has many, below which forecasts are weak
    lower_is_better : whether a lower grade is the better one; then `weak` has the other sign
    center, scale, slopes : of what `_features` gives, mean and standard deviation, and by how much
        the logarithm of a residual's size rises with it
    """

    by: str | None
    usual: float
    by_place: dict[str, float]
    by_known: dict[str, float]
    by_category: dict[str, dict[str, float]]
    residuals: dict[str, list[float]]
    weak: dict[str, float] = field(default_factory=dict)
    lower_is_better: bool = False
    center: list[float] = field(default_factory=lambda: [0.0, 0.0])
    scale: list[float] = field(default_factory=lambda: [1.0, 1.0])
    slopes: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])

    @classmethod
    def of(
        cls,
        residuals: Numbers,
        places: Integers,
        known: Integers,
        by: str | None,
        categories: Texts,
        forecasts: Numbers,
        disagreement: Numbers,
        lower_is_better: bool,
        as_new: Numbers,
    ) -> Self:
        """Calibrate.

        Parameters
        ----------
        residuals : [forecasts], actual less forecast, grade points
        places, known : [forecasts], the term that is forecast, and how many grades were known
        by, categories : the column, and [forecasts] its categories
        forecasts, disagreement : [forecasts], grade points; the latter is the standard deviation
            of what the networks forecast
        lower_is_better : whether a lower grade is the better one
        as_new : [forecasts], what the residuals would be if the category were not known
        """
        features = _features(forecasts, disagreement, lower_is_better)
        center, scale = features.mean(axis=0), features.std(axis=0) + 1e-9
        sizes = np.abs(residuals) / _size(residuals) + 1e-3
        model = GammaRegressor(alpha=_USUAL_SLOPES / len(sizes))
        slopes = model.fit(_standardized(features, center, scale), sizes).coef_
        factor = _factor(features, center, scale, slopes)
        whole, residuals, as_new = residuals, residuals / factor, as_new / factor
        usual = _size(residuals)
        by_place = {
            str(place): _pooled(residuals[places == place], usual) for place in np.unique(places)
        }
        by_known = {
            str(count): _pooled(residuals[known == count], usual) for count in np.unique(known)
        }
        by_category: dict[str, dict[str, float]] = {}
        for place, own in by_place.items():
            here, names = places == int(place), categories[places == int(place)]
            by_category[place] = _by_category(names, residuals[here], own)
            new = list(_by_category(names, as_new[here], own).values())
            if new:
                by_category[place][""] = float(np.quantile(new, _NEW, method="higher"))
        follows = (lower_is_better, center.tolist(), scale.tolist(), slopes.tolist())
        self = cls(by, usual, by_place, by_known, by_category, {}, {}, *follows)
        scaled = whole / self.spread(places, known, categories, forecasts, disagreement)
        self.residuals["0"] = _kept(scaled)
        better = -forecasts if lower_is_better else forecasts
        for count in np.unique(known):
            here = known == count
            if here.sum() >= _ENOUGH:
                self.residuals[str(count)] = _kept(scaled[here])
            if here.sum() * _WEAK >= _ENOUGH:
                line = float(np.quantile(better[here], _WEAK))
                self.weak[str(count)] = line
                self.residuals[str(count)] = _kept(scaled[here & (better >= line)])
                self.residuals[f"{count} weak"] = _kept(scaled[here & (better < line)])
        return self

    def spread(
        self,
        places: Integers,
        known: Integers,
        categories: Texts,
        forecasts: Numbers,
        disagreement: Numbers,
    ) -> Numbers:
        """How large an error is to be expected, [forecasts], grade points.

        Of the term that is forecast, the category, the forecast and the disagreement; wider where
        fewer grades are known than there are terms before it, as forecasts with so few were.
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
            new = own.get("", of_place)
            sizes = np.array([own.get(str(name), new) for name in found])
            result[here] = sizes[codes] * widened
        features = _features(forecasts, disagreement, self.lower_is_better)
        return result * _factor(features, *map(np.array, (self.center, self.scale, self.slopes)))

    def residuals_for(self, known: Integers, forecasts: Numbers) -> Iterator[tuple[Mask, Numbers]]:
        """Groups of forecasts, and the residuals [sorted] that stand for their errors.

        They are in units of the spread. Forecasts go together that were made from as many grades,
        the weak ones apart.
        """
        better = -forecasts if self.lower_is_better else forecasts
        for count in np.unique(known):
            usual = self.residuals.get(str(count), self.residuals["0"])
            here = np.asarray(known == count)
            weak = here & (better < self.weak.get(str(count), -np.inf))
            yield here & ~weak, np.array(usual)
            if weak.any():
                yield weak, np.array(self.residuals[f"{count} weak"])


def _features(forecasts: Numbers, disagreement: Numbers, lower_is_better: bool) -> Numbers:
    """What the size of an error may follow, [forecasts, 2]: how bad the forecast is, and how much
    the networks disagree (on a logarithmic scale)."""
    worse = forecasts if lower_is_better else -forecasts
    return np.column_stack([worse, np.log(disagreement + 1e-6)])


def _standardized(features: Numbers, center: Numbers, scale: Numbers) -> Numbers:
    """The features without outliers, and once more the first one where it is above its mean."""
    values = ((features - center) / scale).clip(-_MOST, _MOST)
    return np.column_stack([values, values[:, 0].clip(0)])


def _factor(features: Numbers, center: Numbers, scale: Numbers, slopes: Numbers) -> Numbers:
    """How many times the usual size an error is expected to have, [forecasts]."""
    return np.exp(_standardized(features, center, scale) @ slopes).clip(1 / _MOST, _MOST)


def _size(residuals: Numbers) -> float:
    """Root mean square; 1 where there is none at all, since spreads are divided by."""
    return (float(np.sqrt(np.mean(residuals**2))) if len(residuals) else 0.0) or 1.0


def _by_category(categories: Texts, residuals: Numbers, usual: float) -> dict[str, float]:
    """The size of each category's residuals, pulled towards the usual one."""
    found, codes = np.unique(categories, return_inverse=True)
    squares = np.bincount(codes, residuals**2, len(found)) + _USUAL_RESIDUALS * usual**2
    sizes = np.sqrt(squares / (np.bincount(codes, minlength=len(found)) + _USUAL_RESIDUALS))
    return {str(name): float(size) for name, size in zip(found, sizes, strict=True) if name != ""}


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
