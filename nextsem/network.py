"""Many recurrent networks as one batched module.

Every tensor has a leading axis ``[networks]``: the networks share one architecture and differ in
their weights, their students and their seeds. Folds, repeats and members thus train as one
computation, and no loop runs over them.

The gradients are written out (backpropagation through time; Goodfellow et al., "Deep Learning",
2016, section 10.2) rather than left to autograd: the sums over semesters become one matrix
product, and the buffers serve again at every epoch. The tests hold both passes against
``torch.nn``.

Random numbers come from a counter, not from a state: number ``i`` of a stream is a hash of the
stream's key and ``i`` (SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number
generators", OOPSLA 2014). A network's draws thus depend on its own seed alone, are the same on
every device, and can be taken up again at any epoch.
"""

from dataclasses import dataclass
from math import prod, sqrt
from typing import Literal, Protocol

import torch
from torch import Tensor

_GATES = {"rnn": 1, "gru": 3, "lstm": 4}

# Adam moves every weight equally far; the direct path's few have further to go than the layers' many.
DIRECT_SCALE = 5.0

# SplitMix64's constants, as signed integers.
_STEP = -7046029254386353131
_FIRST = -4658895280553007687
_SECOND = -7723592293110705685

_MINUS_ONE = torch.tensor(-1.0)


@dataclass(frozen=True)
class Architecture:
    """What all networks of a batch have in common.

    At each step ``inputs`` features enter the first of ``layers`` recurrent layers of ``hidden``
    units, with ``dropout`` after each; ``direct`` further features go straight to the output, by a
    linear path. The output is one number per step, cut off at zero if ``relu``.
    """

    inputs: int
    cell: Literal["rnn", "gru", "lstm"] = "rnn"
    layers: int = 3
    hidden: int = 64
    dropout: float = 0.2
    output: Literal["linear", "relu"] = "linear"
    direct: int = 0

    def shapes(self) -> dict[str, tuple[int, int]]:
        """Name and shape of each weight of one network, in the order in which they are kept."""
        gates = _GATES[self.cell] * self.hidden
        shapes: dict[str, tuple[int, int]] = {}
        for layer in range(self.layers):
            shapes[f"input_{layer}"] = (self.inputs if layer == 0 else self.hidden, gates)
            shapes[f"recurrent_{layer}"] = (self.hidden, gates)
            shapes[f"input_bias_{layer}"] = (1, gates)
            shapes[f"recurrent_bias_{layer}"] = (1, gates)
        shapes |= {"output": (self.hidden, 1), "output_bias": (1, 1)}
        return shapes | ({"direct": (self.direct, 1)} if self.direct else {})

    @property
    def size(self) -> int:
        """How many weights one network has."""
        return sum(prod(shape) for shape in self.shapes().values())

    def views(self, weights: Tensor) -> dict[str, Tensor]:
        """The weights ``[networks, size]`` by name, each ``[networks, *shape]`` and not copied."""
        views, start = {}, 0
        for name, shape in self.shapes().items():
            stop = start + prod(shape)
            views[name] = weights[:, start:stop].view(len(weights), *shape)
            start = stop
        return views


def stream(seeds: Tensor, *path: int | Tensor) -> Tensor:
    """Keys ``[networks]`` of the random streams that belong to the seeds and a ``path`` of numbers.

    Different paths (such as a purpose and an epoch, of all networks or of each ``[networks]``) give
    streams that have nothing to do with each other.
    """
    for number in path:
        seeds = _mix(seeds + torch.as_tensor(number + 1, device=seeds.device) * _STEP)
    return seeds


def random_bits(keys: Tensor, count: int) -> Tensor:
    """The first ``count`` random 64-bit integers of each key's stream, ``[networks, count]``."""
    return _mix(keys[:, None] + counter(count, keys.device))


def counter(count: int, device: torch.device) -> Tensor:
    """What SplitMix64 adds to a key for each number of its stream, ``[count]``."""
    return torch.arange(count, device=device) * _STEP


def initial_weights(architecture: Architecture, seeds: Tensor) -> Tensor:
    """Starting weights ``[networks, size]``, uniform within 1/sqrt(hidden) as in ``torch.nn``.

    A direct path starts at zero.
    """
    bits = random_bits(stream(seeds, 0), architecture.size)
    uniform = ((bits >> 40) & 0xFFFFFF).to(torch.float32) / 2**24
    weights = (uniform * 2 - 1) / sqrt(architecture.hidden)
    if architecture.direct:
        architecture.views(weights)["direct"].zero_()
    return weights


