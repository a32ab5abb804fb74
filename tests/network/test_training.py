"""Fitting: what is learnt, when a network stops, and what it depends on."""

import pytest
import torch

from nextsem.network.network import Architecture, Inputs
from nextsem.network.training import Examples, Recipe, fit, predict
from nextsem.shared.errors import InputError

STEPS, STUDENTS, NETWORKS = 2, 90, 4
SMALL = Architecture(1, hidden=8, layers=1, dropout=0.1)


def examples(noise: float = 0.1, seed: int = 0) -> Examples:
    """Targets that are half of the input, with some noise; some of them not to be learnt."""
    draw = torch.Generator().manual_seed(seed)
    numbers = torch.randn(STEPS, STUDENTS, 1, generator=draw)
    targets = numbers[..., 0] / 2 + noise * torch.randn(STEPS, STUDENTS, generator=draw)
    weights = torch.ones(STEPS, STUDENTS)
    weights[0, :10] = 0
    targets[0, :10] = 1e6  # to be seen if it were learnt
    codes = torch.zeros(STEPS, STUDENTS, 0, dtype=torch.int64)
    return Examples(Inputs(numbers, codes, codes.float()), targets, weights, [])


def held_out(share: int = 5) -> torch.Tensor:
    return torch.arange(STUDENTS) % share == torch.arange(NETWORKS)[:, None]


NOBODY = torch.zeros(NETWORKS, STUDENTS, dtype=torch.bool)


def test_all_students_of_all_batches_are_learnt_from_and_none_of_the_validation_set() -> None:
    """A student learnt from moves the weights; one of the validation set does not."""
    recipe = Recipe(0.01, epochs=1, patience=0, batch_size=25)
    held = held_out()[:1]

    def weights(changed: int | None) -> torch.Tensor:
        taught = examples()
        if changed is not None:
            taught.targets[1, changed] += 1
        return fit(SMALL, recipe, taught, held, seed=1).weights

    before = weights(None)
    for student in range(STUDENTS):
        assert torch.equal(weights(student), before) == bool(held[0, student])


def test_a_network_stops_when_its_validation_loss_no_longer_falls_and_keeps_its_best() -> None:
    recipe = Recipe(0.02, epochs=400, patience=10)
    fitted = fit(SMALL, recipe, examples(noise=1.0), held_out(), seed=1)
    ends = torch.isfinite(fitted.validation_losses).sum(dim=0)
    assert (fitted.epochs + 11 == ends).all()
    assert len(set(ends.tolist())) > 1
    best = fitted.validation_losses.nan_to_num(torch.inf).argmin(dim=0)
    assert torch.equal(best, fitted.epochs)
    taught = examples(noise=1.0)
    outputs = predict(SMALL, fitted.weights, taught.inputs, [])
    errors = (outputs - taught.targets).square() * taught.weights
    for number, held in enumerate(held_out()):
        loss = errors[number][:, held].sum() / taught.weights[:, held].sum()
        torch.testing.assert_close(loss, fitted.validation_losses[best[number], number])


def test_without_early_stopping_the_last_state_is_kept() -> None:
    short = fit(SMALL, Recipe(epochs=3, patience=0), examples(), NOBODY, seed=1)
    assert short.epochs.tolist() == [3] * NETWORKS
    assert len(short.losses) == 3
    assert torch.isnan(short.validation_losses).all()
    longer = fit(SMALL, Recipe(epochs=4, patience=0), examples(), NOBODY, seed=1)
    assert torch.equal(longer.losses[:3], short.losses)
    assert not torch.equal(longer.weights, short.weights)


def test_another_seed_gives_other_weights_and_the_same_seed_the_same() -> None:
    recipe = Recipe(epochs=5, batch_size=40)
    fitted = [fit(SMALL, recipe, examples(), held_out(), seed=seed) for seed in (1, 1, 2)]
    first, again, other = (each.weights for each in fitted)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_learning_rate_that_is_too_high_is_told_in_a_line() -> None:
    taught = examples()
    taught.targets[1] = 1e25
    with pytest.raises(InputError, match=r"train\.learning_rate is 0\.1: the loss is no longer"):
        fit(SMALL, Recipe(0.1, epochs=50), taught, held_out(), seed=1)
