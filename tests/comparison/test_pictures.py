"""Pictures: the same bytes each time, readable on a phone, and of whatever they are given."""

import io
import struct
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from nextsem.comparison import pictures

TITLE = "80 students, 2 x 5 folds"
DIFFERENCE = {"difference": -0.1, "low": -0.2, "high": 0.0, "p": 0.05}
MEASURES = ("mse", "bias", "coverage")
GROUP = {f"{measure}{end}": 0.5 for measure in MEASURES for end in ("", "_low", "_high")}


def png(figure: Figure) -> bytes:
    written = io.BytesIO()
    pictures.save(figure, written)
    return written.getvalue()


def forecasters() -> Figure:
    names = ("network", "linear_static", "my_own")
    return pictures.forecasters(
        {name: {"mse": 0.2} for name in names}, dict.fromkeys(names[1:], DIFFERENCE), TITLE
    )


def test_pictures_before_and_after_have_the_same_axes() -> None:
    """Also where an axis goes downwards, and however many plots there are in one."""
    names = ("network", "linear")

    def drawn(mse: float, group: float) -> list[Figure]:
        scores = {name: {"mse": mse} for name in names}
        own = dict.fromkeys(GROUP, group) | {"n": 9}
        return [
            pictures.forecasters(scores, {"linear": DIFFERENCE}, TITLE),
            pictures.groups({"College": {"A": own}}, 0.9, TITLE),
        ]

    for before, after in zip(drawn(0.2, 0.1), drawn(0.9, 0.4), strict=True):
        limits = [axes.get_xlim() for axes in (*before.axes, *after.axes)]
        downwards = [axes.yaxis_inverted() for axes in before.axes]
        pictures.share_axes([before, after])
        for axes, other, down in zip(before.axes, after.axes, downwards, strict=True):
            assert axes.get_xlim() == other.get_xlim()
            assert axes.get_ylim() == other.get_ylim()
            assert axes.yaxis_inverted() == down
        assert before.axes[0].get_xlim()[1] == max(high for _, high in limits[:: len(before.axes)])


def by_semester(terms: int = 4) -> Figure:
    values = np.full(terms, 0.4)
    columns = {"network": values, "last": values, "linear": values, "n": range(10, 10 + terms)}
    table = pd.DataFrame({"semester": map(str, range(terms)), **columns})
    return pictures.by_semester(table, TITLE)


def forward(origins: int = 4) -> Figure:
    errors = dict.fromkeys(("network", "linear", "boosted_trees"), 0.2)
    errors |= {"n": 5, "coverage": np.nan}
    own = {f"Spring {2001 + place}": errors for place in range(origins)}
    return pictures.forward({"origins": own} if origins else {}, 0.9, TITLE)


def reliability() -> Figure:
    bins = pd.DataFrame({"risk": [0.01, 0.3], "happened": [0.0, 0.4], "forecasts": [40.0, 8.5]})
    scores = {"brier": 0.1, "brier_linear": 0.1, "brier_base": 0.2}
    return pictures.reliability(bins, "a grade below 6", scores, TITLE)


def groups() -> Figure:
    undefined = GROUP | dict.fromkeys([key for key in GROUP if "coverage" in key], np.nan)
    columns = {
        "College": {"A$B_": GROUP | {"n": 40}, "long " * 30: undefined | {"n": 36}},
        "Gender": {"": {"n": "fewer than 5"}},
    }
    return pictures.groups(columns, 0.9, TITLE)


def heatmap(columns: int = 7, grades: int = 5) -> Figure:
    values = np.random.default_rng(0).normal(size=(30, columns))
    names = [f"column {place}" for place in range(columns)]
    pairs = pd.DataFrame(values, columns=names).corr()
    pairs.iloc[-1, 0] = pairs.iloc[0, -1] = np.nan
    return pictures.heatmap(pairs, grades, "column 4", {"College": float("nan")}, "table.csv")


def loss() -> Figure:
    return pictures.loss(pd.DataFrame({"epoch": [1, 2], "train": [1.0, 0.5]}))


def predicted() -> Figure:
    grades = [5.0, 6.0, 7.0]
    columns = {"actual": grades, "forecast": grades, "low": np.nan, "high": np.nan}
    return pictures.predicted(pd.DataFrame(columns))


ALL = [forecasters, by_semester, forward, reliability, groups, heatmap, loss, predicted]


@pytest.mark.parametrize("draw", ALL)
def test_a_picture_has_the_same_bytes_again_and_fits_a_phone(draw: Callable[[], Figure]) -> None:
    content = png(draw())
    assert content == png(draw())
    width = struct.unpack(">II", content[16:24])[0] / pictures.DOTS_PER_INCH
    assert width < 6  # inches: 400 pixels show it at two thirds of its size


def test_forecasters_are_named_in_words() -> None:
    shown = [label.get_text() for label in forecasters().axes[0].get_yticklabels()]
    expected = ["linear regression\nwith categories", "my_own", "network"]
    assert sorted(shown) == expected


def test_nothing_and_much_can_be_drawn() -> None:
    bins = pd.DataFrame({"risk": [], "happened": [], "forecasts": []})
    drawn = [pictures.groups({}, 0.9, TITLE), pictures.reliability(bins, "nothing", {}, TITLE)]
    drawn += [by_semester(0), by_semester(41), forward(0), forward(41)]
    drawn += [heatmap(columns=2, grades=2), heatmap(columns=40, grades=1)]
    assert all(png(figure) for figure in drawn)
