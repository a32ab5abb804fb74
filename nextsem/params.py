"""The parameters, typed: `params.yaml` read, checked and frozen.

Every key must stand in the file, so that the file alone says what a run does. Whatever is unknown,
of a wrong type or impossible is refused in one line.
"""

import re
import textwrap
from collections.abc import Hashable
from math import nan
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from nextsem import InputError

FILE = Path("params.yaml")
_REASON = "  #> "  # starts a comment that `with_values` writes
_CHARACTERS = 100_000  # of a parameter file, at most: it is read slowly


def _as_text(value: Any) -> Any:
    """A name such as 2024, or a mark such as 0, is a number to YAML and a text to us."""
    return str(value) if type(value) in (int, float) else value


def _as_name(value: Any) -> Any:
    """A column name, which may wrap in its cell or in this file."""
    return " ".join(str(value).split()) if type(value) in (int, str) else value


Text = Annotated[str, BeforeValidator(_as_text)]
Column = Annotated[str, BeforeValidator(_as_name), Field(min_length=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Positive = Annotated[int, Field(ge=1)]


class _Group(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, protected_namespaces=()
    )


class Data(_Group):
    """Which table, what its columns mean, and how to read it."""

    table: str = Field(min_length=1)
    semesters: list[Column] = Field(min_length=2)
    static: list[Column]
    numeric: list[Column]
    groups: list[Column]
    spellings: dict[Column, dict[Text, Text]]
    incomplete: Literal["drop", "keep"]
    id: list[Column]
    grade_range: list[Annotated[float, Field(ge=-1e9, le=1e9)]] = Field(min_length=2, max_length=2)
    lower_is_better: bool
    missing: list[Text]
    separator: Literal["auto", ",", ";", "\t", "|"]
    decimal: Literal["auto", ".", ","]
    encoding: str
    sheet: Text
    header_row: Positive
    footer_rows: int = Field(ge=0)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not re.fullmatch(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]+", self.table):
            raise ValueError(f"data.table is {_shown(self.table)}; allowed: a path, on one line")
        low, high = self.grade_range
        if low >= high:
            raise ValueError(f"data.grade_range is [{low:g}, {high:g}]; allowed: a lower end first")
        named = [*self.semesters, *self.static, *self.numeric, *self.groups]
        for column in named:
            if named.count(column) > 1:
                raise ValueError(
                    f"data names column {column!r} twice; allowed: once among semesters, static, "
                    "numeric and groups"
                )
        for column in self.id:
            if column in [*self.semesters, *self.numeric] or self.id.count(column) > 1:
                raise ValueError(
                    f"data.id names column {column!r}, which is already in use; allowed: once, and "
                    "not among semesters and numeric"
                )
        try:
            "".encode(self.encoding)
        except (LookupError, ValueError):
            raise ValueError(
                f"data.encoding is {_shown(self.encoding)}; allowed: a text encoding such as utf-8, "
                "cp1252 or utf-16"
            ) from None
        return self


class Simulate(_Group):
    """The simulated cohort."""

    students: Positive
    seed: Seed


class Split(_Group):
    """Which complete rows are held back for the test."""

    test_size: float = Field(gt=0, lt=1)
    seed: Seed


class Model(_Group):
    """The network."""

    cell: Literal["rnn", "gru", "lstm"]
    layers: int = Field(ge=1, le=64)
    hidden: int = Field(ge=1, le=65536)
    dropout: float = Field(ge=0, lt=1)
    layout: Literal["semesters", "flat"]
    output: Literal["linear", "relu"]
    linear_path: bool
    linear_start: float = Field(ge=0, le=1)
    category_slopes: float = Field(ge=0, le=10)
    members: int = Field(ge=1, le=10_000)


class Train(_Group):
    """How the network is fitted."""

    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    epochs: Positive
    patience: int = Field(ge=0)
    validation_size: float = Field(ge=0, le=0.5)
    standardize: bool
    every_semester: bool
    last_semester_weight: float = Field(gt=0, le=1000)
    batch_size: Positive
    seed: Seed
    device: str = Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    log_every: Positive


class Crossvalidate(_Group):
    """How the network is compared with the baselines."""

    folds: int = Field(ge=2)
    repeats: Positive
    seed: Seed
    by: Column | None
    reference: bool


class Intervals(_Group):
    """The range that is given with each forecast."""

    coverage: float = Field(gt=0, lt=1)
    by: Column | None


class Evaluate(_Group):
    """What a forecast is held against."""

    at_risk_below: float


class Params(_Group):
    """All groups of `params.yaml`, and ``launch``: what `dvc.yaml` starts training stages with."""

    launch: str = Field(min_length=1)
    data: Data
    simulate: Simulate
    split: Split
    model: Model
    train: Train
    crossvalidate: Crossvalidate
    intervals: Intervals
    evaluate: Evaluate

    @property
    def line(self) -> float:
        """`evaluate.at_risk_below`, or NaN where no grade can be on the other side of it."""
        low, high = self.data.grade_range
        line = self.evaluate.at_risk_below
        return line if low < line < high else nan

    @property
    def ranges_by(self) -> str | None:
        """`intervals.by`, if it is a static column."""
        by = self.intervals.by
        return by if by in self.data.static else None


def load(path: Path = FILE) -> Params:
    """Read and check a parameter file.

    Raises
    ------
    InputError
        The file is missing or no YAML, a key is unknown or missing, or a value is of a wrong type
        or impossible.
    """
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_CHARACTERS + 1)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run from the root of the repository") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as UTF-8 text: {error}") from None
    if len(text) > _CHARACTERS:
        raise InputError(f"{path}: is too long; allowed: up to {_CHARACTERS} characters")
    content = parse(text, str(path))
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds no parameters; allowed: groups such as data and model")
    return check(Params, content, str(path))


