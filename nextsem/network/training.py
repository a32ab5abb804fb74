"""Train recurrent networks in parallel, each with its own validation set and early stopping.

The networks of one `fit` see the same students in the same batches; each has its own validation set
among them. Validation students pass through the network with the others, but without dropout and
without contributing to the gradient, so that one pass gives both losses.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, inf, nan

import torch
from torch import Tensor

from nextsem.network.network import Architecture, Inputs, dropout_masks, forward
from nextsem.shared.errors import InputError

# One thread is fastest for small networks, and always sums in the same order.
torch.set_num_threads(1)

# A loss takes outputs [networks, steps, students] and targets [steps, students], and returns the
# error of each output.
Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Recipe:
    """How networks are trained.

    Adam (Kingma and Ba, 2015) at `learning_rate` with an L2 penalty `weight_decay`, for `epochs` at
    most. With `patience` above 0, a network stops when its validation loss has not improved for so
    many epochs (early stopping) and keeps its best state; otherwise it keeps the last one.

    Each epoch is one update on all students, or several on about `batch_size` students each. With
    `updates`, training takes as many epochs as these need, at least two; the learning rate rises to
    `learning_rate` and falls again (one-cycle schedule: Smith and Topin, "Super-convergence",
    2019), and a network keeps its best state after an epoch.
    """

    learning_rate: float = 0.001
    weight_decay: float = 1e-5
    epochs: int = 1000
    patience: int = 15
    batch_size: int | None = None
    updates: int | None = None


@dataclass(frozen=True)
class Examples:
    """What networks are trained on.

    Attributes
    ----------
    inputs : of all students
    targets : [steps, students], float32
    weights : [steps, students], float32; 0 where there is no target
    shares : for each categorical column, the share of students in each category
    """

    inputs: Inputs
    targets: Tensor
    weights: Tensor
    shares: list[Tensor]

    def __getitem__(self, students: Tensor) -> "Examples":
        inputs = Inputs(*(part[:, students] for part in self.inputs))
        return Examples(inputs, self.targets[:, students], self.weights[:, students], self.shares)


@dataclass(frozen=True)
class Fitted:
    """Trained networks.

    Attributes
    ----------
    weights : [networks, size]
    epochs : [networks], number of epochs after which the kept state was reached
    losses, validation_losses : [epochs, networks], mean loss, in squared units of the targets for
        `squared_error`; NaN after a network has stopped, and without a validation set
    """

    weights: Tensor
    epochs: Tensor
    losses: Tensor
    validation_losses: Tensor


def squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """The squared error of each output."""
    return (outputs - targets).square()


def fit(
    architecture: Architecture,
    recipe: Recipe,
    examples: Examples,
    held_out: Tensor,
    seed: int,
    start: dict[str, Tensor] | None = None,
    loss: Loss = squared_error,
    on_epoch: Callable[[int, float, float], None] | None = None,
) -> Fitted:
    """Train as many networks as `held_out` has rows.

    Parameters
    ----------
    held_out : [networks, students], mask of each network's validation set
    seed : of the initial weights, dropout and batches
    start : initial values of some weights, by name [networks, *shape]
    on_epoch : called after each epoch with its number, the mean loss and the mean validation loss

    Raises
    ------
    InputError
        A loss became NaN or infinite: the learning rate is too high for these inputs.
    """
    generator = torch.Generator().manual_seed(seed)
    networks, students = held_out.shape
    weights = architecture.initial_weights(networks, generator)
    for name, value in (start or {}).items():
        architecture.views(weights)[name].copy_(value)
    weights.requires_grad_()
    optimizer = torch.optim.Adam(
        [weights], lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    batches = ceil(students / (recipe.batch_size or students))
    epochs, patience, schedule = recipe.epochs, recipe.patience, None
    if recipe.updates:
        epochs = patience = max(2, ceil(recipe.updates / batches))
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, recipe.learning_rate, total_steps=epochs * batches
        )
    early = patience > 0 and bool(held_out.any())
    running = torch.arange(networks)  # networks that have not stopped: the rows of `weights`
    kept, kept_epoch = weights.detach().clone(), torch.zeros(networks, dtype=torch.int64)
    least = torch.full((networks,), inf)
    curve: list[Tensor] = []
    for epoch in range(epochs):
        state = weights.detach().clone()
        losses = torch.zeros(2, len(running))
        for rows in _in_batches(students, batches, generator):
            batch = examples if batches == 1 else examples[rows]
            held = held_out[running][:, rows]
            learning, validation = _losses(architecture, weights, batch, held, loss, generator)
            optimizer.zero_grad()
            torch.autograd.backward(learning.sum())
            optimizer.step()
            if schedule is not None:
                schedule.step()
            losses += torch.stack([learning.detach(), validation]) / batches
        curve.append(torch.full((2, networks), nan))
        curve[-1][:, running] = losses
        if not torch.isfinite(losses[0]).all():
            raise InputError(
                f"train.learning_rate is {recipe.learning_rate:g}: the loss is no longer a number in "
                f"epoch {epoch + 1}; allowed: a smaller one, or train.standardize: true"
            )
        if on_epoch is not None:
            on_epoch(epoch + 1, *losses.mean(dim=1).tolist())
        if early:
            # With one batch, the loss belongs to the state before the update; with several, it is
            # close to that of the state after the last update.
            after, reached = (0, state) if batches == 1 else (1, weights.detach())
            better = losses[1] < least[running]
            rows = running[better]
            kept[rows], least[rows], kept_epoch[rows] = (
                reached[better],
                losses[1][better],
                epoch + after,
            )
            stay = epoch - kept_epoch[running] < patience
            if not stay.any():
                break
            if not stay.all():
                weights, running = _narrowed(weights, optimizer, stay), running[stay]
    if not early:
        kept, kept_epoch = weights.detach(), torch.full_like(kept_epoch, epochs)
    whole = torch.stack(curve)
    return Fitted(kept, kept_epoch, whole[:, 0], whole[:, 1])


def _narrowed(weights: Tensor, optimizer: torch.optim.Adam, stay: Tensor) -> Tensor:
    """The weights of the networks that continue; the others leave the optimizer, too."""
    narrowed = weights.detach()[stay].requires_grad_()
    state = optimizer.state.pop(weights)
    optimizer.state[narrowed] = {
        name: value[stay] if value.dim() else value for name, value in state.items()
    }
    optimizer.param_groups[0]["params"] = [narrowed]
    return narrowed


def _losses(
    architecture: Architecture,
    weights: Tensor,
    examples: Examples,
    held_out: Tensor,
    loss: Loss,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Mean loss on the training students and on the validation set, each [networks]."""
    masks = None
    if architecture.dropout:
        shape = (len(weights), *examples.targets.shape)
        masks = dropout_masks(architecture, shape, held_out, generator)
    outputs = forward(architecture, weights, examples.inputs, examples.shares, masks)
    errors = (loss(outputs, examples.targets) * examples.weights).sum(dim=1)
    counts = examples.weights.sum(dim=0)
    learning = (errors * ~held_out).sum(dim=1) / (counts * ~held_out).sum(dim=1).clamp_min(1e-30)
    with torch.no_grad():
        validation = (errors * held_out).sum(dim=1) / (counts * held_out).sum(dim=1)
    return learning, validation


def _in_batches(students: int, batches: int, generator: torch.Generator) -> Sequence[Tensor]:
    """Rows of each batch of an epoch: one of all, or random ones of about equal size."""
    if batches == 1:
        return [torch.arange(students)]
    return torch.randperm(students, generator=generator).tensor_split(batches)


def predict(
    architecture: Architecture,
    weights: Tensor,
    inputs: Inputs,
    shares: list[Tensor],
    chunk: int = 256,
) -> Tensor:
    """Outputs [networks, steps, students].

    Chunks have a fixed size, so that no forecast depends on the number of students.
    """
    steps, students = inputs.numbers.shape[:2]
    outputs = torch.empty(len(weights), steps, students)
    with torch.no_grad():
        for first in range(0, students, chunk):
            rows = torch.arange(first, first + chunk).clamp_max(students - 1)
            part = Inputs(*(each[:, rows] for each in inputs))
            outputs[..., first : first + chunk] = forward(architecture, weights, part, shares)[
                ..., : students - first
            ]
    return outputs
