"""What a command says while it works: a bar on a terminal, lines of text elsewhere."""

import contextlib
import logging
import sys
import threading
import time
from collections.abc import Iterator
from typing import Protocol, TextIO

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

# What takes no longer than this many seconds says nothing.
_PATIENCE = 2.0
_SECONDS_BETWEEN_LINES = 15.0


class Bar(Protocol):
    """Counts what has been done."""

    def update(self, n: int = 1) -> object: ...


def say(text: str, file: TextIO | None = None) -> None:
    """Prints a line on stderr, where it is no part of what a command answers."""
    print(text, file=file or sys.stderr, flush=True)


@contextlib.contextmanager
def stage(
    text: str, *, shown: bool = True, file: TextIO | None = None
) -> Iterator[None]:
    """Says what is done in the scope, if it takes more than two seconds.

    Args:
        text: str, a line without its end.
        shown: bool, False for saying nothing at all.
        file: where to say it. Defaults to stderr.
    """
    if not shown:
        yield
        return
    timer = threading.Timer(_PATIENCE, say, [text, file])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextlib.contextmanager
def bar(
    text: str, total: int | None, unit: str, *, done: int = 0, shown: bool = True
) -> Iterator[Bar]:
    """Counts what is done in the scope, if it takes more than two seconds.

    On a terminal, log lines appear above the bar. Elsewhere a line of text appears
    every 15 seconds.

    Args:
        text: str, what is being done.
        total: int, how much there is to do, or None where nobody knows.
        unit: str, what is counted, in the plural.
        done: int, how much was done before.
        shown: bool, False for no progress at all.

    Yields:
        `Bar`.
    """
    if shown and not sys.stderr.isatty():
        lines = _Lines(text, total, unit, done)
        yield lines
        lines.close()
        return
    counted = tqdm(
        desc=text,
        total=total,
        unit=f" {unit}",
        initial=done,
        delay=_PATIENCE,
        disable=not shown,
    )
    loggers = [logging.getLogger(name) for name in (None, "tensorflow")]
    with counted, logging_redirect_tqdm(loggers):
        yield counted


class _Lines:
    """A bar where nobody watches."""

    def __init__(self, text, total, unit, done):
        self._text, self._total, self._unit = text, total, unit
        self._done = self._before = done
        self._began = time.monotonic()
        self._said = None

    def update(self, n=1):
        self._done += n
        now = time.monotonic()
        last, pause = self._began, _PATIENCE
        if self._said is not None:
            last, pause = self._said, _SECONDS_BETWEEN_LINES
        if now - last >= pause:
            self._said = now
            self._say(now - self._began)

    def close(self):
        """Says the end, where anything was said."""
        if self._said is not None:
            self._say(time.monotonic() - self._began)

    def _say(self, seconds):
        of = "" if self._total is None else f" of {self._total:,}"
        rate = (self._done - self._before) / seconds
        left = ""
        if self._total is not None and rate and self._done < self._total:
            left = f", {tqdm.format_interval((self._total - self._done) / rate)} left"
        say(f"{self._text}: {self._done:,}{of} {self._unit}, {rate:.3g}/s{left}")
