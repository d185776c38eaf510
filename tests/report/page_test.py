"""The page of a run, opened in a browser as its reader does."""

import math
import shutil
import sys

import browsing
import numpy as np
import pytest
from browsing import mouse, requests, screenshot, text_copied, wait_for

from keras_twins import pictures
from keras_twins.commands.report import write
from keras_twins.errors import InputError
from keras_twins.report import charts, looks, page
from keras_twins.runs import records
from keras_twins.runs.run import Run
from keras_twins.runs.workdir import Workdir


def read(workdir):
    return records.read(Run.read(workdir))


@pytest.fixture(scope="module")
def written(small_run, tmp_path_factory):
    """A page of one run, and a page of two."""
    folder = tmp_path_factory.mktemp("pages")
    workdirs = [small_run(epochs)[0] for epochs in (3, 1)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "umap", None)  # which compiles for half a minute
        write(workdirs[:1], folder / "report.html")
        write(workdirs, folder / "compared.html")
    return folder


def open_page(browser, path, width=1200, scheme="light"):
    browsing.open_page(browser, path.as_uri(), width, scheme)
    wait_for(browser, browsing.DRAWN)


@pytest.mark.parametrize("name", ["report.html", "compared.html"])
@pytest.mark.parametrize("width", [1200, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_without_error_and_without_a_request(
    browser, written, name, width, scheme
):
    path = written / name
    open_page(browser, path, width, scheme)
    assert browser.get_log("browser") == []
    assert requests(browser) == [path.as_uri()]
    drawn = browser.execute_script(
        "return charts.every(c => document.querySelector(`#${c.id} .main-svg`))"
    )
    assert drawn
    # Nothing is wider than the screen.
    assert browser.execute_script("return document.documentElement.scrollWidth") == (
        width
    )
    screenshot(browser, f"{path.stem}-{scheme}-{width}.png")


def test_the_pointer_shows_the_thumbnail_of_its_image(browser, written):
    from selenium.webdriver.common.by import By

    open_page(browser, written / "report.html")
    point = browser.find_elements(By.CSS_SELECTOR, ".map .point")[40]
    mouse(browser, point, "mouseMoved")
    wait_for(browser, "!document.getElementById('pointer').hidden")
    shown = browser.execute_script(
        """const thumb = document.querySelector("#pointer .thumb");
        const style = getComputedStyle(thumb);
        const chart = charts.find((c) => c.classes);
        return {
          image: style.backgroundImage.slice(0, 15),
          c: +thumb.style.getPropertyValue("--c"),
          r: +thumb.style.getPropertyValue("--r"),
          columns: chart.columns,
          position: style.backgroundPosition,
          text: document.querySelector("#pointer p").textContent,
          classes: chart.classes,
          pointed: arguments[0].__data__.data,
        };""",
        point,
    )
    row = shown["r"] * shown["columns"] + shown["c"]
    assert row == shown["pointed"]
    assert shown["image"] == 'url("data:image'
    assert shown["text"] == shown["classes"][row]
    side = 96  # pixels, of the pointer's thumbnail
    assert shown["position"] == f"{-side * shown['c']}px {-side * shown['r']}px"


def test_a_map_of_files_shows_and_copies_paths(browser, small_run, tmp_path):
    """Files without labels: folders have the colours, and pictures have paths."""
    from selenium.webdriver.common.by import By

    paths = [f"scans/{'ab'[i % 2]}/{i}.png" for i in range(40)]
    sprite = pictures.sprite(np.zeros((40, 48, 48, 3), np.uint8))
    drawn = looks.Looks(
        *("train", 40, pictures.data_uri(sprite), 7, np.random.normal(size=(40, 2))),
        method="PCA",
        classes=[""] * 40,
        neighbours=[(0, [(3, 0.9)])],
        groups=looks.folders(paths),
        paths=paths,
    )
    path = tmp_path / "files.html"
    path.write_text(page.render([page.Run(read(small_run(1)[0]), drawn, "")]))
    open_page(browser, path)
    legend = browser.find_elements(By.CSS_SELECTOR, ".map .legendtext")
    assert [text.text for text in legend] == ["a", "b"]
    point = browser.find_elements(By.CSS_SELECTOR, ".map .point")[25]
    row = browser.execute_script("return arguments[0].__data__.data", point)
    mouse(browser, point, "mouseMoved")
    wait_for(browser, "!document.getElementById('pointer').hidden")
    shown = browser.find_element(By.CSS_SELECTOR, "#pointer p").text
    assert shown == paths[row]
    mouse(browser, point, "mousePressed", "mouseReleased")
    assert text_copied(browser) == f"Copied: {paths[row]}"
    near = browser.find_elements(By.CSS_SELECTOR, ".query .thumb")
    assert [one.get_attribute("title") for one in near] == [
        paths[0],
        f"0.90, {paths[3]}",
    ]
    assert browser.find_element(By.CSS_SELECTOR, ".query .path").text == paths[0]
    mouse(browser, near[1], "mousePressed", "mouseReleased")
    wait_for(browser, "document.getElementById('copied').textContent.endsWith('3.png')")
    assert text_copied(browser) == f"Copied: {paths[3]}"
    assert browser.get_log("browser") == []
    assert requests(browser) == [path.as_uri()]


def test_the_colours_follow_the_scheme(browser, written):
    colours = []
    for scheme in ("light", "dark"):
        open_page(browser, written / "report.html", scheme=scheme)
        colours.append(
            browser.execute_script(
                "const chart = document.querySelector('#curves .chart');"
                "return [getComputedStyle(document.body).backgroundColor,"
                " chart._fullLayout.font.color, chart._fullData[0].line.color]"
            )
        )
    assert all(light != dark for light, dark in zip(*colours, strict=True))


def test_the_page_holds_what_was_run(small_run):
    workdir, _ = small_run(3)
    record = read(workdir)
    html = page.render([page.Run(record, "no looks", "no views")])
    for text in ("digits, split train", "4,224", "30 s", "tensorflow 2", "3 of 3"):
        assert text in html
    assert "no looks" in html and "no views" in html


def test_the_page_holds_the_evaluation(small_run):
    import dataclasses

    row = {"name": "trained encoder", "knn": 0.9123, "linear_probe": 0.8}
    row |= {"few_label_probe": 0.7, "few_label_interval": 0.02, "k": 200, "few": 10}
    evaluation = {"dataset": "digits", "train_images": 1437, "test_images": 360}
    record = dataclasses.replace(
        read(small_run(1)[0]), evaluation=evaluation | {"rows": [row]}
    )
    html = page.render([page.Run(record, "", "")])
    assert "On digits: 1,437 labelled training images, 360 test images." in html
    for text in ("kNN (k 200)", "91.23 %", "70.00 ± 2.00 %"):
        assert text in html


def test_names_cannot_become_part_of_the_page(small_run):
    """A class, a folder or a data set may be called anything."""
    import dataclasses

    workdir, _ = small_run(1)
    bad = "</script><script>alert(1)</script>"
    record = dataclasses.replace(read(workdir), name=bad)
    both = [bad, bad]
    drawn = looks.Looks(
        *("test", 2, "data:,", 2, np.zeros((2, 2)), "PCA"),
        classes=both,
        neighbours=[(0, [(1, 0.5)])],
        groups=both,
        paths=both,
    )
    html = page.render([page.Run(record, drawn, [])])
    assert bad not in html


@pytest.mark.parametrize("epochs", [1, 1000])
def test_every_metric_has_a_curve(small_run, metrics, epochs):
    import dataclasses

    record = dataclasses.replace(read(small_run(1)[0]), metrics=metrics(epochs))
    drawn = {chart["title"]: chart for chart in charts.curves([record])}
    assert len(drawn) == 6
    trace = drawn["Loss"]["data"][0]
    assert trace["x"] == list(range(1, epochs + 1)) and len(trace["y"]) == epochs
    assert trace["mode"] == ("lines+markers" if epochs == 1 else "lines")
    (level,) = drawn["Redundancy: root mean square of Cᵢⱼ"]["layout"]["shapes"]
    assert level["y0"] == 1 / math.sqrt(128)


def test_a_run_is_compared_with_another(small_run):
    found = [read(small_run(epochs)[0]) for epochs in (3, 1)]
    for chart in charts.curves(found):
        assert [trace["name"] for trace in chart["data"]] == ["digits-3", "digits-1"]
        assert chart["layout"]["showlegend"]


def test_a_loss_that_is_no_number_leaves_a_gap(small_run, metrics):
    import dataclasses

    lines = [*metrics(3), metrics(4)[3] | {"loss": math.nan}]
    record = dataclasses.replace(read(small_run(3)[0]), metrics=lines)
    assert record.curve("loss")[0] == [1, 2, 3]
    page.render([page.Run(record, "", "")])  # JSON has no NaN


def test_a_run_without_an_encoder_has_a_page_without_a_map(small_run, tmp_path):
    shutil.copytree(small_run(3)[0].path, tmp_path / "run")
    (tmp_path / "run" / "encoder.keras").unlink()
    write([Workdir(tmp_path / "run")], tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text()
    assert "No map: " in html and "has no encoder.keras" in html
    assert "Nearest neighbours" in html


def test_refuses_what_is_no_run(tmp_path, small_run):
    with pytest.raises(InputError, match="holds no run"):
        read(Workdir(tmp_path))
    shutil.copytree(small_run(3)[0].path, tmp_path / "run")
    (tmp_path / "run" / "metrics.jsonl").write_text("")
    with pytest.raises(InputError, match="no epoch to report on"):
        read(Workdir(tmp_path / "run"))
    (tmp_path / "run" / "metrics.jsonl").write_text('{"epoch": 1, "sec\n')
    with pytest.raises(InputError, match="metrics.jsonl cannot be read"):
        read(Workdir(tmp_path / "run"))
