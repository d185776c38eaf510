"""Which `tf.distribute` strategy runs a job, and what its workers agree on."""

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import tensorflow as tf

from keras_twins.errors import InputError

# The first version of Keras whose `fit` has not been seen to need `SeveralWorkers`.
_REPAIRED = (3, 16)


def strategy(name: str) -> tf.distribute.Strategy:
    """The `tf.distribute.Strategy` that a `--strategy` flag names.

    Args:
        name: "one", "mirrored" (all GPUs of this machine), "multi_worker" (the workers
            of TF_CONFIG, or of a SLURM job), "tpu", or "auto": the workers of TF_CONFIG
            where it is set, else all GPUs where there is more than one, else one
            device.

    Raises:
        InputError: for a strategy that this machine cannot run.

    Examples:
        >>> import keras_twins as kt
        >>> kt.distribution.strategy("one").num_replicas_in_sync
        1
    """
    gpus = tf.config.list_physical_devices("GPU")
    if name == "auto":
        if os.environ.get("TF_CONFIG"):
            name = "multi_worker"
        else:
            name = "mirrored" if len(gpus) > 1 else "one"
    if name == "mirrored":
        return tf.distribute.MirroredStrategy()
    if name == "multi_worker":
        return _multi_worker_strategy()
    if name == "tpu":
        return _tpu_strategy()
    return tf.distribute.get_strategy()


def _multi_worker_strategy():
    resolver = None
    if not os.environ.get("TF_CONFIG") and os.environ.get("SLURM_PROCID"):
        resolver = tf.distribute.cluster_resolver.SlurmClusterResolver()
    else:
        _check_tf_config()
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
    except tf.errors.OpError as error:
        raise InputError(
            "--strategy=multi_worker: this worker cannot listen on its address of "
            f"TF_CONFIG; is it in use? ({error.message.splitlines()[0]})"
        ) from error


def _check_tf_config():
    """Raises InputError unless TF_CONFIG names this task among its workers."""
    text = os.environ.get("TF_CONFIG")
    example = (
        """'{"cluster": {"worker": ["host:port", ...]}, """
        """"task": {"type": "worker", "index": 0}}'"""
    )
    if not text:
        raise InputError(
            f"--strategy=multi_worker: TF_CONFIG is not set; expected {example}"
        )
    try:
        config = json.loads(text)
        task = config["task"]
        tasks = config["cluster"][task["type"]]
        index = int(task["index"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"TF_CONFIG={text!r} does not name this task; expected {example}"
        ) from error
    if not 0 <= index < len(tasks):
        raise InputError(
            f"TF_CONFIG names task {task['type']} {index}, but its cluster has "
            f"{len(tasks)} of them"
        )


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process writes the files of a run: the first of its workers."""
    if not several_workers(strategy):
        return True
    resolver = strategy.cluster_resolver
    return resolver.task_type == "chief" or (
        resolver.task_type == "worker"
        and resolver.task_id == 0
        and "chief" not in resolver.cluster_spec().jobs
    )


def wait_for_all(strategy: tf.distribute.Strategy) -> None:
    """Returns once every worker has come this far; a worker that ends takes the others.

    The first worker evaluates and writes while the others have nothing left to do.
    """
    if several_workers(strategy):
        ones = strategy.run(lambda: tf.ones([]))
        strategy.reduce(tf.distribute.ReduceOp.SUM, ones, axis=None)


def any_worker(strategy: tf.distribute.Strategy, flag: bool) -> bool:
    """Whether a flag is set in some worker: the same answer in all of them.

    Where there are several, all must ask at the same moment.
    """
    if not several_workers(strategy):
        return flag
    flags = strategy.run(lambda: tf.constant(float(flag)))
    return bool(strategy.reduce(tf.distribute.ReduceOp.SUM, flags, axis=None) > 0)


def worker_name(strategy: tf.distribute.Strategy) -> str:
    """How a worker names itself at the start of a line, or nothing for the only one."""
    if not several_workers(strategy):
        return ""
    resolver = strategy.cluster_resolver
    workers = len(resolver.cluster_spec().job_tasks(resolver.task_type))
    chief = ", the chief" if is_chief(strategy) else ""
    return f" ({resolver.task_type} {resolver.task_id} of {workers}{chief})"


def several_workers(strategy: tf.distribute.Strategy) -> bool:
    """Whether the replicas of a strategy are spread over processes."""
    return getattr(strategy.extended, "_in_multi_worker_mode", lambda: False)()


@contextlib.contextmanager
def explain_lost_workers() -> Iterator[None]:
    """Turns the end of the communication between workers into one line.

    Raises:
        InputError: where TensorFlow says that another worker is gone.
    """
    lost = (
        tf.errors.UnavailableError,
        tf.errors.AbortedError,
        tf.errors.CancelledError,
        tf.errors.InternalError,
    )
    try:
        yield
    except lost as error:
        if not os.environ.get("TF_CONFIG") and "Collective" not in error.message:
            raise
        raise InputError(
            "another worker is gone, so this one stops; run the same command again on "
            f"all workers to go on ({error.message.strip().splitlines()[0]})"
        ) from error


def _tpu_strategy():
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver.connect()
    except Exception as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"--strategy=tpu: no TPU answers ({reason})") from error
    return tf.distribute.TPUStrategy(resolver)


def _needs_repair():
    return tuple(map(int, keras.__version__.split(".")[:2])) < _REPAIRED


class SeveralWorkers(keras.Model):
    """Base of a built `keras.Model`: `fit` under every `tf.distribute` strategy.

    Keras 3 builds a model by averaging its first batch over replicas, which fails for
    shards of unlike sizes, and for workers in several processes (keras-team/keras issue
    20585); a model that is built when it is made needs none of that.
    """

    train_function: Callable[..., Any] | None

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        if not _needs_repair():
            super()._maybe_symbolic_build(iterator=iterator, data_batch=data_batch)
        elif self.optimizer is not None and not self.optimizer.built:
            with self.distribute_strategy.scope():
                self.optimizer.build(self.trainable_variables)

    def make_train_function(
        self, force: bool = False
    ) -> Callable[[Iterator[Any]], Mapping[str, Any]]:
        """As Keras's, but metrics that are global already are not averaged again.

        Keras averages the values of several workers along an axis that scalars do not
        have (the same issue).
        """
        strategy = self.distribute_strategy
        if not (several_workers(strategy) and _needs_repair()):
            return super().make_train_function(force=force)
        if self.train_function is not None and not force:
            return self.train_function

        @tf.function(jit_compile=self.jit_compile, reduce_retracing=True)
        def step(batch):
            logs = strategy.run(self.train_step, args=(batch,))
            return tf.nest.map_structure(
                lambda value: strategy.experimental_local_results(value)[0], logs
            )

        def steps(iterator):
            for _ in range(self.steps_per_execution):
                logs = step(next(iterator))
            return logs

        self.train_function = steps
        return steps
