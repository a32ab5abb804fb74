"""Piecewise linear encoding: numbers as shares of bins, so that thresholds are easily learnt.

Gorishniy, Rubachev and Babenko, "On embeddings for numerical features in tabular deep learning",
NeurIPS 2022.
"""

import numpy as np

from nextsem.students.students import Mask, Numbers


def bin_edges(values: Numbers, used: Mask, bins: int) -> list[list[float]]:
    """The edges of each column's bins, which hold equally many of its values.

    A column of few different values has fewer bins; one that does not vary has none.

    Parameters
    ----------
    values : [..., columns]
    used : [...], which of them to learn from
    """
    quantiles = np.linspace(0, 1, bins + 1)
    edges = [np.unique(np.quantile(column, quantiles)) for column in values[used].T]
    return [each.tolist() if len(each) > 1 else [] for each in edges]


def encode(values: Numbers, edges: list[list[float]]) -> Numbers:
    """For each value and bin, the share of the bin that lies below the value, [..., bins in all]."""
    shares = [
        np.clip((values[..., [column]] - own[:-1]) / np.diff(own), 0, 1)
        for column, own in enumerate(edges)
        if own
    ]
    return np.concatenate([values[..., :0], *shares], axis=-1)
