"""Train the forecaster: on the training rows, to be evaluated, and on all rows, to forecast with."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from nextsem import params, ranks, tables
from nextsem.checkpoint import Checkpoint
from nextsem.files import whole_files, write_metrics
from nextsem.forecaster import fit_many
from nextsem.training import Fitted, Progress
from nextsem.writing import write_csv


def main() -> None:
    team = ranks.join()
    parameters = params.load()
    data, model, train = parameters.data, parameters.model, parameters.train
    students = tables.read_prepared(Path("data/prepared/train.csv"), data)
    tested = tables.read_prepared(Path("data/prepared/test.csv"), data)

    checkpoint = Checkpoint(Path(".checkpoint/train"))
    with Reporter(train.epochs, train.log_every) as reporter:
        evaluated, everyone = fit_many(
            [students, students + tested],
            [train.seed] * 2,
            data,
            model,
            train,
            reporter,
            checkpoint,
        )
    if not team.part():
        return
    curve = loss_curve(evaluated.fitted)
    metrics = summary(evaluated.fitted)

    with whole_files() as place:
        evaluated.calibrated(parameters.ranges_by).save(place("models/evaluated.safetensors"))
        everyone.calibrated(parameters.ranges_by, gaps=True).save(
            place("models/forecaster.safetensors")
        )
        write_csv(curve, place("metrics/plots/loss.csv"))
        write_metrics(metrics, place("metrics/train.json"))
    checkpoint.remove()
    print(
        f"{model.members} networks, {model.layers} x {model.hidden} {model.cell}, trained on "
        f"{len(students)} students; best after {metrics['epochs']:.0f} epochs on average\n"
        f"as many trained on all {len(everyone.students)}, to forecast with"
    )
    if not evaluated.tried.any():
        print("train.validation_size is 0: no row is held out, so no range and no risk is given")


class Reporter:
    """A progress bar on a terminal, and the loss in a line now and then."""

    def __init__(self, epochs: int, log_every: int) -> None:
        self._log_every = log_every
        self._bar = tqdm(
            total=epochs, unit="epoch", disable=not sys.stderr.isatty() or ranks.joined().rank > 0
        )

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
    learning = np.isfinite(fitted.losses.numpy())
    ended = learning.any(axis=0).sum()
    learning, losses = learning[:, :ended], fitted.losses.numpy()[:, :ended]
    validation = fitted.validation_losses.numpy()[:, :ended]
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
