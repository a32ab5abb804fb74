"""Hostile saved forecasters."""

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from safetensors.torch import save

from nextsem import cohort, params
from nextsem.forecaster import FORMAT, Forecaster, _checksum, _in_order
from nextsem.students import Students
from tests.hostile.kinds import EDITS, Kind, edited, refused

_PARAMETERS = params.load(Path(__file__).parents[2] / "params.yaml")
_DATA = _PARAMETERS.data.model_copy(update={"groups": []})


@cache
def trained() -> tuple[Forecaster, Students]:
    """A small forecaster, and the students that it was trained on."""
    frame = cohort.simulate(40, 1)
    frame = frame[frame[_DATA.semesters].notna().all(axis=1)]
    students = Students(
        np.arange(len(frame)).astype(str),
        frame[_DATA.semesters].to_numpy(),
        frame[_DATA.static].to_numpy().astype(str),
        np.empty((len(frame), 0)),
        np.empty((len(frame), 0), dtype=str),
    )
    model = _PARAMETERS.model.model_copy(update={"members": 2, "hidden": 2, "layers": 1})
    train = _PARAMETERS.train.model_copy(update={"epochs": 3})
    return Forecaster.fit(students, _DATA, model, train).forecaster, students


@cache
def good() -> bytes:
    """That forecaster, saved."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "forecaster.safetensors"
        trained()[0].save(path)
        return path.read_bytes()


def described() -> dict[str, Any]:
    """What that forecaster says of itself."""
    length = int.from_bytes(good()[:8], "little")
    return dict(json.loads(json.loads(good()[8 : 8 + length])["__metadata__"]["nextsem"]))


def saved(described: Any, weights: torch.Tensor) -> bytes:
    """As a forecaster is saved, with the right checksum."""
    text = json.dumps(described)
    marks = {"nextsem": text, "sha256": _checksum(text, weights)}
    return _in_order(save({"weights": weights}, marks))


def _load_or_refused(folder: Path, content: bytes, same: bool = True) -> str:
    """Refused, or the `same` forecaster; or one whose forecasts are numbers within the range."""
    path = folder / "forecaster.safetensors"
    path.write_bytes(content)
    if refused(path, lambda: Forecaster.load(path)):
        return "refused"
    loaded, (forecaster, students) = Forecaster.load(path), trained()
    if same:
        assert loaded.data == forecaster.data
        assert loaded.encoding == forecaster.encoding
        assert loaded.intervals == forecaster.intervals
        assert torch.equal(loaded.weights, forecaster.weights)
        np.testing.assert_array_equal(loaded.predict(students), forecaster.predict(students))
    elif [len(loaded.data.semesters), len(loaded.data.static), loaded.data.numeric] == [5, 1, []]:
        low, high = loaded.data.grade_range
        forecasts = loaded.predict(students)
        assert ((low <= forecasts) & (forecasts <= high)).all()
    return "accepted"


def _another_byte(made: tuple[int, int], folder: Path) -> str:
    place, other = made
    content = bytearray(good())
    content[place % len(content)] ^= other
    return _load_or_refused(folder, bytes(content))


# Descriptions -----------------------------------------------------------------

_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 9)
    | st.floats()
    | st.sampled_from(
        [10**9, 10**18, -(10**18), 10**400, 1e308, 1e-308, "", "gru", "flat", "115", "\0"]
    ),
    lambda inner: (
        st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


def _places(described: Any) -> list[tuple[Any, ...]]:
    """Where something stands in a description, however deep."""
    if not isinstance(described, dict | list):
        return []
    found: list[tuple[Any, ...]] = []
    for key, inner in described.items() if isinstance(described, dict) else enumerate(described):
        found += [(key,), *((key, *place) for place in _places(inner))]
    return found


def _says_otherwise(made: list[tuple[int, Any]], folder: Path) -> str:
    said = described()
    for number, value in made:
        places = _places(said)
        *way, last = places[number % len(places)]
        inner: Any = said
        for key in way:
            inner = inner[key]
        if value == "left out":
            del inner[last]
        else:
            inner[last] = value
        if not said:
            break
    return _load_or_refused(folder, saved(said, trained()[0].weights), same=False)


def _other_weights(made: tuple[str, float, tuple[int, ...]], folder: Path) -> str:
    kind, value, shape = made
    weights = torch.full(shape, value).to(getattr(torch, kind))
    return _load_or_refused(folder, saved(described(), weights), same=False)


def _foreign(made: tuple[dict[str, int], dict[str, str] | None], folder: Path) -> str:
    sizes, marks = made
    return _load_or_refused(
        folder, save({name: torch.ones(size) for name, size in sizes.items()}, marks)
    )


_KINDS_OF_NUMBERS = [
    "float32",
    "float64",
    "float16",
    "int64",
    "int8",
    "bool",
    "complex64",
]
_NAMES = st.sampled_from(["weights", "bias", "a", ""])

KINDS = {
    "any bytes as a forecaster": Kind(
        st.binary(max_size=200)
        | st.builds(
            lambda size, text: size.to_bytes(8, "little") + text,
            st.integers(0, 2**64 - 1) | st.integers(0, 40),
            st.sampled_from([b"{}", b'{"a":{}}', b"{" * 100, b"[" * 100_000, b""]),
        ),
        lambda made, folder: _load_or_refused(folder, made),
    ),
    "a forecaster with one byte changed": Kind(
        st.tuples(st.integers(0, 10**6), st.integers(1, 255)), _another_byte
    ),
    "a forecaster with bytes cut out or put in": Kind(
        EDITS, lambda made, folder: _load_or_refused(folder, edited(good(), made))
    ),
    "a forecaster that says something else": Kind(
        st.lists(
            st.tuples(st.integers(0, 10**6), _VALUES | st.just("left out")), min_size=1, max_size=2
        ),
        _says_otherwise,
    ),
    "a forecaster with other weights": Kind(
        st.tuples(
            st.sampled_from(_KINDS_OF_NUMBERS),
            st.floats(width=32),
            st.lists(st.integers(0, 5), max_size=3).map(tuple)
            | st.integers(0, 3).map(lambda members: (members, trained()[0].weights.shape[1])),
        ),
        _other_weights,
    ),
    "another safetensors file": Kind(
        st.tuples(
            st.dictionaries(_NAMES, st.integers(0, 5), max_size=3),
            st.none()
            | st.dictionaries(
                st.sampled_from(["nextsem", "sha256", "format"]),
                st.sampled_from(
                    ["pt", "{}", "[]", "null", "[" * 100_000, f'{{"format": "{FORMAT}"}}']
                ),
            ),
        ),
        _foreign,
    ),
}
