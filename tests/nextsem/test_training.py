"""Training many networks at once."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from math import inf

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nextsem import InputError
from nextsem.network import Architecture, Networks, initial_weights
from nextsem.training import (
    PADDING,
    Fitted,
    Job,
    Lessons,
    Progress,
    Recipe,
    _adam,
    block_size,
    fingerprints,
    fit,
    forecast,
)

ARCHITECTURE = Architecture(3, "rnn", 1, 8)


def lessons(students: int, seed: int = 0) -> Lessons:
    """Targets that a network can learn in part: a sum of inputs, and noise."""
    draw = torch.Generator().manual_seed(seed)
    inputs = torch.randn(students, 2, 3, generator=draw)
    noise = torch.randn(students, 2, generator=draw)
    return Lessons(inputs, inputs.sum(2) / 2 + noise / 4, torch.ones(students, 2))


def jobs(count: int, students: int = 40, hold_out: int = 8) -> list[Job]:
    taught = lessons(students)
    rows = torch.arange(students)
    return [
        Job(taught, rows[rows % count != number], rows[rows % count == number][:hold_out], number)
        for number in range(count)
    ]


def same(first: Fitted, second: Fitted) -> bool:
    pairs = zip(vars(first).values(), vars(second).values(), strict=True)
    return all(torch.equal(a.nan_to_num(-1.0), b.nan_to_num(-1.0)) for a, b in pairs)


def test_adam_is_that_of_torch() -> None:
    recipe = Recipe(learning_rate=0.01, weight_decay=0.1)
    own = torch.randn(2, 5)
    theirs = own.clone().requires_grad_()
    optimizer = torch.optim.Adam([theirs], lr=0.01, weight_decay=0.1)
    mean, square = torch.zeros_like(own), torch.zeros_like(own)
    for update in range(1, 20):
        gradient = torch.randn(2, 5)
        theirs.grad = gradient.clone()
        optimizer.step()
        _adam(own, gradient, mean, square, torch.tensor([update, update]), recipe)
    torch.testing.assert_close(own, theirs.detach())


@pytest.mark.parametrize("batch_size", [8192, 16])
def test_a_network_does_not_depend_on_those_beside_it(batch_size: int) -> None:
    recipe = Recipe(epochs=12, patience=5, batch_size=batch_size)
    wanted = jobs(3)
    beside = [Job(lessons(70, seed=1), torch.arange(60), torch.arange(60, 70), 99)]
    size = block_size(ARCHITECTURE, 40, torch.device("cpu"))
    among = fit(ARCHITECTURE, recipe, [*beside * (size + 3), *wanted, *beside])
    for number, job in enumerate(wanted):
        alone = fit(ARCHITECTURE, recipe, [job])
        place = size + 3 + number
        assert torch.equal(alone.weights[0], among.weights[place])
        assert alone.epochs[0] == among.epochs[place]


def test_the_seed_decides() -> None:
    job = jobs(2)[0]
    other = Job(job.lessons, job.learn_from, job.stop_by, job.seed + 1)
    recipe = Recipe(epochs=5)
    assert same(fit(ARCHITECTURE, recipe, [job]), fit(ARCHITECTURE, recipe, [job]))
    assert not same(fit(ARCHITECTURE, recipe, [job]), fit(ARCHITECTURE, recipe, [other]))


def test_the_best_state_is_kept_and_the_network_stops_after_its_patience() -> None:
    recipe = Recipe(learning_rate=0.03, epochs=400, patience=7)
    wanted = jobs(4)
    fitted = fit(ARCHITECTURE, recipe, wanted)
    for number, job in enumerate(wanted):
        curve = fitted.validation_losses[number]
        best = int(fitted.epochs[number])
        assert best == curve.nan_to_num(torch.inf).argmin() + 1
        assert torch.isfinite(curve).sum() == min(best + 7, 400)
        outputs = forecast(ARCHITECTURE, fitted.weights[number][None], job.lessons.inputs)[0]
        error = (outputs - job.lessons.targets)[job.stop_by] ** 2
        assert error.mean().item() == pytest.approx(curve[best - 1].item(), rel=1e-4)
    assert len(set(fitted.epochs.tolist())) > 1


def test_without_patience_all_epochs_run() -> None:
    job = Job(lessons(30), torch.arange(30), torch.arange(0), 1)
    fitted = fit(ARCHITECTURE, Recipe(epochs=9, patience=0), [job])
    assert fitted.epochs.tolist() == [9]
    assert torch.isfinite(fitted.losses).all()
    assert fitted.validation_losses.isnan().all()


def test_it_learns() -> None:
    recipe = Recipe(learning_rate=0.01, epochs=300, patience=0)
    taught = lessons(200)
    fitted = fit(
        Architecture(3, "gru", 1, 16, 0.0),
        recipe,
        [Job(taught, torch.arange(200), torch.arange(0), 1)],
    )
    assert fitted.losses[0, -1] < taught.targets.var() / 5


def test_what_weighs_nothing_teaches_nothing() -> None:
    taught = lessons(40)
    weights = taught.weights.clone()
    weights[:, 0] = 0
    spoilt = taught.targets.clone()
    spoilt[:, 0] = 1e6
    rows = torch.arange(30), torch.arange(30, 40)
    recipe = Recipe(epochs=5)
    first = fit(
        ARCHITECTURE, recipe, [Job(Lessons(taught.inputs, taught.targets, weights), *rows, 1)]
    )
    second = fit(ARCHITECTURE, recipe, [Job(Lessons(taught.inputs, spoilt, weights), *rows, 1)])
    assert same(first, second)


@settings(max_examples=20, deadline=None)
@given(st.integers(20, 70), st.integers(8, 90))
def test_batches_use_every_student_once_an_epoch(students: int, batch_size: int) -> None:
    """With a learning rate of nearly nothing, an epoch's loss is that of the starting weights."""
    taught = lessons(students)
    architecture = Architecture(3, "rnn", 1, 8, dropout=0.0)
    recipe = Recipe(learning_rate=1e-12, epochs=2, patience=0, batch_size=batch_size)
    fitted = fit(architecture, recipe, [Job(taught, torch.arange(students), torch.arange(0), 5)])
    start = initial_weights(architecture, torch.tensor([5]))
    error = forecast(architecture, start, taught.inputs)[0] - taught.targets
    # Batches differ in size by a padding, so their mean is not quite the students' mean.
    exact = batch_size >= students + PADDING
    expected = (error**2).mean().item()
    assert fitted.losses[0, 0].item() == pytest.approx(expected, rel=1e-4 if exact else 0.8)