class Networks:
    """The forward and backward passes of some networks, over ``students`` students each.

    ``weights`` ``[networks, size]`` may change in place between the passes. Buffers are made once,
    so a training loop allocates next to nothing; what ``forward`` and ``backward`` return are such
    buffers, and the next call writes over them.

    If the students are only those from ``first`` on of a batch ``of`` so many, the same units are
    dropped as if the whole batch passed here.
    """

    def __init__(
        self,
        architecture: Architecture,
        weights: Tensor,
        steps: int,
        students: int,
        first: int = 0,
        of: int = 0,
    ) -> None:
        def buffer(width: int) -> Tensor:
            return torch.zeros(len(weights), steps, students, width, device=weights.device)

        def of_layer(views: dict[str, Tensor], layer: int) -> _Weights:
            names = ("input", "recurrent", "input_bias", "recurrent_bias")
            return _Weights(*(views[f"{name}_{layer}"] for name in names))

        self._architecture = architecture
        self._steps = steps
        self._views = architecture.views(weights)
        self._gradient = torch.zeros_like(weights)
        self._into = architecture.views(self._gradient)
        layers = range(architecture.layers)
        self._into_layers = [of_layer(self._into, layer) for layer in layers]
        self._layers = [
            _CELLS[architecture.cell](architecture, of_layer(self._views, layer), buffer)
            for layer in layers
        ]
        self._output, self._above = buffer(1), buffer(architecture.hidden)
        self._dropout = (
            _Dropout(architecture.dropout, architecture.layers, self._above, first, of or students)
            if architecture.dropout
            else None
        )

    def forward(self, inputs: Tensor, keys: Tensor | None = None) -> Tensor:
        """Outputs ``[networks, steps, students]`` of features ``[networks, steps, students, inputs
        + direct]``.

        With ``keys`` ``[networks]`` of random streams, units are dropped, as in training.
        """
        inputs, self._direct = inputs.tensor_split([self._architecture.inputs], dim=-1)
        dropout = self._dropout if keys is not None else None
        if dropout is not None and keys is not None:
            dropout.draw(keys)
        self._entering = [inputs]
        for number, layer in enumerate(self._layers):
            leaving = layer.forward(self._entering[-1])
            if dropout is not None:
                leaving = dropout.forward(number, leaving)
            self._entering.append(leaving)
        output = _rows(self._output)
        torch.baddbmm(self._views["output_bias"], _rows(leaving), self._views["output"], out=output)
        if self._architecture.direct:
            output.baddbmm_(_rows(self._direct), self._views["direct"], alpha=DIRECT_SCALE)
        if self._architecture.output == "relu":
            output.relu_()
        return self._output[..., 0]

    def backward(self, slope: Tensor) -> Tensor:
        """A loss's gradient ``[networks, size]``, after a ``forward`` with keys.

        ``slope`` ``[networks, steps, students]`` is the loss's derivative by each output.
        """
        if self._architecture.output == "relu":
            slope = slope * (self._output[..., 0] > 0)
        by_output, above = _rows(slope[..., None]), _rows(self._above)
        torch.bmm(_rows(self._entering[-1]).mT, by_output, out=self._into["output"])
        torch.sum(by_output, dim=1, keepdim=True, out=self._into["output_bias"])
        if self._architecture.direct:
            into = self._into["direct"]
            torch.bmm(_rows(self._direct).mT, by_output, out=into).mul_(DIRECT_SCALE)
        torch.mul(by_output, self._views["output"].mT, out=above)
        for number in reversed(range(len(self._layers))):
            layer, into_layer = self._layers[number], self._into_layers[number]
            if self._dropout is not None:
                self._dropout.backward(number, self._above)
            layer.backward(self._above)
            by_input = _rows(layer.by_input)
            torch.bmm(_rows(self._entering[number]).mT, by_input, out=into_layer.input)
            torch.sum(by_input, dim=1, keepdim=True, out=into_layer.input_bias)
            if layer.by_recurrent is layer.by_input:
                into_layer.recurrent_bias.copy_(into_layer.input_bias)
            else:
                recurrent_bias = into_layer.recurrent_bias
                torch.sum(_rows(layer.by_recurrent), dim=1, keepdim=True, out=recurrent_bias)
            if self._steps > 1:  # Otherwise nothing recurs, and the gradient stays zero.
                before = _rows(layer.hidden[:, :-1])
                after = _rows(layer.by_recurrent[:, 1:])
                torch.bmm(before.mT, after, out=into_layer.recurrent)
            if number > 0:
                torch.bmm(by_input, layer.weights.input.mT, out=above)
        return self._gradient


# Cells ------------------------------------------------------------------------


@dataclass
class _Weights:
    """One layer's weights, each with the leading axis ``[networks]``."""

    input: Tensor
    recurrent: Tensor
    input_bias: Tensor
    recurrent_bias: Tensor


class _Buffer(Protocol):
    def __call__(self, width: int) -> Tensor: ...


