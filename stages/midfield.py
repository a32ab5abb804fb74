"""Fetch MIDFIELD's transcripts, or copy those in the folder that NEXTSEM_MIDFIELD names: one table.

97,555 students of three institutions in the United States, 1988 to 2018: the R package
MIDFIELDR/midfielddata, version 0.2.4 (CC0), "for practice, not research".
"""

import io
import os
import warnings
from pathlib import Path

import pandas as pd
import rdata

from nextsem.shared.files import whole_files, write_csv
from nextsem.shared.program import run
from nextsem.shared.public import public_file

TABLE = "data/raw/midfield.csv"
ADDRESS = "https://raw.githubusercontent.com/MIDFIELDR/midfielddata/v0.2.4/data"
MD5 = {
    "term": "543691cd342d5890d34998eda7e05821",
    "student": "0fd8e1ac425964e79af4ba6e48cd0495",
}
SEASONS = {"1": "autumn", "3": "spring", "4": "summer", "5": "summer", "6": "summer"}


def main() -> None:
    folder = os.environ.get("NEXTSEM_MIDFIELD")
    rows = transcripts(_table("term", folder), _table("student", folder))
    with whole_files() as place:
        write_csv(rows, place(TABLE))
    print(f"{TABLE}: {len(rows)} terms of {rows['student'].nunique()} students")


def transcripts(term: pd.DataFrame, student: pd.DataFrame) -> pd.DataFrame:
    """A row for each student and term, in that order.

    A term such as 19881 is a year and a season. Of a programme, the first two digits of its code
    (CIP) are kept. Race and sex are there for comparing groups only.
    """
    rows = term.merge(student[["mcid", "race", "sex"]], on="mcid", validate="many_to_one")
    return pd.DataFrame(
        {
            "student": rows["mcid"],
            "term": rows["term"],
            "gpa_term": rows["gpa_term"],
            "hours_term": rows["hours_term"],
            "season": rows["term"].str[-1].map(SEASONS),
            "institution": rows["institution"],
            "programme": rows["cip6"].str[:2],
            "level": rows["level"],
            "race": rows["race"],
            "sex": rows["sex"],
        }
    ).sort_values(["student", "term"], ignore_index=True)


def _table(name: str, folder: str | None) -> pd.DataFrame:
    file = f"{name}.rda"
    copy = str(Path(folder, file)) if folder else None
    content = public_file(f"{ADDRESS}/{file}", MD5[name], "NEXTSEM_MIDFIELD", copy)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it is a data.table, read as a data.frame
        table: pd.DataFrame = rdata.read_rda(io.BytesIO(content))[name]
    return table


if __name__ == "__main__":
    run(main)
