"""`keras-twins train`: trains the experiment of a configuration into a folder.

Run the same command again to go on where a run stopped; docs/reliability.md says what
is kept, and with which exit status it stops.
"""

import sys

from absl import flags as absl_flags

from keras_twins.commands import cli, shared_flags
from keras_twins.commands.startup import start_tensorflow
from keras_twins.runs import stops


def define_flags(flags):
    shared_flags.define_config(flags)
    absl_flags.DEFINE_string(
        "workdir",
        None,
        "Folder of the run; made where it is missing.",
        flag_values=flags,
    )
    absl_flags.mark_flag_as_required("workdir", flags)
    absl_flags.DEFINE_enum(
        "strategy",
        "auto",
        ["auto", "one", "mirrored", "multi_worker", "tpu"],
        "How the work is spread: one device, all GPUs of this machine, the workers of "
        "TF_CONFIG, or a TPU. auto: what is there.",
        flag_values=flags,
    )


def main(flags, paths):
    config = shared_flags.read_config(flags)
    with stops.on_signals() as request:
        start_tensorflow()
        # They import TensorFlow.
        from keras_twins import distribution, training
        from keras_twins.runs.run import Run
        from keras_twins.runs.workdir import Workdir

        strategy = distribution.strategy(flags.strategy)
        with distribution.explain_lost_workers():
            run = Run(config, Workdir(flags.workdir), strategy)
            training.train(run, 1 if sys.stdout.isatty() else 2, request)


if __name__ == "__main__":
    cli.main("train")
