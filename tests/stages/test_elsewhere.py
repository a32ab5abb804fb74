"""Tables from elsewhere, copied from where an environment variable says; wrong bytes are refused."""

from pathlib import Path

import pandas as pd
import pytest

from nextsem.shared.errors import InputError
from stages import midfield as midfield_stage
from stages import published as published_stage


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_published_table_is_copied(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXTSEM_PUBLISHED", str(published.resolve()))
    published_stage.main()
    assert Path(published_stage.TABLE).read_bytes() == published.read_bytes()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"1st\n8\n", "copy.csv: is not the published file: its md5 is .*; allowed: 5d5a8b3d"),
        (None, "NEXTSEM_PUBLISHED leads to .*copy.csv: No such file"),
    ],
)
def test_a_wrong_copy_is_refused(
    monkeypatch: pytest.MonkeyPatch, content: bytes | None, said: str
) -> None:
    copy, old = Path("copy.csv").absolute(), Path(published_stage.TABLE)
    old.parent.mkdir(parents=True)
    old.write_bytes(b"what stood here before")
    if content is not None:
        copy.write_bytes(content)
    monkeypatch.setenv("NEXTSEM_PUBLISHED", str(copy))
    with pytest.raises(InputError, match=said):
        published_stage.main()
    assert old.read_bytes() == b"what stood here before"


def test_a_transcript_of_midfield() -> None:
    """The first twelve graded terms of a student, up to a term; a term without a grade is no row."""
    years = [str(1981 + year) + season for year in range(9) for season in "13"]
    term = pd.DataFrame({"mcid": ["B", *["A"] * len(years)], "term": ["19884", *years[::-1]]})
    term["cip6"] = ["140901", *["240102"] * len(years)]
    term["gpa_term"] = [2.5, *[1.9] * (len(years) - 2), float("nan"), 1.9]
    term = term.assign(institution="Institution J", level="01 First-year", hours_term=3.0)
    student = pd.DataFrame({"mcid": ["A", "B"], "race": ["Asian"] * 2, "sex": ["Female", "Male"]})
    rows = midfield_stage.transcripts(term, student, "19884")
    assert rows["student"].tolist() == ["A"] * 12 + ["B"]
    assert rows["term"].tolist() == ["19811", *years[2:13], "19884"]
    assert rows["season"].tolist()[:3] == ["autumn", "autumn", "spring"]
    assert rows["season"].tolist()[-1] == "summer"
    assert rows["programme"].tolist() == ["24"] * 12 + ["14"]
    assert rows["sex"].tolist() == ["Female"] * 12 + ["Male"]
    assert len(midfield_stage.transcripts(term, student, "19813")) == 1
