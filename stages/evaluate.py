"""Score the forecaster on students that it has never seen, beside forecasts that need no network."""

from pathlib import Path

import numpy as np
import pandas as pd

from nextsem import params, tables
from nextsem.baselines import BASELINES
from nextsem.files import DECIMALS, whole_files, write_metrics
from nextsem.forecaster import Forecaster
from nextsem.params import Params
from nextsem.scores import brier, coverage, mse, scores, worse
from nextsem.students import Numbers, Students, pseudonyms
from nextsem.writing import Sheet, write_csv, write_excel


def main() -> None:
    parameters = params.load()
    data = parameters.data
    forecaster = Forecaster.load(Path("models/evaluated.safetensors"))
    train = tables.read_prepared(Path("data/prepared/train.csv"), data)
    test = tables.read_prepared(Path("data/prepared/test.csv"), data)
    train = train[train.complete]

    members = forecaster.predict_members(test)
    forecast = forecaster.together(members)
    ranges = forecaster.ranges(test, forecast, parameters.intervals.coverage)
    risk = forecaster.risk(test, forecast, parameters.line)
    by = parameters.ranges_by
    categories = None if by is None else test.static[:, data.static.index(by)]
    baselines = {name: mse(test.target, of(train, test)) for name, of in BASELINES.items()}
    singly = [mse(test.target, member) for member in members]
    metrics = {
        **scores(test.target, forecast),
        "baselines": baselines,
        "intervals": coverage(test.target, ranges, categories),
        "risk": risk_scores(train, test, risk, parameters),
        "members": {
            "mean": np.mean(singly),
            "sd": np.std(singly),
            "median": np.median(singly),
            "min": min(singly),
            "max": max(singly),
        },
        "unseen_category": int(forecaster.encoding.new_category(test.static).any(axis=1).sum()),
    }
    compared = pd.DataFrame(
        {
            "actual": test.target,
            "forecast": forecast,
            "residual": test.target - forecast,
            "low": ranges[:, 0],
            "high": ranges[:, 1],
            "risk": risk,
        }
    )
    squared = pd.DataFrame(
        {"student": pseudonyms(test), "squared_error": (test.target - forecast) ** 2}
    )
    last = data.semesters[-1]
    predicted = pd.DataFrame(
        {"Predicted Exam Score": forecast.round(DECIMALS), "Student": test.names}
    )
    actual = pd.DataFrame({"Student": test.names, last: test.target})

    with whole_files() as place:
        write_metrics(metrics, place("metrics/test.json"))
        write_csv(
            squared.sort_values("student").round(DECIMALS), place("metrics/plots/test_errors.csv")
        )
        write_csv(compared.round(DECIMALS), place("data/predictions/test.csv"))
        write_excel(
            [Sheet("Forecast", predicted, {"Predicted Exam Score": "0.00"})],
            place("data/predictions/predicted_scores.xlsx"),
        )
        write_excel(
            [Sheet("Actual", actual, {last: "0.00"})],
            place("data/predictions/testing_data.xlsx"),
        )
    print(f"{len(test)} test students: MSE {metrics['mse']:.4f}, against")
    for name, error in baselines.items():
        print(f"  {name:14} {error:.4f}")


def risk_scores(
    train: Students, test: Students, risk: Numbers, parameters: Params
) -> dict[str, float]:
    """Brier score of the risk, and that of the training rows' share for everyone."""
    line, lower_is_better = parameters.line, parameters.data.lower_is_better
    happened = worse(test.target, line, lower_is_better)
    share = worse(train.target, line, lower_is_better).mean()
    return {"brier": brier(happened, risk), "brier_base": brier(happened, share)}


if __name__ == "__main__":
    main()
