"""Made-up results, for the tests of this folder."""

from tests.results import results  # noqa: F401 (a fixture)
