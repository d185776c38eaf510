"""`keras-twins train`: trains the experiment of a configuration into a folder.

Run the same command again to go on where a run stopped.
"""

import time

from absl import flags
from ml_collections import config_flags

from keras_twins import cli

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


def main(argv):
    del argv
    config = cli.config()
    cli.start_tensorflow()

    from keras_twins import distribution
    from keras_twins.workdir import Workdir

    strategy = distribution.strategy(FLAGS.strategy)
    with distribution.explain_lost_workers():
        train(config, Workdir(FLAGS.workdir), strategy, verbose=cli.verbosity())


def train(config, workdir, strategy, verbose=1):
    """Trains, or goes on training, the experiment of a configuration.

    Args:
        config: `ConfigDict`, such as those in `configs/`.
        workdir: `keras_twins.workdir.Workdir`.
        strategy: `tf.distribute.Strategy`.
        verbose: 0, 1 or 2, as of `fit`.

    Returns:
        The trained `keras_twins.models.Twins`.

    Raises:
        InputError: for a configuration, data or folder that cannot be used; nothing has
            been written then.
    """
    import keras

    from keras_twins import checkpoints, data, distribution, experiment, run_facts
    from keras_twins.workdir import write_json

    began = time.monotonic()
    keras.config.set_dtype_policy(config.precision)
    facts = experiment.describe(config, config.train_split)
    steps = _steps_per_epoch(config, facts, strategy)
    experiment.stages(config)  # what is wrong with them is said before anything is made
    with strategy.scope():
        model = experiment.model(config)
        model.compile(experiment.optimizer(config, steps), loss=experiment.loss(config))
        model.optimizer.build(model.trainable_variables)
    images = experiment.load(config, config.train_split)
    writes = distribution.is_chief(strategy)
    workdir.claim(config, write=writes)
    first_epoch = checkpoints.restore(model, workdir.checkpoints)
    _say(config, facts, model, strategy, steps, first_epoch, workdir)
    if first_epoch < config.epochs:
        pairs = experiment.training_pairs(config, images, steps, first_epoch)
        callbacks = [keras.callbacks.TerminateOnNaN()]
        with data.explain_read_errors(images):
            if writes:
                found = run_facts.gather(config, facts, strategy, steps, pairs)
                write_json(workdir.facts, found)
                writers = _writers(config, facts, model, workdir, first_epoch)
                callbacks = writers + callbacks
            model.fit(
                pairs,
                steps_per_epoch=steps,
                initial_epoch=first_epoch,
                epochs=config.epochs,
                shuffle=False,
                verbose=verbose if writes else 0,
                callbacks=callbacks,
            )
    if writes:
        model.save(workdir.model)
        experiment.pixel_encoder(config, model.encoder).save(workdir.encoder)
        print(
            f"trained in {time.monotonic() - began:.0f} s: {workdir.encoder} takes "
            f"pixels (0..255), {workdir.model} is the whole model"
        )
    distribution.wait_for_all(strategy)
    return model


def _steps_per_epoch(config, facts, strategy):
    from keras_twins import distribution
    from keras_twins.errors import InputError

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
    if facts.num_images < config.batch_size:
        raise InputError(
            f"--config.batch_size={config.batch_size} is more than the "
            f"{facts.num_images} images of {config.dataset}"
        )
    return facts.num_images // config.batch_size


def _writers(config, facts, model, workdir, first_epoch):
    """The callbacks that evaluate and write, on the one process that does so."""
    import keras

    from keras_twins import callbacks
    from keras_twins.report import images, tensorboard

    metrics = callbacks.MetricsFile(workdir.metrics)
    metrics.keep(first_epoch)
    board = tensorboard.Writer(workdir.tensorboard, facts.class_names)
    found = [
        metrics,
        keras.callbacks.TensorBoard(workdir.tensorboard, write_graph=False),
        callbacks.Snapshots(workdir.snapshots, images.snapshot_pairs(config), board),
        callbacks.Checkpoint(workdir.checkpoints),
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


def _say(config, facts, model, strategy, steps, first_epoch, workdir):
    from keras_twins import distribution

    replicas = strategy.num_replicas_in_sync
    print(
        f"keras-twins train{distribution.worker_name(strategy)}: {facts.num_images} "
        f"images of {config.dataset}, {config.loss.name} loss, encoder "
        f"{config.encoder.name} of {model.encoder.count_params():,} weights, projector "
        f"{'-'.join(map(str, config.projector))}\n"
        f"{config.epochs} epochs of {steps} steps of {config.batch_size} pairs on "
        f"{replicas} replica{'s' if replicas > 1 else ''}, into {workdir.path}"
    )
    if first_epoch:
        print(f"going on after epoch {first_epoch}")


if __name__ == "__main__":
    cli.run(main)
