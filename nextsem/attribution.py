"""What each input contributed to a forecast: Shapley values.

The contributions of a student's inputs add up to the forecast less that of the average student
(Lundberg and Lee, "A unified approach to interpreting model predictions", NeurIPS 2017). With few
inputs every subset of them is tried, which is exact; with many, some orders in which they enter,
each with its reverse (Mitchell, Cooper, Frank and Holmes, "Sampling permutations for Shapley value
estimation", JMLR 23, 2022), which adds up as well.
"""

from collections.abc import Callable
from math import factorial

import numpy as np

from nextsem.students import Mask, Numbers

EXACT = 8  # inputs; up to 256 subsets
_ORDERS = 16  # and their reverses


def shapley_values(value: Callable[[Mask], Numbers], inputs: int) -> Numbers:
    """Contribution of each input, [students, inputs].

    Parameters
    ----------
    value : forecasts [students, subsets] when just the inputs of each subset [subsets, inputs] are
        known
    """
    return _exact(value, inputs) if inputs <= EXACT else _sampled(value, inputs)


def _exact(value: Callable[[Mask], Numbers], inputs: int) -> Numbers:
    subsets = (np.arange(2**inputs)[:, None] >> np.arange(inputs)) % 2 == 1
    sizes = subsets.sum(axis=1)
    joined = np.array(
        [factorial(max(size - 1, 0)) * factorial(inputs - size) for size in range(inputs + 1)]
    )
    left = np.array(
        [factorial(size) * factorial(max(inputs - size - 1, 0)) for size in range(inputs + 1)]
    )
    weights = np.where(subsets, joined[sizes][:, None], -left[sizes][:, None]) / factorial(inputs)
    return value(subsets) @ weights


def _sampled(value: Callable[[Mask], Numbers], inputs: int) -> Numbers:
    draw = np.random.default_rng(0)
    orders = [draw.permutation(inputs) for _ in range(_ORDERS)]
    total: Numbers = np.zeros(1)
    for order in [*orders, *(order[::-1] for order in orders)]:
        entered = np.argsort(order)
        subsets = entered[None, :] < np.arange(inputs + 1)[:, None]
        total = total + np.diff(value(subsets), axis=1)[:, entered]
    return total / (2 * _ORDERS)
