"""Train the forecaster on the training rows."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from nextsem import params, tables
from nextsem.files import whole_files, write_metrics
from nextsem.forecaster import Forecaster
from nextsem.training import Fitted, Progress


def main() -> None:
    parameters = params.load()
    data, model, train = parameters.data, parameters.model, parameters.train
    students = tables.read_prepared(Path("data/prepared/train.csv"), data)

    with Reporter(train.epochs, train.log_every) as reporter:
        trained = Forecaster.fit(students, data, model, train, reporter)
    curve = loss_curve(trained.fitted)
    metrics = summary(trained.fitted)

    with whole_files() as place:
        trained.forecaster.save(place("models/forecaster.safetensors"))
        tables.write_csv(curve, place("metrics/plots/loss.csv"))
        write_metrics(metrics, place("metrics/train.json"))
    print(
        f"{model.members} networks, {model.layers} x {model.hidden} {model.cell}, trained on "
        f"{len(students)} students; best after {metrics['epochs']:.0f} epochs on average"
    )


class Reporter:
    """A progress bar on a terminal, and the loss in a line now and then."""

    def __init__(self, epochs: int, log_every: int) -> None:
        self._log_every = log_every
        self._bar = tqdm(total=epochs, unit="epoch", disable=not sys.stderr.isatty())

    def __enter__(self) -> "Reporter":
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def __call__(self, progress: Progress) -> None:
        self._bar.update(max(0, progress.epoch - self._bar.n))
        if progress.epoch % self._log_every == 0:
            line = f"epoch {progress.epoch}: loss {progress.loss:.4f}"
            if not np.isnan(progress.validation_loss):
                line += f", validation loss {progress.validation_loss:.4f}"
            self._bar.write(f"{line} ({progress.networks} networks)")


def loss_curve(fitted: Fitted) -> pd.DataFrame:
    """Mean losses after each epoch, of the networks that were then still learning."""
    losses, validation = fitted.losses.numpy(), fitted.validation_losses.numpy()
    learning = np.isfinite(losses)
    curve = {"epoch": np.arange(1, losses.shape[1] + 1), "train": np.nanmean(losses, axis=0)}
    if np.isfinite(validation).any():
        curve["validation"] = np.nanmean(validation, axis=0)
    curve["networks"] = learning.sum(axis=0)
    return pd.DataFrame(curve).round(6)


def summary(fitted: Fitted) -> dict[str, float]:
    """Means over the networks, at the epoch whose state was kept."""
    kept = np.arange(len(fitted.epochs)), fitted.epochs.numpy() - 1
    return {
        "epochs": float(fitted.epochs.double().mean()),
        "loss": float(fitted.losses.numpy()[kept].mean()),
        "validation_loss": float(fitted.validation_losses.numpy()[kept].mean()),
    }


if __name__ == "__main__":
    main()
