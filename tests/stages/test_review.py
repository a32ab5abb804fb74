"""stages.review: what it says of changes whose results are made up, in a Git repository of their own."""

import re
from pathlib import Path

import pytest

from nextsem import InputError
from stages import review
from stages.change import Change
from stages.revisions import Revision
from tests.results import Results


def change(base: str = "main", head: str | None = None) -> Change:
    return Change(Revision.find(base), Revision.find(head))


def told(*arguments: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> str:
    monkeypatch.setattr("sys.argv", ["review", *arguments])
    review.main()
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "no fold differs"),
        ({"better": 0.1, "noise": 1}, "better"),
        ({"better": -0.1, "noise": 1}, "worse"),
        ({"noise": 1}, "cannot be told apart"),
        ({"students": 59}, "not comparable"),
        ({"crossvalidate__seed": 1}, "not comparable"),
        ({"crossvalidate__folds": 4}, "not comparable"),
        ({"split__seed": 1}, "no fold differs"),
    ],
)
def test_verdict(results: Results, changes: dict[str, float], verdict: str) -> None:
    results.write(**changes)
    found = change()
    assert found.verdict == verdict
    assert f"**{verdict.capitalize()}**" in review.markdown(found)


def test_of_twenty_trainings_that_differ_by_luck_two_at_most_look_otherwise(
    results: Results,
) -> None:
    sure = 0
    for noise in range(1, 21):
        results.write(noise=noise)
        sure += change().verdict != "cannot be told apart"
    assert sure <= 2


def test_with_other_numbers_of_repeats_the_folds_in_common_decide(results: Results) -> None:
    results.write(noise=1, better=0.1, crossvalidate__repeats=4)
    found = change()
    assert found.verdict == "better"
    assert (found.on_folds.repeats, found.on_folds.folds) == (2, 5)
    text = review.markdown(found)
    assert "2 x 5 folds that both have" in text
    assert "in this table: over all of each" in text


def test_a_difference_that_could_not_be_seen_is_told_with_the_size_that_could(
    results: Results,
) -> None:
    results.write(noise=1, better=0.001)
    found = change()
    size = found.on_folds.detectable
    assert size > abs(found.on_folds.difference.difference)
    assert f"A true difference of {size:.4f} or more would have shown" in review.markdown(found)


def test_what_changed_in_the_data_is_told_and_no_number_is_compared(results: Results) -> None:
    results.write(students=59)
    found = change()
    assert found.on_folds is None
    assert all(each.difference is None for each in found.metrics if "out of fold" in each.title)
    assert found.data["rows.complete"] == (60, 59)
    assert found.data["left_out.gap_before_last"] == (8, 9)
    before, after = found.data["checksum of the table"]
    assert before != after
    text = review.markdown(found)
    assert "the students were 60 and are 59" in text
    assert before in text
    assert after in text


def test_parameters_and_metrics_before_and_after(results: Results) -> None:
    results.write(better=0.1, noise=1, model__layers=1)
    found = change()
    assert found.parameters == {"model.layers": (3, 1)}
    first = found.metrics[0]
    assert first.title == "mean squared error, out of fold"
    assert first.difference == pytest.approx(first.after - first.before)
    text = review.markdown(found, "https://hub/blob/abc/")
    assert "| model.layers | 3 | 1 |" in text
    assert f"| {first.before:.4f} | {first.after:.4f} | {first.difference:+.4f} |" in text
    assert "](https://hub/blob/abc/metrics/plots/forecasters.png)" in text


def test_a_group_that_got_worse_is_named_and_no_other(results: Results) -> None:
    results.write(for_b=0.3)
    worse = change().worse
    assert [(each.whom, each.what) for each in worse] == [("Group B", "mean squared error")]
    assert worse[0].change.low > 0
    results.write(for_b=-0.3)
    assert change().worse == []


def test_only_what_is_in_git_is_read(results: Results) -> None:
    results.commit("branch", better=0.1, noise=1, model__layers=1)
    committed = review.markdown(change("main", "branch"))
    results.write(better=-1, noise=2, grades=True)
    for path in results.folder.glob("metrics/*.json"):
        path.write_text("not JSON")
    assert review.markdown(change("main", "branch")) == committed
    assert "layers" in committed


def test_no_students_key_is_told(results: Results) -> None:
    results.write(noise=1)
    lines = Path("metrics/plots/student_errors.csv").read_text().splitlines()
    assert not {line.split(",")[0] for line in lines} & set(
        re.findall(r"\w+", review.markdown(change()))
    )


def test_metrics_that_do_not_belong_to_their_parameters_are_told(results: Results) -> None:
    assert change().stale == {}
    path = results.folder / "params.yaml"
    path.write_text(path.read_text().replace("layers: 3", "layers: 4"))
    assert list(change().stale.values()) == [["model.layers"]]
    assert "made with another model.layers; `dvc repro`" in review.markdown(change())


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
    for name in ("plots/fold_errors.csv", "plots/test_errors.csv"):
        (results.folder / "metrics" / name).unlink()
    found = change()
    assert found.obstacles == ["the workspace has no metrics/plots/fold_errors.csv"]
    assert not found.same_test_rows
    assert "Not comparable" in review.markdown(found)
    (results.folder / "metrics/test.json").unlink()
    with pytest.raises(InputError, match=r"the workspace: has no metrics/test\.json"):
        review.markdown(change())


@pytest.mark.parametrize(
    ("name", "content", "fragment"),
    [
        ("metrics/test.json", "[1, 2]", "not a file of metrics"),
        ("metrics/test.json", "{", "not a file of metrics"),
        ("metrics/plots/fold_errors.csv", "", "not a table"),
        ("params.yaml", "a: [", "not YAML"),
    ],
)
def test_a_broken_file_is_named(results: Results, name: str, content: str, fragment: str) -> None:
    (results.folder / name).write_text(content)
    with pytest.raises(InputError, match=re.escape(f"the workspace: {name}")) as told:
        review.markdown(change())
    assert fragment in str(told.value)


def test_undefined_errors_are_not_compared(results: Results) -> None:
    path = Path("metrics/plots/fold_errors.csv")
    lines = path.read_text().splitlines()
    cells = lines[3].split(",")
    lines[3] = ",".join([*cells[:2], "", cells[3]])
    path.write_text("\n".join(lines))
    assert change().obstacles == [
        "the network's error is undefined in 1 of 10 folds of the workspace"
    ]


def test_texts_cannot_write_markdown(results: Results) -> None:
    hostile = "a|b <img src=x> **c** [d](javascript:e) `f` _g_"
    results.write(data__static=[hostile], model__layers=1)
    [row] = [line for line in review.markdown(change()).splitlines() if "data.static" in line]
    assert len(re.findall(r"(?<!\\)\|", row)) == 4
    assert not re.search(r"(?<!\\)[<`*]|(?<!\\)\]\(", row)


def test_exit_status(
    results: Results, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    results.commit("good", better=0.1, noise=1)

    def run(*arguments: str) -> str:
        return told(*arguments, monkeypatch=monkeypatch, capsys=capsys)

    assert "**Better**" in run("main", "good", "--fail-if-worse")
    assert "**Worse**" in run("good", "main")
    with pytest.raises(SystemExit) as ended:
        run("good", "main", "--fail-if-worse")
    assert ended.value.code == 1
