"""Initial weights of a network's linear path, from a ridge regression."""

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV

from nextsem.network.network import LINEAR_SCALE, Architecture, linear_features
from nextsem.network.training import Examples
from nextsem.students.students import Mask, Numbers

# Initial weights are the regression's times this: nearer 1 is safer where grades depend linearly on
# those before, nearer 0 leaves more to training.
_START = 0.5
_PENALTIES = np.geomspace(0.1, 100, 13)  # of the ridge regression
_STARTED_FROM = 20_000  # students it is fitted to, at most
_FEW_CATEGORIES = 64  # up to so many in all, it also has an intercept for each category


def linear_start(
    architecture: Architecture, examples: Examples, learnt_from: Mask
) -> dict[str, torch.Tensor]:
    """Initial weights of the linear path, by name, each [members, *shape].

    They are those of a ridge regression at each step, times `_START`; the penalty minimizes the
    leave-one-out error. With few categories, the regression of the last step that has enough grades
    also gives an intercept for each.

    Parameters
    ----------
    learnt_from : [members, students], mask of the training students of each member
    """
    members = [_of_one(architecture, examples, each) for each in learnt_from]
    return {name: torch.stack([each[name] for each in members]) for name in members[0]}


def _of_one(
    architecture: Architecture, examples: Examples, learnt_from: Mask
) -> dict[str, torch.Tensor]:
    rows = torch.from_numpy(np.flatnonzero(learnt_from)[:_STARTED_FROM])
    part = examples[rows]
    features = linear_features(architecture, part.inputs).numpy().astype(float)
    targets, taught = part.targets.numpy().astype(float), part.weights.numpy() > 0
    known = sum(architecture.categories)
    levels = np.zeros(known)
    weights = np.zeros((architecture.steps, architecture.linear))
    for step in reversed(range(architecture.steps)):
        steps = slice(step, step + 1 if step < architecture.steps - 1 else None)
        here = taught[steps]
        if here.sum() <= architecture.linear:
            continue
        own, target = features[steps][here], targets[steps][here]
        if 0 < known <= _FEW_CATEGORIES:
            indicators = _indicators(part.inputs.codes[steps].numpy()[here], examples.shares)
            if not levels.any():
                both = _ridge(np.hstack([own, indicators]), target)
                weights[step], levels = np.split(both, [architecture.linear])
                continue
            target = target - indicators @ levels
        weights[step] = _ridge(own, target)
    scale = _START / LINEAR_SCALE
    start = {"linear": torch.tensor(scale * weights, dtype=torch.float32)}
    if known:
        start["linear_categories"] = torch.tensor(scale * levels[:, None], dtype=torch.float32)
    return start


def _ridge(features: Numbers, target: Numbers) -> Numbers:
    regression = RidgeCV(_PENALTIES, fit_intercept=False).fit(features, target)
    return np.asarray(regression.coef_)


def _indicators(codes: NDArray[np.int64], shares: list[torch.Tensor]) -> Numbers:
    """One-hot categories of all columns, [rows, categories]; their shares where unknown."""
    known = sum(map(len, shares))
    table = np.zeros((known + len(shares), known))
    table[:known] = np.eye(known)
    first = 0
    for column, share in enumerate(shares):
        table[known + column, first : first + len(share)] = share.numpy()
        first += len(share)
    return np.asarray(table[codes].sum(axis=1))
