"""Correlate every numeric column with every other, as a table and a heatmap."""

from pathlib import Path

import pandas as pd

from nextsem.comparison import pictures
from nextsem.comparison.metrics import correlation_ratio
from nextsem.reading import tables
from nextsem.reading.transcripts import GRADE, read_long
from nextsem.shared import params
from nextsem.shared.files import DECIMALS, whole_files
from nextsem.shared.params import Data
from nextsem.shared.program import run

MOST = 60  # columns; with more, neither figure nor table would be readable
TERMS = 12  # first terms of transcripts
FEWEST = 5  # students for a correlation, at least


def main() -> None:
    data = params.load().data
    path = Path(data.table)
    numeric, given, table = (_wide if data.layout == "wide" else _long)(path, data)
    target = data.semesters[-1] if data.layout == "wide" else GRADE
    pairs = numeric.iloc[:, :MOST].corr(min_periods=FEWEST)
    ratios = {
        column: correlation_ratio(table[column].to_numpy(dtype=str), table[target].to_numpy())
        for column in data.static
    }
    title = f"{path.name}, {len(table)} rows"
    heatmap = pictures.heatmap(pairs, min(given, MOST), target, ratios, title)
    with whole_files() as place:
        pairs.round(DECIMALS).to_csv(
            place("metrics/plots/correlation.csv"), index_label="column", lineterminator="\n"
        )
        pictures.save(heatmap, place("metrics/plots/correlation_heatmap.png"))
    print(
        f"{path}: {len(table)} rows, {len(pairs)} of {numeric.shape[1]} numeric columns correlated"
    )
    for column, ratio in ratios.items():
        print(f"  {column} with {target}: correlation ratio (eta) {ratio:.3f}")


def _wide(path: Path, data: Data) -> tuple[pd.DataFrame, int, pd.DataFrame]:
    """The numeric columns, quantities first; the number of quantities; and the table.

    The other numeric columns are codes and roll numbers.
    """
    table = tables.read(path, data)
    numeric = table[[*data.semesters, *data.numeric]].astype(float)
    for column in table.columns.difference(numeric.columns, sort=False):
        values = table[column].replace("", None)
        numbers = pd.to_numeric(values, errors="coerce")
        if numbers.notna().any() and numbers.notna().eq(values.notna()).all():
            numeric[column] = numbers.astype(float)
    return numeric, len(data.semesters) + len(data.numeric), table


def _long(path: Path, data: Data) -> tuple[pd.DataFrame, int, pd.DataFrame]:
    """Each student's grades of the first terms and last numbers; their number; and the rows."""
    read = read_long(path, data)
    terms = [f"term {term}" for term in read.students.schema.terms[:TERMS]]
    numeric = pd.DataFrame(read.students.grades[:, : len(terms)], columns=terms)
    last = read.table.groupby(tables.STUDENT, sort=False)[data.numeric].last()
    numeric[data.numeric] = last.to_numpy(dtype=float)
    return numeric, numeric.shape[1], read.table


if __name__ == "__main__":
    run(main)
