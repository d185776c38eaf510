"""The server of `explore`: what it answers, and what it refuses."""

import csv
import io
import json
import time

import numpy as np
import pytest
from explored import HOSTILE, Client, serving
from PIL import Image

from keras_twins import collection


def ready(client, name):
    end = time.monotonic() + 60
    while True:
        status, told = client.json(f"/api/colours/{name}")
        assert status == 200
        if told["state"] not in ("waiting", "working"):
            return told
        assert time.monotonic() < end
        time.sleep(0.02)


def test_says_what_the_collection_is(client):
    status, about = client.json("/api/about")
    assert status == 200
    assert about["count"] == 61 and about["name"] == "embeddings.npz"
    names = ["class", "folder", "cluster", "duplicate", "outlier", "label"]
    assert about["colours"] == names
    assert about["pictures"] is True


def test_points_and_selection_travel_as_bytes(client):
    points = np.frombuffer(client("/api/points")[2], "<f4").reshape(-1, 2)
    assert points.shape == (61, 2) and points[9].tolist() == [1, 1]
    assert np.frombuffer(client("/api/selected")[2], "<i4").tolist() == [3, 5]


def test_every_colouring_has_a_group_for_each_file(client):
    for name in client.json("/api/about")[1]["colours"]:
        told = ready(client, name)
        assert told["state"] == "ready", told
        values = np.frombuffer(client(f"/api/colours/{name}/values")[2], "u1")
        counts = np.bincount(values, minlength=len(told["groups"]))
        assert [group["count"] for group in told["groups"]] == counts.tolist()
        assert len(values) == 61
    assert client.json("/api/colours/weather")[0] == 404


def test_duplicates_are_listed_group_by_group(client, pictures):
    told = ready(client, "duplicate")
    names = {group["name"]: group["count"] for group in told["groups"]}
    assert names["exact"] == 1 and names["best of its group"] == 1
    order = np.frombuffer(client("/api/colours/duplicate/order")[2], "<i4").tolist()
    paths = collection.read(pictures / "embeddings.npz").paths
    assert {paths[row].split("/")[-1] for row in order} == {"03.png", "copy.png"}


def test_outliers_are_listed_by_their_score(client, pictures):
    assert ready(client, "outlier")["groups"][0]["name"] == "score 4 and more"
    order = np.frombuffer(client("/api/colours/outlier/order")[2], "<i4").tolist()
    paths = collection.read(pictures / "embeddings.npz").paths
    assert paths[order[0]].endswith("torn.png")


def test_a_filter_finds_a_part_of_the_path_in_any_case(client, pictures):
    body = client("/api/matching?text=DOGS%2F0")[2]
    mask = np.unpackbits(np.frombuffer(body, "u1"), count=61, bitorder="little")
    paths = collection.read(pictures / "embeddings.npz").paths
    assert mask.tolist() == ["dogs/0" in path for path in paths]


def test_names_come_as_they_are(client, pictures):
    paths = collection.read(pictures / "embeddings.npz").paths
    row = next(row for row, path in enumerate(paths) if path.endswith(HOSTILE))
    status, (file,) = client.json(f"/api/files?rows={row}")
    assert status == 200 and file == {"path": paths[row], "label": "", "sound": False}


def test_a_file_is_not_like_itself(client):
    status, found = client.json("/api/like/3")
    assert status == 200 and 3 not in found["rows"] and len(found["rows"]) == 60
    assert found["rows"][0] == 58  # its copy
    assert found["similarities"][0] == pytest.approx(1, abs=1e-5)
    assert found["similarities"] == sorted(found["similarities"], reverse=True)


def test_a_picture_finds_itself(client, pictures):
    body = (pictures / "dogs" / "07.png").read_bytes()
    kind = {"Content_Type": "application/octet-stream"}
    status, found = client.json("/api/search", method="POST", body=body, **kind)
    assert status == 200 and found["rows"][0] == 31 + 7
    status, told = client.json("/api/search", method="POST", body=b"no", **kind)
    assert status == 422 and told == {"error": "images[0]: is not an image"}


def test_without_a_model_no_picture_is_searched(make_data):
    with serving(make_data(searchable=False)) as port:
        kind = {"Content_Type": "application/octet-stream"}
        told = Client(port).json("/api/search", method="POST", body=b"x", **kind)
    assert told == (409, {"error": "started without --model_dir: no picture search"})


def test_a_thumbnail_is_a_small_picture(client, pictures):
    status, headers, body = client("/api/thumbnail/3?of=key")
    assert (status, headers["Content-Type"]) == (200, "image/webp")
    image = Image.open(io.BytesIO(body))
    original = Image.open(pictures / "cats" / "03.png").convert("RGB")
    assert image.size == original.size  # It is small already.
    difference = np.abs(np.asarray(image, float) - np.asarray(original)).mean()
    assert difference < 8


