"""Hostile parameter files."""

import copy
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from nextsem import params
from tests.hostile.kinds import EDITS, Kind, edited, refused

GOOD = (Path(__file__).parents[2] / "params.yaml").read_bytes()
_GROUPS: dict[str, Any] = yaml.safe_load(GOOD)

_TEXT = st.text() | st.sampled_from(
    ["utf-8", "a\nb", "\0", "\x85", "auto", "1st", "5th", "=1+1", ","]
)
_NUMBER = st.integers() | st.floats() | st.sampled_from([0, 1, -1, 10**400, 1e308, 5e-324])
_VALUE = st.recursive(
    st.none() | st.booleans() | _NUMBER | _TEXT | st.dates() | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT | _NUMBER, inner, max_size=3),
    max_leaves=8,
)
_KEYS = [(group, key) for group, keys in _GROUPS.items() if isinstance(keys, dict) for key in keys]
_YAML = st.text(alphabet="{}[]:,-?!&*#|>'\"%@`~<= \n\tab01.e_", max_size=60)


def _load_or_refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    if refused(path, lambda: params.load(path)):
        return "refused"
    loaded = params.load(path)
    low, high = loaded.data.grade_range
    assert low < high
    assert len(set(loaded.data.semesters)) == len(loaded.data.semesters) >= 2
    assert loaded.data.table == "".join(loaded.data.table.splitlines())
    assert 0 < loaded.split.test_size < 1
    assert loaded.model.layers >= 1
    assert params.Params.model_validate(loaded.model_dump()) == loaded
    return "accepted"


def _other_values(made: list[tuple[tuple[str, str], Any]], folder: Path) -> str:
    content = copy.deepcopy(_GROUPS)
    for (group, key), value in made:
        content[group][key] = value
    return _load_or_refused(folder / "params.yaml", yaml.safe_dump(content).encode())


KINDS = {
    "any bytes as params.yaml": Kind(
        st.binary(max_size=200) | _YAML.map(str.encode) | st.text().map(str.encode),
        lambda made, folder: _load_or_refused(folder / "params.yaml", made),
    ),
    "any YAML as params.yaml": Kind(
        st.dictionaries(st.sampled_from([*_GROUPS]) | _TEXT, _VALUE, max_size=4),
        lambda made, folder: _load_or_refused(
            folder / "params.yaml", yaml.safe_dump(made).encode()
        ),
    ),
    "params.yaml with bytes changed": Kind(
        EDITS, lambda made, folder: _load_or_refused(folder / "params.yaml", edited(GOOD, made))
    ),
    "params.yaml with other values": Kind(
        st.lists(st.tuples(st.sampled_from(_KEYS), _VALUE), min_size=1, max_size=2), _other_values
    ),
}