class _Cell:
    """One recurrent layer, its initial state zero.

    ``hidden`` ``[networks, steps, students, hidden]`` are its states. After ``backward``,
    ``by_input`` and ``by_recurrent`` ``[..., gates]`` are the loss's derivatives by what enters the
    gates from below and from the step before; they differ only where a gate stands between (GRU).
    """

    def __init__(self, architecture: Architecture, weights: _Weights, buffer: _Buffer) -> None:
        self.weights = weights
        self._width = architecture.hidden
        self._gates = buffer(_GATES[architecture.cell] * self._width)
        self.hidden = buffer(self._width)
        self.by_input = self.by_recurrent = buffer(_GATES[architecture.cell] * self._width)
        # Views of each step, made once: so many small ones would cost as much as the arithmetic.
        self._gates_at, self._hidden_at = self._gates.unbind(1), self.hidden.unbind(1)
        self._by_input_at = self._by_recurrent_at = self.by_input.unbind(1)
        self._nothing = torch.zeros_like(self.hidden[:, 0])

    def forward(self, entering: Tensor) -> Tensor:
        bias, gates = self._bias(), _rows(self._gates)
        torch.baddbmm(bias, _rows(entering), self.weights.input, out=gates)
        for step in range(self.hidden.shape[1]):
            self._step(step)
        return self.hidden

    def backward(self, above: Tensor) -> None:
        """Turn ``above``, the derivative by ``hidden``, into those by the gates; it is written over."""
        above_at, back = above.unbind(1), self.weights.recurrent.mT
        for step in reversed(range(len(above_at))):
            carried = self._step_back(step, above_at[step])
            if step > 0:
                earlier = above_at[step - 1]
                earlier.baddbmm_(self._by_recurrent_at[step], back)
                if carried is not None:
                    earlier += carried

    def _bias(self) -> Tensor:
        return self.weights.input_bias + self.weights.recurrent_bias

    def _before(self, step: int) -> Tensor:
        return self._hidden_at[step - 1] if step > 0 else self._nothing

    def _step(self, step: int) -> None:
        raise NotImplementedError

    def _step_back(self, step: int, above: Tensor) -> Tensor | None:
        """Derivatives by this step's gates; returned, what reaches the step before past them."""
        raise NotImplementedError


class _Rnn(_Cell):
    """h = tanh(W x + b + U h' + c)."""

    def _step(self, step: int) -> None:
        gates = self._gates_at[step]
        if step > 0:
            gates.baddbmm_(self._before(step), self.weights.recurrent)
        _tanh(gates, out=self._hidden_at[step])

    def _step_back(self, step: int, above: Tensor) -> None:
        _through_tanh(above, self._hidden_at[step], out=self._by_input_at[step])


class _Gru(_Cell):
    """h = (1 - z) n + z h' with n = tanh(W x + b + r (U h' + c)); gates r and z are logistic."""

    def __init__(self, architecture: Architecture, weights: _Weights, buffer: _Buffer) -> None:
        super().__init__(architecture, weights, buffer)
        self.by_recurrent = buffer(3 * self._width)
        self._by_recurrent_at = self.by_recurrent.unbind(1)
        self._recalled = buffer(self._width)  # U h' + c, before r

    def _bias(self) -> Tensor:
        bias = super()._bias()
        bias[..., 2 * self._width :] = self.weights.input_bias[..., 2 * self._width :]
        return bias

    def _step(self, step: int) -> None:
        logistic, candidate = self._gates_at[step].tensor_split([2 * self._width], dim=-1)
        to_logistic, to_candidate = self.weights.recurrent.tensor_split([2 * self._width], dim=-1)
        bias = self.weights.recurrent_bias[..., 2 * self._width :]
        before, recalled = self._before(step), self._recalled[:, step]
        if step > 0:
            logistic.baddbmm_(before, to_logistic)
            torch.baddbmm(bias, before, to_candidate, out=recalled)
        else:
            recalled.copy_(bias.expand_as(recalled))
        reset, update = logistic.sigmoid_().chunk(2, dim=-1)
        _tanh(candidate.addcmul_(reset, recalled), out=candidate)
        torch.lerp(candidate, before, update, out=self._hidden_at[step])

    def _step_back(self, step: int, above: Tensor) -> Tensor:
        reset, update, candidate = self._gates_at[step].chunk(3, dim=-1)
        by_input, by_recurrent = self._by_input_at[step], self._by_recurrent_at[step]
        by_reset, by_update, by_candidate = by_input.chunk(3, dim=-1)
        _through_tanh(above * (1 - update), candidate, out=by_candidate)
        _through_logistic(by_candidate * self._recalled[:, step], reset, out=by_reset)
        _through_logistic(above * (self._before(step) - candidate), update, out=by_update)
        by_recurrent.copy_(by_input)
        by_recurrent[..., 2 * self._width :] *= reset
        return above * update


