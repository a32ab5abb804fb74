"""nextsem: forecasts each student's next-semester grade from the semesters before."""


class InputError(ValueError):
    """What a person can mend: a table, a parameter or a file that is not as it must be.

    Its text is one or two lines that name the file, row, column or key, what was found and what is
    allowed. The stages print just that.
    """
