"""The page of an audit: one HTML file that needs no other."""

import datetime

import markupsafe
from PIL import Image, ImageOps

from keras_twins import pictures
from keras_twins.collection.file_pictures import picture_of
from keras_twins.decode import host
from keras_twins.report import heard, templates

# How much of a large collection is shown; the tables hold all of it.
_GROUPS, _OF_A_GROUP, _OUTLIERS, _LEAKS, _PATHS = 60, 6, 96, 24, 50
_SIDE = 96
_STYLES = ("page.css", "audit.css", "copy.css", "play.css")
_SCRIPTS = ("copy.js", "play.js")
_QUALITY = 70  # of WebP


def render(audit, name, folder="."):
    """Renders the page.

    Args:
        audit: `keras_twins.collection.audit.Audit`.
        name: str, what the collection is called.
        folder: path of the folder that the page will lie in: it plays recordings from
            where they are.

    Returns:
        str, HTML that opens without a network.
    """
    shown = _Thumbnails(audit.pictures.paths, folder)
    found = audit.duplicates
    return templates.render(
        "audit.html",
        name=name,
        made=datetime.datetime.now().strftime("%Y-%m-%d %H:%M"),
        count=len(audit.pictures.paths),
        summary=summary(audit),
        leaks=[
            (names, len(pairs), [map(shown, pair) for pair in pairs[:_LEAKS]])
            for names, pairs in audit.leaks.items()
        ],
        groups=[_group(group, shown) for group in found.groups[:_GROUPS]],
        group_count=len(found.groups),
        calibration=found.calibration,
        outliers=[(one, shown(one.row)) for one in audit.outliers[:_OUTLIERS]],
        outlier_count=len(audit.outliers),
        checks=[
            (check.name, len(check.flagged), check.left_out) for check in audit.judged
        ],
        missing=[audit.pictures.paths[row] for row in audit.pictures.missing[:_PATHS]],
        missing_count=len(audit.pictures.missing),
        style=markupsafe.Markup().join(map(templates.marked, _STYLES)),
        script=markupsafe.Markup().join(map(templates.marked, _SCRIPTS)),
    )


def summary(audit):
    """What was found, in lines.

    Args:
        audit: `keras_twins.collection.audit.Audit`.

    Returns:
        list of `(level, topic, text)`; level is "good", "note" or "warning".
    """
    lines = [_of_duplicates(audit.duplicates)]
    for (split, other), pairs in audit.leaks.items():
        text = f"{_count(len(pairs), f'{split} file')} also in {other}"
        lines.append(("warning", "Leaks", text))
    unreadable = len(audit.pictures.unreadable)
    if unreadable:
        text = f"{_count(unreadable, 'file')} cannot be read"
        lines.append(("warning", "Unreadable", text))
    for check in audit.judged:
        if check.left_out:
            text = f"the check '{check.name}' flags half of the pictures; left out"
            lines.append(("note", "Quality", text))
    flagged = [check for check in audit.judged if len(check.flagged)]
    if flagged:
        parts = [f"{check.name} {len(check.flagged):,}" for check in flagged]
        lines.append(("note", "Quality", ", ".join(parts)))
    elif len(audit.pictures.rows):
        lines.append(("good", "Quality", "no check flags a picture"))
    lines += [_of_outliers(audit), *_of_recordings(audit.pictures)]
    missing = len(audit.pictures.missing)
    if missing:
        text = (
            f"{_count(missing, 'file')} no longer there; of these, only the embeddings "
            "were compared"
        )
        lines.append(("warning", "Missing", text))
    return lines


def _of_duplicates(found):
    extra = sum(len(group.rows) - 1 for group in found.groups)
    if not extra:
        return "good", "Duplicates", "none found"
    kinds = [kind for group in found.groups for kind in group.kinds[1:]]
    parts = [f"{kinds.count(kind):,} {kind}" for kind in dict.fromkeys(kinds)]
    text = (
        f"{_count(extra, 'file')} could go, in {_count(len(found.groups), 'group')} "
        f"({', '.join(parts)})"
    )
    if found.calibration.precision is not None:
        text += (
            f"; of the pairs that are not exact, {found.calibration.precision:.0%} are "
            "expected to be right"
        )
    return "note", "Duplicates", text


def _of_recordings(found):
    count = len(found.paths) - len(found.rows) - len(found.unreadable)
    count -= len(found.missing)
    if count:
        text = f"{_count(count, 'file')}, compared by their embeddings alone"
        yield "note", "Recordings", text


def _of_outliers(audit):
    if not audit.outliers:
        return "good", "Outliers", "none found"
    first = audit.outliers[0]
    where = audit.pictures.paths[first.row]
    text = f"{len(audit.outliers):,}; the first is {where} ({first.check})"
    return "note", "Outliers", text


def _group(group, shown):
    columns = zip(group.rows, group.kinds, group.similarities, strict=True)
    files = [(shown(row), *rest) for row, *rest in list(columns)[:_OF_A_GROUP]]
    return files, max(len(group.rows) - _OF_A_GROUP, 0)


class _Thumbnails:
    """Thumbnails of files, each made once."""

    def __init__(self, paths, folder):
        self._paths = paths
        self._folder = folder
        self._made = {}

    def __call__(self, row):
        """`(data URI, path, address of its sound)` of a row, empty if there is none."""
        if row not in self._made:
            path = self._paths[row]
            try:
                image = ImageOps.contain(
                    picture_of(path), (_SIDE, _SIDE), Image.Resampling.LANCZOS
                )
                uri = pictures.data_uri(image, _QUALITY)
            except host.ERRORS:
                uri = None
            self._made[row] = uri, path, heard.address(path, self._folder)
        return self._made[row]


def _count(number, what):
    return f"{number:,} {what}" + ("" if number == 1 else "s")
