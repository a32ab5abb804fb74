"""nextsem: forecasts each student's next-semester grade from the semesters before."""

import nextsem.shared.kernels  # noqa: F401 (before any numeric library is loaded)
