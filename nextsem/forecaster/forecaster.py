"""A trained forecaster: everything needed to get from a student's terms to a forecast.

It is an ensemble of networks (Hansen and Salamon, "Neural network ensembles", 1990) of one or two
kinds; each kind is weighted by its errors on validation sets.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from pydantic import TypeAdapter
from safetensors import safe_open
from safetensors.torch import save

from nextsem.forecaster.calibration import (
    Calibration,
    ahead_categories,
    calibration_categories,
)
from nextsem.forecaster.encoding import Encoding
from nextsem.forecaster.profile import Profile
from nextsem.network.network import Architecture
from nextsem.network.training import predict
from nextsem.shared.errors import InputError
from nextsem.students.students import Mask, Numbers, Schema, Students

_FORMAT = "nextsem forecaster 5"
# Students are forecast in parts of this size, so that memory does not grow with their number.
_TOGETHER = 16_384


class Prediction(NamedTuple):
    """Forecasts of terms, each from those before it, grade points.

    NaN where no grade is known before, and for terms that were not in training.

    members : [members, students, terms], the forecast of each network
    forecasts : [students, terms], the forecast of the ensemble, within the range of grades
    spread : [students, terms], the expected size of the error; NaN without calibration
    """

    members: Numbers
    forecasts: Numbers
    spread: Numbers


@dataclass(frozen=True)
class Networks:
    """Trained networks of one kind.

    Attributes
    ----------
    weights : [members, size]
    shares : [terms], the weight of this kind in the forecast of each term
    """

    architecture: Architecture
    weights: torch.Tensor = field(repr=False)
    shares: list[float]


@dataclass(frozen=True)
class Forecaster:
    """A trained forecaster.

    Attributes
    ----------
    schema : of the training students
    trained_on : their number
    profile : a summary of them
    networks : one entry for each kind
    calibration : for prediction intervals and risks; None without validation sets
    """

    schema: Schema
    trained_on: int
    profile: Profile
    encoding: Encoding
    networks: Sequence[Networks]
    calibration: Calibration | None

    @property
    def members(self) -> int:
        """Number of networks in the ensemble."""
        return sum(len(kind.weights) for kind in self.networks)

    @property
    def architecture(self) -> Architecture:
        """Architecture of the first kind, which `model` describes."""
        return self.networks[0].architecture

    def predict(self, students: Students) -> Prediction:
        """Forecast each term from those before it."""
        parts = [
            students[first : first + _TOGETHER]
            for first in range(0, max(len(students), 1), _TOGETHER)
        ]
        members = np.concatenate([self._members(part) for part in parts], axis=1)
        forecasts = self.together(members)
        return Prediction(members, forecasts, self._spread(students, members, forecasts))

    def predict_next(self, students: Students) -> tuple[Numbers, Numbers]:
        """Forecast of the term after the last known grade, and its spread, each [students].

        Both are in grade points; NaN for a student without a grade, or at the last term.
        """
        students = students.padded(self.encoding.terms)
        place = students.next_term
        rows = np.flatnonzero((place > 0) & (place < self.encoding.terms))
        found = np.full((2, len(students)), np.nan)
        prediction = self.predict(students[rows])
        for number, values in enumerate((prediction.forecasts, prediction.spread)):
            found[number, rows] = values[np.arange(len(rows)), place[rows]]
        return found[0], found[1]

    def together(self, members: Numbers, which: slice = slice(None)) -> Numbers:
        """The forecast of the ensemble from its members', [students, terms], grade points.

        `members` is [members, students, terms]; `which` selects members within each kind.
        """
        counts = [len(kind.weights) for kind in self.networks]
        kinds = np.split(members, np.cumsum(counts)[:-1])
        terms, known = members.shape[2], self.encoding.terms
        places = np.minimum(np.arange(terms), known - 1)
        forecasts = sum(
            own[which].mean(axis=0) * np.array(kind.shares)[places]
            for own, kind in zip(kinds, self.networks, strict=True)
        )
        return np.clip(forecasts, *self.schema.grade_range)

    def averages(self) -> tuple[Numbers, Numbers]:
        """Mean grade of each term [terms] (0 if not standardized) and number [numbers]."""
        return np.array(self.encoding.averages), np.array(self.encoding.number_center)

    def unknown_categories(self, students: Students) -> Mask:
        """Whether the last known category was not in training, [students, categories]."""
        return self.encoding.unknown_categories(students)

    def save(self, path: Path) -> None:
        """Write to a safetensors file, which holds numbers and text, no code."""
        described = {
            "format": _FORMAT,
            "schema": asdict(self.schema),
            "trained_on": self.trained_on,
            "profile": asdict(self.profile),
            "encoding": asdict(self.encoding),
            "architectures": [asdict(kind.architecture) for kind in self.networks],
            "shares": [kind.shares for kind in self.networks],
            "calibration": asdict(self.calibration) if self.calibration else None,
        }
        weights = {f"weights_{number}": kind.weights for number, kind in enumerate(self.networks)}
        path.write_bytes(save(weights, {"nextsem": json.dumps(described)}))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read back what `save` wrote.

        Raises
        ------
        InputError
            The file is missing, or not a forecaster of this version.
        """
        try:
            with safe_open(path, "pt") as file:
                described = json.loads((file.metadata() or {}).get("nextsem", "{}"))
                weights = [file.get_tensor(name) for name in sorted(file.keys())]
            if described.pop("format", None) != _FORMAT:
                raise ValueError(f"it does not say {_FORMAT!r}")
            parts = {
                name: TypeAdapter(kind).validate_python(described[name])
                for name, kind in _PARTS.items()
            }
            kinds = zip(parts.pop("architectures"), weights, parts.pop("shares"), strict=True)
            networks = [Networks(*kind) for kind in kinds]
            if any(own.weights.shape[1:] != (own.architecture.size,) for own in networks):
                raise ValueError("its weights do not fit its architecture")
            forecaster = cls(**parts, networks=networks)
        except FileNotFoundError:
            raise InputError(f"{path}: no such file; `dvc repro train` makes it") from None
        except Exception as error:  # a file of another program may fail anywhere
            reason = " ".join(str(error).split())[:200]
            raise InputError(
                f"{path}: is no forecaster of this version ({reason}); `dvc repro train` makes one"
            ) from None
        return forecaster

    def _members(self, students: Students) -> Numbers:
        inputs, shares = self.encoding.inputs(students), self.encoding.share_tensors()
        outputs = [
            predict(kind.architecture, kind.weights, inputs, shares) for kind in self.networks
        ]
        return self.encoding.grades(torch.cat(outputs), students)

    def _spread(self, students: Students, members: Numbers, forecasts: Numbers) -> Numbers:
        shape = students.grades.shape
        if self.calibration is None:
            return np.full(shape, np.nan)
        places = np.broadcast_to(np.arange(shape[1]), shape)
        categories = calibration_categories(students, self.calibration.by)
        spread = self.calibration.spread(
            places.ravel(),
            students.known_before.ravel(),
            categories.ravel(),
            forecasts.ravel(),
            members.std(axis=0).ravel(),
            [each.ravel() for each in ahead_categories(students, self.calibration.by)],
        )
        return spread.reshape(shape)


_PARTS: dict[str, Any] = {
    "schema": Schema,
    "trained_on": int,
    "profile": Profile,
    "encoding": Encoding,
    "architectures": list[Architecture],
    "shares": list[list[float]],
    "calibration": Calibration | None,
}
