"""Pages of recordings: a click on a picture plays the file where it lies."""

import browsing
import numpy as np
import pytest
import recordings
from browsing import mouse, open_page, requests, screenshot, text_copied, wait_for

from keras_twins import pictures, spectrograms
from keras_twins.collection.audit import audit
from keras_twins.report import audit_page, heard, looks, page
from keras_twins.runs import records
from keras_twins.runs.run import Run

PLAYING = "document.getElementById('player').currentTime > 0.05"


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    """Paths of recordings with odd names, of which two have equal embeddings."""
    folder = tmp_path_factory.mktemp("heard")
    names = [f"a {n} & 'call' 50%?#.wav" for n in range(12)]
    for number, name in enumerate(names):
        recordings.write(folder / "calls" / name, recordings.tone(number))
    (folder / "pages").mkdir()
    return [str(folder / "calls" / name) for name in names], folder / "pages"


def test_an_address_leads_from_the_page_to_the_file(sounds, tmp_path):
    paths, folder = sounds
    expected = "../calls/a%200%20%26%20%27call%27%2050%25%3F%23.wav"
    assert heard.address(paths[0], folder) == expected
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    assert heard.address(tmp_path / "a.png", folder) == ""
    assert heard.address("gone.wav", folder) == ""


def test_the_page_of_an_audit_plays(browser, sounds):
    paths, folder = sounds
    rows = np.random.default_rng(0).normal(size=(12, 8)).astype(np.float32)
    rows[3] = rows[7]
    html = audit_page.render(audit(rows, paths), "calls", folder)
    (folder / "audit.html").write_text(html, "utf-8")
    open_page(browser, (folder / "audit.html").as_uri())
    assert requests(browser) == [(folder / "audit.html").as_uri()]
    tile, _ = browser.find_elements("css selector", "#duplicates .tile")
    assert tile.get_attribute("title") in (paths[3], paths[7])
    mouse(browser, tile, "mousePressed", "mouseReleased")
    wait_for(browser, PLAYING)
    assert text_copied(browser) == f"Copied: {tile.get_attribute('title')}"
    screenshot(browser, "audit-sounds.png")
    assert browser.get_log("browser") == []


def test_the_page_of_a_run_plays(browser, sounds, small_run):
    paths, folder = sounds
    log_mels = np.random.default_rng(0).normal(-5, 4, (12, 64, 96, 1))
    drawn = np.stack([spectrograms.thumbnail(one, 48) for one in log_mels])
    shown = looks.Looks(
        split="test",
        count=12,
        sprite=pictures.data_uri(pictures.sprite(drawn)),
        columns=pictures.columns(12),
        points=np.random.default_rng(1).normal(size=(12, 2)),
        method="PCA",
        classes=[""] * 12,
        neighbours=[(0, [(1, 0.5), (2, 0.25)])],
        groups=["calls"] * 12,
        paths=paths,
    )
    record = records.read(Run.read(small_run(1)[0]))
    html = page.render([page.Run(record, looks=shown, views="none")], folder)
    (folder / "report.html").write_text(html, "utf-8")
    open_page(browser, (folder / "report.html").as_uri())
    wait_for(browser, browsing.DRAWN)
    near = browser.find_elements("css selector", ".neighbours .thumb")[1]
    mouse(browser, near, "mousePressed", "mouseReleased")
    wait_for(browser, PLAYING)
    source = "return document.getElementById('player').getAttribute('src')"
    assert browser.execute_script(source) == heard.address(paths[1], folder)
    point = browser.find_elements("css selector", ".map .point")[0]
    mouse(browser, point, "mousePressed", "mouseReleased")
    wait_for(
        browser,
        "document.getElementById('player').getAttribute('src') !== "
        f"{heard.address(paths[1], folder)!r}",
    )
    wait_for(browser, PLAYING)
    assert browser.get_log("browser") == []
