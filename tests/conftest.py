"""What all tests share: quiet logs, one seed, reference values."""

import os
import pathlib
import socket

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import hypothesis
import numpy as np
import pytest

# On a busy machine a case takes as long as it takes.
for _name, _cases in (("short", 80), ("long", 1500)):
    hypothesis.settings.register_profile(_name, deadline=None, max_examples=_cases)
hypothesis.settings.load_profile("short")

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
