"""From the folders of runs to a page on the disk."""

import os

from keras_twins import cli
from keras_twins.errors import InputError


def write(paths, output):
    """Writes the page of one or more runs.

    Args:
        paths: list of str, folders of runs.
        output: path of the HTML file.

    Raises:
        InputError: for a folder without a run.
    """
    from keras_twins.report import page, records
    from keras_twins.workdir import Workdir

    workdirs = [Workdir(path) for path in paths]
    read = [records.read(workdir) for workdir in workdirs]
    cli.start_tensorflow()
    from keras_twins.report import looks

    runs = [
        page.Run(
            record,
            looks=_or_reason(looks.look, workdir, record.config),
            views=_or_reason(looks.views, record.config),
        )
        for workdir, record in zip(workdirs, read, strict=True)
    ]
    beside = output.with_name(f".{output.name}.partial")
    beside.write_text(page.render(runs), "utf-8")
    os.replace(beside, output)


def _or_reason(make, *arguments):
    """What `make` makes, or why it cannot: a page without it is still worth reading."""
    try:
        return make(*arguments)
    except InputError as error:
        return str(error)