class _Lstm(_Cell):
    """h = o tanh(m), memory m = f m' + i tanh(g); gates i, f and o are logistic."""

    def __init__(self, architecture: Architecture, weights: _Weights, buffer: _Buffer) -> None:
        super().__init__(architecture, weights, buffer)
        self._memory, self._shown = buffer(self._width), buffer(self._width)
        self._by_memory = torch.zeros_like(self._nothing)

    def _step(self, step: int) -> None:
        if step > 0:
            self._gates_at[step].baddbmm_(self._before(step), self.weights.recurrent)
        write, keep, content, show = self._gates_at[step].chunk(4, dim=-1)
        self._gates[:, step, :, : 2 * self._width].sigmoid_()
        show.sigmoid_()
        _tanh(content, out=content)
        memory, shown = self._memory[:, step], self._shown[:, step]
        torch.mul(write, content, out=memory)
        if step > 0:
            memory.addcmul_(keep, self._memory[:, step - 1])
        _tanh(memory, out=shown)
        torch.mul(show, shown, out=self._hidden_at[step])

    def _step_back(self, step: int, above: Tensor) -> None:
        write, keep, content, show = self._gates_at[step].chunk(4, dim=-1)
        by_write, by_keep, by_content, by_show = self._by_input_at[step].chunk(4, dim=-1)
        shown, by_memory = self._shown[:, step], torch.empty_like(self._by_memory)
        _through_logistic(above * shown, show, out=by_show)
        _through_tanh(above * show, shown, out=by_memory)
        if step < self.hidden.shape[1] - 1:
            by_memory += self._by_memory
        _through_logistic(by_memory * content, write, out=by_write)
        _through_tanh(by_memory * write, content, out=by_content)
        if step > 0:
            _through_logistic(by_memory * self._memory[:, step - 1], keep, out=by_keep)
        else:
            by_keep.zero_()
        torch.mul(by_memory, keep, out=self._by_memory)


_CELLS = {"rnn": _Rnn, "gru": _Gru, "lstm": _Lstm}


class _Dropout:
    """Sets a share of each layer's units to zero and scales up the rest (Srivastava et al., 2014)."""

    _LEVELS = 2**8  # A 64-bit draw decides on eight units, 8 bits each.

    def __init__(self, share: float, layers: int, like: Tensor, first: int, of: int) -> None:
        networks, steps, students, width = like.shape
        self._shape = (networks, layers, steps, of, width)
        self._units = layers * steps * of * width
        self._own = slice(first, first + students)
        self._masks = torch.zeros(networks, layers, steps, students, width, device=like.device)
        self._dropped = [torch.empty_like(like) for _ in range(layers)]
        self._counter = counter(-(-self._units // 8), like.device)
        self._threshold = round(share * self._LEVELS)

    def draw(self, keys: Tensor) -> None:
        draws = _mix(keys[:, None] + self._counter).view(torch.int8)[:, : self._units]
        lowest = self._threshold - self._LEVELS // 2
        own = draws.reshape(self._shape)[..., self._own, :]
        torch.ge(own, lowest, out=self._masks[..., : own.shape[-2], :])
        self._masks *= self._LEVELS / (self._LEVELS - self._threshold)

    def forward(self, layer: int, units: Tensor) -> Tensor:
        return torch.mul(units, self._masks[:, layer], out=self._dropped[layer])

    def backward(self, layer: int, above: Tensor) -> None:
        above *= self._masks[:, layer]


def _rows(tensor: Tensor) -> Tensor:
    """``[networks, steps * students, width]``, a view."""
    return tensor.reshape(tensor.shape[0], -1, tensor.shape[-1])


def _tanh(tensor: Tensor, out: Tensor) -> None:
    """tanh, by way of the logistic function on a processor, where that is four times as fast."""
    if tensor.is_cuda:
        torch.tanh(tensor, out=out)
    else:
        torch.mul(tensor, 2, out=out).sigmoid_()
        torch.add(_MINUS_ONE, out, alpha=2, out=out)


def _through_tanh(above: Tensor, value: Tensor, out: Tensor) -> None:
    """above (1 - value²)."""
    torch.mul(above, value, out=out)
    torch.addcmul(above, out, value, value=-1, out=out)


def _through_logistic(above: Tensor, value: Tensor, out: Tensor) -> None:
    """above value (1 - value)."""
    torch.mul(above, value, out=out)
    out.addcmul_(out, value, value=-1)


def _mix(bits: Tensor) -> Tensor:
    """SplitMix64's last step, in place; the masks make torch's signed shifts unsigned."""
    for shift, factor in ((30, _FIRST), (27, _SECOND)):
        bits ^= (bits >> shift).bitwise_and_((1 << (64 - shift)) - 1)
        bits *= factor
    bits ^= (bits >> 31).bitwise_and_((1 << 33) - 1)
    return bits