def parse(text: str, source: str) -> Any:
    """What a text in YAML says; `source` is where it stands.

    Raises
    ------
    InputError
        It is no YAML.
    """
    try:
        return yaml.load(text, _Loader)  # noqa: S506 (a safe loader)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        row = f", row {where.line + 1}" if where else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise InputError(f"{source}{row}: not YAML: {_one_line(problem)}") from None
    except Exception as error:  # a value such as `!!bool abc` makes PyYAML raise anything
        raise InputError(f"{source}: not YAML that can be read: {_one_line(error)}") from None


def written(value: Any) -> str:
    """A value as it stands in a parameter file, on one line."""
    line = yaml.dump(value, Dumper=_Dumper, default_flow_style=True, allow_unicode=True, width=1e9)
    return line.removesuffix("\n").removesuffix("\n...")


def with_values(text: str, values: dict[str, Any], why: dict[str, str], source: str) -> str:
    """The text of a parameter file with other values; keys such as `data.table`.

    Its comments stay. Each key gets the reason for its value as one more, in the place of one that
    it had.

    Raises
    ------
    InputError
        The file does not hold each of these keys on a line of its own.
    """
    lines: list[str] = []
    group, left, within = "", dict(values), False
    for line in text.splitlines():
        if within and re.match("   |  -", line):
            continue
        named = re.match(r"(  )?(\w+):", line)
        if named and not named[1]:
            group = named[2]
        key = f"{group}.{named[2]}" if named and named[1] else ""
        within = key in left
        if within:
            while lines and lines[-1].startswith(_REASON):
                lines.pop()
            reason = textwrap.wrap(why.get(key, ""), 100 - len(_REASON))
            lines += [_REASON + each for each in reason]
            lines.append(f"{line.partition(':')[0]}: {written(left.pop(key))}")
        else:
            lines.append(line)
    if left:
        raise InputError(f"{source}: has no line for {', '.join(left)}; allowed: as the file came")
    result = "\n".join(lines) + "\n"
    check(Params, parse(result, source), source)
    return result


Group = TypeVar("Group", bound=BaseModel)


def check(group: type[Group], content: dict[str, Any], source: str) -> Group:
    """Parameters or a group of them, checked; `source` is where they stand.

    Raises
    ------
    InputError
        A key is unknown or missing, or a value is of a wrong type or impossible.
    """
    try:
        return group.model_validate(content)
    except ValidationError as error:
        raise InputError(f"{source}: {_one_line(_explain(error, group))}") from None


class _Loader(yaml.SafeLoader):
    """YAML as DVC reads it: 1e-5 is a number, and a key may not stand twice.

    An alias is refused: a few lines of them make billions of values.
    """

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(
                None, None, f"'*{event.anchor}' is an alias; write the value out", event.start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):  # others are refused below
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"'{key.value}' stands twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    """YAML that the loader above reads as it was."""


for _kind in (_Loader, _Dumper):
    _kind.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"^[-+]?\d[\d_]*(\.[\d_]*)?[eE][-+]?\d+$"),
        list("-+0123456789"),
    )


def _explain(error: ValidationError, group: type[BaseModel]) -> str:
    """The first thing that is wrong, and how many more there are."""
    # A misspelt key is unknown and missing: unknown says more.
    first, *others = sorted(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    key = ".".join(str(part) for part in first["loc"])
    found = _shown(first["input"])
    message = first["msg"].removeprefix("Input should ")
    match first["type"]:
        case "extra_forbidden":
            text = f"{key} is no parameter; allowed: {', '.join(_keys(group, first['loc'][:-1]))}"
        case "missing":
            text = f"{key} is missing; every parameter must be there"
        case "value_error":
            text = str(first["ctx"]["error"])
        case "string_type":
            text = f"{key} is {found}; allowed: text (in quotes, if it looks like something else)"
        case "string_too_short" | "too_short" | "too_long":
            text = f"{key} is {found}; {message}"
        case "model_type":
            text = f"{key} is {found}; allowed: a group of {', '.join(_keys(group, first['loc']))}"
        case "string_pattern_mismatch" if key == "train.device":
            text = f"{key} is {found}; allowed: auto, cpu, cuda or cuda:1 and so on"
        case _:
            text = f"{key} is {found}; it should {message}"
    return text + (f" (and {len(others)} more)" if others else "")


def _keys(of: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """The keys of a group within a group, or with () of itself."""
    model: Any = of
    for name in path:
        model = model.model_fields[name].annotation
    return list(model.model_fields)


def _shown(found: object) -> str:
    try:
        shown = repr(found)
    except ValueError:  # Python doesn't write out a number of more than 4300 digits
        shown = "a number too long to show"
    return shown if len(shown) <= 60 else shown[:57] + "..."


def _one_line(text: object) -> str:
    line = " ".join(str(text).split())
    return line if len(line) <= 400 else line[:397] + "..."
