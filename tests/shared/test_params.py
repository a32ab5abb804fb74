"""params.yaml: what is read from it, what is refused, and that its comments stay."""

import copy
import re
from collections.abc import Iterable
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.utils.hydra import apply_overrides
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nextsem.shared import params
from nextsem.shared.errors import InputError

FILE = Path(__file__).parents[2] / "params.yaml"
GOOD: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))


def loaded(folder: Path, key: str, value: object) -> params.Params:
    """The repository's parameters, with another value of one key."""
    content = copy.deepcopy(GOOD)
    *group, name = key.split(".")
    (content[group[0]] if group else content)[name] = value
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return params.load(path)


def test_the_repositorys_own() -> None:
    assert params.load(FILE).model_dump() == GOOD


@pytest.mark.parametrize("number", ["1e-5", "1e-05", "1.0e-05", "0.00001", "1E-5"])
def test_a_number_however_it_is_written(tmp_path: Path, number: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(FILE.read_text().replace("1.0e-05", number))
    assert params.load(path).train.weight_decay == 1e-5


def test_names_and_marks_are_text(tmp_path: Path) -> None:
    assert loaded(tmp_path, "data.semesters", [2023, 2024]).data.semesters == ["2023", "2024"]
    assert loaded(tmp_path, "data.semesters", ["a\n b", "c"]).data.semesters == ["a b", "c"]
    marks = loaded(tmp_path, "data.missing", [0, -999999999, 0.5, "AB"]).data.missing
    assert marks == ["0", "-999999999", "0.5", "AB"]
    assert loaded(tmp_path, "data.sheet", 2024).data.sheet == "2024"


@pytest.mark.parametrize(
    ("key", "value", "fragment"),
    [
        ("model.layers", 1.5, "1.5"),
        ("model.layers", 0, "greater than or equal to 1"),
        ("model.cell", "tanh", "'rnn', 'gru' or 'lstm'"),
        ("split.test_size", 0, "greater than 0"),
        ("train.learning_rate", float("nan"), "finite"),
        ("train.standardize", 1, "valid boolean"),
        ("data.table", "", "''"),
        ("data.table", "a\nb.csv", "on one line"),
        ("data.grade_range", [0, 1e10], "less than or equal to 1000000000"),
        ("data.grade_range", [10, 0], "a lower end first"),
        ("data.semesters", ["1st"], "at least 2"),
        ("data.semesters", ["1st", "2nd", "1st"], "'1st' twice"),
        ("data.semesters", ["1st", True], "in quotes"),
        ("data.static", ["5th"], "'5th' twice"),
        ("data.id", ["5th"], "data.id"),
        ("data.id", ["Roll", "Roll"], "'Roll'"),
        ("data.encoding", "utf-9", "'utf-9'"),
        ("data.separator", "/", "'auto'"),
        ("data.layout", "tall", "'wide' or 'long'"),
        ("data.ahead", ["Season"], "'Season'"),
        ("data.terms", ["1", 1], "'1' twice"),
        ("data.colour", "red", "data.colour is no parameter; allowed: table, layout"),
        ("evaluate.at_risk_below", "six", "valid number"),
        ("evaluate.capacity", 4, "greater than or equal to 5"),
    ],
)
def test_refuses(tmp_path: Path, key: str, value: object, fragment: str) -> None:
    with pytest.raises(InputError) as told:
        loaded(tmp_path, key, value)
    text = str(told.value)
    assert text.startswith(f"{tmp_path / 'params.yaml'}: ")
    assert fragment in text
    assert key in text or "data names column" in text
    assert len(text.splitlines()) == 1


def test_transcripts_need_no_semesters_and_their_columns_differ(tmp_path: Path) -> None:
    assert loaded(tmp_path, "data.layout", "long").data.grade_columns == ["Grade"]
    with pytest.raises(InputError, match="names column 'Term' twice"):
        loaded(tmp_path, "data", GOOD["data"] | {"layout": "long", "static": ["Term"]})


def comments(text: str) -> list[str]:
    return re.findall(r"# .*", text)


def values(text: str, keys: Iterable[str]) -> dict[str, object]:
    content = yaml.safe_load(text)
    return {key: reduce(getitem, key.split("."), content) for key in keys}


# As a person would change them, one after the other: lists, empty lists, and back.
CHANGES: list[dict[str, object]] = [
    {"data.missing": [0, "-", "AB"], "train.epochs": 5},
    {"data.missing": [], "data.static": [], "data.semesters": ["a", "b"], "data.current": 2},
    {"data.static": ["a b", "c"], "data.groups": [], "data.numeric": ["x"], "data.current": None},
    {"data.grade_range": [0, 20], "data.numeric": [], "train.seed": 7},
    {"model.flexible.members": 0, "train.flexible.patience": 9},
]


def test_every_comment_survives_experiments(tmp_path: Path) -> None:
    """`dvc exp run -S` writes params.yaml anew."""
    path = tmp_path / "params.yaml"
    path.write_text(FILE.read_text())
    for change in CHANGES:
        apply_overrides(path, [f"{key}={params.written(value)}" for key, value in change.items()])
        assert comments(path.read_text()) == comments(FILE.read_text())
        assert values(path.read_text(), change) == change


def test_other_values_keep_comments_and_say_why() -> None:
    text = FILE.read_text()
    spelt: dict[str, object] = {"data.spellings": {"A": {"x": "# y"}}, "data.sheet": "Fall # 1"}
    for change in [*CHANGES, spelt, values(text, ["data.semesters", *spelt])]:
        why = {key: f"Because of {key}." for key in change}
        text = params.with_values(text, change, why, "params.yaml")
        assert sorted(re.findall("#> (.*)", text)) == sorted(why.values())
        assert values(text, change) == change
    assert comments(text) == comments(FILE.read_text())
    with pytest.raises(InputError, match=r"has no data\.colour"):
        params.with_values(text, {"data.colour": 1}, {}, "params.yaml")
    with pytest.raises(InputError, match=r"model\.layers is 0"):
        params.with_values(text, {"model.layers": 0}, {}, "params.yaml")


def test_a_misspelt_key_is_named_first(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(FILE.read_text().replace("\n  layers:", "\n  layer:"))
    with pytest.raises(InputError, match=r"model\.layer is no parameter; allowed: cell, layers"):
        params.load(path)


@pytest.mark.parametrize("text", ["", "data", "- 1", "a: [1", "a: b: c", "a: 1\na: 2", "\0"])
def test_text_that_holds_no_parameters(tmp_path: Path, text: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as told:
        params.load(path)
    assert str(told.value).startswith(str(path))
    assert len(str(told.value).splitlines()) == 1


def test_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        params.load(tmp_path / "params.yaml")
    with pytest.raises(InputError, match="cannot be read"):
        params.load(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9")
    with pytest.raises(InputError, match="UTF-8"):
        params.load(tmp_path / "latin.yaml")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
KEYS = [f"{group}.{key}" for group, keys in GOOD.items() for key in keys]


@settings(max_examples=60, deadline=None, suppress_health_check=[*HealthCheck])
@given(key=st.sampled_from(KEYS), value=ANYTHING)
def test_any_value_is_taken_or_refused_in_a_line(tmp_path: Path, key: str, value: object) -> None:
    told = ""
    try:
        loaded(tmp_path, key, value)
    except InputError as error:
        told = str(error)
    assert len(told.splitlines()) <= 1
    assert not told or key in told or "data" in told
