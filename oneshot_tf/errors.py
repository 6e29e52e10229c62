"""The exceptions for mistakes that a user can mend."""


class UserError(Exception):
    """What was expected, what was received, and what to do: one line. Commands exit with 1.

    Args:
      message: the line; what was received may have line breaks in it, which become spaces.
    """

    def __init__(self, message):
        super().__init__(" ".join(str(message).splitlines()))


class Diverged(UserError):
    """Training came to numbers that are not finite: these settings fail, others need not."""
