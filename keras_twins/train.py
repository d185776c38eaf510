"""`keras-twins train`: trains the experiment of a configuration into a folder.

Run the same command again to go on where a run stopped; docs/reliability.md says what
is kept, and with which exit status it stops.
"""

import contextlib
import errno
import os
import time

from absl import flags
from ml_collections import config_flags

from keras_twins import cli, stops
from keras_twins.errors import InputError, UnreadableImage

cli.define(
    config_flags.DEFINE_config_file,
    "config",
    None,
    "The experiment; --config.KEY=VALUE changes one of its values.",
    lock_config=True,
)
cli.define(
    flags.DEFINE_string, "workdir", None, "Folder of the run; made where it is missing."
)
flags.DEFINE_enum(
    "strategy",
    "auto",
    ["auto", "one", "mirrored", "multi_worker", "tpu"],
    "How the work is spread: one device, all GPUs of this machine, the workers of "
    "TF_CONFIG, or a TPU. auto: what is there.",
)
flags.mark_flags_as_required(["config", "workdir"])

FLAGS = flags.FLAGS

# A disk that is full, over its quota, of a limited file size, read-only or gone.
_CANNOT_WRITE = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS),
    *(errno.EACCES, errno.EIO, errno.ESTALE),
}


def main(argv):
    del argv
    config = cli.config()
    with stops.on_signals() as request:
        cli.start_tensorflow()

        from keras_twins import distribution
        from keras_twins.workdir import Workdir

        strategy = distribution.strategy(FLAGS.strategy)
        with distribution.explain_lost_workers():
            train(config, Workdir(FLAGS.workdir), strategy, cli.verbosity(), request)


def train(config, workdir, strategy, verbose=1, request=None):
    """Trains, or goes on training, the experiment of a configuration.

    Args:
        config: `ConfigDict`, such as those in `configs/`.
        workdir: `keras_twins.workdir.Workdir`.
        strategy: `tf.distribute.Strategy`.
        verbose: 0, 1 or 2, as of `fit`.
        request: `keras_twins.stops.Request`, which may ask the training to stop; None
            where nothing does.

    Returns:
        The trained `keras_twins.models.Twins`.

    Raises:
        InputError: for a configuration, data or folder that cannot be used; nothing has
            been written then. Also for a disk that is full, images that cannot be read
            or numbers that are not finite, with the last checkpoint intact.
        Stopped: where `request` asked for it.
    """
    from keras_twins import distribution

    try:
        return _train(config, workdir, strategy, verbose, request or stops.Request())
    except stops.Stopped:
        distribution.wait_for_all(strategy)  # The first worker may still be writing.
        raise
    except OSError as error:
        if error.errno not in _CANNOT_WRITE:
            raise
        raise InputError(
            f"--workdir={workdir.path} cannot be written ({error.strerror or error}); "
            "its last checkpoint is intact: the same command goes on from there"
        ) from error
    finally:
        workdir.release()


def _train(config, workdir, strategy, verbose, request):
    import keras

    from keras_twins import config_check, distribution, experiment

    began = time.monotonic()
    config_check.check(config)
    if config.deterministic:
        make_deterministic()
    keras.config.set_dtype_policy(config.precision)
    images = experiment.load(config, config.train_split)
    steps = _steps_per_epoch(config, images, strategy)
    experiment.stages(config)  # what is wrong with them is said before anything is made
    with strategy.scope():
        model = experiment.model(config)
        _compile(config, model, steps)
    writes = distribution.is_chief(strategy)
    workdir.claim(config, write=writes)
    if images.source.paths is not None:
        config, images = _without_bad_images(config, workdir, strategy)
        if _steps_per_epoch(config, images, strategy) != steps:
            steps = _steps_per_epoch(config, images, strategy)
            with strategy.scope():
                _compile(config, model, steps)
    with _reading(images, workdir):
        _fit(config, model, images, strategy, workdir, steps, verbose, request)
    if writes:
        _save(model, workdir.model)
        _save(experiment.pixel_encoder(config, model.encoder), workdir.encoder)
        print(
            f"trained in {time.monotonic() - began:.0f} s: {workdir.encoder} takes "
            f"pixels (0..255), {workdir.model} is the whole model"
        )
    distribution.wait_for_all(strategy)
    return model


def _fit(config, model, images, strategy, workdir, steps, verbose, request):
    """Trains from the last checkpoint on."""
    from keras_twins import checkpoints, distribution, experiment, run_facts
    from keras_twins.workdir import write_json

    facts = experiment.describe(config, config.train_split)
    position = checkpoints.restore(model, workdir.checkpoints)
    if position.step >= steps:  # A folder that has lost files has fewer steps.
        position = checkpoints.Position(position.epoch + 1, 0)
    _say(config, facts, model, strategy, steps, position, workdir)
    if position.epoch >= config.epochs:
        return
    pairs = experiment.training_pairs(config, images, steps, *position)
    writes = distribution.is_chief(strategy)
    writers = []
    if writes:
        found = run_facts.gather(config, facts, strategy, steps, pairs)
        write_json(workdir.facts, found)
        writers = _writers(config, facts, model, workdir, position)
    model.fit(
        pairs,
        steps_per_epoch=steps,
        initial_epoch=position.epoch,
        epochs=config.epochs,
        shuffle=False,
        verbose=verbose if writes else 0,
        callbacks=_callbacks(
            config, model, strategy, workdir, position, steps, request, writers
        ),
    )


