"""The page of `explore` in a browser: every control, as a reader uses it."""

import csv
import pathlib

import browsing
import pytest
from browsing import wait_for
from explored import HOSTILE, serving

from keras_twins import collection

# Git ignores `runs/`: what a person may want to look at stays there after the tests.
SCREENSHOTS = pathlib.Path(__file__).parents[2] / "runs" / "explore_screenshots"


@pytest.fixture(scope="module")
def browser():
    # WebGL without a graphics card.
    with browsing.browser("--enable-unsafe-swiftshader") as driver:
        yield driver


@pytest.fixture
def page(browser, make_data):
    """The page, which has logged nothing and asked nobody else when the test ends."""
    with serving(make_data(selected=[3, 5])) as port:
        address = f"http://127.0.0.1:{port}/"
        browsing.open_page(browser, address)
        yield browser
        assert mistakes(browser) == []
        assert all(asked.startswith(address) for asked in browsing.requests(browser))
        browser.get("about:blank")


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


def place_of(page, row):
    """Where a row of the map's grid is on the screen."""
    script = """const box = document.getElementById('map').getBoundingClientRect();
        const axes = document.getElementById('plot')._fullLayout;
        return [box.x + axes.xaxis.l2p(arguments[0]), box.y + axes.yaxis.l2p(arguments[1])]
        """
    return run(page, script, *divmod(row, 8))


