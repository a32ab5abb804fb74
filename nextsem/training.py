"""Fit many recurrent networks at once, each on its own students, with its own early stopping.

Networks are trained in blocks of a fixed number, one block for each processor; where a network
stops, the next one takes its place in the block. Students are padded to a multiple of `PADDING`.
So a network's result depends on its own students and seed: not on which or how many others are
trained beside it, and not on how many processors there are.
"""

import os
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil, inf, nan

import torch
from torch import Tensor

from nextsem import InputError
from nextsem.network import Architecture, Networks, initial_weights, random_bits, stream

PADDING = 8
_DROPOUT, _ORDER = 1, 2  # the streams of a seed; its starting weights are stream 0


@dataclass(frozen=True)
class Recipe:
    """How every network is fitted.

    Adam (Kingma and Ba, 2015) at ``learning_rate`` with an L2 penalty ``weight_decay``, for
    ``epochs`` at most. With ``patience`` above 0 a network stops when its loss on the students that
    it stops by has not improved for so many epochs, and its best state is kept; else its last one. More students than
    ``batch_size`` are learnt from in several updates an epoch.
    """

    learning_rate: float = 0.001
    weight_decay: float = 1e-5
    epochs: int = 1000
    patience: int = 15
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
    """One network to fit: the rows of the lessons to learn from, those to stop by, and a seed.

    ``room`` is for how many of each to make room, if not for just these; jobs with as much room can
    share a block. ``direct`` ``[direct]`` are the weights that the direct path starts from, if not
    from zero.
    """

    lessons: Lessons
    learn_from: Tensor
    stop_by: Tensor
    seed: int
    room: tuple[int, int] = (0, 0)
    direct: Tensor | None = None

    def shape(self) -> tuple[int, int]:
        """Padded numbers of students to learn from and to stop by."""
        learn, stop = self.room
        return _padded(max(learn, len(self.learn_from))), _padded(max(stop, len(self.stop_by)))


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
    """What a block reports of those of its networks that have just ended the same epoch."""

    networks: int
    finished: int
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
        Called after each epoch, from whatever thread works on the block.

    Raises
    ------
    InputError
        A loss is no longer a number: the learning rate is too high for these inputs.
    """
    device = torch.device(device)
    alike: dict[tuple[int, ...], deque[int]] = defaultdict(deque)
    for number, job in enumerate(jobs):
        alike[job.shape()].append(number)
    results: dict[int, _Result] = {}

    def work(queue: deque[int], size: int) -> None:
        block = _Block(architecture, recipe, jobs, queue, size, device)
        for number, result in block.run(lambda: len(results), on_epoch):
            results[number] = result

    torch.set_num_threads(1)  # One thread a block: fastest when small, and sums keep their order.
    with ThreadPoolExecutor(
        _processors(device), initializer=torch.set_num_threads, initargs=(1,)
    ) as pool:
        done = []
        for (learn_from, _), queue in alike.items():
            size = block_size(architecture, min(learn_from, recipe.batch_size), device)
            done += [pool.submit(work, queue, size) for _ in range(0, len(queue), size)]
        for each in done:
            each.result()
    ordered = [results[number] for number in range(len(jobs))]

    def together(curves: list[Tensor]) -> Tensor:
        return torch.nn.utils.rnn.pad_sequence(curves, batch_first=True, padding_value=nan)

    return Fitted(
        torch.stack([result.weights for result in ordered]),
        torch.tensor([result.epoch for result in ordered]),
        together([result.losses for result in ordered]),
        together([result.validation_losses for result in ordered]),
    )


def forecast(
    architecture: Architecture, weights: Tensor, inputs: Tensor, chunk: int = 256
) -> Tensor:
    """Outputs ``[networks, students, steps]`` for inputs ``[students, steps, features]``.

    Students pass in chunks of a fixed size, so that no forecast depends on how many there are.
    """
    torch.set_num_threads(1)  # As in training: the sums keep their order.
    students, steps, features = inputs.shape
    networks = Networks(architecture, weights, steps, chunk)
    entering = torch.zeros(len(weights), steps, chunk, features, device=weights.device)
    outputs = torch.empty(len(weights), students, steps, device=weights.device)
    for start in range(0, students, chunk):
        part = inputs[start : start + chunk].to(weights.device)
        entering[:, :, : len(part)] = part.transpose(0, 1)
        leaving = networks.forward(entering)[:, :, : len(part)]
        outputs[:, start : start + chunk] = leaving.transpose(1, 2)
    return outputs


def block_size(architecture: Architecture, students: int, device: torch.device) -> int:
    """How many networks to train at once, with so many students in a batch.

    Many enough to outweigh the cost of a call; few enough to stay in a processor's cache and to
    leave a block for each processor.
    """
    usual = _usual_block_size(architecture, device)
    return max(1, min(usual, usual * 1024 // max(students, 1)))


def _usual_block_size(architecture: Architecture, device: torch.device) -> int:
    if device.type == "cuda":
        return 1024
    return max(6, min(20, 1200 // (architecture.layers * architecture.hidden)))


def _processors(device: torch.device) -> int:
    if device.type == "cuda":
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _padded(students: int) -> int:
    return ceil(students / PADDING) * PADDING


@dataclass(frozen=True)
class _Result:
    """One network's part of `Fitted`."""

    weights: Tensor
    epoch: int
    losses: Tensor
    validation_losses: Tensor


