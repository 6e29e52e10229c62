"""The one exception for mistakes that a user can mend."""


class UserError(Exception):
    """What was expected, what was received, and what to do: one line. Commands exit with 1."""
