"""The map of the page of `explore` in a browser, and the keyboard."""

from browsing import wait_for
from explored_page import (
    chosen,
    click,
    list_group,
    listed,
    mouse,
    place_of,
    press,
    run,
    table,
    text,
    view,
    wait_for_left,
    wait_for_title,
)


def test_the_pointer_shows_the_file_below_it(page):
    mouse(page, "mouseMoved", *place_of(page, 9))
    wait_for(page, "!document.getElementById('pointer').hidden")
    wait_for(page, "document.querySelector('#pointer p').textContent === '09.png'")
    wait_for(page, "document.querySelector('#pointer img').naturalWidth === 96")
    x, y = place_of(page, 9)
    mouse(page, "mousePressed", x, y)
    mouse(page, "mouseReleased", x, y)
    wait_for_title(page, "Like 09.png")


def test_a_lasso_becomes_a_list_and_a_label_atable(page, tmp_path, pictures):
    click(page, "#lasso")
    (left, low), (right, high) = place_of(page, 0), place_of(page, 18)
    corners = [(left - 9, low + 9), (right + 9, low + 9), (right + 9, high - 9)]
    mouse(page, "mouseMoved", *corners[0])
    mouse(page, "mousePressed", *corners[0])
    for x, y in [*corners[1:], (left - 9, high - 9)]:
        mouse(page, "mouseMoved", x, y)
    mouse(page, "mouseReleased", left - 9, high - 9)
    wait_for_title(page, "Lasso: 9 files")
    wait_for(page, "document.querySelectorAll('.tile').length === 9")
    rows = [0, 1, 2, 8, 9, 10, 16, 17, 18]
    assert listed(page) == rows == chosen(page)
    page.find_element("id", "label").send_keys("corner")
    assert text(page, "save") == "Label 9 files"
    click(page, "#save")
    wait_for(page, "document.getElementById('status').textContent.startsWith('Saved')")
    assert table(tmp_path, pictures) == dict.fromkeys(rows, "corner")
    wait_for(page, "document.querySelector('#names option').value === 'corner'")
    assert run(page, "return document.querySelector('.tile b').textContent") == "corner"
    click(page, ".tile")
    click(page, "#unlabel")
    wait_for(page, "document.getElementById('status').textContent.includes('without')")
    assert table(tmp_path, pictures) == {0: "corner"}
    click(page, "#move")
    before = view(page)
    x, y = place_of(page, 30)
    mouse(page, "mouseMoved", x, y)
    mouse(page, "mousePressed", x, y)
    mouse(page, "mouseMoved", x + 60, y)
    mouse(page, "mouseReleased", x + 60, y)
    wait_for_left(page, "<", before[0])


def test_a_filter_lists_what_matches_and_dims_the_rest(page):
    page.find_element("id", "filter").send_keys("DOGS/0")
    wait_for(page, "document.querySelectorAll('.tile').length === 10")
    assert text(page, "title").startswith("10 files with “DOGS/0”")
    dimmed = "return document.getElementById('plot').data[0].x.length"
    wait_for(page, "document.getElementById('plot').data[0].x.length === 51")
    list_group(page, "1")
    wait_for_title(page, "1")
    assert len(listed(page)) == 10
    press(page, "/", "escape")
    wait_for_title(page, "Files")
    wait_for(page, "document.getElementById('plot').data[0].x.length === 0")
    assert run(page, dimmed) == 0


def test_the_buttons_of_the_map_zoom(page):
    whole = view(page)
    click(page, "#closer")
    wait_for_left(page, ">", whole[0])
    click(page, "#farther")
    click(page, "#farther")
    wait_for_left(page, "<", whole[0])
    click(page, "#whole")
    wait_for_left(page, "===", whole[0])
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
    assert table(tmp_path, pictures) == {31: "my label", 33: "my label"}
    press(page, "escape", "escape", "escape")  # The field, out of it, the choice.
    assert chosen(page) == [] and len(listed(page)) == 10
    run(page, "document.querySelector('.tile').focus()")
    press(page, "m")
    wait_for_title(page, "Like 00.png")
    press(page, "escape")
    wait_for(page, "!document.querySelector('.tile')")
    run(page, "document.getElementById('map').focus()")
    whole = view(page)
    press(page, "+", "arrow_right", "arrow_up", "-", "0")
    wait_for_left(page, "===", whole[0])
