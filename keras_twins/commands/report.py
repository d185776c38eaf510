"""`keras-twins report`: one HTML page of a run, or of several side by side."""

import functools
import importlib.util

from absl import flags as absl_flags

from keras_twins import files, progress
from keras_twins.commands import cli, shared_flags
from keras_twins.commands.startup import start_tensorflow
from keras_twins.errors import InputError
from keras_twins.runs.workdir import Workdir

_MOST = 4  # runs that colours tell apart


def define_flags(flags):
    absl_flags.DEFINE_multi_string(
        "workdir",
        None,
        "Folder of a run; given more than once, the runs are compared.",
        flag_values=flags,
    )
    absl_flags.mark_flag_as_required("workdir", flags)
    absl_flags.DEFINE_string(
        "output", "report.html", "The page, an HTML file.", flag_values=flags
    )


def main(flags, paths):
    output = shared_flags.check_output(flags.output, ".html")
    if len(flags.workdir) > _MOST:
        raise InputError(
            f"--workdir is given {len(flags.workdir)} times; a page compares up to "
            f"{_MOST} runs"
        )
    for package in ("jinja2", "plotly"):
        if importlib.util.find_spec(package) is None:
            raise InputError(
                f"the report needs {package}: pip install 'keras-twins[report]'"
            )
    workdirs = [Workdir(path) for path in flags.workdir]
    for workdir in workdirs:
        workdir.check_begun()  # Said before TensorFlow starts.
    start_tensorflow()
    write(workdirs, output)
    print(f"{output}: {output.stat().st_size / 1e6:.1f} MB, opens in any browser")


def write(workdirs, output):
    """Writes the page of one or more runs.

    Args:
        workdirs: list of `keras_twins.runs.workdir.Workdir`.
        output: path of the HTML file.

    Raises:
        InputError: for a folder without a run.
    """
    from keras_twins.report import page  # It imports TensorFlow.
    from keras_twins.runs import records
    from keras_twins.runs.run import Run

    runs = [Run.read(workdir) for workdir in workdirs]
    shown = []
    for workdir, run in zip(workdirs, runs, strict=True):
        with progress.stage(f"reading {workdir.path}"):
            record = records.read(run)
        # The network that was evaluated: the page speaks of one.
        network = records.network(record.evaluation)
        looks = _or_reason(functools.partial(_look, network=network), run)
        with progress.stage("drawing views"):
            views = _or_reason(_views, run)
        shown.append(page.Run(record, looks=looks, views=views))
    with progress.stage("drawing the page"):
        files.write_text(output, page.render(shown, output.parent))


def _look(run, network):
    from keras_twins.report import looks  # It imports TensorFlow.
    from keras_twins.runs import images

    with progress.stage("opening the encoder and the images"):
        encoder = run.trained_encoder(network)
        shown = images.test_images(run, looks.IMAGES)
    return looks.look(encoder, shown)


def _views(run):
    from keras_twins.report import looks  # It imports TensorFlow.

    return looks.views(run)


def _or_reason(make, run):
    """What `make` makes, or why it cannot: a page without it is still worth reading."""
    from keras_twins.evaluation.rows import in_short  # It imports TensorFlow.

    try:
        return make(run)
    except Exception as error:  # Whatever it meets, the rest of the page needs none.
        return in_short(error)


if __name__ == "__main__":
    cli.main("report")