def test_a_forecast_does_not_depend_on_the_others() -> None:
    weights = initial_weights(ARCHITECTURE, torch.arange(2))
    inputs = lessons(600).inputs
    together = forecast(ARCHITECTURE, weights, inputs)
    assert torch.equal(together[:, 300:310], forecast(ARCHITECTURE, weights, inputs[300:310]))
    networks = Networks(ARCHITECTURE, weights, 2, 600)
    plain = networks.forward(inputs.transpose(0, 1).expand(2, -1, -1, -1).contiguous())
    torch.testing.assert_close(together, plain.transpose(1, 2))


def test_a_diverging_loss_is_told() -> None:
    spoilt = lessons(30)
    spoilt.targets.fill_(1e30)
    with pytest.raises(InputError, match=r"train.learning_rate is 10: .* epoch 1; allowed"):
        fit(
            ARCHITECTURE,
            Recipe(learning_rate=10),
            [Job(spoilt, torch.arange(20), torch.arange(20, 30), 1)],
        )


def test_progress_is_reported() -> None:
    heard: list[Progress] = []
    size = block_size(ARCHITECTURE, 40, torch.device("cpu"))
    fit(ARCHITECTURE, Recipe(epochs=3, patience=0), jobs(size + 5), on_epoch=heard.append)
    networks = [sum(each.networks for each in heard if each.epoch == epoch) for epoch in (1, 2, 3)]
    assert networks == [size + 5] * 3
    assert max(each.finished for each in heard) >= size or len(heard) == 6
    assert all(each.loss > 0 for each in heard)


