"""The parameters, typed: `params.yaml` read, checked and frozen.

Every key must be in the file, so that the file alone determines a run. Anything unknown, of a wrong
type or impossible is an `InputError` of one line.
"""

import re
import textwrap
from collections.abc import Hashable, Iterator
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

from nextsem.shared.errors import InputError

FILE = Path("params.yaml")
_REASON = "  #> "  # starts each comment that `with_values` writes


def _as_text(value: Any) -> Any:
    """A number as text: YAML reads a name such as 2024, or a mark such as 0, as a number."""
    return str(value) if type(value) in (int, float) else value


def _as_name(value: Any) -> Any:
    """A column name on one line; it may wrap in its cell or in this file."""
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
    layout: Literal["wide", "long"]
    semesters: list[Column] = Field(min_length=2)
    id: list[Column]
    student: Column
    term: Column
    grade: Column
    terms: list[Text]
    static: list[Column]
    numeric: list[Column]
    ahead: list[Column]
    current: Positive | None
    groups: list[Column]
    spellings: dict[Column, dict[Text, Text]]
    grade_range: list[Annotated[float, Field(ge=-1e9, le=1e9)]] = Field(min_length=2, max_length=2)
    lower_is_better: bool
    missing: list[Text]
    letters: dict[Text, float]
    separator: Literal["auto", ",", ";", "\t", "|"]
    decimal: Literal["auto", ".", ","]
    encoding: str
    sheet: Text
    header_row: Positive
    footer_rows: int = Field(ge=0)

    @property
    def grade_columns(self) -> list[str]:
        """The columns that hold grades."""
        return self.semesters if self.layout == "wide" else [self.grade]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not re.fullmatch(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]+", self.table):
            raise ValueError(f"data.table is {_shown(self.table)}; allowed: a path, on one line")
        low, high = self.grade_range
        if low >= high:
            raise ValueError(f"data.grade_range is [{low:g}, {high:g}]; allowed: a lower end first")
        inputs = [*self.static, *self.numeric]
        named = [*self.grade_columns, *inputs, *self.groups]
        named += [] if self.layout == "wide" else [self.student, self.term]
        for column in named:
            if named.count(column) > 1:
                raise ValueError(
                    f"data names column {column!r} twice; allowed: once among the columns of grades, "
                    "static, numeric, groups, student and term"
                )
        for column in self.id:
            if column in [*self.grade_columns, *self.numeric] or self.id.count(column) > 1:
                raise ValueError(
                    f"data.id names column {column!r}, which is already in use; allowed: once, and "
                    "not among the columns of grades and numeric"
                )
        for column in self.ahead:
            if column not in inputs:
                raise ValueError(
                    f"data.ahead names column {column!r}; allowed: columns of data.static and "
                    "data.numeric"
                )
        for term in self.terms:
            if self.terms.count(term) > 1:
                raise ValueError(f"data.terms names term {term!r} twice; allowed: once")
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
    layout: Literal["wide", "long"]
    seed: Seed


class Split(_Group):
    """Which students are held back for the test."""

    test_size: float = Field(gt=0, lt=1)
    seed: Seed


class Flexible(_Group):
    """The networks of the flexible kind."""

    members: int = Field(ge=0, le=10_000)
    layers: int = Field(ge=1, le=64)
    hidden: int = Field(ge=1, le=65536)
    bins: int = Field(ge=1, le=1000)


class Model(_Group):
    """The network."""

    cell: Literal["rnn", "gru", "lstm"]
    layers: int = Field(ge=1, le=64)
    hidden: int = Field(ge=1, le=65536)
    dropout: float = Field(ge=0, le=0.99)
    layout: Literal["semesters", "flat"]
    output: Literal["linear", "relu"]
    linear_path: bool
    category_slopes: float = Field(ge=0, le=10)
    members: int = Field(ge=1, le=10_000)
    flexible: Flexible


class Large(_Group):
    """What differs with many students."""

    students: Positive
    members: int = Field(ge=1, le=10_000)
    dropout: float = Field(ge=0, le=0.99)
    batch_size: Positive
    learning_rate: float = Field(gt=0)
    updates: Positive


class Fast(_Group):
    """How the networks of the flexible kind are trained."""

    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    patience: int = Field(ge=0)


class Train(_Group):
    """How the network is trained."""

    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    epochs: Positive
    patience: int = Field(ge=0)
    validation_size: float = Field(ge=0, le=0.5)
    flexible: Fast
    large: Large
    standardize: bool
    every_semester: bool
    seed: Seed


class Crossvalidate(_Group):
    """How the network is compared with simpler forecasts."""

    folds: int = Field(ge=2)
    repeats: Positive
    seed: Seed
    by: Column | None
    origins: int = Field(ge=0)


class Intervals(_Group):
    """The prediction interval of each forecast."""

    coverage: float = Field(gt=0, lt=1)
    by: Column | None


