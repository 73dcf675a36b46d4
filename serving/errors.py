"""The errors this package raises on purpose. All others are bugs and answered with status 500."""


class ServingError(Exception):
    """Base of all of them; `str(error)` is a message for the user, without a traceback."""


class RepositoryError(ServingError):
    """A model folder is absent, empty or broken; the message names the path and what to do."""


class AddressError(ServingError):
    """The host and port cannot be listened on; the message names the option to change."""


class RequestError(ServingError):
    """A request that cannot be answered, with the HTTP status to answer it with.

    Attributes:
        status: HTTP status, 400 to 599.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class RowError(ServingError):
    """One row of a local prediction is wrong; the message begins with its index.

    Attributes:
        index: 0-based index of the row among all rows given to `predict`.
    """

    def __init__(self, index: int, message: str) -> None:
        super().__init__(f"row {index}: {message}")
        self.index = index


# TensorFlow's (= gRPC's) canonical codes, as TF Serving maps them to HTTP.
_STATUS_OF_CODE = {
    3: 400,  # invalid argument
    4: 504,  # deadline exceeded
    5: 404,  # not found
    8: 429,  # resource exhausted
    9: 400,  # failed precondition
    11: 400,  # out of range
    12: 501,  # unimplemented
    14: 503,  # unavailable
}


def status_of_code(code: int) -> int:
    """HTTP status for a canonical error code (`tf.errors.OpError.error_code`); 500 if unknown."""
    return _STATUS_OF_CODE.get(code, 500)
