"""What a request that cannot be answered is answered with, over REST and gRPC."""

# The canonical names that gRPC and TensorFlow share, as TF Serving maps them to HTTP.
HTTP_STATUS = {
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DATA_LOSS": 500,
    "UNAUTHENTICATED": 401,
}

# In TensorFlow's order: `OpError.error_code` counts from 1.
_NAMES = (
    "CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS "
    "PERMISSION_DENIED RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE "
    "UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED"
).split()

# gRPC sends the message as a header, of which clients take 8 KiB.
_LONGEST_MESSAGE = 2000


class ServingError(Exception):
    """A request that cannot be answered.

    Args:
        code: str. A canonical status name, such as "NOT_FOUND".
        message: str for the client.
        http_status: int, where HTTP has a better one than `HTTP_STATUS`.
    """

    def __init__(self, code, message, http_status=None):
        message = str(message)[:_LONGEST_MESSAGE]
        super().__init__(message)
        self.code = code
        self.message = message
        self.http_status = http_status or HTTP_STATUS[code]


def invalid(message):
    """The error of a request that is wrong whatever the server's state."""
    return ServingError("INVALID_ARGUMENT", message)


def from_tensorflow(error):
    """The `ServingError` for what TensorFlow raised while it ran a graph.

    Args:
        error: `tf.errors.OpError`.
    """
    message = error.message.removeprefix("Graph execution error:").strip()
    # Below the first line stand names of graph nodes.
    message = message.split("\n", 1)[0]
    return ServingError(_NAMES[error.error_code - 1], message)
