"""Fit many recurrent networks at once, each on its own students, with its own early stopping.

Networks are trained in blocks of a fixed number, one block for each processor; where a network
stops, the next one takes its place in the block. Students are padded to a multiple of `PADDING`.
So a network's result depends on its own students and seed: not on which or how many others are
trained beside it, and not on how many processors or processes there are.

Several processes, or ranks, take networks from one queue. Only where that would leave ranks idle,
and the students fill several batches, each rank takes a share of every batch, and the gradients are
added up: the same but for the order of sums.
"""

import hashlib
import inspect
import os
import sys
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from math import ceil, inf, nan
from threading import Event
from time import monotonic
from typing import Protocol

import torch
from torch import Tensor

from nextsem import InputError, ranks
from nextsem.network import Architecture, Networks, initial_weights, random_bits, stream
from nextsem.ranks import Queue, Ranks

PADDING = 8
_DROPOUT, _ORDER = 1, 2  # the streams of a seed; its starting weights are stream 0
_LEAST_PAUSE = 20  # times as long as it takes to keep the networks
# What a network is between two epochs, besides its losses so far.
_STATE = ("weights", "mean", "square", "best_weights", "best", "best_epoch", "epoch")


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


class Keeper(Protocol):
    """Keeps networks while they are fitted, so that a later run can go on where this one ends.

    A network is kept under a key that stands for all that it depends on. ``pause`` is how many
    seconds it may learn between two times that it is kept.
    """

    pause: float

    def expect(self, keys: Sequence[str]) -> None:
        """Hear which networks are about to be fitted."""

    def load(self, key: str) -> dict[str, Tensor] | None:
        """What was last kept of a network."""

    def save(self, key: str, state: dict[str, Tensor]) -> None:
        """Keep this, in place of what was kept of the network before. Called by several threads."""


