"""Fetch the published table, or copy the file NEXTSEM_PUBLISHED, and verify its checksum.

"Semester Result of Technical Students" (Kaggle, sankha1998/student-semester-result), as kept in a
public repository. It has no licence that allows redistribution, so everyone fetches it.
"""

import os

from nextsem.shared.files import whole_files
from nextsem.shared.program import run
from nextsem.shared.public import public_file

TABLE = "data/raw/published.csv"
ADDRESS = (
    "https://raw.githubusercontent.com/AlvinOctaH/Deeplearning-RNN-PyTorch/"
    "67b9a02911dbfaa234fcea52322c0f579069fe6a/dataset/data.csv"
)
MD5 = "5d5a8b3d83db6b4c8509f2d2d1177913"


def main() -> None:
    copy = os.environ.get("NEXTSEM_PUBLISHED")
    content = public_file(ADDRESS, MD5, "NEXTSEM_PUBLISHED", copy)
    with whole_files() as place:
        place(TABLE).write_bytes(content)
    print(f"{TABLE}: {'copied from ' + copy if copy else 'fetched from ' + ADDRESS}")


if __name__ == "__main__":
    run(main)
