"""How soon the page of `explore` shows its points, moves them, and finds what is alike.

    python -m benchmarks.explore --rows=100000 [--map]

Embeddings are generated; no picture is there. The page is opened in headless Chromium,
which draws with the processor, as on a machine without a graphics card: first with an
empty cache, then again. `--map` also makes the map as the command does; otherwise the
places are generated. On a machine that others use, the time of processors says more
than that of the clock: all processes of the browser, or the server's for each search.
"""

import argparse
import asyncio
import contextlib
import os
import socket
import statistics
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

WIDTH = 192
_CLUSTERS = 40
_REPEATS = 30
# Until what was asked to be drawn is drawn.
_FINISH = """for (const canvas of document.querySelectorAll('#plot canvas')) {
  const gl = canvas.getContext('webgl');
  if (gl) gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
}"""
_MOVE = f"""const plot = document.getElementById('plot'), done = arguments[0];
const [a, b] = plot.layout.xaxis.range, times = [];
(async () => {{
  for (let step = 0; step < {_REPEATS}; step++) {{
    const began = performance.now(), by = (b - a) * Math.sin(step) / 10;
    await Plotly.relayout(plot, {{'xaxis.range': [a + by, b + by]}});
    {_FINISH}
    times.push(performance.now() - began);
  }}
  done(times);
}})();"""
_SEARCH = f"""const done = arguments[1], times = [];
(async () => {{
  for (let step = 0; step < {_REPEATS}; step++) {{
    const began = performance.now(), row = step * 97 % arguments[0];
    await (await fetch(`api/like/${{row}}`)).json();
    times.push(performance.now() - began);
  }}
  done(times);
}})();"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--map", action="store_true")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    print(
        f"{arguments.rows:,} x {WIDTH}; {len(os.sched_getaffinity(0))} cores, on which "
        f"{load:.1f} processes run already"
    )
    embeddings, places = generated(arguments.rows)
    if arguments.map:
        from keras_twins.explore import layout

        began, used = time.perf_counter(), time.process_time()
        places, method = layout.make(embeddings)
        print(
            f"map ({method}): {time.perf_counter() - began:.0f} s, "
            f"{time.process_time() - used:.0f} s of processors"
        )
    with tempfile.TemporaryDirectory() as folder:
        data = opened(embeddings, places, Path(folder))
        port, stop = started(data)
        try:
            measure(f"http://127.0.0.1:{port}/", arguments.rows)
        finally:
            stop()


def generated(count):
    """Embeddings in clusters, and places on a map that has the same ones."""
    rng = np.random.default_rng(0)
    cluster = rng.integers(_CLUSTERS, size=count)
    centres = rng.normal(size=(_CLUSTERS, WIDTH)).astype(np.float32)
    rows = centres[cluster] + rng.normal(size=(count, WIDTH)).astype(np.float32)
    places = 9 * rng.normal(size=(_CLUSTERS, 2))[cluster] + rng.normal(size=(count, 2))
    return rows, places.astype(np.float32)


def opened(embeddings, places, folder):
    """The data of the page."""
    from keras_twins import collection
    from keras_twins.explore.data import Data
    from keras_twins.explore.labels import Labels

    paths = [f"gone/{row % 12}/{row}.png" for row in range(len(embeddings))]
    return Data(
        "generated",
        collection.Embeddings(embeddings, paths),
        places,
        "key",
        collection.Neighbours(embeddings),
        Labels(folder / "labels.csv", paths),
    )


def started(data):
    """Starts the server in a thread; gives its port and what ends it."""
    from aiohttp import web

    from keras_twins.explore import server

    bound = socket.create_server(("127.0.0.1", 0))
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(server.application(data), access_log=None)

    async def serve():
        await runner.setup()
        await web.SockSite(runner, bound).start()

    loop.run_until_complete(serve())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def stop():
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()

    return bound.getsockname()[1], stop


def measure(address, rows):
    """Opens the page, and prints how long what a reader does takes."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--enable-unsafe-swiftshader",
        "--window-size=1280,800",
    ):
        options.add_argument(argument)
    browser = webdriver.Chrome(options=options)
    browser.set_script_timeout(300)
    try:
        browser.get("about:blank")
        for name in ("first load", "second load"):
            before = processors(browser)
            seconds = loaded(browser, address)
            used = processors(browser) - before
            print(
                f"{name}: {seconds:.2f} s to points on the screen, {used:.2f} s of "
                "processors"
            )
        times = browser.execute_async_script(_MOVE)
        print(f"one step of moving the map: {spread(times)}")
        before = time.process_time()
        times = browser.execute_async_script(_SEARCH, rows)
        used = 1000 * (time.process_time() - before) / _REPEATS
        print(
            f"'more like this', 120 of {rows:,}: {spread(times)}, {used:.0f} ms of "
            "processors"
        )
    finally:
        browser.quit()


def loaded(browser, address):
    """Seconds from asking for the page to its points on the screen."""
    browser.get(address)
    while not browser.execute_script("return document.body.dataset.drawn"):
        time.sleep(0.01)
    script = f"{_FINISH} return performance.now()"
    return browser.execute_script(script) / 1000


def processors(browser):
    """Seconds of processors that the processes of a browser have used."""
    parents, seconds = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # It has ended.
            fields = stat.read_text().rpartition(")")[2].split()
            process = int(stat.parent.name)
            parents[process] = int(fields[1])
            ticks = int(fields[11]) + int(fields[12])
            seconds[process] = ticks / os.sysconf("SC_CLK_TCK")
    own, total = {browser.service.process.pid}, 0.0
    for process in sorted(parents):  # A process comes after the one that began it.
        if parents[process] in own:
            own.add(process)
            total += seconds[process]
    return total


def spread(times):
    times = sorted(times)
    nine_of_ten = times[int(0.9 * len(times))]
    return f"{statistics.median(times):.0f} ms, nine of ten within {nine_of_ten:.0f} ms"


if __name__ == "__main__":
    main()
