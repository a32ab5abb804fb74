"""Piecewise linear encoding of numbers, which makes thresholds easy to learn.

Gorishniy, Rubachev and Babenko, "On embeddings for numerical features in tabular deep learning",
NeurIPS 2022.
"""

import numpy as np

from nextsem.students.students import Mask, Numbers


def bin_edges(values: Numbers, used: Mask, bins: int) -> list[list[float]]:
    """Edges of each column's quantile bins.

    A column with few different values has fewer bins; a constant one has none.

    Parameters
    ----------
    values : [..., columns]
    used : [...], mask of the values to compute quantiles from
    """
    quantiles = np.linspace(0, 1, bins + 1)
    edges = [np.unique(np.quantile(column, quantiles)) for column in values[used].T]
    return [each.tolist() if len(each) > 1 else [] for each in edges]


def encode(values: Numbers, edges: list[list[float]]) -> Numbers:
    """For each value and bin, the share of the bin below the value, [..., total bins]."""
    shares = [
        np.clip((values[..., [column]] - own[:-1]) / np.diff(own), 0, 1)
        for column, own in enumerate(edges)
        if own
    ]
    return np.concatenate([values[..., :0], *shares], axis=-1)
