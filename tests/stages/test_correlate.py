"""Correlations of the numeric columns."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.conftest import Project
from tests.stages.test_prepare import HEADER, LONG, ROWS, TABLE, write

# The table that the reference publishes, to three decimals.
PUBLISHED = """
5th 0.696 0.755 0.773 0.854 1.000 -0.123 0.050 0.295 -0.137
4th 0.730 0.759 0.822 1.000 0.854 -0.101 -0.038 0.356 -0.083
3rd 0.757 0.763 1.000 0.822 0.773 0.097 0.044 0.261 0.080
2nd 0.785 1.000 0.763 0.759 0.755 0.058 -0.135 0.183 0.047
1st 1.000 0.785 0.757 0.730 0.696 -0.093 -0.098 0.209 0.001
"""
COLUMNS = ["1st", "2nd", "3rd", "4th", "5th", "College Code", "Roll", "Roll no.", "Subject Code"]


def correlated(project: Project) -> pd.DataFrame:
    project.stage("correlate")
    assert (project.path / "metrics/plots/correlation_heatmap.png").stat().st_size > 5000
    return pd.read_csv(project.path / "metrics/plots/correlation.csv", index_col="column")


def test_as_the_reference_reports(tmp_path: Path, published: Path) -> None:
    pairs = correlated(Project(tmp_path / "project", data_table=str(published)))
    for line in PUBLISHED.split("\n")[1:-1]:
        row, *values = line.split()
        np.testing.assert_allclose(pairs.loc[row, COLUMNS], [*map(float, values)], atol=5.1e-4)
    assert pairs.loc["College Code", "Subject Code"] == pytest.approx(0.903, abs=5e-4)
    assert pairs.loc["Roll no.", ["College Code", "Roll", "Subject Code"]].isna().all()


def test_no_correlation_of_fewer_than_five_students(tmp_path: Path) -> None:
    project = Project(tmp_path / "project", data_table=TABLE, data_spellings={})
    few = [row.replace(",,F", f",{n % 3},F") if n < 4 else row for n, row in enumerate(ROWS)]
    write(project, HEADER, *few)
    pairs = correlated(project)
    assert np.isnan(pairs.loc["1st", "Roll no."])
    assert pairs.loc["1st", "5th"] == pytest.approx(1)


def test_transcripts_by_term(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    grades = draw.integers(0, 100, (8, 14)) / 10
    lines = [f"s{n},{term},{grades[n, term]},A,{term * n}" for n in range(8) for term in range(14)]
    more = {"data_table": TABLE, "data_numeric": ["hours"], "data_spellings": {}}
    project = Project(tmp_path / "project", **LONG | more)
    write(project, "id,when,gpa,school,hours", *draw.permutation(lines))
    pairs = correlated(project)
    assert list(pairs) == [*(f"term {term}" for term in range(1, 13)), "hours"]
    expected = np.corrcoef(grades[:, 0], grades[:, 11])[0, 1]
    assert pairs.loc["term 1", "term 12"] == pytest.approx(expected, abs=1e-6)
    last = np.corrcoef(grades[:, 2], 13 * np.arange(8))[0, 1]
    assert pairs.loc["term 3", "hours"] == pytest.approx(last, abs=1e-6)
