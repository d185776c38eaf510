"""`keras-twins report`: one HTML page of a run, or of several side by side."""

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
    from keras_twins.report.writing import write

    write(FLAGS.workdir, output)
    print(f"{output}: {output.stat().st_size / 1e6:.1f} MB, opens in any browser")


def _check_installed(package):
    import importlib.util

    if importlib.util.find_spec(package) is None:
        raise InputError(
            f"the report needs {package}: pip install 'keras-twins[report]'"
        )


if __name__ == "__main__":
    cli.run(main)
