"""What all tests share: quiet logs, one seed, reference values."""

import os
import pathlib
import socket

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest

GOLDEN = pathlib.Path(__file__).parent / "losses" / "golden"


@pytest.fixture(params=sorted(GOLDEN.glob("*.npz")), ids=lambda path: path.stem)
def golden(request):
    """Inputs, losses and gradients of the two reference codes, in double precision."""
    with np.load(request.param) as file:
        return dict(file)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def free_addresses():
    """Makes as many loopback addresses as asked for, on which nothing listens."""

    def make(count):
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
        addresses = [f"127.0.0.1:{s.getsockname()[1]}" for s in sockets]
        for s in sockets:
            s.close()
        return addresses

    return make
