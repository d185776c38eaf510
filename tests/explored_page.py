"""What a reader of the page of `explore` does, and what is then to be seen."""

import csv

import browsing
from browsing import wait_for

from keras_twins import collection


def open_explore(browser, port, *looks):
    """Opens the page of a server, and waits for its map; gives its address."""
    address = f"http://127.0.0.1:{port}/"
    browsing.open_page(browser, address, *looks)
    wait_for(browser, browsing.DRAWN)
    return address


def mistakes(browser):
    """What the page has logged; software that draws in place of a card has its own."""
    logged = browser.get_log("browser")
    return [entry for entry in logged if entry["source"] != "rendering"]


def run(page, script, *arguments):
    return page.execute_script(script, *arguments)


def text(page, name):
    return run(page, f"return document.getElementById('{name}').textContent")


def click(page, selector):
    page.find_element("css selector", selector).click()


def listed(page):
    """The rows of the tiles that are shown."""
    script = "return [...document.querySelectorAll('.tile')].map(t => +t.dataset.row)"
    return run(page, script)


def chosen(page):
    script = """return [...document.querySelectorAll('.tile[aria-pressed=true]')].map(
        t => +t.dataset.row)"""
    return run(page, script)


def press(page, *keys):
    """Presses keys wherever the focus is."""
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    for name in keys:
        key = name if len(name) == 1 else getattr(Keys, name.upper())
        ActionChains(page).send_keys(key).perform()


def list_group(page, name):
    click(page, f"#legend button[aria-label^='List {name},']")
    wait_for(page, "document.querySelector('.tile')")


def view(page):
    script = """const axes = document.getElementById('plot').layout;
        return [...axes.xaxis.range, ...axes.yaxis.range]"""
    return run(page, script)


def wait_for_left(page, comparison, value):
    """Waits until the left edge of the map is above, below or at a value."""
    left = "document.getElementById('plot').layout.xaxis.range[0]"
    wait_for(page, f"{left} {comparison} {value}")


def wait_for_title(page, title):
    wait_for(page, f"document.getElementById('title').textContent === '{title}'")


def place_of(page, row):
    """Where a row of the map's grid is on the screen."""
    script = """const box = document.getElementById('map').getBoundingClientRect();
        const {xaxis, yaxis} = document.getElementById('plot')._fullLayout;
        return [box.x + xaxis.l2p(arguments[0]), box.y + yaxis.l2p(arguments[1])]"""
    return run(page, script, *divmod(row, 8))


def mouse(page, kind, x, y):
    event = {"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1}
    if kind == "mouseMoved":
        event["button"] = "none"
    page.execute_cdp_cmd("Input.dispatchMouseEvent", event)


def table(folder, pictures):
    paths = collection.read(pictures / "embeddings.npz").paths
    with open(folder / "labels.csv", newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    return {paths.index(line["path"]): line["label"] for line in lines if line["label"]}