@pytest.mark.parametrize("row", [59, 60])
def test_a_file_without_a_picture_has_a_sign_instead(client, row):
    status, headers, body = client(f"/api/thumbnail/{row}")
    assert (status, headers["Content-Type"]) == (200, "image/svg+xml")
    assert b"no picture" in body


@pytest.mark.parametrize(
    "path",
    [
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/page.css/../server.py",
        "/server.py",
        "/api/thumbnail/..%2f..%2f..%2fetc%2fpasswd",
        "/api/thumbnail//etc/passwd",
        "/api/thumbnail/-1",
        "/api/thumbnail/61",
        "/api/thumbnail/%EF%BC%93",  # a digit that is not ASCII
        "/api/thumbnail/3.png",
        "/api/sound/61",
        "/api/sound/3",  # a picture
        "/api/sound/..%2f3",
        "/api/files?rows=../x",
        "/api/files?rows=",
        "/api/files?rows=" + ",".join("1" * 201),
        "/api/like/999999999999999999999",
        "/labels.csv",
    ],
)
def test_nothing_but_the_collection_is_served(client, path):
    status, told = client.json(path)
    assert status in (400, 404) and list(told) == ["error"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:80"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": None},
        {"Host": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://127.0.0.1"},
        {"Origin": "http://localhost:1"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/api/points", "/api/thumbnail/3", "/page.js"])
def test_another_page_is_refused(client, path, headers):
    assert client(path, **headers)[0] in (400, 403)


def test_the_page_itself_and_a_tunnel_are_answered(client):
    assert client("/api/about", Origin=f"http://{client.host}")[0] == 200
    tunnel = {"Host": "localhost:9000", "Origin": "http://localhost:9000"}
    assert client("/api/about", **tunnel)[0] == 200
    assert client("/", Sec_Fetch_Site="cross-site")[0] == 200  # a link to it


def test_each_address_has_its_verb(client):
    for path in ("/", "/api/points", "/api/files?rows=1", "/api/like/1"):
        for verb in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
            assert client(path, method=verb)[0] == 405
    for path in ("/api/labels", "/api/search"):
        assert client(path)[0] == 405


def test_every_answer_forbids_what_the_page_does_not_need(client):
    for path in ("/", "/page.js", "/api/about", "/api/thumbnail/3", "/nothing"):
        headers = client(path)[1]
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_labels_are_on_the_disk_when_the_answer_comes(client, tmp_path, pictures):
    paths = collection.read(pictures / "embeddings.npz").paths
    told = client.post("/api/labels", {"rows": [3, 58], "label": ' a, "b" <i>é '})
    assert told == (200, {"saved": 2})
    with open(tmp_path / "labels.csv", newline="", encoding="utf-8") as file:
        table = list(csv.reader(file))
    label = 'a, "b" <i>é'
    assert table == [["path", "label"], [paths[3], label], [paths[58], label]]
    assert client.json("/api/files?rows=3")[1][0]["label"] == label
    groups = ready(client, "label")["groups"]
    assert groups == [{"name": label, "count": 2}, {"name": "none", "count": 59}]


@pytest.mark.parametrize(
    "body",
    [
        {"rows": [], "label": "x"},
        {"rows": [61], "label": "x"},
        {"rows": [-1], "label": "x"},
        {"rows": [True], "label": "x"},
        {"rows": [1.0], "label": "x"},
        {"rows": "1", "label": "x"},
        {"rows": [1], "label": 3},
        {"rows": [1]},
        {"rows": [1], "label": "two\nlines"},
        {"rows": [1], "label": "x" * 201},
        [1],
        None,
    ],
)
def test_refuses_what_is_not_a_label(client, tmp_path, body):
    status, told = client.post("/api/labels", body)
    assert status in (400, 422) and told["error"].isprintable()
    assert not (tmp_path / "labels.csv").exists()


def test_takes_only_json_and_bytes_that_no_form_sends(client, tmp_path):
    body = json.dumps({"rows": [1], "label": "x"}).encode()
    forms = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data")
    for kind in (*forms, None):
        for path in ("/api/labels", "/api/search"):
            sent = client(path, method="POST", body=body, Content_Type=kind)
            assert sent[0] == 415
    assert not (tmp_path / "labels.csv").exists()


def test_refuses_a_picture_that_is_too_large(client):
    kind = {"Content_Type": "application/octet-stream"}
    body = bytes(32 * 2**20 + 1)
    assert client("/api/search", method="POST", body=body, **kind)[0] == 413


def test_a_table_that_has_become_something_else_is_left_alone(client, tmp_path):
    (tmp_path / "labels.csv").write_text("name,kind\na,b\n")
    status, told = client.post("/api/labels", {"rows": [1], "label": "x"})
    assert status == 422 and "expected the columns path and label" in told["error"]
    assert (tmp_path / "labels.csv").read_text() == "name,kind\na,b\n"


def test_it_ends_while_something_works_in_the_background(make_data):
    with serving(make_data()) as port:
        Client(port).json("/api/colours/duplicate")
        began = time.monotonic()
    assert time.monotonic() - began < 30