def fit(
    architecture: Architecture,
    recipe: Recipe,
    jobs: Sequence[Job],
    device: torch.device | str = "cpu",
    on_epoch: Callable[[Progress], None] | None = None,
    keeper: Keeper | None = None,
) -> Fitted:
    """Fit one network for each job.

    Parameters
    ----------
    on_epoch : function, optional
        Called after each epoch, from whatever thread works on the block.
    keeper : optional
        Where to find networks that an earlier run fitted in part, and where to keep these.

    Raises
    ------
    InputError
        A loss is no longer a number: the learning rate is too high for these inputs. Or another
        rank has other inputs, or is lost.
    """
    team = ranks.joined()
    device = torch.device(device)
    if device == torch.device("cuda"):  # whichever
        device = torch.device("cuda", team.local % torch.cuda.device_count())
    alike: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for number, job in enumerate(jobs):
        alike[job.shape()].append(number)
    results: dict[int, _Result] = {}
    shelf = None
    if keeper is not None or team.size > 1:
        keys = fingerprints(architecture, recipe, jobs, device)
        _check_alike(team, keys)
    if keeper is not None:
        keeper.expect(keys)
        shelf = _Shelf(keeper, keys)
    stop = Event()

    def work(queue: Queue, like: Job, size: int, sharing: Ranks) -> None:
        own = shelf if sharing.rank == 0 else None  # What all ranks work on, the first one keeps.
        block = _Block(architecture, recipe, jobs, queue, like, size, device, own, stop, sharing)
        for number, result in block.run(lambda: team.finished(len(results)), on_epoch):
            if sharing.rank == 0:
                results[number] = result

    torch.set_num_threads(1)  # One thread a block: fastest when small, and sums keep their order.
    with ThreadPoolExecutor(
        max(1, _processors(device) // team.here),
        initializer=torch.set_num_threads,
        initargs=(1,),
    ) as pool:
        try:
            done = []
            for (learn_from, _), numbers in alike.items():
                size = block_size(architecture, min(learn_from, recipe.batch_size), device)
                blocks = ceil(len(numbers) / size)
                like = jobs[numbers[0]]
                if blocks < team.size and learn_from > recipe.batch_size:
                    pool.submit(work, deque(numbers), like, size, team).result()
                else:
                    queue = team.queue(numbers)
                    done += [pool.submit(work, queue, like, size, Ranks()) for _ in range(blocks)]
            for each in as_completed(done):
                each.result()
        except BaseException:  # that of one block, or Ctrl-C: the others are to end, too
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    longest = max(team.each(max((len(result.losses) for result in results.values()), default=0)))
    whole = Fitted(
        torch.zeros(len(jobs), architecture.size, device=device),
        torch.zeros(len(jobs), dtype=torch.int64),
        *(torch.zeros(len(jobs), longest) for _ in range(2)),
    )
    for number, result in results.items():
        whole.weights[number], whole.epochs[number] = result.weights, result.epoch
        for curves, curve in (
            (whole.losses, result.losses),
            (whole.validation_losses, result.validation_losses),
        ):
            curves[number] = nan
            curves[number, : len(curve)] = curve
    return Fitted(*(team.unite(part) for part in vars(whole).values()))


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


def fingerprints(
    architecture: Architecture, recipe: Recipe, jobs: Sequence[Job], device: torch.device
) -> list[str]:
    """For each job a digest of all that its network's bytes depend on: inputs, code and kernels."""
    kernels = torch.backends.cpu.get_cpu_capability()
    code = [inspect.getsource(sys.modules[part.__module__]) for part in (Networks, Job)]
    alike = repr((architecture, recipe, device.type, torch.__version__, kernels, code))
    lessons: dict[int, str] = {}

    def digest(*parts: object) -> str:
        whole = hashlib.sha256()
        for part in parts:
            if isinstance(part, Tensor):
                whole.update(repr((part.dtype, part.shape)).encode())
                whole.update(part.contiguous().numpy().data)
            else:
                whole.update(repr(part).encode())
        return whole.hexdigest()

    keys = []
    for job in jobs:
        taught = id(job.lessons)
        if taught not in lessons:
            lessons[taught] = digest(*vars(job.lessons).values())
        own = {**vars(job), "lessons": lessons[taught]}
        keys.append(digest(alike, *own.values()))
    return keys


def _check_alike(team: Ranks, keys: Sequence[str]) -> None:
    """See that every rank is about to fit the same networks."""
    found = team.each(int(hashlib.sha256("".join(keys).encode()).hexdigest()[:15], 16))
    others = [rank for rank, each in enumerate(found) if each != found[0]]
    if others:
        raise InputError(
            f"process {others[0]} of {team.size} has other inputs than process 0; allowed: the same "
            "tables, parameters, code and packages on every machine"
        )


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
    epoch: Tensor
    losses: Tensor
    validation_losses: Tensor


@dataclass(frozen=True)
class _Shelf:
    """A keeper, and the key of each job's network."""

    keeper: Keeper
    keys: Sequence[str]


_Losses = tuple[Tensor, Tensor]  # of learning and of validation, in each epoch


class _Block:
    """Some networks that learn side by side, each in a slot that the next one takes over."""

    def __init__(
        self,
        architecture: Architecture,
        recipe: Recipe,
        jobs: Sequence[Job],
        queue: Queue,
        like: Job,
        size: int,
        device: torch.device,
        shelf: _Shelf | None,
        stop: Event,
        sharing: Ranks,
    ) -> None:
        self._architecture, self._recipe = architecture, recipe
        self._jobs, self._queue, self._shelf, self._stop = jobs, queue, shelf, stop
        self._sharing = sharing
        self._learning, self._stopping = (
            _Batches(like.lessons, students, recipe, size, device, sharing)
            for students in like.shape()
        )
        self._stops = recipe.patience > 0 and self._stopping.count > 0
        self._weights, self._mean, self._square, self._best_weights = (
            torch.zeros(size, architecture.size, device=device) for _ in range(4)
        )
        steps = like.lessons.inputs.shape[1]
        self._learner, self._judge = (
            Networks(
                architecture, self._weights, steps, batches.share, batches.first, batches.students
            )
            for batches in (self._learning, self._stopping)
        )
        self._seeds, self._epoch, self._best_epoch = (
            torch.zeros(size, dtype=torch.int64, device=device) for _ in range(3)
        )
        self._best = torch.full((size,), inf, device=device)
        self._live = torch.zeros(size, dtype=torch.bool, device=device)
        self._taken = [0] * size  # the job in each slot
        self._history: deque[_Losses] = deque(maxlen=recipe.epochs)
        self._before: list[_Losses] = [(torch.empty(0), torch.empty(0))] * size

    def run(
        self, finished: Callable[[], int], on_epoch: Callable[[Progress], None] | None
    ) -> Iterator[tuple[int, _Result]]:
        """Work the queue off; give each job's number and result as it ends."""
        for slot in range(len(self._live)):
            yield from self._take(slot)
        kept, pause = monotonic(), self._shelf.keeper.pause if self._shelf is not None else inf
        while bool(self._live.any()):
            self._epoch += self._live
            self._history.append((self._learn(), self._validate()))
            self._check(*self._history[-1])
            self._keep_best(self._history[-1][1])
            if on_epoch is not None:
                for progress in self._progress(*self._history[-1], finished()):
                    on_epoch(progress)
            for slot in self._ended():
                yield self._taken[slot], self._leave(slot)
                yield from self._take(slot)
            if self._shelf is not None and monotonic() - kept > pause:
                start = monotonic()
                self._keep(self._shelf)
                kept = monotonic()
                pause = max(pause, _LEAST_PAUSE * (kept - start))

    def _take(self, slot: int) -> Iterator[tuple[int, _Result]]:
        """Give a slot to the next job; without one it idles. Results that were kept are given."""
        self._live[slot] = False
        kept = None
        while not self._live[slot]:
            try:
                self._taken[slot] = number = self._queue.popleft()
            except IndexError:
                return
            kept = self._kept(number)
            if kept is None or "mean" in kept:
                self._live[slot] = True
            elif kept:
                yield number, _Result(**kept)
        self._start(slot, self._jobs[self._taken[slot]])
        if kept is not None:
            self._before[slot] = kept["losses"], kept["validation_losses"]
            for name in _STATE:
                getattr(self, f"_{name}")[slot] = kept[name]

    def _kept(self, number: int) -> dict[str, Tensor] | None:
        """What an earlier run kept of a job's network; of a finished one, nothing to other ranks."""
        kept = None
        if self._shelf is not None:
            kept = self._shelf.keeper.load(self._shelf.keys[number])
        learnt = 0 if kept is None else len(kept["losses"]) if "mean" in kept else -1
        learnt = self._sharing.each(learnt)[0]
        if learnt <= 0:
            return kept or ({} if learnt else None)
        if kept is None:
            kept = {name: torch.zeros_like(getattr(self, f"_{name}")[0]) for name in _STATE}
            kept |= {name: torch.zeros(learnt) for name in ("losses", "validation_losses")}
        return {name: self._sharing.unite(kept[name]) for name in sorted(kept)}

    def _start(self, slot: int, job: Job) -> None:
        self._seeds[slot] = job.seed
        self._weights[slot] = initial_weights(self._architecture, self._seeds[slot : slot + 1])[0]
        if job.direct is not None and self._architecture.direct:
            views = self._architecture.views(self._weights[slot : slot + 1])
            views["direct"].copy_(job.direct[None, :, None])
        self._mean[slot] = self._square[slot] = 0
        self._epoch[slot] = self._best_epoch[slot] = 0
        self._best[slot] = inf
        self._before[slot] = torch.empty(0), torch.empty(0)
        self._learning.put(slot, job.lessons, job.learn_from)
        self._stopping.put(slot, job.lessons, job.stop_by)

    def _leave(self, slot: int) -> _Result:
        """What the network in a slot has come to."""
        if self._stops:
            kept, epoch = self._best_weights, self._best_epoch
        else:
            kept, epoch = self._weights, self._epoch
        result = _Result(kept[slot].clone(), epoch[slot].clone(), *self._losses(slot))
        if self._shelf is not None:
            self._shelf.keeper.save(self._shelf.keys[self._taken[slot]], vars(result))
        return result

    def _keep(self, shelf: _Shelf) -> None:
        """Keep the networks that are still learning."""
        for slot in self._live.nonzero().flatten().tolist():
            losses = dict(zip(("losses", "validation_losses"), self._losses(slot), strict=True))
            state = {name: getattr(self, f"_{name}")[slot].clone() for name in _STATE}
            shelf.keeper.save(shelf.keys[self._taken[slot]], losses | state)

    def _losses(self, slot: int) -> _Losses:
        """Losses of a slot's network in each epoch so far."""
        before = self._before[slot]
        epochs = int(self._epoch[slot]) - len(before[0])
        since = len(self._history) - epochs
        here = (torch.stack(part)[since:, slot].cpu() for part in zip(*self._history, strict=True))
        learnt, validated = (torch.cat(pair) for pair in zip(before, here, strict=True))
        return learnt, validated

    def _learn(self) -> Tensor:
        """One epoch of updates; the mean loss over them, [networks]."""
        loss = torch.zeros_like(self._best)
        update = (self._epoch - 1) * self._learning.count
        for inputs, targets, shares in self._learning.in_order(self._seeds, self._epoch):
            if self._stop.is_set():
                raise CancelledError
            update += 1
            keys = stream(self._seeds, _DROPOUT, update)
            error = self._learner.forward(inputs, keys) - targets
            slope = shares * error
            loss += (slope * error).sum((1, 2)) / self._learning.count
            gradient = self._learner.backward(slope.mul_(2))
            self._sharing.add_up(gradient)
            _adam(self._weights, gradient, self._mean, self._square, update, self._recipe)
        self._sharing.add_up(loss)
        return loss

    def _validate(self) -> Tensor:
        """The loss on what the networks stop by, [networks]; NaN if that is nothing."""
        if not self._stopping.count:
            return torch.full_like(self._best, nan)
        loss = torch.zeros_like(self._best)
        for inputs, targets, shares in self._stopping.in_order():
            error = self._judge.forward(inputs) - targets
            loss += (shares * error * error).sum((1, 2)) / self._stopping.count
        self._sharing.add_up(loss)
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
    steps, students]``; a network's shares in a batch add up to one. Of each batch's ``students``
    this rank has ``share``, from ``first`` on; together, the ranks' shares are the whole batch.
    """

    def __init__(
        self,
        like: Lessons,
        rows: int,
        recipe: Recipe,
        networks: int,
        device: torch.device,
        sharing: Ranks,
    ) -> None:
        self.count = ceil(rows / recipe.batch_size)
        self.students = _padded(ceil(rows / max(self.count, 1)))
        self.share = _padded(ceil(self.students / sharing.size))
        self.first = self.share * sharing.rank
        self._device = device
        self._rows = torch.full((networks, self.count * self.students), -1)
        self._lessons = [like] * networks
        _, steps, features = like.inputs.shape
        self._batch = (
            torch.zeros(networks, steps, self.share, features, device=device),
            torch.zeros(networks, steps, self.share, device=device),
            torch.zeros(networks, steps, self.share, device=device),
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
        lessons = self._lessons[network]
        weights = torch.where(rows >= 0, lessons.weights[rows.clamp_min(0)].T, 0.0).contiguous()
        weights /= weights.sum().clamp_min(1e-30)
        own = slice(self.first, self.first + self.share)
        taken = rows[own].clamp_min(0)
        inputs, targets, shares = (whole[network, :, : len(taken)] for whole in self._batch)
        inputs.copy_(lessons.inputs[taken].transpose(0, 1))
        targets.copy_(lessons.targets[taken].T)
        shares.copy_(weights[:, own])
