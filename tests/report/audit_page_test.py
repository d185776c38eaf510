"""The page of an audit, opened in a browser as its reader does."""

import numpy as np
import pytest
from browsing import mouse, open_page, requests, screenshot, text_copied
from planted import picture, save

from keras_twins.collection.audit import audit
from keras_twins.report import audit_page


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page with a leak, duplicates, an outlier and a file that is not there."""
    folder = tmp_path_factory.mktemp("audited")
    paths = []
    for split, names in (("train", range(12)), ("test", (3, 4))):
        (folder / split).mkdir()
        found = {f"{split} {n} & 'it'.png": picture(n) for n in names}
        paths += save(folder / split, found)
    paths.append(str(folder / "test" / "gone.png"))
    rows = np.random.default_rng(0).normal(size=(len(paths), 8)).astype(np.float32)
    path = folder / "audit.html"
    path.write_text(audit_page.render(audit(rows, paths), "pictures"), "utf-8")
    return path


@pytest.mark.parametrize("width", [1200, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_without_error_and_without_a_request(browser, page, width, scheme):
    open_page(browser, page.as_uri(), width, scheme)
    assert browser.get_log("browser") == []
    assert requests(browser) == [page.as_uri()]
    width_needed = "return document.documentElement.scrollWidth"
    assert browser.execute_script(width_needed) == width
    screenshot(browser, f"audit-{scheme}-{width}.png")


def test_a_picture_shows_its_path_and_copies_it(browser, page):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    open_page(browser, page.as_uri())
    tiles = browser.find_elements(By.CSS_SELECTOR, "#leaks .tile")
    paths = [tile.get_attribute("title") for tile in tiles]
    assert paths[0] == str(page.parent / "test" / "test 3 & 'it'.png")
    mouse(browser, tiles[0], "mousePressed", "mouseReleased")
    assert text_copied(browser) == f"Copied: {paths[0]}"
    tiles[1].send_keys(Keys.ENTER)
    assert text_copied(browser) == f"Copied: {paths[1]}"
    gone = browser.find_element(By.CSS_SELECTOR, "#missing li")
    mouse(browser, gone, "mousePressed", "mouseReleased")
    assert text_copied(browser).endswith("gone.png")
    assert browser.get_log("browser") == []
    assert requests(browser) == [page.as_uri()]
