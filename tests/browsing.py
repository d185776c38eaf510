"""A browser that opens pages as their readers do, for the tests of pages."""

import base64
import contextlib
import json
import pathlib
import shutil
import time

import pytest

DRAWN = "document.body.dataset.drawn"
"""What is true of a page that has drawn its charts."""

# Git ignores `runs/`: what a person may want to look at stays there after the tests.
SCREENSHOTS = pathlib.Path(__file__).parents[1] / "runs" / "screenshots"

_CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
    None,
)
_DRIVER = shutil.which("chromedriver")


@contextlib.contextmanager
def browser(*arguments):
    """A scope with a driver of a browser; the test is skipped where there is none."""
    webdriver = pytest.importorskip("selenium.webdriver")
    if not (_CHROMIUM and _DRIVER):
        pytest.skip(
            "no browser: the test needs chromium and chromedriver on the PATH (Debian: "
            "apt-get install chromium chromium-driver)"
        )
    options = webdriver.ChromeOptions()
    options.binary_location = _CHROMIUM
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
        *arguments,
    ):
        options.add_argument(argument)
    options.set_capability(
        "goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"}
    )
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(_DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


def open_page(browser, address, width=1200, scheme="light"):
    """Opens a page, and forgets what was logged before."""
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500},
    )
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    browser.get(address)


def wait_for(browser, expression, seconds=60):
    """Waits until an expression of the page is true."""
    end = time.monotonic() + seconds
    while not browser.execute_script(f"return {expression}"):
        assert time.monotonic() < end, f"never: {expression}"
        time.sleep(0.05)


def requests(browser):
    """The addresses that the page has asked for, beside those of its own data."""
    messages = [
        json.loads(entry["message"])["message"]
        for entry in browser.get_log("performance")
    ]
    return [
        m["params"]["request"]["url"]
        for m in messages
        if m["method"] == "Network.requestWillBeSent"
        and not m["params"]["request"]["url"].startswith(("data:", "blob:"))
    ]


def screenshot(browser, name):
    """Keeps a picture of the whole page."""
    width, height = browser.execute_script(
        "return [innerWidth, document.documentElement.scrollHeight]"
    )
    clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
    taken = browser.execute_cdp_cmd(
        "Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip}
    )
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    (SCREENSHOTS / name).write_bytes(base64.b64decode(taken["data"]))


def mouse(browser, element, *kinds):
    """Moves the mouse to the middle of an element, and presses a key of it.

    Selenium's own mouse would scroll the page again, which hides what hovers.

    Args:
        kinds: str, such as "mouseMoved", "mousePressed", "mouseReleased".
    """
    script = """arguments[0].scrollIntoView({block: "center"});
    const b = arguments[0].getBoundingClientRect();
    return [b.x + b.width / 2, b.y + b.height / 2]"""
    browser.execute_script(script, element)
    time.sleep(0.3)  # What the scrolling hides is hidden by then.
    x, y = browser.execute_script(script, element)
    for kind in kinds:
        button = {} if kind == "mouseMoved" else {"button": "left", "clickCount": 1}
        browser.execute_cdp_cmd(
            "Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, **button}
        )


def text_copied(browser):
    """What the page says that it has copied."""
    wait_for(browser, "!document.getElementById('copied').hidden")
    return browser.execute_script(
        "return document.getElementById('copied').textContent"
    )
