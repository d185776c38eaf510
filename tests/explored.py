"""A real server of the page of `explore`, and a client that sends any bytes."""

import asyncio
import contextlib
import http.client
import json
import socket
import threading

from aiohttp import web

from keras_twins.explore import server

HOSTILE = "<img src=x onerror=document.title=1>&\"'.png"
# Odd names of files, which are in the collection.
NAMES = ("it's #1?.png", HOSTILE, "ünï code.png", "..%2f..%2fsecret.png")


@contextlib.contextmanager
def serving(data):
    """A scope in which the page of some data is served; gives its port."""
    bound = socket.create_server(("127.0.0.1", 0))
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    ready = threading.Event()

    async def serve():
        runner = web.AppRunner(server.application(data), access_log=None)
        await runner.setup()
        await web.SockSite(runner, bound).start()
        ready.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    ready.wait()
    try:
        yield bound.getsockname()[1]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


class Client:
    """Asks a server as bytes on a socket may, whatever a browser would do to them."""

    def __init__(self, port):
        self.host = f"127.0.0.1:{port}"
        self._port = port

    def __call__(self, path, method="GET", body=None, **headers):
        """The status, the headers and the body of an answer."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        with contextlib.closing(connection):
            connection.putrequest(method, path, skip_host=True)
            for name, value in ({"Host": self.host} | headers).items():
                if value is not None:
                    connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    def json(self, path, **options):
        status, _, body = self(path, **options)
        return status, json.loads(body)

    def post(self, path, value, **headers):
        body = json.dumps(value).encode()
        headers = {"Content_Type": "application/json"} | headers
        return self.json(path, method="POST", body=body, **headers)
