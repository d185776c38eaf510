"""`keras-twins report`: one HTML page of a run, or of several side by side."""

import os
import pathlib

from absl import flags

from keras_twins import cli
from keras_twins.errors import InputError

flags.DEFINE_multi_string(
    "workdir", None, "Folder of a run; given more than once, the runs are compared."
)
cli.define(flags.DEFINE_string, "output", "report.html", "The page, an HTML file.")
flags.mark_flag_as_required("workdir")

FLAGS = flags.FLAGS

_MOST = 4  # runs that colours tell apart


def main(argv):
    del argv
    output = pathlib.Path(FLAGS.output)
    if output.suffix.lower() != ".html":
        raise InputError(f"--output={output} is no .html file")
    if not output.absolute().parent.is_dir():
        raise InputError(f"--output={output}: there is no such folder")
    if len(FLAGS.workdir) > _MOST:
        raise InputError(
            f"--workdir is given {len(FLAGS.workdir)} times; a page compares up to "
            f"{_MOST} runs"
        )
    for package in ("jinja2", "plotly"):
        _check_installed(package)
    write(FLAGS.workdir, output)
    print(f"{output}: {output.stat().st_size / 1e6:.1f} MB, opens in any browser")


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


def _check_installed(package):
    import importlib.util

    if importlib.util.find_spec(package) is None:
        raise InputError(
            f"the report needs {package}: pip install 'keras-twins[report]'"
        )


if __name__ == "__main__":
    cli.run(main)
