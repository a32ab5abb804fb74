"""Public files, downloaded or copied, with their checksums verified."""

import hashlib
import urllib.request
from pathlib import Path

from nextsem.shared.errors import InputError

TIMEOUT = 30  # seconds


def public_file(address: str, md5: str, variable: str, copy: str | None) -> bytes:
    """The bytes of a public file, from its URL, or from a copy on this machine.

    Parameters
    ----------
    md5 : the expected checksum
    variable : name of the environment variable that can hold the path of a copy
    copy : that path, if it is set

    Raises
    ------
    InputError
        The file cannot be fetched or read, or its checksum differs.
    """
    content = _read(copy, variable) if copy else _fetch(address, variable)
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != md5:
        raise InputError(
            f"{copy or address}: is not the published file: its md5 is {found}; allowed: {md5}"
        )
    return content


def _read(copy: str, variable: str) -> bytes:
    try:
        return Path(copy).read_bytes()
    except OSError as error:
        raise InputError(f"{variable} leads to {copy}: {error.strerror}") from None


def _fetch(address: str, variable: str) -> bytes:
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT) as answer:  # noqa: S310 (https)
            content: bytes = answer.read()
            return content
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise InputError(
            f"{address}: cannot be fetched ({reason})\n"
            f"If you have a copy, name it in the environment variable {variable}"
        ) from None