class Evaluate(_Group):
    """The risk of a low grade, and the list of students at the highest risk."""

    at_risk_below: float
    capacity: int = Field(ge=5)  # statistics of fewer students could reveal individual ones


class Review(_Group):
    """What a change may cost; no stage reads it."""

    tolerance: float = Field(ge=0)


class Run(_Group):
    """How a run is carried out; no stage depends on these, as they change no result."""

    workers: int = Field(ge=0)
    log_every: Positive


class Params(_Group):
    """All groups of `params.yaml`."""

    data: Data
    simulate: Simulate
    split: Split
    model: Model
    train: Train
    crossvalidate: Crossvalidate
    intervals: Intervals
    evaluate: Evaluate
    review: Review
    run: Run


def load(path: Path = FILE) -> Params:
    """Read and check a parameter file.

    Raises
    ------
    InputError
        The file is missing or not YAML, a key is unknown or missing, or a value is of a wrong type
        or impossible.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run from the root of the repository") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as UTF-8 text: {error}") from None
    content = parse(text, str(path))
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds no parameters; allowed: groups such as data and model")
    return check(Params, content, str(path))


def parse(text: str, source: str) -> Any:
    """The content of a YAML text; `source` names its origin in error messages.

    Raises
    ------
    InputError
        It is not YAML.
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
    """A value as YAML on one line."""
    line = yaml.dump(value, Dumper=_Dumper, default_flow_style=True, allow_unicode=True, width=1e9)
    return line.removesuffix("\n").removesuffix("\n...")


def with_values(text: str, values: dict[str, Any], why: dict[str, str], source: str) -> str:
    """The text of a parameter file with new values, by keys such as `data.table`.

    Its comments are kept, except the reasons of an earlier call. The reason (`why`) for a value is
    written above its key.

    Raises
    ------
    InputError
        The file does not hold all of these keys.
    """
    text = "".join(line for line in text.splitlines(True) if not line.startswith(_REASON))
    parse(text, source)
    root = yaml.compose(text, _Loader)
    left, edits = dict(values), []
    for name, key, node in _entries(root):
        if name not in left:
            continue
        start, colon = key.start_mark, key.end_mark.index + 1
        lines = textwrap.wrap(why.get(name, ""), 100 - len(_REASON))
        reason = "".join(f"{_REASON}{line}\n" for line in lines)
        edits.append((start.index - start.column, start.index - start.column, reason))
        edits.append((colon, colon, f" {written(left.pop(name))}"))
        # If the value starts on the next line, a comment after the key stays.
        own_lines = isinstance(node, yaml.CollectionNode) and not node.flow_style
        old = text.rindex("\n", 0, node.start_mark.index) if own_lines else colon
        edits.append((old, _end(node), ""))
    if left:
        raise InputError(f"{source}: has no {', '.join(left)}; every parameter must be there")
    for begin, end, new in reversed(edits):
        text = text[:begin] + new + text[end:]
    check(Params, parse(text, source), source)
    return text


def _entries(node: yaml.Node | None, path: str = "") -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
    """Dotted name (`model.flexible.members`), key and value of each entry, also of nested ones."""
    for key, value in node.value if isinstance(node, yaml.MappingNode) else []:
        yield path + key.value, key, value
        yield from _entries(value, f"{path}{key.value}.")


def _end(node: yaml.Node) -> int:
    """The index at which a value ends; a block value ends with its last item."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style:
        last = node.value[-1]
        node = last[1] if isinstance(node, yaml.MappingNode) else last
    return node.end_mark.index


Group = TypeVar("Group", bound=BaseModel)


def check(group: type[Group], content: dict[str, Any], source: str) -> Group:
    """Parameters or a group of them, validated; `source` names their origin in messages.

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
    """YAML as DVC reads it: 1e-5 is a number, and a key may not occur twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):  # others are refused below
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"'{key.value}' occurs twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    """Writes YAML that the loader above reads back unchanged."""


for _kind in (_Loader, _Dumper):
    _kind.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"^[-+]?\d[\d_]*(\.[\d_]*)?[eE][-+]?\d+$"),
        list("-+0123456789"),
    )


def _explain(error: ValidationError, group: type[BaseModel]) -> str:
    """The first error in words, and how many more there are."""
    # A misspelt key is both unknown and missing; "unknown" is more helpful.
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
        case _:
            text = f"{key} is {found}; it should {message}"
    return text + (f" (and {len(others)} more)" if others else "")


def _keys(of: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """The keys of the group at `path` within a group; of the group itself if it is ()."""
    model: Any = of
    for name in path:
        model = model.model_fields[name].annotation
    return list(model.model_fields)


def _shown(found: object) -> str:
    shown = repr(found)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def _one_line(text: object) -> str:
    line = " ".join(str(text).split())
    return line if len(line) <= 400 else line[:397] + "..."
