"""Many recurrent networks as one module.

All tensors have a leading axis `[networks]`: the networks share one architecture and the same
students, and differ in their weights. So one batched matrix product serves them all.

To add a cell, write a function such as `_rnn`, from gate inputs to states, and add it to `CELLS`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod, sqrt
from typing import Literal, NamedTuple

import torch
from torch import Tensor

# The linear path's output is multiplied by this. Adam moves all weights at the same rate, so the
# path's few weights would otherwise need more updates than the many of the layers.
LINEAR_SCALE = 5.0


class Inputs(NamedTuple):
    """What is known at each step.

    numbers : [steps, students, numbers], float32; the first one is the grade
    codes : [steps, students, columns], int64; rows of one embedding table for the categories of all
        columns, followed by one row per column for an unknown category
    encoded : [steps, students, encoded], float32; the numbers, piecewise linearly encoded
    """

    numbers: Tensor
    codes: Tensor
    encoded: Tensor


@dataclass(frozen=True)
class Architecture:
    """What all networks of a batch have in common.

    Attributes
    ----------
    numbers : number of numeric inputs at each step
    encoded : how many of the encoded inputs, the first ones, also enter the layers
    categories : number of categories in each categorical column
    slopes : factor on each category's own slopes for the grade; 0 for no such slopes
    lags : how many of the last grades the linear path sees; 0 for no linear path
    steps : how many steps have their own weights in the linear path; later ones share the last
    """

    numbers: int
    categories: tuple[int, ...] = ()
    slopes: float = 0.0
    lags: int = 0
    steps: int = 1
    cell: Literal["rnn", "gru", "lstm"] = "rnn"
    layers: int = 3
    hidden: int = 64
    dropout: float = 0.2
    output: Literal["linear", "relu"] = "linear"
    encoded: int = 0

    @property
    def linear(self) -> int:
        """Number of features of the linear path at a step: grades, other numbers and a 1."""
        return self.lags + self.numbers if self.lags else 0

    def shapes(self) -> dict[str, tuple[int, int]]:
        """Name and shape of each weight of one network, in storage order."""
        gates = CELLS[self.cell].gates * self.hidden
        shapes = {}
        for layer in range(self.layers):
            shapes[f"input_{layer}"] = (
                self.hidden if layer else self.numbers + self.encoded,
                gates,
            )
            shapes[f"recurrent_{layer}"] = (self.hidden, gates)
            shapes[f"input_bias_{layer}"] = (1, gates)
            shapes[f"recurrent_bias_{layer}"] = (1, gates)
        shapes |= {"output": (self.hidden, 1), "output_bias": (1, 1)}
        known = sum(self.categories)
        if known:
            shapes["categories"] = (known, gates)
        if known and self.slopes:
            shapes["slopes"] = (known, gates)
        if self.lags:
            shapes["linear"] = (self.steps, self.linear)
        if self.lags and known:
            shapes["linear_categories"] = (known, 1)
        return shapes

    @property
    def size(self) -> int:
        """Number of weights of one network."""
        return sum(map(prod, self.shapes().values()))

    def views(self, weights: Tensor) -> dict[str, Tensor]:
        """Views of the weights [networks, size] by name, each [networks, *shape]."""
        shapes = self.shapes()
        parts = torch.split(weights, list(map(prod, shapes.values())), dim=1)
        return {
            name: part.view(len(weights), *shape)
            for (name, shape), part in zip(shapes.items(), parts, strict=True)
        }

    def initial_weights(self, networks: int, generator: torch.Generator) -> Tensor:
        """Starting weights [networks, size], uniform within 1/sqrt(hidden) as in `torch.nn`.

        The linear path starts at zero.
        """
        weights = torch.empty(networks, self.size).uniform_(-1, 1, generator=generator)
        weights /= sqrt(self.hidden)
        for name, view in self.views(weights).items():
            if name.startswith("linear"):
                view.zero_()
        return weights


def forward(
    architecture: Architecture,
    weights: Tensor,
    inputs: Inputs,
    shares: list[Tensor],
    masks: list[Tensor] | None = None,
) -> Tensor:
    """Outputs [networks, steps, students].

    Parameters
    ----------
    weights : [networks, size]
    shares : for each categorical column, the share of each category among the training students
        [categories]; an unknown category counts as their average
    masks : for each layer the dropout mask [networks, steps, students, hidden] of `dropout_masks`,
        or None
    """
    views = architecture.views(weights)
    networks, (steps, students, _) = len(weights), inputs.numbers.shape
    grade = inputs.numbers[..., :1].reshape(-1, 1)
    entering = torch.cat([inputs.numbers, inputs.encoded[..., : architecture.encoded]], dim=-1)
    leaving = entering.view(1, steps * students, -1).expand(networks, -1, -1)
    for layer in range(architecture.layers):
        entering = torch.baddbmm(views[f"input_bias_{layer}"], leaving, views[f"input_{layer}"])
        if layer == 0 and "categories" in views:
            entering = entering + _look_up(views["categories"], inputs.codes, shares)
        if layer == 0 and "slopes" in views:
            own = _look_up(views["slopes"], inputs.codes, shares)
            entering = torch.addcmul(entering, own, grade, value=architecture.slopes)
        states = CELLS[architecture.cell].run(
            entering.view(networks, steps, students, -1),
            views[f"recurrent_{layer}"],
            views[f"recurrent_bias_{layer}"],
        )
        if masks is not None:
            states = states * masks[layer]
        leaving = states.view(networks, steps * students, -1)
    output = torch.baddbmm(views["output_bias"], leaving, views["output"])[..., 0]
    if architecture.lags:
        own = views["linear"][:, torch.arange(steps).clamp_max(architecture.steps - 1), :, None]
        straight = linear_features(architecture, inputs) @ own  # late steps share the last weights
        output = torch.add(output, straight.view(networks, -1), alpha=LINEAR_SCALE)
    if "linear_categories" in views:
        level = _look_up(views["linear_categories"], inputs.codes, shares)[..., 0]
        output = torch.add(output, level, alpha=LINEAR_SCALE)
    output = output.view(networks, steps, students)
    return output.relu() if architecture.output == "relu" else output


def linear_features(architecture: Architecture, inputs: Inputs) -> Tensor:
    """Inputs of the linear path [steps, students, linear]: last grades, other numbers, a 1."""
    grade, others = inputs.numbers[..., :1], inputs.numbers[..., 1:]
    nothing = torch.zeros_like(grade)
    lags = [
        torch.cat([nothing[:lag], grade[: max(len(grade) - lag, 0)]])
        for lag in range(architecture.lags)
    ]
    return torch.cat([*lags, others, torch.ones_like(grade)], dim=-1)


def dropout_masks(
    architecture: Architecture,
    shape: tuple[int, int, int],
    kept: Tensor,
    generator: torch.Generator,
) -> list[Tensor]:
    """Dropout masks of each layer, [networks, steps, students, hidden]: 0, or a scale factor.

    Srivastava and others, "Dropout", JMLR 15, 2014. Each unit uses 8 random bits, so the dropout
    rate is rounded to 1/256.

    Parameters
    ----------
    shape : networks, steps and students
    kept : [networks, students], whether a student passes without dropout
    """
    networks, steps, students = shape
    dropped = round(architecture.dropout * 256)
    scale = torch.where(kept, 1.0, 256 / (256 - dropped))[:, None, :, None]
    least = torch.where(kept, 0, dropped).to(torch.uint8)[:, None, :, None]
    masks = []
    for _ in range(architecture.layers):
        units = networks * steps * students * architecture.hidden
        bits = torch.empty(-(-units // 8), dtype=torch.int64).random_(
            -(2**63), None, generator=generator
        )
        drawn = bits.view(torch.uint8)[:units].view(*shape, architecture.hidden)
        mask = torch.empty(drawn.shape)
        torch.ge(drawn, least, out=mask)  # into floats: four times as fast as through a Boolean
        masks.append(mask.mul_(scale))
    return masks


def _look_up(table: Tensor, codes: Tensor, shares: list[Tensor]) -> Tensor:
    """Sum of the table rows of all columns' categories, [networks, steps * students, width]."""
    parts = torch.split(table, [len(share) for share in shares], dim=1)
    average = [
        (share[:, None] * part).sum(dim=1, keepdim=True)
        for share, part in zip(shares, parts, strict=True)
    ]
    rows = torch.cat([table, *average], dim=1).index_select(1, codes.flatten())
    return rows.view(len(table), -1, codes.shape[-1], table.shape[-1]).sum(dim=2)