class Memory:
    """Keeps networks after every epoch, and ends the run when it was asked to often enough."""

    pause = -1.0

    def __init__(self, ends_after: float = inf) -> None:
        self.kept: dict[str, dict[str, torch.Tensor]] = {}
        self.found = 0
        self.ends_after = ends_after

    def expect(self, keys: Sequence[str]) -> None:
        self.found = sum(key in self.kept for key in keys)

    def load(self, key: str) -> dict[str, torch.Tensor] | None:
        return self.kept.get(key)

    def save(self, key: str, state: dict[str, torch.Tensor]) -> None:
        self.ends_after -= 1
        if self.ends_after < 0:
            raise KeyboardInterrupt
        self.kept[key] = {name: part.clone() for name, part in state.items()}


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 300), max_size=4), st.sampled_from([8192, 16]), st.integers(0, 5))
def test_a_run_that_was_ended_goes_on_to_the_same_networks(
    ends: list[int], batch_size: int, patience: int
) -> None:
    recipe = Recipe(learning_rate=0.2, epochs=15, patience=patience, batch_size=batch_size)
    wanted = jobs(block_size(ARCHITECTURE, 40, torch.device("cpu")) + 5)
    memory = Memory()
    for memory.ends_after in ends:
        with suppress(KeyboardInterrupt):
            fit(ARCHITECTURE, recipe, wanted, keeper=memory)
    memory.ends_after = inf
    assert same(fit(ARCHITECTURE, recipe, wanted, keeper=memory), fit(ARCHITECTURE, recipe, wanted))
    assert not ends or memory.found


def test_what_is_finished_is_not_fitted_again() -> None:
    recipe, wanted, memory = Recipe(epochs=4), jobs(3), Memory()
    first = fit(ARCHITECTURE, recipe, wanted, keeper=memory)
    heard: list[Progress] = []
    assert same(fit(ARCHITECTURE, recipe, wanted, "cpu", heard.append, memory), first)
    assert heard == []


def test_a_fingerprint_stands_for_all_that_a_network_depends_on() -> None:
    job, cpu = jobs(2)[0], torch.device("cpu")
    taught = job.lessons
    other = Lessons(taught.inputs + 1e-6, taught.targets, taught.weights)
    found = [
        fingerprints(architecture, recipe, [job], cpu)[0]
        for architecture, recipe, job in (
            (ARCHITECTURE, Recipe(), job),
            (Architecture(3, "rnn", 1, 9), Recipe(), job),
            (ARCHITECTURE, Recipe(epochs=9), job),
            (ARCHITECTURE, Recipe(), replace(job, seed=9)),
            (ARCHITECTURE, Recipe(), replace(job, room=(80, 8))),
            (ARCHITECTURE, Recipe(), replace(job, lessons=other)),
            (ARCHITECTURE, Recipe(), replace(job, learn_from=job.learn_from[1:])),
            (ARCHITECTURE, Recipe(), replace(job, stop_by=job.stop_by[:0])),
            (ARCHITECTURE, Recipe(), replace(job, direct=torch.ones(1))),
        )
    ]
    assert len(set(found)) == len(found)
    assert fingerprints(ARCHITECTURE, Recipe(), [jobs(2)[0]], cpu) == found[:1]


def test_an_error_in_one_block_ends_the_others() -> None:
    spoilt = lessons(30)
    spoilt.targets.fill_(1e30)
    endless = Recipe(learning_rate=1e-9, epochs=10**9, patience=0)
    bad = Job(spoilt, torch.arange(20), torch.arange(20, 30), 1, room=(99, 10))
    good = Job(lessons(30), torch.arange(20), torch.arange(20, 30), 1)
    with pytest.raises(InputError):
        fit(ARCHITECTURE, endless, [good, bad])


def test_a_network_takes_the_place_of_one_that_stopped() -> None:
    """More networks than there are slots for, each stopping when it will."""
    recipe = Recipe(learning_rate=0.03, epochs=100, patience=4)
    size = block_size(ARCHITECTURE, 40, torch.device("cpu"))
    many = jobs(3 * size, students=90)
    fitted = fit(ARCHITECTURE, recipe, many)
    assert len(set(fitted.epochs.tolist())) > 3
    for number in range(0, 3 * size, 7):
        alone = fit(ARCHITECTURE, recipe, [many[number]])
        assert torch.equal(alone.weights[0], fitted.weights[number])
        assert alone.epochs[0] == fitted.epochs[number]
        curve = fitted.losses[number][fitted.losses[number].isfinite()]
        assert torch.equal(alone.losses[0], curve)
