"""Being asked to stop: SIGTERM of a scheduler, Ctrl+C of a person."""

import contextlib
import signal

# EX_TEMPFAIL of sysexits.h: nothing is wrong, try again later.
EXIT_STATUS = 75

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopped(Exception):
    """A run that was asked to stop has written its checkpoint.

    Args:
        position: `keras_twins.runs.checkpoints.Position` where it goes on.
    """

    def __init__(self, position):
        super().__init__(
            f"stopped as asked, at {position}: the same command goes on from there"
        )


class Request:
    """Whether a signal has asked this process to stop."""

    def __init__(self):
        self.asked = False


@contextlib.contextmanager
def on_signals():
    """Turns the first SIGTERM or SIGINT into a `Request`; the second ends the process.

    Yields:
        `Request`, which a run looks at after each step.
    """
    request = Request()
    before = {}

    def ask(number, frame):
        request.asked = True
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        print("stopping after this step; once more stops at once", flush=True)

    for each in _SIGNALS:
        before[each] = signal.signal(each, ask)
    try:
        yield request
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
