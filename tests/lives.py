"""Trains a tiny run in several lives, each a process that ends as it is told to.

`lives.py WORKDIR JSON`: a list of `{"replicas": R, "die": WHERE, "config": {…}}`.
WHERE is null (the life ends by itself), a number of steps after which the process kills
itself with SIGKILL, "while saving N", in the middle of its Nth checkpoint, or "disk N":
from the Nth checkpoint on, nothing larger than a few bytes can be written.

The processes are forked before TensorFlow has started anything, to import it once.
The exit status of each life is printed, negative for a signal.
"""

import json
import os
import resource
import signal
import sys

import numpy as np
import tensorflow as tf

from keras_twins import distribution
from keras_twins.callbacks import resume
from keras_twins.configs import digits
from keras_twins.errors import InputError
from keras_twins.runs import checkpoints, stops
from keras_twins.runs.run import Run
from keras_twins.runs.workdir import Workdir
from keras_twins.training import train


def tiny_config(overrides):
    config = digits.get_config()
    config.encoder.widths = (8,)
    config.encoder.depths = (1,)
    config.projector = (32, 32)
    config.epochs = 2
    config.optimizer.warmup_epochs = 1.0
    config.optimizer.learning_rate = 5e-4
    config.optimizer.epsilon = 1e-2  # with less, Adam makes much of roundings
    config.evaluation.every_epochs = 2
    config.checkpoint.every_steps = 2
    config.update_from_flattened_dict(overrides)
    return config


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def die_after(steps):
    original = resume.Checkpoint.on_train_batch_end
    seen = []

    def on_train_batch_end(self, batch, logs=None):
        original(self, batch, logs)
        seen.append(batch)
        if len(seen) == steps:
            die()

    resume.Checkpoint.on_train_batch_end = on_train_batch_end


def at_checkpoint(number, act):
    original = checkpoints.save
    seen = []

    def save(*arguments):
        seen.append(arguments)
        if len(seen) == number:
            act()
        original(*arguments)

    checkpoints.save = save


def tear_the_file():
    def savez(path, **state):
        path.write_bytes(b"PK half of a checkpoint")
        die()

    np.savez = savez


def fill_the_disk():
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))


def prepare(where):
    if isinstance(where, int):
        die_after(where)
    elif where and where.startswith("while saving"):
        at_checkpoint(int(where.split()[-1]), tear_the_file)
    elif where and where.startswith("disk"):
        at_checkpoint(int(where.split()[-1]), fill_the_disk)


def make_strategy(replicas):
    if replicas == 1:
        return distribution.strategy("one")
    device = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        device, [tf.config.LogicalDeviceConfiguration()] * replicas
    )
    return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(replicas)])


def live(workdir, life):
    """Ends the process as the `keras-twins` command does."""
    prepare(life.get("die"))
    try:
        with stops.on_signals() as request:
            strategy = make_strategy(life.get("replicas", 1))
            config = tiny_config(life.get("config", {}))
            train(Run(config, Workdir(workdir), strategy), 0, request)
    except (InputError, stops.Stopped) as end:
        print(f"keras-twins: {end}", flush=True)
        os._exit(1 if isinstance(end, InputError) else stops.EXIT_STATUS)
    os._exit(0)


if __name__ == "__main__":
    for one in json.loads(sys.argv[2]):
        child = os.fork()
        if not child:
            live(sys.argv[1], one)
        _, status = os.waitpid(child, 0)
        print("status", os.waitstatus_to_exitcode(status), flush=True)