# Cells ------------------------------------------------------------------------


class Cell(NamedTuple):
    """A recurrent cell: its number of gates, and a function that runs one layer from a zero state.

    `run` takes the gate inputs [networks, steps, students, gates * hidden] with their bias, the
    recurrent weights [networks, hidden, gates * hidden] and the recurrent bias [networks, 1,
    gates * hidden], and returns the states [networks, steps, students, hidden].
    """

    gates: int
    run: Callable[[Tensor, Tensor, Tensor], Tensor]


def _tanh(values: Tensor) -> Tensor:
    """tanh through the logistic function, which is twice as fast on a CPU."""
    return torch.sigmoid(2 * values) * 2 - 1


def _rnn(entering: Tensor, recurrent: Tensor, bias: Tensor) -> Tensor:
    """h = tanh(W x + b + U h' + c)."""
    states: list[Tensor] = []
    for gates in (entering + bias[:, None]).unbind(1):
        states.append(_tanh(torch.baddbmm(gates, states[-1], recurrent) if states else gates))
    return torch.stack(states, dim=1)


def _gru(entering: Tensor, recurrent: Tensor, bias: Tensor) -> Tensor:
    """h = (1 - z) n + z h' with n = tanh(W x + b + r (U h' + c)); gates r and z are logistic."""
    width = recurrent.shape[1]
    hidden = entering.new_zeros(*entering.shape[::2][:2], width)
    states = []
    for gates in entering.unbind(1):
        recalled = torch.baddbmm(bias, hidden, recurrent)
        logistic = torch.sigmoid(gates[..., : 2 * width] + recalled[..., : 2 * width])
        reset, update = logistic.chunk(2, dim=-1)
        candidate = _tanh(torch.addcmul(gates[..., 2 * width :], reset, recalled[..., 2 * width :]))
        hidden = torch.lerp(candidate, hidden, update)
        states.append(hidden)
    return torch.stack(states, dim=1)


def _lstm(entering: Tensor, recurrent: Tensor, bias: Tensor) -> Tensor:
    """h = o tanh(m), memory m = f m' + i tanh(g); gates i, f and o are logistic."""
    width = recurrent.shape[1]
    hidden = memory = entering.new_zeros(*entering.shape[::2][:2], width)
    states = []
    for gates in (entering + bias[:, None]).unbind(1):
        write, keep, content, show = torch.baddbmm(gates, hidden, recurrent).chunk(4, dim=-1)
        memory = torch.sigmoid(keep) * memory + torch.sigmoid(write) * _tanh(content)
        hidden = torch.sigmoid(show) * _tanh(memory)
        states.append(hidden)
    return torch.stack(states, dim=1)


CELLS = {"rnn": Cell(1, _rnn), "gru": Cell(3, _gru), "lstm": Cell(4, _lstm)}