def mouse(page, kind, x, y):
    event = {"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1}
    if kind == "mouseMoved":
        event["button"] = "none"
    page.execute_cdp_cmd("Input.dispatchMouseEvent", event)


@pytest.mark.parametrize("width", [1200, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_on_any_screen(browser, make_data, width, scheme):
    with serving(make_data(selected=[3, 5])) as port:
        browsing.open_page(browser, f"http://127.0.0.1:{port}/", width, scheme)
        list_group(browser, "0")
        assert run(browser, "return document.documentElement.scrollWidth") == width
        points = "return document.getElementById('plot').data.map(t => t.x.length)"
        assert sum(run(browser, points)) == 61
        background = "return getComputedStyle(document.body).backgroundColor"
        dark = {"light": False, "dark": True}[scheme]
        assert (run(browser, background) == "rgb(20, 23, 26)") == dark
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        name = f"explore-{scheme}-{width}.png"
        (SCREENSHOTS / name).write_bytes(browsing.screenshot(browser))
        assert mistakes(browser) == []


def test_a_colour_is_chosen_and_its_buttons_list_files(page):
    from selenium.webdriver.support.ui import Select

    control = Select(page.find_element("id", "colour"))
    for name in [option.text for option in control.options]:
        control.select_by_visible_text(name)
        wait_for(page, "document.getElementById('status').textContent === ''", 60)
    control.select_by_visible_text("duplicate")
    wait_for(page, "document.querySelector('[aria-label^=\"List exact,\"]')")
    click(page, "#legend button[aria-label^='List best of its group,']")
    wait_for(page, "document.querySelectorAll('.tile').length === 1")
    assert listed(page) in ([3], [58]) and text(page, "title") == "best of its group"


def test_names_cannot_become_part_of_the_page(page):
    list_group(page, "0")
    assert HOSTILE in text(page, "list")
    assert not run(page, "return document.querySelector('#list [onerror]')")
    assert page.title == "Explore embeddings.npz"


def test_the_selection_of_select_is_marked_and_listed(page):
    click(page, "#legend .square button")
    wait_for(page, "document.querySelectorAll('.tile').length === 2")
    assert listed(page) == [3, 5]


def test_more_like_this_lists_the_file_and_its_nearest(page):
    list_group(page, "0")
    click(page, "#list li:nth-child(4) .like")
    wait_for(page, "document.getElementById('title').textContent === 'Like 03.png'")
    wait_for(page, "document.querySelectorAll('.tile').length === 60")
    assert listed(page)[:2] == [3, 58]
    similarities = run(
        page, "return [...document.querySelectorAll('.tile i')].map(i => i.textContent)"
    )
    assert similarities[:2] == ["1.000", "1.000"]
    click(page, "#more")
    wait_for(page, "document.querySelectorAll('.tile').length === 61")
    assert run(page, "return document.getElementById('more').hidden")


def test_the_pointer_shows_the_file_below_it(page):
    mouse(page, "mouseMoved", *place_of(page, 9))
    wait_for(page, "!document.getElementById('pointer').hidden")
    wait_for(page, "document.querySelector('#pointer p').textContent === '09.png'")
    wait_for(page, "document.querySelector('#pointer img').naturalWidth === 96")
    x, y = place_of(page, 9)
    mouse(page, "mousePressed", x, y)
    mouse(page, "mouseReleased", x, y)
    wait_for(page, "document.getElementById('title').textContent === 'Like 09.png'")


def test_a_lasso_becomes_a_list_and_a_label_a_table(page, tmp_path, pictures):
    click(page, "#lasso")
    (left, low), (right, high) = place_of(page, 0), place_of(page, 18)
    corners = [(left - 9, low + 9), (right + 9, low + 9), (right + 9, high - 9)]
    mouse(page, "mouseMoved", *corners[0])
    mouse(page, "mousePressed", *corners[0])
    for x, y in [*corners[1:], (left - 9, high - 9)]:
        mouse(page, "mouseMoved", x, y)
    mouse(page, "mouseReleased", left - 9, high - 9)
    wait_for(page, "document.getElementById('title').textContent === 'Lasso: 9 files'")
    wait_for(page, "document.querySelectorAll('.tile').length === 9")
    rows = [0, 1, 2, 8, 9, 10, 16, 17, 18]
    assert listed(page) == rows == chosen(page)
    page.find_element("id", "label").send_keys("corner")
    assert text(page, "save") == "Label 9 files"
    click(page, "#save")
    wait_for(page, "document.getElementById('status').textContent.startsWith('Saved')")
    assert _table(tmp_path, pictures) == dict.fromkeys(rows, "corner")
    wait_for(page, "document.querySelector('#names option').value === 'corner'")
    assert run(page, "return document.querySelector('.tile b').textContent") == "corner"
    click(page, ".tile")
    click(page, "#unlabel")
    wait_for(page, "document.getElementById('status').textContent.includes('without')")
    assert _table(tmp_path, pictures) == {0: "corner"}
    click(page, "#move")
    before = view(page)
    x, y = place_of(page, 30)
    mouse(page, "mouseMoved", x, y)
    mouse(page, "mousePressed", x, y)
    mouse(page, "mouseMoved", x + 60, y)
    mouse(page, "mouseReleased", x + 60, y)
    wait_for(
        page, f"document.getElementById('plot').layout.xaxis.range[0] < {before[0]}"
    )


def _table(folder, pictures):
    paths = collection.read(pictures / "embeddings.npz").paths
    with open(folder / "labels.csv", newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    return {paths.index(line["path"]): line["label"] for line in lines if line["label"]}


def test_files_are_chosen_one_by_one_and_together(page):
    list_group(page, "1")
    click(page, ".tile")
    assert len(chosen(page)) == 1 and text(page, "save") == "Label 1 file"
    assert page.find_element("id", "save").get_property("disabled")
    click(page, "#all")
    assert len(chosen(page)) == len(listed(page)) == 29
    click(page, "#none")
    assert chosen(page) == [] and text(page, "save") == "Choose files first"


def test_a_filter_lists_what_matches_and_dims_the_rest(page):
    page.find_element("id", "filter").send_keys("DOGS/0")
    wait_for(page, "document.querySelectorAll('.tile').length === 10")
    assert text(page, "title").startswith("10 files with “DOGS/0”")
    dimmed = "return document.getElementById('plot').data[0].x.length"
    wait_for(page, "document.getElementById('plot').data[0].x.length === 51")
    list_group(page, "1")
    wait_for(page, "document.getElementById('title').textContent === '1'")
    assert len(listed(page)) == 10
    page.find_element("id", "filter").clear()
    wait_for(page, "document.getElementById('title').textContent === 'Files'")
    wait_for(page, "document.getElementById('plot').data[0].x.length === 0")
    assert run(page, dimmed) == 0


def test_a_picture_is_chosen_or_dropped(page, pictures):
    path = pictures / "dogs" / "07.png"
    page.find_element("id", "file").send_keys(str(path))
    wait_for(page, "document.querySelectorAll('.tile').length === 60")
    assert listed(page)[0] == 38 and text(page, "title") == "Like 07.png"
    drop = """const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(arguments[0])], 'dropped.png'));
        dispatchEvent(new DragEvent('dragover', {cancelable: true}));
        const shown = !document.getElementById('drop').hidden;
        dispatchEvent(new DragEvent('drop', {dataTransfer: data, cancelable: true}));
        return shown"""
    assert run(page, drop, list((pictures / "cats" / "05.png").read_bytes()))
    wait_for(
        page, "document.getElementById('title').textContent === 'Like dropped.png'"
    )
    wait_for(page, "document.querySelectorAll('.tile').length === 60")
    assert listed(page)[0] == 5
    assert run(page, "return document.getElementById('drop').hidden")
    run(page, drop, [1, 2, 3])
    wait_for(page, "document.getElementById('status').classList.contains('wrong')")
    assert text(page, "status") == "images[0]: is not an image"
    [refused] = mistakes(page)  # The browser's own line on the answer.
    assert "422" in refused["message"]


def test_without_a_model_it_says_so(browser, make_data):
    with serving(make_data(searchable=False)) as port:
        browsing.open_page(browser, f"http://127.0.0.1:{port}/")
        button = browser.find_element("id", "picture")
        assert not button.is_enabled() and "--model_dir" in button.get_attribute(
            "title"
        )
        assert not run(browser, "return document.querySelector('#legend .square')")
        browser.get("about:blank")


def test_the_buttons_of_the_map_zoom(page):
    whole = view(page)
    click(page, "#closer")
    wait_for(
        page, f"document.getElementById('plot').layout.xaxis.range[0] > {whole[0]}"
    )
    click(page, "#farther")
    click(page, "#farther")
    wait_for(
        page, f"document.getElementById('plot').layout.xaxis.range[0] < {whole[0]}"
    )
    click(page, "#whole")
    wait_for(
        page, f"document.getElementById('plot').layout.xaxis.range[0] === {whole[0]}"
    )
    assert view(page) == whole


def test_it_is_used_by_keyboard(page, tmp_path, pictures):
    press(page, "/")
    press(page, *"dogs/0")
    wait_for(page, "document.querySelectorAll('.tile').length === 10")
    run(page, "document.querySelector('.tile').focus()")
    press(page, "space", "arrow_right", "arrow_right", "space", "arrow_left")
    focused = "return +document.activeElement.dataset.row"
    assert run(page, focused) == 32 and chosen(page) == [31, 33]
    press(page, "arrow_down")
    assert run(page, focused) > 33
    press(page, "l")
    press(page, *"my label", "enter")
    wait_for(page, "document.getElementById('status').textContent.startsWith('Saved')")
    assert _table(tmp_path, pictures) == {31: "my label", 33: "my label"}
    press(page, "escape", "escape", "escape")  # The field, out of it, the choice.
    assert chosen(page) == [] and len(listed(page)) == 10
    run(page, "document.querySelector('.tile').focus()")
    press(page, "m")
    wait_for(page, "document.getElementById('title').textContent === 'Like 00.png'")
    press(page, "escape")
    wait_for(page, "!document.querySelector('.tile')")
    run(page, "document.getElementById('map').focus()")
    whole = view(page)
    press(page, "+", "arrow_right", "arrow_up", "-", "0")
    wait_for(
        page, f"document.getElementById('plot').layout.xaxis.range[0] === {whole[0]}"
    )


def test_a_screen_reader_is_told(page):
    unnamed = """return [...document.querySelectorAll('button, input, select')].filter(
        e => e.id !== 'file' && !e.textContent.trim() && !e.ariaLabel && !e.labels?.length
        ).map(e => e.outerHTML)"""
    list_group(page, "0")
    assert run(page, unnamed) == []
    assert run(page, "return document.getElementById('status').role") == "status"
