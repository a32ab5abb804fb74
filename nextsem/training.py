"""Fit many recurrent networks at once, each on its own students, with its own early stopping.

Networks are trained in blocks of a fixed number, and students are padded to a multiple of
`PADDING`, so a network's result depends on its own students and seed: not on which or how many
others are trained beside it, and not on how many processors there are, each of which works on a
block of its own.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil, inf, nan, sqrt

import torch
from torch import Tensor

from nextsem import InputError
from nextsem.network import Architecture, Networks, initial_weights, random_bits, stream

PADDING = 16
_DROPOUT, _ORDER = 1, 2  # the streams of a seed; its starting weights are stream 0


@dataclass(frozen=True)
class Recipe:
    """How every network is fitted.

    Adam (Kingma and Ba, 2015) at ``learning_rate`` with an L2 penalty ``weight_decay``, for
    ``epochs`` at most. With ``patience`` above 0 a network stops when its loss on the students that
    it stops by has not improved for so many epochs, and its best state is kept. More students than
    ``batch_size`` are learnt from in several updates an epoch.
    """

    learning_rate: float = 0.001
    weight_decay: float = 1e-5
    epochs: int = 1000
    patience: int = 30
    batch_size: int = 8192


@dataclass(frozen=True)
class Lessons:
    """What networks learn from, all float32.

    ``inputs`` ``[students, steps, features]``; ``targets`` and ``weights`` ``[students, steps]``, a
    weight of 0 where there is nothing to learn.
    """

    inputs: Tensor
    targets: Tensor
    weights: Tensor


@dataclass(frozen=True)
class Job:
    """One network to fit: the rows of the lessons to learn from, those to stop by, and a seed."""

    lessons: Lessons
    learn_from: Tensor
    stop_by: Tensor
    seed: int


@dataclass(frozen=True)
class Fitted:
    """Fitted networks, in the order of their jobs.

    ``weights`` ``[networks, size]``; ``epochs`` ``[networks]``, of the state that was kept;
    ``losses`` and ``validation_losses`` ``[networks, epochs]``, mean squared errors in the lessons'
    units, NaN after a network stopped (and throughout, where there is nothing to stop by).
    """

    weights: Tensor
    epochs: Tensor
    losses: Tensor
    validation_losses: Tensor


@dataclass(frozen=True)
class Progress:
    """What a block reports after an epoch: mean losses of its networks that are still learning."""

    block: int
    blocks: int
    epoch: int
    loss: float
    validation_loss: float


def fit(
    architecture: Architecture,
    recipe: Recipe,
    jobs: Sequence[Job],
    device: torch.device | str = "cpu",
    on_epoch: Callable[[Progress], None] | None = None,
) -> Fitted:
    """Fit one network for each job.

    Parameters
    ----------
    on_epoch : function, optional
        Called after each epoch of a block, from whatever thread works on it.

    Raises
    ------
    InputError
        A loss is no longer a number: the learning rate is too high for these inputs.
    """
    device = torch.device(device)
    blocks = _blocks(jobs, block_size(architecture, device))

    def fit_block(number: int) -> Fitted:
        def report(epoch: int, loss: float, validation_loss: float) -> None:
            if on_epoch is not None:
                on_epoch(Progress(number + 1, len(blocks), epoch, loss, validation_loss))

        places = blocks[number]
        block = [jobs[place] for place in places]
        return _fit_block(architecture, recipe, block, len(set(places)), device, report)

    torch.set_num_threads(1)  # One thread a block: fastest when small, and sums keep their order.
    with ThreadPoolExecutor(
        _processors(device), initializer=torch.set_num_threads, initargs=(1,)
    ) as pool:
        fitted = list(pool.map(fit_block, range(len(blocks))))
    # A block is filled up with repetitions of its last job; each job's first place counts.
    placed = [place for block in blocks for place in block]
    order = torch.tensor([placed.index(number) for number in range(len(jobs))])
    epochs = max(block.losses.shape[1] for block in fitted)

    def joined(parts: list[Tensor]) -> Tensor:
        return torch.cat(parts)[order]

    def lengthened(losses: Tensor) -> Tensor:
        return torch.nn.functional.pad(losses, (0, epochs - losses.shape[1]), value=nan)

    return Fitted(
        joined([block.weights for block in fitted]),
        joined([block.epochs for block in fitted]),
        joined([lengthened(block.losses) for block in fitted]),
        joined([lengthened(block.validation_losses) for block in fitted]),
    )


def forecast(
    architecture: Architecture, weights: Tensor, inputs: Tensor, chunk: int = 256
) -> Tensor:
    """Outputs ``[networks, students, steps]`` for inputs ``[students, steps, features]``.

    Students pass in chunks of a fixed size, so that no forecast depends on how many there are.
    """
    students, steps, features = inputs.shape
    networks = Networks(architecture, len(weights), steps, chunk, weights.device)
    entering = torch.zeros(len(weights), steps, chunk, features, device=weights.device)
    outputs = torch.empty(len(weights), students, steps, device=weights.device)
    for start in range(0, students, chunk):
        part = inputs[start : start + chunk].to(weights.device)
        entering[:, :, : len(part)] = part.transpose(0, 1)
        leaving = networks.forward(weights, entering)[:, :, : len(part)]
        outputs[:, start : start + chunk] = leaving.transpose(1, 2)
    return outputs


def block_size(architecture: Architecture, device: torch.device) -> int:
    """How many networks to train at once: many enough to outweigh the cost of a call, few enough
    to stay in a processor's cache and leave a block for each processor."""
    if device.type == "cuda":
        return 1024
    return max(5, min(20, 1000 // (architecture.layers * architecture.hidden)))


def _processors(device: torch.device) -> int:
    if device.type == "cuda":
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _blocks(jobs: Sequence[Job], size: int) -> list[list[int]]:
    """Places of jobs that are padded to one shape, `size` in each block."""
    alike = defaultdict(list)
    for place, job in enumerate(jobs):
        alike[_padded(len(job.learn_from)), _padded(len(job.stop_by))].append(place)
    return [
        (places[start : start + size] + places[-1:] * size)[:size]
        for places in alike.values()
        for start in range(0, len(places), size)
    ]


def _padded(students: int) -> int:
    return ceil(students / PADDING) * PADDING


def _fit_block(
    architecture: Architecture,
    recipe: Recipe,
    jobs: Sequence[Job],
    distinct: int,
    device: torch.device,
    report: Callable[[int, float, float], None],
) -> Fitted:
    """Train a block; those of its networks past the `distinct` first are only there to fill it."""
    seeds = torch.tensor([job.seed for job in jobs], device=device)
    weights = initial_weights(architecture, seeds)
    gradient, mean, square = (torch.zeros_like(weights) for _ in range(3))
    learning = _Batches(jobs, [job.learn_from for job in jobs], recipe.batch_size, device)
    stopping = _Batches(jobs, [job.stop_by for job in jobs], recipe.batch_size, device)
    steps = jobs[0].lessons.inputs.shape[1]
    learner = Networks(architecture, len(jobs), steps, learning.students, device)
    judge = Networks(architecture, len(jobs), steps, stopping.students, device)
    stops = recipe.patience > 0 and stopping.count > 0

    live = torch.arange(len(jobs), device=device) < distinct
    best, best_weights = torch.full((len(jobs),), inf, device=device), weights
    best_epoch = torch.zeros(len(jobs), dtype=torch.int64, device=device)
    losses, validation_losses = [], []
    update = 0
    for epoch in range(1, recipe.epochs + 1):
        loss, validation = torch.zeros_like(best), torch.zeros_like(best)
        for inputs, targets, shares in learning.in_order(seeds, epoch):
            update += 1
            error = learner.forward(weights, inputs, stream(seeds, _DROPOUT, update)) - targets
            slope = shares * error
            loss += (slope * error).sum((1, 2)) / learning.count
            learner.backward(weights, slope.mul_(2), gradient)
            _adam(weights, gradient, mean, square, update, recipe)
        for inputs, targets, shares in stopping.in_order() if stopping.count else ():
            error = judge.forward(weights, inputs) - targets
            validation += (shares * error * error).sum((1, 2)) / stopping.count
        losses.append(loss)
        validation_losses.append(validation if stopping.count else torch.full_like(loss, nan))
        if not bool(torch.isfinite(loss + validation).all()):
            raise InputError(
                f"train.learning_rate is {recipe.learning_rate:g}: the loss grew past all bounds "
                f"in epoch {epoch}; allowed: a smaller one, or train.standardize: true"
            )
        if stops:
            better = live & (validation < best)
            best = torch.where(better, validation, best)
            best_epoch = torch.where(better, epoch, best_epoch)
            best_weights = torch.where(better[:, None], weights, best_weights)
        else:
            best_epoch += 1
        report(epoch, float(loss[live].mean()), float(validation_losses[-1][live].mean()))
        if stops:
            live &= epoch - best_epoch < recipe.patience
            if not bool(live.any()):
                break
    last = best_epoch + recipe.patience if stops else best_epoch
    over = torch.arange(1, len(losses) + 1, device=device) > last[:, None]
    return Fitted(
        best_weights if stops else weights,
        best_epoch,
        torch.stack(losses, dim=1).masked_fill(over, nan),
        torch.stack(validation_losses, dim=1).masked_fill(over, nan),
    )


def _adam(
    weights: Tensor, gradient: Tensor, mean: Tensor, square: Tensor, update: int, recipe: Recipe
) -> None:
    """One update of Adam with an L2 penalty, in place.

    That of ``torch.optim``, whose first use costs more than a second of imports.
    """
    gradient.add_(weights, alpha=recipe.weight_decay)
    mean.lerp_(gradient, 1 - 0.9)
    square.mul_(0.999).addcmul_(gradient, gradient, value=1 - 0.999)
    spread = square.sqrt().div_(sqrt(1 - 0.999**update)).add_(1e-8)
    weights.addcdiv_(mean, spread, value=-recipe.learning_rate / (1 - 0.9**update))


class _Batches:
    """The rows that each network of a block uses, in one batch or in several alike.

    A batch is inputs ``[networks, steps, students, features]``, targets and shares ``[networks,
    steps, students]``; a network's shares in a batch add up to one.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        rows: Sequence[Tensor],
        batch_size: int,
        device: torch.device,
    ) -> None:
        longest = max(len(each) for each in rows)
        self.count = ceil(longest / batch_size)
        self.students = _padded(ceil(longest / max(self.count, 1)))
        self._jobs, self._device = jobs, device
        self._rows = torch.full((len(jobs), self.count * self.students), -1)
        for network, each in enumerate(rows):
            self._rows[network, : len(each)] = each
        self._only = [self._batch(self._rows)] if self.count == 1 else None

    def in_order(
        self, seeds: Tensor | None = None, epoch: int = 0
    ) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """The batches of an epoch; with seeds, each network's rows in an order of its own."""
        if self._only is not None:
            yield from self._only
            return
        rows = self._rows
        if seeds is not None:
            bits = random_bits(stream(seeds.cpu(), _ORDER, epoch), rows.shape[1])
            rows = rows.gather(1, bits.argsort(dim=1))
        for batch in rows.tensor_split(self.count, dim=1):
            yield self._batch(batch)

    def _batch(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        taken = rows.clamp_min(0)
        inputs, targets, weights = (
            torch.stack(
                [
                    getattr(job.lessons, name)[each]
                    for job, each in zip(self._jobs, taken, strict=True)
                ]
            )
            .transpose(1, 2)
            .contiguous()
            .to(self._device)
            for name in ("inputs", "targets", "weights")
        )
        weights *= (rows >= 0).to(self._device)[:, None, :]
        shares = weights / weights.sum((1, 2), keepdim=True).clamp_min(1e-30)
        return inputs, targets, shares
