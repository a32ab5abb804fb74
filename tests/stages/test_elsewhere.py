"""Tables from elsewhere, copied from where an environment variable says; wrong bytes are refused."""

from pathlib import Path

import pandas as pd
import pytest

from nextsem.shared.errors import InputError
from stages import midfield as midfield_stage
from stages import published as published_stage


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_published_table_is_copied(
    published: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXTSEM_PUBLISHED", str(published.resolve()))
    published_stage.main()
    assert (folder / published_stage.TABLE).read_bytes() == published.read_bytes()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            b"1st,2nd\n8,9\n",
            "copy.csv: is not the published file: its md5 is .*; allowed: 5d5a8b3d",
        ),
        (None, "NEXTSEM_PUBLISHED leads to .*copy.csv: No such file"),
    ],
    ids=["wrong bytes", "no such file"],
)
def test_a_wrong_copy_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, said: str
) -> None:
    copy, old = folder / "copy.csv", folder / published_stage.TABLE
    old.parent.mkdir(parents=True)
    old.write_bytes(b"what stood here before")
    if content is not None:
        copy.write_bytes(content)
    monkeypatch.setenv("NEXTSEM_PUBLISHED", str(copy))
    with pytest.raises(InputError, match=said):
        published_stage.main()
    assert old.read_bytes() == b"what stood here before"


def test_a_transcript_of_midfield() -> None:
    term = pd.DataFrame(
        {
            "mcid": ["B", "A", "A"],
            "term": ["19884", "19883", "19881"],
            "cip6": ["140901", "240102", "240102"],
            "institution": ["Institution J"] * 3,
            "level": ["01 First-year"] * 3,
            "hours_term": [3.0, 12.0, 6.0],
            "gpa_term": [2.5, float("nan"), 1.9],
        }
    )
    student = pd.DataFrame({"mcid": ["A", "B"], "race": ["Asian"] * 2, "sex": ["Female", "Male"]})
    rows = midfield_stage.transcripts(term, student)
    assert rows["student"].tolist() == ["A", "A", "B"]
    assert rows["season"].tolist() == ["autumn", "spring", "summer"]
    assert rows["programme"].tolist() == ["24", "24", "14"]
    assert rows["sex"].tolist() == ["Female", "Female", "Male"]


@pytest.mark.slow
def test_midfield_is_copied_and_made_one_table(
    midfield: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXTSEM_MIDFIELD", str(midfield.resolve()))
    midfield_stage.main()
    rows = pd.read_csv(folder / midfield_stage.TABLE, dtype={"term": str})
    assert len(rows) == 639_915
    assert rows["student"].nunique() == 97_555
    assert rows["gpa_term"].isna().sum() == 3_374
    assert not rows.duplicated(["student", "term"]).any()
