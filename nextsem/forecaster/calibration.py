"""Calibration on validation sets: the residuals that prediction intervals and risks are based on.

They form a conformal predictive system (Vovk, Shen, Manokhin and Xie, "Nonparametric predictive
distributions based on conformal prediction", Machine Learning 108, 2019). Residuals are scaled by
their usual size for the term, the number of known grades, the category, what is known of the term
in advance (the season), the level of the forecast and the disagreement of the networks (normalized
conformal prediction: Papadopoulos, Vovk and Gammerman, Journal of Artificial Intelligence Research
40, 2011). Different networks made different validation forecasts, as in cross-conformal prediction,
so coverage is measured, not guaranteed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pandas as pd
from sklearn.linear_model import GammaRegressor

from nextsem.students.students import Integers, Mask, Numbers, Students, Texts

# The size of few residuals is shrunk towards the usual one, as if so many more had that size.
_USUAL_RESIDUALS = 5
# Forecasts from a given number of grades have their own residuals if these are so many or more;
# otherwise they share those of all.
_ENOUGH = 50
# A new category gets this quantile of the categories' residual sizes.
_NEW = 0.9
# The slopes of a residual's size on forecast and disagreement are shrunk towards zero, as if by so
# many further residuals.
_USUAL_SLOPES = 20
_MOST = 3.0  # times the usual size at most, and a third of it at least; also clips z-scores
_WEAK = 0.25  # the share of forecasts, the worst ones, that have residuals of their own
# More residuals than this are reduced to this number of quantiles.
_KEPT = 2000


@dataclass(frozen=True)
class Calibration:
    """Expected sizes of errors, and the distribution of scaled residuals.

    Attributes
    ----------
    by : the column whose categories have their own sizes, or None
    usual : the usual size of a residual (root mean square), grade points
    by_place, by_known : the same by index of the forecast term, and by number of known grades
    by_category : by index of the forecast term, the same for each category with residuals there;
        under "" for a new or unknown category
    residuals : sorted (actual - forecast) / spread, by number of known grades where there are many;
        under "0" all of them; under "N weak" those of weak forecasts from N grades
    weak : by number of known grades where there are many, the forecast below which one is weak
    lower_is_better : whether a lower grade is the better one; then `weak` has the opposite sign
    by_ahead : for each column of categories that are known before their term, such as the season,
        how many times the usual size an error has with each of them
    center, scale, slopes : mean and standard deviation of `_features`, and coefficients of
        `_standardized` features for the logarithm of a residual's size
    """

    by: str | None
    usual: float
    by_place: dict[str, float]
    by_known: dict[str, float]
    by_category: dict[str, dict[str, float]]
    residuals: dict[str, list[float]]
    weak: dict[str, float] = field(default_factory=dict)
    lower_is_better: bool = False
    by_ahead: list[dict[str, float]] = field(default_factory=list)
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
        ahead: Sequence[Texts] = (),
    ) -> Self:
        """The calibration from these residuals.

        Parameters
        ----------
        residuals : [forecasts], actual - forecast, grade points
        places, known : [forecasts], index of the forecast term, and number of known grades
        by, categories : the column, and its categories [forecasts]
        forecasts, disagreement : [forecasts], grade points; the latter is the standard deviation
            over the networks
        lower_is_better : whether a lower grade is the better one
        as_new : [forecasts], the residuals if the category were unknown
        ahead : of each column of categories known before their term, its categories [forecasts]
        """
        whole, by_ahead = residuals, []
        for names in ahead:
            usual = _size(residuals)
            found = _by_category(names, residuals, usual)
            by_ahead.append({name: size / usual for name, size in found.items()})
            factor = _factor_ahead(by_ahead[-1], names)
            residuals, as_new = residuals / factor, as_new / factor
        features = _features(forecasts, disagreement, lower_is_better)
        center, scale = features.mean(axis=0), features.std(axis=0) + 1e-9
        sizes = np.abs(residuals) / _size(residuals) + 1e-3
        model = GammaRegressor(alpha=_USUAL_SLOPES / len(sizes))
        slopes = model.fit(_standardized(features, center, scale), sizes).coef_
        factor = _factor(features, center, scale, slopes)
        residuals, as_new = residuals / factor, as_new / factor
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
        follows = (lower_is_better, by_ahead, center.tolist(), scale.tolist(), slopes.tolist())
        self = cls(by, usual, by_place, by_known, by_category, {}, {}, *follows)
        scaled = whole / self.spread(places, known, categories, forecasts, disagreement, ahead)
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
        ahead: Sequence[Texts] = (),
    ) -> Numbers:
        """Expected size of each error, [forecasts], grade points.

        It depends on the forecast term, the category, the forecast and the disagreement. With gaps
        among the earlier grades it is larger, as errors with so few grades were.
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
        for factors, names in zip(self.by_ahead, ahead, strict=True):
            result *= _factor_ahead(factors, names)
        return result * _factor(features, *map(np.array, (self.center, self.scale, self.slopes)))

    def residuals_for(self, known: Integers, forecasts: Numbers) -> Iterator[tuple[Mask, Numbers]]:
        """Yield groups of forecasts (a mask) and the sorted scaled residuals that apply to them.

        A group has the same number of known grades; weak forecasts form a group of their own.
        """
        better = -forecasts if self.lower_is_better else forecasts
        for count in np.unique(known):
            usual = self.residuals.get(str(count), self.residuals["0"])
            here = np.asarray(known == count)
            weak = here & (better < self.weak.get(str(count), -np.inf))
            yield here & ~weak, np.array(usual)
            if weak.any():
                yield weak, np.array(self.residuals[f"{count} weak"])


