"""Correlate every numeric column with every other, as a table and a heatmap."""

from pathlib import Path

from nextsem import figures, params, tables
from nextsem.files import DECIMALS, whole_files
from nextsem.scores import correlation_ratio

MOST = 60  # columns: of more, neither picture nor table could be read


def main() -> None:
    data = params.load().data
    path = Path(data.table)
    table = tables.read(path, data)
    target = data.semesters[-1]

    numeric = tables.numeric_columns(table, first=[*data.semesters, *data.numeric])
    left_out = max(0, numeric.shape[1] - MOST)
    numeric = numeric.iloc[:, :MOST]
    pairs = numeric.corr(min_periods=3)
    ratios = {
        column: correlation_ratio(table[column].to_numpy(dtype=str), table[target].to_numpy())
        for column in data.static
    }
    grades = min(len(data.semesters) + len(data.numeric), MOST)
    heatmap = figures.heatmap(pairs, grades, target, ratios, f"{path.name}, {len(table)} rows")

    with whole_files() as place:
        pairs.round(DECIMALS).to_csv(
            place("metrics/plots/correlation.csv"), index_label="column", lineterminator="\n"
        )
        figures.save(heatmap, place("metrics/plots/correlation_heatmap.png"))
    print(f"{path}: {len(table)} rows, {len(pairs)} numeric columns correlated")
    if left_out:
        print(f"  {left_out} more left out; those that params.yaml names come first")
    for column, ratio in ratios.items():
        print(f"  {column} with {target}: correlation ratio (eta) {ratio:.3f}")


if __name__ == "__main__":
    main()
