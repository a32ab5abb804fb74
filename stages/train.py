"""Train two forecasters: one without the test students, to evaluate, and one on all, to use."""

import sys

import numpy as np
import pandas as pd
from tqdm import tqdm

from nextsem.forecaster.fitting import fit_forecasters
from nextsem.network.training import Fitted
from nextsem.shared import params
from nextsem.shared.files import DECIMALS, whole_files, write_csv, write_metrics
from nextsem.shared.program import run
from nextsem.students import prepared


def main() -> None:
    parameters = params.load()
    model, train = parameters.model, parameters.train
    students = prepared.read()
    tested = prepared.held_back(students)

    with Reporter(train.epochs, parameters.run.log_every) as reporter:
        evaluated, everyone = fit_forecasters(
            [students[~tested], students],
            [train.seed] * 2,
            model,
            train,
            parameters.intervals.by,
            parameters.run.workers,
            reporter,
        )
    metrics = summary(evaluated.fitted)

    with whole_files() as place:
        evaluated.forecaster.save(place("models/evaluated.safetensors"))
        everyone.forecaster.save(place("models/forecaster.safetensors"))
        write_csv(loss_curve(evaluated.fitted), place("metrics/plots/loss.csv"))
        write_metrics(metrics, place("metrics/train.json"))
    kinds = " and ".join(
        f"{len(kind.weights)} networks of {kind.architecture.layers} x {kind.architecture.hidden}"
        for kind in evaluated.forecaster.networks
    )
    print(
        f"{kinds} ({model.cell}), trained on {evaluated.forecaster.trained_on} students; the first were "
        f"best after {metrics['epochs']:.0f} epochs on average\nas many trained on all "
        f"{everyone.forecaster.trained_on} students, for the forecasts"
    )
    if everyone.forecaster.calibration is None:
        print("train.validation_size is 0: there is no validation set, so no ranges and risks")


class Reporter:
    """A progress bar on a terminal, and a line with the loss every `log_every` epochs."""

    def __init__(self, epochs: int, log_every: int) -> None:
        self._log_every = log_every
        self._bar = tqdm(total=epochs, unit="epoch", disable=not sys.stderr.isatty())

    def __enter__(self) -> "Reporter":
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def __call__(self, epoch: int, loss: float, validation_loss: float) -> None:
        self._bar.update(max(0, epoch - self._bar.n))
        if epoch % self._log_every == 0:
            line = f"epoch {epoch}: loss {loss:.4f}"
            if not np.isnan(validation_loss):
                line += f", validation loss {validation_loss:.4f}"
            self._bar.write(line)


def loss_curve(fitted: Fitted) -> pd.DataFrame:
    """Mean losses after each epoch, over the networks still in training."""
    losses, validation = fitted.losses.numpy(), fitted.validation_losses.numpy()
    curve = {"epoch": np.arange(1, len(losses) + 1), "train": np.nanmean(losses, axis=1)}
    if np.isfinite(validation).any():
        curve["validation"] = np.nanmean(validation, axis=1)
    curve["networks"] = np.isfinite(losses).sum(axis=1)
    return pd.DataFrame(curve).round(DECIMALS)


def summary(fitted: Fitted) -> dict[str, float]:
    """Mean epochs and losses over the networks, at the epoch whose state was kept."""
    epochs = fitted.epochs.numpy()
    # The loss of an epoch is that of the state at its start.
    kept = np.minimum(epochs, len(fitted.losses) - 1), np.arange(len(epochs))
    return {
        "epochs": float(epochs.mean()),
        "loss": float(fitted.losses.numpy()[kept].mean()),
        "validation_loss": float(fitted.validation_losses.numpy()[kept].mean()),
    }


if __name__ == "__main__":
    run(main)
