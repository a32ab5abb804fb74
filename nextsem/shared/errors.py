"""The error that a user can fix."""


class InputError(ValueError):
    """A table, a parameter or a file is invalid.

    Its message is one or two lines that name the file, row, column or key, what was found and what
    is allowed. Programs print only this message, without a traceback.
    """
