"""The errors that a command shows its user without a traceback."""


class InputError(ValueError):
    """A mistake in what the user gave, explained in one line.

    The message names the flag, the file or the value that is wrong and says what
    was expected. Commands print it and exit with status 1.
    """


class UnreadableImage(InputError):
    """A file that cannot be read as an image, which the message names."""
