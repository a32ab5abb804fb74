"""Drift: how students differ from those that a forecaster was trained on."""

import numpy as np

from nextsem.forecaster.profile import Profile
from nextsem.students.students import Mask, Students

# Values are drift from so many standard deviations beyond those in training on.
_BEYOND = 0.5
# A mean is drift if it differs by so many standard errors and by this share of the standard deviation.
_STANDARD_ERRORS = 3.0
_SHARE_OF_SPREAD = 0.25
_NAMED = 5  # new categories, at most


def drift(trained: Profile, students: Students, unknown: Mask) -> list[str]:
    """What differs remarkably from the training data, one sentence each.

    Parameters
    ----------
    unknown : [students, categories], whose category is new to the forecaster
    """
    found = []
    here = Profile.of(students).columns
    for name, (count, mean, spread, low, high) in trained.columns.items():
        if name not in here:
            continue
        own_count, own_mean, _, own_low, own_high = here[name]
        if own_low < low - _BEYOND * spread or own_high > high + _BEYOND * spread:
            found.append(
                f"{name}: from {own_low:g} to {own_high:g}; in training from {low:g} to {high:g}"
            )
        error = spread * np.sqrt(1 / count + 1 / own_count)
        if abs(own_mean - mean) > max(_STANDARD_ERRORS * error, _SHARE_OF_SPREAD * spread):
            found.append(
                f"{name}: mean {own_mean:.2f} of {own_count:.0f} students; in training {mean:.2f} "
                f"of {count:.0f}"
            )
    categories = students.categories_at(students.last_place)
    for place, name in enumerate(students.schema.categories):
        new = np.unique(categories[unknown[:, place], place]).tolist()
        if new:
            more = f" and {len(new) - _NAMED} more" if len(new) > _NAMED else ""
            found.append(f"{name}: {', '.join(new[:_NAMED])}{more} not in the training data")
    return found
