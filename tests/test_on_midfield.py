"""MIDFIELD's transcripts (CC0): one table, whose newest terms are forecast as they would have been."""

import sys
from pathlib import Path

import pandas as pd
import pytest

from nextsem.reading.layouts import read_students
from nextsem.shared import params
from nextsem.validation.origins import origins
from stages import midfield as stage
from tests.conftest import Checkout, settings_of

pytestmark = pytest.mark.slow

SETTINGS = settings_of("MIDFIELD")
FEWER = {"crossvalidate.origins": 2, "crossvalidate.folds": 2, "model.members": 2}
FEWER |= {"model.hidden": 8, "train.epochs": 20}


@pytest.fixture(scope="module")
def table(midfield: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All transcripts up to the term 20093, with the settings of `make midfield` beside them."""
    checkout = Checkout(tmp_path_factory.mktemp("midfield") / "checkout")
    checkout.change(SETTINGS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEXTSEM_MIDFIELD", str(midfield.resolve()))
        patch.setattr(sys, "argv", ["midfield", "20093"])
        patch.chdir(checkout.path)
        stage.main()
    return checkout.path / stage.TABLE


@pytest.fixture
def some(table: Path, checkout: Checkout) -> pd.DataFrame:
    """The transcripts of 300 students, in a checkout with quicker settings."""
    checkout.change(SETTINGS | FEWER)
    rows = pd.read_csv(table, dtype=str)
    drawn = rows["student"].drop_duplicates().sample(300, random_state=0)
    return rows[rows["student"].isin(drawn)]


def forward(checkout: Checkout, rows: pd.DataFrame) -> pd.DataFrame:
    """What is forecast of the last two terms."""
    rows.to_csv(checkout.path / stage.TABLE, index=False)
    checkout.stage("prepare")
    checkout.stage("crossvalidate")
    forecasts = pd.read_parquet(checkout.path / "data/predictions/crossvalidation.parquet")
    return forecasts[forecasts["kind"] == "origin"].drop(columns="part").reset_index(drop=True)


def test_the_newest_terms_are_those_of_the_figures_in_docs(table: Path) -> None:
    rows = pd.read_csv(table, dtype={"term": str})
    assert len(rows) == 511_149
    assert rows["gpa_term"].between(0, 4).all()
    assert rows.groupby("student").size().max() == 12
    data = params.load(table.parents[2] / "params.yaml").data
    students = read_students(table, data).students
    parts = origins(students, int(str(SETTINGS["crossvalidate.origins"])))
    asked = {part.label: len(part.test) for part in parts}
    assert [*asked] == ["20081", "20083", "20084", "20085", "20086", "20091", "20093"]
    assert sum(asked[term] for term in ("20081", "20083", "20091", "20093")) == 45_231


def test_what_comes_later_moves_no_forecast(checkout: Checkout, some: pd.DataFrame) -> None:
    before = forward(checkout, some)
    first, second = before["label"].unique()
    assert (before["label"] == first).sum() > 20
    later = some["term"] >= second
    some.loc[later, ["gpa_term", "hours_term", "programme"]] = ["4.0", "99", "00"]
    entering = some[later].assign(student=lambda rows: "Z" + rows["student"])
    after = forward(checkout, pd.concat([some, entering]))
    assert after["label"].unique().tolist() == [first, second]
    pd.testing.assert_frame_equal(after[after["label"] == first], before[before["label"] == first])
    assert not after[after["label"] == second].equals(before[before["label"] == second])
