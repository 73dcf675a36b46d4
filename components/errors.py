"""Errors that a user can act on, shown as one message without a stack trace."""


class UserError(Exception):
    """Says what came, where, what is allowed and what to do."""


class DataError(UserError):
    """The data cannot be used as the experiment says; names file and row where there is one."""