def make_deterministic():
    """Has TensorFlow choose operations that give the same bits in every run."""
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()
    # keras-cv's layers ask for this generator, which TwoViews never draws from.
    tf.random.set_global_generator(tf.random.Generator.from_seed(0))


def _compile(config, model, steps):
    from keras_twins import experiment

    model.compile(experiment.optimizer(config, steps), loss=experiment.loss(config))
    model.optimizer.build(model.trainable_variables)


def _save(model, path):
    """Writes a model that appears whole."""
    beside = path.with_name(f".partial-{path.name}")
    model.save(beside)
    os.replace(beside, path)


def _without_bad_images(config, workdir, strategy):
    """The configuration and the training images without files that are no images."""
    from keras_twins import distribution, experiment, first_pass

    if distribution.is_chief(strategy):
        first_pass.check_images(config, workdir)
    distribution.wait_for_all(strategy)
    config = workdir.without_bad_images(config)
    return config, experiment.load(config, config.train_split)


@contextlib.contextmanager
def _reading(images, workdir):
    """Names an image that can no more be read, and has it left out from then on."""
    from keras_twins import data, first_pass

    try:
        with data.explain_read_errors(images):
            yield
    except UnreadableImage as error:
        first_pass.forget(workdir)
        raise InputError(f"{error}; the same command goes on without it") from error


def _steps_per_epoch(config, images, strategy):
    from keras_twins import distribution

    num_images = images.source.num_images
    replicas = strategy.num_replicas_in_sync
    if config.batch_size % replicas:
        raise InputError(
            f"--config.batch_size={config.batch_size} cannot be shared by {replicas} "
            "replicas: give a multiple"
        )
    if config.data_service and distribution.several_workers(strategy):
        raise InputError(
            "--config.data_service serves one process: to several workers it gives "
            "batches in no common order"
        )
    if num_images < config.batch_size:
        raise InputError(
            f"--config.batch_size={config.batch_size} is more than the "
            f"{num_images} images of {config.dataset}"
        )
    return num_images // config.batch_size


def _callbacks(config, model, strategy, workdir, position, steps, request, writers):
    """All callbacks: what looks at numbers first, what writes the checkpoint last."""
    from keras_twins import distribution, health, resume

    room = min(model.encoder.output_shape[-1], config.batch_size)
    ranks = [
        line["participation_ratio"] for line in workdir.read_metrics(position.epoch)
    ]
    found = [
        health.Finite(workdir.checkpoints, position.step),
        *writers,
        health.Collapse(room, config.collapse, ranks),
        resume.Checkpoint(
            workdir.checkpoints,
            position,
            steps,
            config.checkpoint,
            distribution.is_chief(strategy),
            lambda: distribution.any_worker(strategy, request.asked),
        ),
    ]
    if position.step:
        found.insert(0, resume.GoOn(model, position, steps))
    return found


def _writers(config, facts, model, workdir, position):
    """The callbacks that evaluate and write, on the one process that does so."""
    import keras

    from keras_twins import callbacks
    from keras_twins.report import images, tensorboard

    lines = workdir.read_metrics(position.epoch)
    metrics = callbacks.MetricsFile(workdir.metrics, lines)
    board = tensorboard.Writer(workdir.tensorboard, facts.class_names)
    found = [
        metrics,
        keras.callbacks.TensorBoard(workdir.tensorboard, write_graph=False),
        callbacks.Snapshots(workdir.snapshots, images.snapshot_pairs(config), board),
    ]
    if config.evaluation.every_epochs:
        found.insert(0, _online_evaluation(config, model, board))
    return found


def _online_evaluation(config, model, board):
    from keras_twins import callbacks, experiment
    from keras_twins.report import images

    test = images.test_images(config)
    bank = None
    if not test.labelled:
        print(f"no kNN accuracy while training: {config.dataset} has no labels")
    elif test.split == config.train_split:
        print(f"no kNN accuracy while training: {config.dataset} has no test split")
    else:
        limit = config.evaluation.bank_images
        bank = images.open_images(config, config.train_split, limit).batches
    return callbacks.OnlineEvaluation(
        experiment.pixel_encoder(config, model.encoder),
        bank,
        test.batches,
        every_epochs=config.evaluation.every_epochs,
        k=config.evaluation.k,
        temperature=config.evaluation.temperature,
        tensorboard=board,
    )


def _say(config, facts, model, strategy, steps, position, workdir):
    from keras_twins import distribution

    replicas = strategy.num_replicas_in_sync
    print(
        f"keras-twins train{distribution.worker_name(strategy)}: {facts.num_images} "
        f"images of {config.dataset}, {config.loss.name} loss, encoder "
        f"{config.encoder.name} of {model.encoder.count_params():,} weights, projector "
        f"{'-'.join(map(str, config.projector))}\n"
        f"{config.epochs} epoch{'s' if config.epochs > 1 else ''} of {steps} steps of "
        f"{config.batch_size} pairs on {replicas} replica"
        f"{'s' if replicas > 1 else ''}, into {workdir.path}"
    )
    if any(position):
        print(f"going on after {position}")


if __name__ == "__main__":
    cli.run(main)
