"""Progress: silent where it is quick, never torn, and lines where nobody watches."""

import io
import logging
import sys
import time

import pytest

from keras_twins import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(progress, "_PATIENCE", 0.05)


def test_a_stage_speaks_when_it_takes_long(quick, capsys):
    with progress.stage("quick"):
        pass
    with progress.stage("slow"):
        time.sleep(0.3)
    assert capsys.readouterr().err == "slow\n"


def test_lines_where_nobody_watches(quick, capsys, monkeypatch):
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 0.2)
    with progress.bar("embed", 1000, "images", done=100) as bar:
        bar.update(5)
        assert capsys.readouterr().err == ""
        time.sleep(0.1)
        bar.update(395)
        assert capsys.readouterr().err.startswith("embed: 500 of 1,000 images, ")
        bar.update(1)
        assert capsys.readouterr().err == ""
        time.sleep(0.25)
        bar.update(1)
        assert "embed: 502 of 1,000 images, " in capsys.readouterr().err
        bar.update(498)
    assert capsys.readouterr().err.startswith("embed: 1,000 of 1,000 images, ")


def test_what_is_quick_says_nothing(capsys):
    with progress.bar("embed", 10, "images") as bar:
        bar.update(10)
    with progress.bar("embed", 10, "images", shown=False) as bar:
        bar.update(10)
    assert capsys.readouterr().err == ""


def test_a_log_line_does_not_tear_a_bar(monkeypatch):
    monkeypatch.setattr(progress, "_PATIENCE", 0)
    monkeypatch.setattr(sys, "stderr", Terminal())
    logger = logging.getLogger()
    handler = logging.StreamHandler(sys.stderr)
    logger.addHandler(handler)
    try:
        with progress.bar("embed", 3, "images") as bar:
            bar.update(1)
            logger.warning("a line")
            bar.update(2)
    finally:
        logger.removeHandler(handler)
    shown = sys.stderr.getvalue()
    # The bar is wiped, the line stands alone, and the bar is drawn again below it.
    assert "100%" in shown and "3/3" in shown
    lines = [line.rpartition("\r")[2] for line in shown.split("\n")]
    assert "a line" in lines