def calibration_categories(students: Students, by: str | None) -> Texts:
    """The category known when each term is forecast, [students, terms], "" where none is."""
    if by is None:
        return np.full(students.grades.shape, "", dtype=str)
    column = students.schema.categories.index(by)
    codes = students.codes[..., column]
    if by not in students.schema.ahead:
        codes = np.concatenate([codes[:, :1], codes[:, :-1]], axis=1)
    return np.array([*students.vocabulary[column], ""], dtype=str)[codes]


def ahead_categories(students: Students, by: str | None) -> list[Texts]:
    """Of each column of categories known before their term, but `by`: [students, terms]."""
    schema = students.schema
    columns = [name for name in schema.ahead if name in schema.categories and name != by]
    return [calibration_categories(students, column) for column in columns]


def _features(forecasts: Numbers, disagreement: Numbers, lower_is_better: bool) -> Numbers:
    """Predictors of an error's size, [forecasts, 2]: the forecast, higher for worse ones, and the
    logarithm of the networks' disagreement."""
    worse = forecasts if lower_is_better else -forecasts
    return np.column_stack([worse, np.log(disagreement + 1e-6)])


def _standardized(features: Numbers, center: Numbers, scale: Numbers) -> Numbers:
    """Clipped z-scores of the features, and the positive part of the first one, [forecasts, 3]."""
    values = ((features - center) / scale).clip(-_MOST, _MOST)
    return np.column_stack([values, values[:, 0].clip(0)])


def _factor(features: Numbers, center: Numbers, scale: Numbers, slopes: Numbers) -> Numbers:
    """Ratio of an error's expected size to the usual one, [forecasts]."""
    return np.exp(_standardized(features, center, scale) @ slopes).clip(1 / _MOST, _MOST)


def _factor_ahead(factors: dict[str, float], names: Texts) -> Numbers:
    """How many times the usual size an error has with each category [forecasts]; 1 for a new one."""
    return np.asarray(pd.Series(names).map(factors).fillna(1.0), dtype=np.float64)


def _size(residuals: Numbers) -> float:
    """Root mean square; 1 if that is 0 or undefined, to divide by."""
    return (float(np.sqrt(np.mean(residuals**2))) if len(residuals) else 0.0) or 1.0


def _by_category(categories: Texts, residuals: Numbers, usual: float) -> dict[str, float]:
    """The size of each category's residuals, shrunk towards the usual one."""
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
    """The size at a key, or at the nearest key."""
    if not sizes:
        return usual
    return sizes[min(sizes, key=lambda each: (abs(int(each) - key), int(each)))]
