"""Nobody's grades in Git: what is ignored, and what the hook stops."""

from pathlib import Path

import pytest

from tests.conftest import ROOT, Checkout, run

HOOK = str(ROOT / ".ci/check_private.py")
ROWS = "Name;Grade\nA. Miller;7,5\nB. Smith;8,25\nC. Jones;6\n"


def told(folder: Path, *names: str) -> str:
    """What the hook says of files; nothing, if they may be committed."""
    done = run(folder, "python", HOOK, *names, check=False)
    assert done.returncode == bool(done.stderr)
    return done.stderr


def test_all_that_is_in_git_may_be() -> None:
    names = run(ROOT, "git", "ls-files", "--cached", "--others", "--exclude-standard").stdout
    assert told(ROOT, *[name for name in names.splitlines() if (ROOT / name).is_file()]) == ""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("data/raw/mine.XLSX", ROWS),
        ("data/notes.md", "nothing"),
        ("grades.csv", ROWS),
        ("docs/notes.txt", f"These are the grades:\n\n{ROWS}"),
        ("tests/test_mine.py", f'TABLE = """\n{ROWS}"""\n'),
        ("docs/rows.md", "17001\t7.5\t8.1\n17002\t6.5\t7.1\n17003\t7\t7\n"),
        ("notebook.ipynb", '"17001,7.5,8.1\\n",\n"17002,6.5,7.1\\n",\n"17003,7,7\\n",\n'),
        ("metrics/plots/errors.csv", "student,network\nA,0.5\n"),
        ("table", "PK\x03\x04"),
    ],
)
def test_the_hook_stops_what_may_be_grades(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(content)
    said = told(tmp_path, name)
    assert said.startswith(f"{name}: ")
    assert not any(each in said for each in ("Miller", "7,5", "17001"))


def test_git_takes_nothing_of_what_a_person_puts_in_the_folders(checkout: Checkout) -> None:
    names = ["forecast.xlsx", "forecast.csv", "report.html", "mine.ods", "a/b.parquet", "Old.XLS"]
    names += ["data/raw/mine.XLSX", "data/raw/2024/mine.xls", "data/2024/notes.txt", "data/a.db"]
    names += ["data/prepared/groups.csv", "data/raw/x.csv.gz", "models/mine.safetensors"]
    for name in names:
        (checkout.path / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout.path / name).write_text(ROWS)
    assert checkout.run("git", "status", "--short", "--untracked-files=all") == ""
    checkout.run("dvc", "add", "data/raw/2024/mine.xls")
    checkout.run("git", "add", "--all")
    staged = checkout.run("git", "diff", "--cached", "--name-only").split()
    assert staged == ["data/raw/2024/mine.xls.dvc"]
    assert told(checkout.path, *staged) == ""


def test_git_takes_no_student_of_a_run(quick: Checkout) -> None:
    names = quick.run("git", "ls-files").split("\n")
    assert not [name for name in names if name.startswith(("data/prepared", "data/pred", "models"))]
    rows = quick.read("data/prepared/complete.csv").splitlines()[1:]
    students = {row.split(",")[0].strip('"') for row in rows}
    for name in names:
        if name.startswith("metrics/") and not name.endswith(".png"):
            assert not [student for student in students if student in quick.read(name)]
