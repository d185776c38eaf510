"""The two ports that a server takes, tried before anything slow is begun."""

import socket

from keras_twins.errors import InputError


class Addresses:
    """Where a server listens.

    Args:
        host: str. A name or address of this machine.
        rest_port: int. For REST; 0 takes any that is free.
        grpc_port: int. For gRPC, likewise.

    Raises:
        InputError: if there is no such host, or a port is taken.
    """

    def __init__(self, host, rest_port, grpc_port):
        self._host = host
        self._grpc_port = grpc_port
        self.rest = bind("--rest_port", host, rest_port)
        # gRPC opens its own socket and cannot say why that failed.
        bind("--grpc_port", host, grpc_port).close()

    def open_grpc(self, server):
        """Opens the port of a `grpc.aio.Server`; returns its number."""
        address = _joined(self._host, self._grpc_port)
        try:
            return server.add_insecure_port(address)
        except RuntimeError as error:
            raise InputError(f"--grpc_port: {address} cannot be opened") from error

    def rest_url(self):
        return f"http://{_joined(self._host, self.rest.getsockname()[1])}"

    def grpc_url(self, port):
        return f"grpc://{_joined(self._host, port)}"


def bind(flag, host, port):
    """A socket that is bound to a port; 0 takes any that is free.

    Raises:
        InputError: naming the flag, if there is no such host, or the port is taken.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        family, _, _, _, address = found[0]
        bound = socket.socket(family)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
        except BaseException:
            bound.close()
            raise
        return bound
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{flag}={port}: {_joined(host, port)}: {reason}") from error


def _joined(host, port):
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
