"""Fetch the published table, or copy the one that NEXTSEM_PUBLISHED names, and check its bytes.

"Semester Result of Technical Students" (Kaggle, sankha1998/student-semester-result), as kept in a
public repository. It comes with no licence that lets us pass it on, so everyone fetches it.
"""

import hashlib
import os
import urllib.error
import urllib.request
from pathlib import Path

from nextsem import InputError
from nextsem.files import whole_files

TABLE = "data/raw/published.csv"
ADDRESS = (
    "https://raw.githubusercontent.com/AlvinOctaH/Deeplearning-RNN-PyTorch/"
    "67b9a02911dbfaa234fcea52322c0f579069fe6a/dataset/data.csv"
)
MD5 = "5d5a8b3d83db6b4c8509f2d2d1177913"
TIMEOUT = 30  # seconds


def main() -> None:
    copy = os.environ.get("NEXTSEM_PUBLISHED")
    content = _read(copy) if copy else _fetch()
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != MD5:
        raise InputError(
            f"{copy or ADDRESS}: is not the published table: its md5 is {found}; allowed: {MD5}"
        )
    with whole_files() as place:
        place(TABLE).write_bytes(content)
    print(f"{TABLE}: {'copied from ' + copy if copy else 'fetched from ' + ADDRESS}")


def _read(copy: str) -> bytes:
    try:
        return Path(copy).read_bytes()
    except OSError as error:
        raise InputError(f"NEXTSEM_PUBLISHED names {copy}: {error.strerror}") from None


def _fetch() -> bytes:
    try:
        with urllib.request.urlopen(ADDRESS, timeout=TIMEOUT) as answer:
            content: bytes = answer.read()
            return content
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise InputError(
            f"{ADDRESS}: cannot be fetched ({reason})\n"
            "If you have a copy, name it in the environment variable NEXTSEM_PUBLISHED"
        ) from None


if __name__ == "__main__":
    main()
