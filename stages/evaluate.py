"""Score the forecaster on students that it has never seen, beside forecasts that need no network."""

from pathlib import Path

import numpy as np
import pandas as pd

from nextsem import params, tables
from nextsem.baselines import BASELINES
from nextsem.files import DECIMALS, whole_files, write_metrics
from nextsem.forecaster import Forecaster
from nextsem.scores import mse, scores


def main() -> None:
    data = params.load().data
    forecaster = Forecaster.load(Path("models/forecaster.safetensors"))
    train = tables.read_prepared(Path("data/prepared/train.csv"), data)
    test = tables.read_prepared(Path("data/prepared/test.csv"), data)

    forecast = forecaster.predict(test)
    baselines = {name: mse(test.target, of(train, test)) for name, of in BASELINES.items()}
    singly = [mse(test.target, member) for member in forecaster.predict_members(test)]
    metrics = {
        **scores(test.target, forecast),
        "baselines": baselines,
        "members": {
            "mean": np.mean(singly),
            "sd": np.std(singly),
            "median": np.median(singly),
            "min": min(singly),
            "max": max(singly),
        },
        "unseen_category": forecaster.encoding.unseen(test),
    }
    compared = pd.DataFrame(
        {"actual": test.target, "forecast": forecast, "residual": test.target - forecast}
    ).round(DECIMALS)
    last = data.semesters[-1]
    predicted = pd.DataFrame({"Predicted Exam Score": forecast, "Student": test.names})
    actual = pd.DataFrame({"Student": test.names, last: test.target})

    with whole_files() as place:
        write_metrics(metrics, place("metrics/test.json"))
        tables.write_csv(compared, place("data/predictions/test.csv"))
        tables.write_excel(
            predicted.round(DECIMALS),
            place("data/predictions/predicted_scores.xlsx"),
            {"Predicted Exam Score": "0.00"},
        )
        tables.write_excel(actual, place("data/predictions/testing_data.xlsx"), {last: "0.00"})
    print(f"{len(test)} test students: MSE {metrics['mse']:.4f}, against")
    for name, error in baselines.items():
        print(f"  {name:14} {error:.4f}")


if __name__ == "__main__":
    main()
