"""The server of the page: fixed addresses, on loopback, for this page alone.

A request is answered where its `Host` is this machine's loopback and its `Origin`, if
any, is the page's own: a page from elsewhere can neither read nor write. What changes
something takes JSON, which no form of another page sends.
"""

import asyncio
import json
from importlib import resources

import numpy as np
from aiohttp import web

from keras_twins.errors import InputError
from keras_twins.explore.jobs import READY

_DATA: web.AppKey = web.AppKey("data", object)
# The files of the page: address, package, name, type.
_HERE = "keras_twins.explore"
_FILES = (
    ("/", _HERE, "page.html", "text/html"),
    *(
        (f"/{name}", _HERE, name, "text/javascript")
        for name in ("page.js", "map.js", "list.js", "server.js")
    ),
    ("/look.css", "keras_twins.report", "page.css", "text/css"),
    ("/page.css", _HERE, "page.css", "text/css"),
    ("/plotly.js", "plotly", "package_data/plotly.min.js", "text/javascript"),
)
_HOSTS = ("127.0.0.1", "localhost", "[::1]")
_PICTURE_BYTES = 32 * 2**20
_NEAREST = 120
_FILES_AT_A_TIME = 200
_JSON, _BYTES = "application/json", "application/octet-stream"
# What stands for a file without a picture: not an error, which the browser would log.
_NO_PICTURE = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 160 160" fill="#808890">'
    b'<text x="80" y="85" font-family="sans-serif" font-size="18" '
    b'text-anchor="middle">no picture</text></svg>'
)
_HEADERS = {
    # Plotly compiles what it draws with, and brings styles of its own.
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-eval'; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def serve(data, bound):
    """Answers requests until the process is told to stop by SIGTERM or SIGINT.

    Args:
        data: `keras_twins.explore.data.Data`, which is closed at the end.
        bound: socket that is bound to an address of loopback.
    """
    web.run_app(
        application(data),
        sock=bound,
        print=None,
        access_log=None,
        shutdown_timeout=1,
        handle_signals=True,
    )


def application(data):
    """The `aiohttp.web.Application` of a collection.

    Args:
        data: `keras_twins.explore.data.Data`, which is closed at the end.
    """
    app = web.Application(middlewares=[_guard], client_max_size=_PICTURE_BYTES)
    app[_DATA] = data
    for address, package, name, kind in _FILES:
        app.router.add_get(address, _file(package, name, kind))
    app.router.add_routes(
        [
            web.get("/api/about", _about),
            web.get("/api/points", _points),
            web.get("/api/selected", _selected),
            web.get("/api/colours/{name}", _colours),
            web.get("/api/colours/{name}/values", _values),
            web.get("/api/colours/{name}/order", _order),
            web.get("/api/matching", _matching),
            web.get("/api/files", _files),
            web.get("/api/thumbnail/{row}", _thumbnail),
            web.get("/api/sound/{row}", _sound),
            web.get("/api/like/{row}", _like),
            web.post("/api/search", _search),
            web.post("/api/labels", _save_label),
        ]
    )
    app.on_cleanup.append(_close)
    return app


@web.middleware
async def _guard(request, handler):
    """Refuses foreign pages; makes every answer one of this page's, errors too."""
    try:
        _check_who_asks(request)
        response = await handler(request)
    except web.HTTPException as error:
        response = _error(error.status, error.reason)
    except InputError as error:
        response = _error(422, str(error))
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _check_who_asks(request):
    host = request.headers.get("Host", "")
    name = host if host.endswith("]") else host.rsplit(":", 1)[0]
    if name not in _HOSTS:
        raise web.HTTPForbidden(reason="Host is not this machine's loopback")
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"http://{host}":
        raise web.HTTPForbidden(reason="Origin is another page")
    # A picture or script that another page asks for has no Origin.
    site = request.headers.get("Sec-Fetch-Site", "none")
    if request.path != "/" and site not in ("none", "same-origin"):
        raise web.HTTPForbidden(reason="another page asks")


def _error(status, text):
    return web.json_response({"error": text}, status=status)


def _file(package, name, kind):
    body = resources.files(package).joinpath(name).read_bytes()

    async def answer(request):
        return web.Response(body=body, content_type=kind, charset="utf-8")

    return answer


async def _about(request):
    return web.json_response(request.app[_DATA].about())


async def _points(request):
    return _bytes(request.app[_DATA].points())


async def _selected(request):
    return _bytes(request.app[_DATA].selected())


async def _colours(request):
    job = _job(request)
    answer = {"state": job.state, "done": job.done, "total": job.total}
    if job.error:
        answer["error"] = job.error
    if job.state == READY:
        colouring = job.result
        answer["plain"] = colouring.plain
        answer["ordered"] = colouring.order is not None
        answer["groups"] = [
            {"name": name, "count": count}
            for name, count in zip(colouring.names, colouring.counts(), strict=True)
        ]
    return web.json_response(answer)


async def _values(request):
    return _bytes(_ready(request).values.astype("u1").tobytes())


async def _order(request):
    order = _ready(request).order
    return _bytes(b"" if order is None else order.astype("<i4").tobytes())


async def _matching(request):
    text = request.query.get("text", "")
    mask = await asyncio.to_thread(request.app[_DATA].matching, text)
    return _bytes(np.packbits(mask, bitorder="little").tobytes())


async def _files(request):
    data = request.app[_DATA]
    texts = request.query.get("rows", "").split(",")
    if len(texts) > _FILES_AT_A_TIME:
        raise web.HTTPBadRequest(reason=f"more than {_FILES_AT_A_TIME} rows")
    rows = [_row(data, text) for text in texts]
    return web.json_response(await asyncio.to_thread(data.files, rows))


async def _thumbnail(request):
    data = request.app[_DATA]
    row = _row(data, request.match_info["row"])
    made = await asyncio.shield(asyncio.wrap_future(data.thumbnail(row)))
    if made is None:
        return web.Response(body=_NO_PICTURE, content_type="image/svg+xml")
    # The page's addresses name the collection as well.
    headers = {"Cache-Control": "private, max-age=86400"}
    return web.Response(body=made, content_type="image/webp", headers=headers)


async def _sound(request):
    data = request.app[_DATA]
    row = _row(data, request.match_info["row"])
    found = await asyncio.to_thread(data.sound, row)
    if found is None:
        raise web.HTTPNotFound(reason="not a recording that can be read")
    body, kind = found
    return web.Response(body=body, content_type=kind)


async def _like(request):
    data = request.app[_DATA]
    row = _row(data, request.match_info["row"])
    return _found(*await asyncio.to_thread(data.like, row, _NEAREST))


async def _search(request):
    data = request.app[_DATA]
    _check_type(request, _BYTES)
    if not data.about()["pictures"]:
        raise web.HTTPConflict(reason="started without --model_dir: no picture search")
    picture = await request.read()
    return _found(*await asyncio.to_thread(data.search, picture, _NEAREST))


async def _save_label(request):
    data = request.app[_DATA]
    _check_type(request, _JSON)
    try:
        given = json.loads(await request.read())
        rows, label = given["rows"], given["label"]
        if not isinstance(rows, list) or not isinstance(label, str):
            raise TypeError
        whole = all(type(row) is int and 0 <= row < len(data) for row in rows)
        if not (rows and whole):
            raise TypeError
    except (ValueError, KeyError, TypeError) as error:
        reason = 'expected {"rows": [row, ...], "label": "..."}'
        raise web.HTTPBadRequest(reason=reason) from error
    await asyncio.to_thread(data.save_label, rows, label)
    return web.json_response({"saved": len(rows)})


async def _close(app):
    await asyncio.to_thread(app[_DATA].close)


def _job(request):
    try:
        return request.app[_DATA].colouring(request.match_info["name"])
    except KeyError as error:
        raise web.HTTPNotFound(reason="no such colouring") from error


def _ready(request):
    job = _job(request)
    if job.state != READY:
        raise web.HTTPConflict(reason="not ready")
    return job.result


def _row(data, text):
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise web.HTTPBadRequest(reason="expected the number of a row")
    if int(text) >= len(data):
        raise web.HTTPNotFound(reason=f"rows end at {len(data) - 1}")
    return int(text)


def _check_type(request, wanted):
    if request.content_type != wanted or "Content-Type" not in request.headers:
        raise web.HTTPUnsupportedMediaType(reason=f"expected {wanted}")


def _bytes(body):
    return web.Response(body=body, content_type=_BYTES)


def _found(rows, similarities):
    return web.json_response({"rows": rows, "similarities": similarities})
