"""Charts of lines as SVG, for pages that fetch nothing."""

import html
import math

# Of Okabe and Ito, told apart by the colour-blind too; then the same, dashed.
_COLOURS = (
    *("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"),
    "#000000",
)
_WIDTH, _HEIGHT = 740, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 210, 36, 52


def draw(title, series, x_label, y_label, log_x=False):
    """A chart of lines with points and intervals.

    Args:
        title: str.
        series: dict, from a name to a list of `(x, y, interval)`, the last of which may
            be None; a series without points is left out.
        x_label: str.
        y_label: str.
        log_x: bool, whether x is drawn by its logarithm, with a tick at each value.

    Returns:
        str, an SVG file.
    """
    series = {name: points for name, points in series.items() if points}
    xs = [x for points in series.values() for x, _, _ in points]
    ys = [
        y + sign * (around or 0.0)
        for points in series.values()
        for _, y, around in points
        for sign in (-1, 1)
    ]
    x_ticks = sorted(set(xs)) if log_x else _ticks(xs)
    y_ticks = _ticks(ys)
    place = _Place((*xs, *x_ticks), (*ys, *y_ticks), math.log if log_x else lambda x: x)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{_WIDTH}" font-family="sans-serif" font-size="13">',
        f"<title>{html.escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        _text(_LEFT, 20, title, size=15),
        *_axes(place, x_ticks, y_ticks, x_label, y_label),
    ]
    for index, (name, points) in enumerate(series.items()):
        lines += _line(place, index, name, points)
    return "\n".join([*lines, "</svg>", ""])


class _Place:
    """Where a point of the data is drawn."""

    def __init__(self, xs, ys, scale):
        self._scale = scale
        self._x = _span([scale(x) for x in xs])
        self._y = _span(ys)

    def x(self, value):
        low, high = self._x
        share = (self._scale(value) - low) / (high - low)
        return round(_LEFT + share * (_WIDTH - _LEFT - _RIGHT), 1)

    def y(self, value):
        low, high = self._y
        share = (value - low) / (high - low)
        return round(_HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM), 1)


def _span(values):
    low, high = min(values, default=0.0), max(values, default=1.0)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _ticks(values):
    """Round numbers that cover the values, some five of them."""
    low, high = _span(values)
    step = 10.0 ** math.floor(math.log10((high - low) / 4))
    step *= next(by for by in (1, 2, 5, 10) if (high - low) / (by * step) <= 6)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(index * step, 10) for index in range(first, last + 1)]


def _axes(place, x_ticks, y_ticks, x_label, y_label):
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    for tick in x_ticks:
        yield _text(place.x(tick), bottom + 18, f"{tick:g}", anchor="middle")
    for tick in y_ticks:
        y = place.y(tick)
        yield f'<path d="M{_LEFT} {y}H{right}" stroke="#ddd"/>'
        yield _text(_LEFT - 8, y + 4, f"{tick:g}", anchor="end")
    yield f'<path d="M{_LEFT} {_TOP}V{bottom}H{right}" fill="none" stroke="#555"/>'
    yield _text((_LEFT + right) / 2, _HEIGHT - 12, x_label, anchor="middle")
    middle = (_TOP + bottom) / 2
    yield (
        f'<text transform="translate(16 {middle}) rotate(-90)" text-anchor="middle">'
        f"{html.escape(y_label)}</text>"
    )


def _line(place, index, name, points):
    colour = _COLOURS[index % len(_COLOURS)]
    dashes = ' stroke-dasharray="6 4"' if index >= len(_COLOURS) else ""
    drawn = [(place.x(x), place.y(y)) for x, y, _ in points]
    path = "L".join(f"{x} {y}" for x, y in drawn)
    yield f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>'
    for (x, y), (_, value, around) in zip(drawn, points, strict=True):
        yield f'<circle cx="{x}" cy="{y}" r="3.5" fill="{colour}"/>'
        if around:
            ends = f"M{x} {place.y(value - around)}V{place.y(value + around)}"
            yield f'<path d="{ends}" stroke="{colour}"/>'
    left, y = _WIDTH - _RIGHT + 14, _TOP + 10 + 22 * index
    yield f'<path d="M{left} {y}h22" stroke="{colour}" stroke-width="2"{dashes}/>'
    yield _text(left + 28, y + 4, name)


def _text(x, y, text, anchor="start", size=13):
    return (
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{size}">'
        f"{html.escape(text)}</text>"
    )
