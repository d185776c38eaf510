"""A fault of serving: the model changes while it is asked."""

import io
import json
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

from benchmarks.drill.faults import Lost

_CLIENTS = 4


def a_server_swapped_under_load(folder, turn):
    from PIL import Image

    model = folder / f"served-{turn}" / "embedder"
    _export(folder, model)
    server = subprocess.Popen(
        [
            *(
                sys.executable,
                "-m",
                "keras_twins.commands.cli",
                "serve",
                f"--model_dir={model}",
            ),
            *("--rest_port=0", "--grpc_port=0", "--poll_seconds=0.1"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        url = _address(server)
        file = io.BytesIO()
        Image.new("RGB", (16, 16), (200, 30, 90)).save(file, "PNG")
        load = _Load(url, file.getvalue())
        time.sleep(2)
        _export(folder, model)  # Version 2.
        deadline = time.monotonic() + 60
        while not _serves(url, 2):
            if time.monotonic() > deadline:
                raise Lost("version 2 did not come")
            time.sleep(0.2)
        time.sleep(1)
        answers, failures = load.end()
    finally:
        server.terminate()
        server.communicate(timeout=60)
    if failures or not answers:
        raise Lost(f"{len(failures)} of {answers} requests: {failures[:1]}")
    return "no request"


class _Load:
    """Clients that ask one after the other until they are told to end."""

    def __init__(self, url, image):
        self._answers, self._failures = [], []
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(url, image))
            for _ in range(_CLIENTS)
        ]
        for thread in self._threads:
            thread.start()

    def _ask(self, url, image):
        from keras_twins.serving.client import EmbeddingClient

        with EmbeddingClient(url, model="embedder") as client:
            while not self._ended.is_set():
                try:
                    self._answers.append(client.embed([image]).shape)
                except Exception as error:
                    self._failures.append(repr(error))

    def end(self):
        """How many answers there were, and what went wrong."""
        self._ended.set()
        for thread in self._threads:
            thread.join()
        return len(self._answers), self._failures


def _export(folder, model):
    subprocess.run(
        [
            *(sys.executable, "-m", "keras_twins.commands.cli", "export"),
            *(f"--workdir={folder / 'undisturbed'}", f"--output={model}"),
        ],
        check=True,
        capture_output=True,
        timeout=240,
    )


def _address(server):
    for line in server.stdout:
        found = re.search(r"http://[\w.]+:\d+", line)
        if found:
            return found[0]
    raise Lost("the server did not start")


def _serves(url, version):
    address = f"{url}/v1/models/embedder/versions/{version}"
    try:
        with urllib.request.urlopen(address) as answer:
            states = json.load(answer)["model_version_status"]
    except urllib.error.HTTPError:
        return False
    return any(state["state"] == "AVAILABLE" for state in states)
