"""The page of `explore` in a browser: its controls, as a reader uses them."""

import browsing
import pytest
from browsing import wait_for
from explored import HOSTILE, serving
from explored_page import (
    chosen,
    click,
    list_group,
    listed,
    mistakes,
    open_explore,
    run,
    text,
    wait_for_title,
)


@pytest.mark.parametrize("width", [1200, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_on_any_screen(browser, make_data, width, scheme):
    with serving(make_data(selected=[3, 5])) as port:
        open_explore(browser, port, width, scheme)
        list_group(browser, "0")
        assert run(browser, "return document.documentElement.scrollWidth") == width
        points = "return document.getElementById('plot').data.map(t => t.x.length)"
        assert sum(run(browser, points)) == 61
        background = "return getComputedStyle(document.body).backgroundColor"
        dark = {"light": False, "dark": True}[scheme]
        assert (run(browser, background) == "rgb(20, 23, 26)") == dark
        browsing.screenshot(browser, f"explore-{scheme}-{width}.png")
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
    click(page, "#legend .selected button")
    wait_for(page, "document.querySelectorAll('.tile').length === 2")
    assert listed(page) == [3, 5]


def test_more_like_this_lists_the_file_and_its_nearest(page):
    list_group(page, "0")
    click(page, "#list li:nth-child(4) .like")
    wait_for_title(page, "Like 03.png")
    wait_for(page, "document.querySelectorAll('.tile').length === 60")
    assert listed(page)[:2] == [3, 58]
    similarities = run(
        page, "return [...document.querySelectorAll('.tile i')].map(i => i.textContent)"
    )
    assert similarities[:2] == ["1.000", "1.000"]
    click(page, "#more")
    wait_for(page, "document.querySelectorAll('.tile').length === 61")
    assert run(page, "return document.getElementById('more').hidden")


def test_files_are_chosen_one_by_one_and_together(page):
    list_group(page, "1")
    click(page, ".tile")
    assert len(chosen(page)) == 1 and text(page, "save") == "Label 1 file"
    assert page.find_element("id", "save").get_property("disabled")
    click(page, "#all")
    assert len(chosen(page)) == len(listed(page)) == 29
    click(page, "#none")
    assert chosen(page) == [] and text(page, "save") == "Choose files first"


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
        open_explore(browser, port)
        button = browser.find_element("id", "picture")
        assert not button.is_enabled() and "--model_dir" in button.get_attribute(
            "title"
        )
        assert not run(browser, "return document.querySelector('#legend .selected')")
        browser.get("about:blank")


def test_a_screen_reader_is_told(page):
    unnamed = """return [...document.querySelectorAll('button, input, select')]
        .filter(e => e.id !== 'file' && !e.textContent.trim())
        .filter(e => !e.ariaLabel && !e.labels?.length).map(e => e.outerHTML)"""
    list_group(page, "0")
    assert run(page, unnamed) == []
    assert run(page, "return document.getElementById('status').role") == "status"
