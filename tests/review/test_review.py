"""What a review says of changes whose results are made up, in a Git repository of their own."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from nextsem.review.change import TOLERANCE, Change
from nextsem.review.review import markdown
from nextsem.review.revisions import Revision
from nextsem.shared.errors import InputError
from tests.results import CODE, Results

IMPRECISE = {"precision": 0.3, "precision_low": 0.2, "precision_high": 0.4}


def change(base: str = "main", head: str | None = None) -> Change:
    return Change(Revision.find(base), Revision.find(head))


@pytest.mark.parametrize(
    ("changes", "expected", "told"),
    [
        ({"split__seed": 1}, "no fold differs", "**No fold differs.** The typical miss is 0.68"),
        ({"better": 0.1, "noise": 1}, "better", "and was 0.68 (smaller is better): more than luck"),
        ({"better": -0.1, "noise": 1}, "worse", "This speaks against merging"),
        ({"noise": 1}, "no worse", "as before, and can hardly be more than 0.69. Nothing here"),
        ({"noise": 1, "scale": 0.3}, "can't tell", "no evidence for or against"),
        ({"students": 59}, "not comparable", "the forecasts out of fold were 60 and are 59"),
        ({"better": 0.1, "noise": 1, "data__static": ["Code", "Sex"]}, "better", "than luck"),
        ({"others": True}, "not comparable", "some are of other students or grades"),
        ({"crossvalidate__seed": 1}, "not comparable", "seed was 0 and is 1, so the folds"),
        ({"crossvalidate__folds": 4}, "not comparable", "folds was 5 and is 4, so the folds are"),
    ],
)
def test_what_to_do_comes_first(results: Results, changes: dict, expected: str, told: str) -> None:
    results.write(**changes)
    found = change()
    assert found.verdict == expected
    first = markdown(found).split("##")[0]
    assert told in first
    assert len(first.splitlines()) <= 5


@pytest.mark.parametrize("changes", [{}, {"code": "# a\n"}, {"color": "red"}, {"run__workers": 2}])
def test_where_nothing_matters_it_is_one_line(results: Results, changes: dict[str, str]) -> None:
    results.write(**changes)
    assert markdown(change()).startswith("Nothing that matters changed")
    assert len(markdown(change()).splitlines()) == 1


def test_a_change_cannot_loosen_the_tolerance_that_judges_it(results: Results) -> None:
    results.write(better=-0.1, noise=1, review__tolerance=1.0)
    found = change()
    assert found.verdict == "worse"
    assert found.parameters == {TOLERANCE: (0.02, 1.0)}


def test_what_it_takes_to_tell_is_said(results: Results) -> None:
    results.write(noise=2, scale=0.06)
    assert "A decision needs about 10 repeats (now 2)" in markdown(change())
    results.write(noise=1, scale=0.3)
    found = change()
    needed = found.on_folds.needed(0.02)
    assert needed["forecasts"] > 600
    assert f"about {needed['forecasts']} students (now 60)" in markdown(found)
    assert found.on_folds.needed(0.0) == {}


def test_with_other_numbers_of_repeats_the_folds_in_common_decide(results: Results) -> None:
    results.write(noise=1, better=0.1, crossvalidate__repeats=4)
    found = change()
    assert found.verdict == "better"
    assert (found.on_folds.repeats, found.on_folds.folds) == (2, 5)
    assert "On the 2 x 5 common folds" in markdown(found)


def test_errors_of_points_in_time_are_none_of_the_folds(results: Results) -> None:
    results.write(noise=1, better=0.1)
    path = Path("metrics/plots/fold_errors.csv")
    before = change()
    assert "| mean squared error, forward in time" not in markdown(before)
    path.write_text(path.read_text() + "0,0,,40,900,900,900\n")
    metrics = Path("metrics/crossvalidation.json")
    metrics.write_text(metrics.read_text().replace("{", '{"forward": {"network": 0.5}, ', 1))
    assert change().on_folds.difference == before.on_folds.difference
    assert "| mean squared error, forward in time | – | 0.5000 | – |" in markdown(change())


@pytest.mark.parametrize(
    ("origins", "difference", "worse"),
    [
        ({"network": 0.301, "low": 0.291, "high": 0.311}, "+0.0010", []),
        ({"network": 0.4, "low": 0.39, "high": 0.41}, "+0.1000", ["mean squared error"]),
        ({"list": {"network": IMPRECISE}}, "+0.0000", ["precision of the list"]),
        ({"network": 0.4, "low": 0.39, "high": 0.41, "last": 0.6}, "–", []),
        ({"network": 0.4, "low": 0.39, "high": 0.41, "origins": {"2020": {}, "2021": {}}}, "–", []),
    ],
)
def test_transcripts_are_compared_by_the_same_points_in_time(
    results: Results, origins: dict, difference: str, worse: list[str]
) -> None:
    """Better or not on the folds: what got worse forward in time is told, if it is of the same."""
    precise = {"precision": 0.6, "precision_low": 0.5, "precision_high": 0.7}
    before = {"list": {"network": precise}}
    results.commit(origins=before)
    results.write(noise=1, better=0.1, origins=before | origins)
    found = change()
    assert found.verdict == "better"
    assert list(found.worse) == [f"forward in time: {what}" for what in worse]
    rows = markdown(found).splitlines()
    [row] = [row for row in rows if row.startswith("| mean squared error, forward in time")]
    assert row.endswith(f"| {difference} |")


def test_a_list_of_others_is_told_though_the_error_stays(results: Results) -> None:
    results.commit(listed=range(20))
    results.write(noise=1, listed=range(10, 30))
    found = change()
    assert (found.verdict, found.in_common, found.worse) == ("no worse", 0.5, {})
    text = markdown(found)
    assert "Nothing here speaks" not in text
    said = "**Another list.** Of the students at the highest risk 50 % stay on the list; other"
    assert said in text
    assert "s12" not in text  # nobody is named
    results.write(noise=1, listed=range(5, 25))  # as other seeds alone do
    text = markdown(change())
    assert "Another list" not in text
    assert "Of the list, 75 % stay (with other seeds and training students alone, 80 %)." in text
    results.commit("branch", noise=2, listed=range(40, 60))
    assert change("main", "branch").in_common == 0.0  # both are in DVC's cache
    results.write(noise=1)
    (results.folder / "data/predictions/list.csv").unlink()
    results.write(noise=1)
    assert change().in_common is None
    assert "Of the list" not in markdown(change())


def test_a_difference_within_that_of_seeds_is_called_so(results: Results) -> None:
    results.write(noise=1)
    text = markdown(change())
    assert "Other seeds alone move it by about 0.0028 (one standard deviation), and this" in text
    results.write(noise=1, better=0.1)
    assert "(one standard deviation)." in markdown(change())


def test_what_changed_in_the_data_is_told_and_no_number_is_compared(results: Results) -> None:
    results.write(students=59)
    found = change()
    assert found.on_folds is None
    assert all(each.difference is None for each in found.metrics if "out of fold" in each.title)
    before, after = found.data["checksum of the table"]
    assert f"| {before} | {after} |" in markdown(found)


def test_parameters_figures_and_plots(results: Results) -> None:
    results.write(better=0.1, noise=1, model__layers=1)
    found = change()
    assert found.parameters == {"model.layers": (3, 1)}
    text = markdown(found, "https://hub/blob/abc/")
    assert "| model.layers | 3 | 1 |" in text
    assert "| mean squared error, out of fold | 0.4627 | 0.3601 | -0.1026 |" in text
    assert "](https://hub/blob/abc/metrics/plots/forecasters.png)" in text


def test_the_room_and_the_file_that_changed_are_named(results: Results) -> None:
    results.commit("branch", code="cell = 'gru'\n", better=0.1, noise=1)
    assert change("main", "branch").code == {"nextsem/network": [CODE]}
    assert "Code of nextsem/network: network.py" in markdown(change("main", "branch"))


def test_what_got_worse_comes_first_and_by_name(results: Results) -> None:
    results.write(for_b=0.03)
    found = change()
    assert list(found.worse) == ["Group B: mean squared error"]
    assert found.verdict == "no worse"
    text = markdown(found)
    assert "**But see below what got worse.**" in text
    assert text.index("| Group B: mean") < text.index("## Figures")
    results.write(better=-0.1, noise=1)
    assert next(iter(change().worse)) == "all students: mean squared error"
    results.write(for_b=-0.3)
    assert "What got worse" not in markdown(change()).split("## How")[0]


def test_what_is_accepted_is_told_with_the_reason(results: Results) -> None:
    group = "Group B: mean squared error"
    Path("accepted.yaml").write_text(f'"{group}": the others gain\n"Group C: bias": why\n')
    results.write(for_b=0.03)
    assert change().not_accepted == []
    text = markdown(change())
    assert "What got worse is known and accepted." in text.splitlines()[2]
    assert f"| {group} **(known, accepted: the others gain)** |" in text
    assert "`accepted.yaml` accepts Group C: bias, but nothing of this name got worse" in text
    results.write(better=-0.1, noise=1)
    assert "This speaks against merging" in markdown(change())
    all_of_it = "".join(f'"{what}": half the time\n' for what in change().worse)
    Path("accepted.yaml").write_text(all_of_it)
    first = markdown(change()).splitlines()[2]
    assert first.startswith("**Worse.** ")
    assert first.endswith("That is known and accepted.")


def test_what_was_accepted_with_an_older_change_is_not_with_this_one(results: Results) -> None:
    Path("accepted.yaml").write_text('"Group B: mean squared error": the others gain\n')
    results.commit()
    assert markdown(change()).startswith("Nothing that matters changed")
    results.write(for_b=0.03)
    assert change().not_accepted == ["Group B: mean squared error"]


def test_only_what_is_in_git_is_read(results: Results) -> None:
    results.commit("branch", better=0.1, noise=1, model__layers=1)
    committed = markdown(change("main", "branch"))
    results.write(better=-1, noise=2, grades=True)
    for path in results.folder.glob("metrics/*.json"):
        path.write_text("not JSON")
    assert markdown(change("main", "branch")) == committed


@pytest.mark.parametrize(
    ("path", "old", "new", "named"),
    [
        ("params.yaml", "layers: 3", "layers: 4", "model.layers"),
        ("metrics/test.json", "0.8", "0.9", "metrics/test.json"),
        (CODE, "rnn", "gru", "nextsem/network"),
    ],
)
def test_results_that_do_not_belong_to_their_code_are_told(
    results: Results, path: str, old: str, new: str, named: str
) -> None:
    assert change().stale == {}
    file = results.folder / path
    file.write_text(file.read_text().replace(old, new))
    assert list(change().stale.values()) == [[named]]
    text = markdown(change())
    assert "**Not up to date**" in text.splitlines()[2]
    assert "speaks against" not in text


def test_a_revision_is_a_branch_a_commit_or_an_experiment(results: Results) -> None:
    commit = results.commit("branch", better=0.1, noise=1)
    results.experiment("pious-goer", better=0.1, noise=1)
    for name in ("branch", commit, commit[:7], "pious-goer"):
        assert change("main", name).verdict == "better"


@pytest.mark.parametrize("name", ["nowhere", "--help", "main:params.yaml", ""])
def test_an_unknown_revision_is_refused(results: Results, name: str) -> None:
    with pytest.raises(InputError, match="no such revision here; allowed: a branch"):
        Revision.find(name)


def test_what_a_revision_lacks_is_named(results: Results) -> None:
    (results.folder / "metrics/plots/fold_errors.csv").unlink()
    assert "the workspace has no metrics/plots/fold" in markdown(change())
    (results.folder / "metrics/test.json").unlink()
    with pytest.raises(InputError, match=r"the workspace: has no metrics/test\.json"):
        markdown(change())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metrics/test.json", "a: ["),
        ("params.yaml", "a: ["),
        ("accepted.yaml", "- a\n"),
        ("accepted.yaml", '"a": {b: c}\n'),
        ("accepted.yaml", "a: mse: because\n"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(results: Results, name: str, text: str) -> None:
    Path(name).write_text(text)
    with pytest.raises(InputError, match=rf"the workspace: {name}.*: (allowed|not )"):
        markdown(change())


def test_texts_cannot_write_markdown(results: Results) -> None:
    hostile = "a|b <img src=x> **c** [d](javascript:e) `f` _g_"
    results.write(data__static=[hostile], better=0.1)
    [row] = [line for line in markdown(change()).splitlines() if "data.static" in line]
    assert len(re.findall(r"(?<!\\)\|", row)) == 4
    assert not re.search(r"(?<!\\)[<`*]|(?<!\\)\]\(", row)


STAGE = """
stages:
  one:
    cmd: 'true'
    deps: [nextsem/room]
"""


@pytest.mark.parametrize("committed", [True, False])
def test_the_checksum_of_a_room_is_that_of_dvc(results: Results, committed: bool) -> None:
    for name in ("b.py", "a.py", "inner/c.py", "inner/card.md", "notes.ipynb"):
        path = Path("nextsem/room") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name} ü\n")
    Path(".dvcignore").write_text(
        "/nextsem/**/*\n!/nextsem/**/\n!/nextsem/**/*.py\n!/nextsem/**/*.md\n"
    )
    Path("dvc.yaml").write_text(STAGE)
    Path("dvc.lock").unlink()
    for command in ("init", "--no-scm", "--quiet"), ("repro", "--quiet"):
        program = [sys.executable, "-m", "dvc", *command]
        subprocess.run(program, check=True, env={"PATH": "/usr/bin:/bin", "DVC_NO_ANALYTICS": "1"})
    results.git("add", "--all")
    results.git("commit", "--quiet", "-m", "room")
    revision = Revision.find("main" if committed else None)
    assert revision.checksum("nextsem/room") == revision.checksums("deps")["nextsem/room"]