class _Block:
    """Some networks that learn side by side, each in a slot that the next one takes over."""

    def __init__(
        self,
        architecture: Architecture,
        recipe: Recipe,
        jobs: Sequence[Job],
        queue: deque[int],
        size: int,
        device: torch.device,
    ) -> None:
        first = jobs[queue[0]] if queue else jobs[0]
        self._architecture, self._recipe, self._jobs, self._queue = (
            architecture,
            recipe,
            jobs,
            queue,
        )
        self._learning, self._stopping = (
            _Batches(first.lessons, students, recipe, size, device) for students in first.shape()
        )
        self._stops = recipe.patience > 0 and self._stopping.count > 0
        self._weights, self._mean, self._square, self._best_weights = (
            torch.zeros(size, architecture.size, device=device) for _ in range(4)
        )
        steps = first.lessons.inputs.shape[1]
        self._learner, self._judge = (
            Networks(architecture, self._weights, steps, batches.students)
            for batches in (self._learning, self._stopping)
        )
        self._seeds, self._epoch, self._best_epoch = (
            torch.zeros(size, dtype=torch.int64, device=device) for _ in range(3)
        )
        self._best = torch.full((size,), inf, device=device)
        self._live = torch.zeros(size, dtype=torch.bool, device=device)
        self._taken = [0] * size  # the job in each slot

    def run(
        self, finished: Callable[[], int], on_epoch: Callable[[Progress], None] | None
    ) -> Iterator[tuple[int, _Result]]:
        """Work the queue off; give each job's number and result as it ends."""
        history: deque[tuple[Tensor, Tensor]] = deque(maxlen=self._recipe.epochs)
        for slot in range(len(self._live)):
            self._take(slot)
        while bool(self._live.any()):
            self._epoch += self._live
            history.append((self._learn(), self._validate()))
            self._check(*history[-1])
            self._keep_best(history[-1][1])
            if on_epoch is not None:
                for progress in self._progress(*history[-1], finished()):
                    on_epoch(progress)
            for slot in self._ended():
                epochs = int(self._epoch[slot])
                own = [
                    torch.stack(part)[-epochs:, slot].cpu() for part in zip(*history, strict=True)
                ]
                if self._stops:
                    kept, epochs = self._best_weights, int(self._best_epoch[slot])
                else:
                    kept = self._weights
                yield self._taken[slot], _Result(kept[slot].clone(), epochs, *own)
                self._take(slot)

    def _take(self, slot: int) -> None:
        """Give a slot to the next job; without one it idles."""
        try:
            self._taken[slot] = number = self._queue.popleft()
        except IndexError:
            self._live[slot] = False
            return
        job = self._jobs[number]
        self._live[slot] = True
        self._seeds[slot] = job.seed
        self._weights[slot] = initial_weights(self._architecture, self._seeds[slot : slot + 1])[0]
        if job.direct is not None and self._architecture.direct:
            views = self._architecture.views(self._weights[slot : slot + 1])
            views["direct"].copy_(job.direct[None, :, None])
        self._mean[slot] = self._square[slot] = 0
        self._epoch[slot] = self._best_epoch[slot] = 0
        self._best[slot] = inf
        self._learning.put(slot, job.lessons, job.learn_from)
        self._stopping.put(slot, job.lessons, job.stop_by)

    def _learn(self) -> Tensor:
        """One epoch of updates; the mean loss over them, [networks]."""
        loss = torch.zeros_like(self._best)
        update = (self._epoch - 1) * self._learning.count
        for inputs, targets, shares in self._learning.in_order(self._seeds, self._epoch):
            update += 1
            keys = stream(self._seeds, _DROPOUT, update)
            error = self._learner.forward(inputs, keys) - targets
            slope = shares * error
            loss += (slope * error).sum((1, 2)) / self._learning.count
            gradient = self._learner.backward(slope.mul_(2))
            _adam(self._weights, gradient, self._mean, self._square, update, self._recipe)
        return loss

    def _validate(self) -> Tensor:
        """The loss on what the networks stop by, [networks]; NaN if that is nothing."""
        if not self._stopping.count:
            return torch.full_like(self._best, nan)
        loss = torch.zeros_like(self._best)
        for inputs, targets, shares in self._stopping.in_order():
            error = self._judge.forward(inputs) - targets
            loss += (shares * error * error).sum((1, 2)) / self._stopping.count
        return loss

    def _check(self, loss: Tensor, validation_loss: Tensor) -> None:
        both = loss + validation_loss if self._stopping.count else loss
        lost = self._live & ~torch.isfinite(both)
        if bool(lost.any()):
            raise InputError(
                f"train.learning_rate is {self._recipe.learning_rate:g}: the loss grew past all "
                f"bounds in epoch {int(self._epoch[lost][0])}; allowed: a smaller one, or "
                "train.standardize: true"
            )

    def _keep_best(self, validation_loss: Tensor) -> None:
        better = self._live & (validation_loss < self._best)
        if bool(better.any()):
            self._best = torch.where(better, validation_loss, self._best)
            self._best_epoch = torch.where(better, self._epoch, self._best_epoch)
            self._best_weights = torch.where(better[:, None], self._weights, self._best_weights)

    def _ended(self) -> list[int]:
        """Slots whose network has had its last epoch."""
        ended = self._epoch == self._recipe.epochs
        if self._stops:
            ended |= self._epoch - self._best_epoch >= self._recipe.patience
        ended &= self._live
        return [int(slot) for slot in ended.nonzero()] if bool(ended.any()) else []

    def _progress(self, loss: Tensor, validation: Tensor, finished: int) -> Iterator[Progress]:
        for epoch in set(self._epoch[self._live].tolist()):
            here = self._live & (self._epoch == epoch)
            means = (float(each[here].mean()) for each in (loss, validation))
            yield Progress(int(here.sum()), finished, epoch, *means)


