"""Draws docs/house.svg: the rooms of the package, and which imports which.

    python docs/house.py

The arrows are the imports that the files have; one that follows from others is left
out.
"""

import ast
import pathlib
import tomllib

ROOT = pathlib.Path(__file__).parent.parent
DRAWING = ROOT / "docs" / "house.svg"

# The rooms from the ground up. A room imports from those before it, never from those
# after it; tests/docs_test.py holds the files to that.
ROOMS = (
    *("ground", "distribution", "losses", "optimizers", "augment", "decode"),
    *("models", "data", "collection", "configs", "export", "serving"),
    *("evaluation", "runs", "callbacks", "training", "report", "explore"),
    "commands",
)

# Where each room stands in the drawing: column and row.
_PLACES = {
    "commands": (2.4, 0),
    "training": (0.9, 1),
    "report": (2.4, 1),
    "explore": (4.0, 1),
    "callbacks": (0.4, 2),
    "runs": (1.6, 2),
    "evaluation": (0.9, 3),
    "serving": (4.0, 3),
    "export": (2.8, 3),
    "collection": (0.0, 4),
    "data": (1.9, 4),
    "models": (3.2, 4),
    "configs": (4.4, 4),
    "decode": (0.9, 5),
    "augment": (2.0, 5),
    "losses": (3.1, 5),
    "optimizers": (4.4, 5),
    "distribution": (1.4, 6),
    "ground": (2.8, 6),
}

# Modules that are not rooms of their own.
_IN = {
    "ground": [
        *("replicas", "keys", "files", "listing", "progress"),
        "float32",
        "pictures",
        "tables",
        "pixels",
        *("mel", "spectrograms"),
    ]
}
_IN["commands"] = ["aliases"]
_ROOMS = {module: room for room, modules in _IN.items() for module in modules}

# What every room may import, and what does not import any room.
_SHARED = ("", "errors", "types")

_ACROSS, _DOWN, _WIDTH, _HEIGHT = 132, 76, 116, 34


def main():
    DRAWING.write_text(svg(imports()), "utf-8")


def imports():
    """The imports between rooms, a set of `(from, to)`, without what follows."""
    pairs = {(a, b) for a, b, _ in room_imports()}
    one_way = {(a, b) for a, b in pairs if (b, a) not in pairs}
    return {(a, b) for a, b in pairs if not _follows(a, b, one_way)}


def room_imports():
    """Every import from one room into another: `(from, to, module)`."""
    for module, path in _files():
        for name in _imported(path):
            a, b = _room(module), _room(name)
            if a != b and a not in _SHARED and b not in _SHARED:
                yield a, b, module


def svg(pairs):
    """The drawing, as text."""
    columns = max(x for x, _ in _PLACES.values())
    rows = max(y for _, y in _PLACES.values())
    width = round(columns * _ACROSS + _WIDTH + 2)
    height = rows * _DOWN + _HEIGHT + 2
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" font-family="sans-serif" font-size="14">',
        "<title>The rooms of keras_twins and their imports</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" '
        'markerHeight="8" orient="auto-start-reverse">'
        '<path d="M0 0L8 4L0 8Z" fill="#555"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    lines += [_arrow(a, b, (b, a) in pairs) for a, b in sorted(pairs)]
    for room, place in _PLACES.items():
        x, y = _corner(place)
        lines.append(
            f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="4" '
            f'fill="#eef2f7" stroke="#555"/><text x="{x + _WIDTH // 2}" '
            f'y="{y + 22}" text-anchor="middle">{room}</text>'
        )
    return "\n".join([*lines, "</svg>", ""])


def _arrow(a, b, both):
    (x1, y1), (x2, y2) = _corner(_PLACES[a]), _corner(_PLACES[b])
    if y1 == y2:  # Beside each other: from side to side.
        right = x2 > x1
        x1, x2 = x1 + _WIDTH * right, x2 + _WIDTH * (not right)
        y1 = y2 = y1 + _HEIGHT // 2
    else:
        x1, x2 = x1 + _WIDTH // 2, x2 + _WIDTH // 2
        y1, y2 = y1 + _HEIGHT, y2
    start = ' marker-start="url(#tip)"' if both else ""
    return (
        f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="#555"{start} '
        'marker-end="url(#tip)"/>'
    )


def _corner(place):
    return round(1 + place[0] * _ACROSS), 1 + place[1] * _DOWN


def _files():
    """Names and paths of the package's modules."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    for package, folder in settings["tool"]["setuptools"]["package-dir"].items():
        for path in (ROOT / folder).rglob("*.py"):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            yield ".".join([package, *parts]), path


def _imported(path):
    """Names of the package's modules that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "keras_twins":
            yield from (f"keras_twins.{name.name}" for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def _room(module):
    """The room of a module; nothing for the package itself and for other packages."""
    package, *parts = module.split(".")
    if package != "keras_twins" or not parts or parts[0].startswith("__"):
        return ""
    if parts[-1] == "__main__":
        return "commands"
    return _ROOMS.get(".".join(parts[:2]), _ROOMS.get(parts[0], parts[0]))


def _follows(a, b, pairs):
    """Whether a path of other imports leads from a to b."""
    reached, todo = set(), [y for x, y in pairs if x == a and y != b]
    while todo:
        room = todo.pop()
        if room == b:
            return True
        if room not in reached:
            reached.add(room)
            todo += [y for x, y in pairs if x == room]
    return False


if __name__ == "__main__":
    main()
