"""The error that a person can mend."""


class InputError(ValueError):
    """A table, a parameter or a file that is not as it must be.

    Its text is one or two lines that name the file, row, column or key, what was found and what is
    allowed. Programs print just that.
    """