def _adam(
    weights: Tensor, gradient: Tensor, mean: Tensor, square: Tensor, update: Tensor, recipe: Recipe
) -> None:
    """Update number ``update`` ``[networks]`` of Adam with an L2 penalty, in place.

    That of ``torch.optim``, whose first use costs more than a second of imports, and which has one
    count for all.
    """
    gradient.add_(weights, alpha=recipe.weight_decay)
    mean.lerp_(gradient, 1 - 0.9)
    square.mul_(0.999).addcmul_(gradient, gradient, value=1 - 0.999)
    count = update.double()[:, None]
    spread = square.sqrt().div_((1 - 0.999**count).sqrt().float()).add_(1e-8)
    rate = (-recipe.learning_rate / (1 - 0.9**count)).float()
    weights.addcmul_(torch.div(mean, spread, out=spread), rate)


class _Batches:
    """The students that each network of a block uses, in one batch or in several alike.

    A batch is inputs ``[networks, steps, students, features]``, targets and shares ``[networks,
    steps, students]``; a network's shares in a batch add up to one.
    """

    def __init__(
        self, like: Lessons, rows: int, recipe: Recipe, networks: int, device: torch.device
    ) -> None:
        self.count = ceil(rows / recipe.batch_size)
        self.students = _padded(ceil(rows / max(self.count, 1)))
        self._device = device
        self._rows = torch.full((networks, self.count * self.students), -1)
        self._lessons = [like] * networks
        _, steps, features = like.inputs.shape
        self._batch = (
            torch.zeros(networks, steps, self.students, features, device=device),
            torch.zeros(networks, steps, self.students, device=device),
            torch.zeros(networks, steps, self.students, device=device),
        )

    def put(self, network: int, lessons: Lessons, rows: Tensor) -> None:
        """Let a network use these rows from now on."""
        self._lessons[network] = lessons
        self._rows[network] = -1
        self._rows[network, : len(rows)] = rows
        if self.count == 1:
            self._gather(network, self._rows[network])

    def in_order(
        self, seeds: Tensor | None = None, epoch: Tensor | int = 0
    ) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """The batches of an epoch; with seeds, each network's rows in an order of its own."""
        if self.count == 1:
            yield self._batch
            return
        rows = self._rows
        if seeds is not None:
            keys = stream(seeds, _ORDER, epoch).cpu()
            rows = rows.gather(1, random_bits(keys, rows.shape[1]).argsort(dim=1))
        for batch in rows.tensor_split(self.count, dim=1):
            for network, taken in enumerate(batch):
                self._gather(network, taken)
            yield self._batch

    def _gather(self, network: int, rows: Tensor) -> None:
        lessons, taken = self._lessons[network], rows.clamp_min(0)
        inputs, targets, shares = (whole[network] for whole in self._batch)
        inputs.copy_(lessons.inputs[taken].transpose(0, 1))
        targets.copy_(lessons.targets[taken].T)
        shares.copy_(torch.where(rows >= 0, lessons.weights[taken].T, 0.0))
        shares /= shares.sum().clamp_min(1e-30)
