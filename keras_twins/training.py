"""Trains a run into its folder: from the last checkpoint to the saved encoder."""

import contextlib
import errno
import time

import keras
import tensorflow as tf

from keras_twins import callbacks, data, distribution, files
from keras_twins.callbacks import attempts, health, resume, tensorboard
from keras_twins.errors import InputError, UnreadableImage
from keras_twins.runs import (
    checkpoints,
    config_check,
    earlier,
    first_pass,
    further_views,
    labelled,
    methods,
    of_sounds,
    pace,
    parts,
    plan,
    provenance,
    stops,
)
from keras_twins.runs import images as run_images

# A disk that is full, over its quota, of a limited file size, read-only or gone.
_CANNOT_WRITE = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS),
    *(errno.EACCES, errno.EIO, errno.ESTALE),
}

# Several workers ask one another whether to stop, which costs an exchange.
_STEPS_BETWEEN_QUESTIONS = 8


def train(run, verbose=1, request=None):
    """Trains a run, or goes on training it.

    Args:
        run: `keras_twins.runs.run.Run` with a workdir.
        verbose: 0, 1 or 2, as of `fit`.
        request: `keras_twins.runs.stops.Request`, which may ask the training to stop;
            None where nothing does.

    Returns:
        The trained `keras_twins.models.Twins`.

    Raises:
        InputError: for a configuration, data or folder that cannot be used; nothing has
            been claimed then. Also for a disk that is full, images that cannot be read
            or numbers that are not finite, with the last checkpoint intact.
        Stopped: where `request` asked for it.
    """
    try:
        return _train(run, verbose, request or stops.Request())
    except stops.Stopped:
        distribution.wait_for_all(run.strategy)  # The first worker may still write.
        raise
    except OSError as error:
        if error.errno not in _CANNOT_WRITE:
            raise
        raise InputError(
            f"--workdir={run.workdir.path} cannot be written "
            f"({error.strerror or error}); its last checkpoint is intact: the same "
            "command goes on from there"
        ) from error
    finally:
        run.workdir.release()


def _train(run, verbose, request):
    began = time.monotonic()
    workdir = run.workdir
    config_check.check_complete(run.config)
    plan.is_open_ended(run.given)  # Refused here where that is not possible.
    if run.config.deterministic:
        make_deterministic()
    keras.config.set_dtype_policy(run.config.precision)
    run.decide()
    if not workdir.begun() and not of_sounds.is_it(run.config):
        plan.say_if_views_are_small(run.config, run.train_source)
    parts.check_input(run.config, run.train_source)
    parts.check_callbacks(run.config)
    run.steps_per_epoch()  # Refused here where the replicas cannot share a batch.
    with run.strategy.scope():
        model = parts.model(run.config)
        _compiled_with(run, model)
    # All of the configuration has been used by now: nothing is claimed in vain.
    writes = distribution.is_chief(run.strategy)
    workdir.claim(run.given, write=writes)
    _look_at_images(run, writes)
    run.decide()
    _compile(run, model)
    with _reading(run):
        run.decide_statistics()
        _decide_epochs(run, model, writes)
        _fit(run, model, verbose, request)
    if writes:
        _save(model, workdir.model)
        _save(parts.saved_encoder(run.config, model.encoder), workdir.encoder)
        takes = "log-mels" if of_sounds.is_it(run.config) else "pixels (0..255)"
        print(
            f"trained in {time.monotonic() - began:.0f} s: {workdir.encoder} takes "
            f"{takes}, {workdir.model} is the whole model"
        )
    distribution.wait_for_all(run.strategy)
    return model


def _decide_epochs(run, model, writes):
    """Measures steps where the number of epochs is open, and writes the plan once."""
    if run.workdir.begun():
        return
    if plan.is_open_ended(run.given):
        steps = run.steps_per_epoch()
        pairs = parts.training_pairs(run.config, run.train_source.dataset(), steps, 0)
        measured = pace.measure(model, pairs, steps * run.config.epochs)
        if run.config.get("minutes"):
            epochs = pace.epochs_in(run.config.minutes, measured, steps)
            run.apply(plan.with_epochs(run.given, epochs))
        minutes = measured.minutes(run.config.epochs * steps)
        print(
            f"a step takes {measured.seconds_per_step:.3g} s: --config.epochs="
            f"{run.config.epochs} of {steps} steps takes about {minutes:.2g} minutes"
        )
    if writes and run.plan:
        files.write_json(run.workdir.plan, run.plan)
    # Workers measure different times: the first one's plan is that of all.
    distribution.wait_for_all(run.strategy)
    run.apply(run.workdir.read_plan())
    if run.config.get("minutes"):
        _compile(run, model)


def _fit(run, model, verbose, request):
    """Trains from the last checkpoint on."""
    config, workdir, steps = run.config, run.workdir, run.steps_per_epoch()
    position = checkpoints.restore(model, workdir.checkpoints)
    if position == checkpoints.START and config.get("init_from"):
        with run.strategy.scope():
            earlier.start_from(model, config.init_from)
    if position.step >= steps:  # A folder that has lost files has fewer steps.
        position = checkpoints.Position(position.epoch + 1, 0)
    _say(run, model, steps, position)
    if position.epoch >= config.epochs:
        return
    pairs = parts.training_pairs(config, run.train_source.dataset(), steps, *position)
    writes = distribution.is_chief(run.strategy)
    writers = []
    if writes:
        files.write_json(workdir.provenance, provenance.gather(run, steps, pairs))
        writers = _writers(run, model, position)
    model.fit(
        pairs,
        steps_per_epoch=steps,
        initial_epoch=position.epoch,
        epochs=config.epochs,
        shuffle=False,
        verbose=verbose if writes else 0,
        callbacks=_callbacks(run, model, position, steps, request, writers),
    )


def make_deterministic():
    """Has TensorFlow choose operations that give the same bits in every run."""
    tf.config.experimental.enable_op_determinism()
    # keras-cv's layers ask for this generator, which TwoViews never draws from.
    tf.random.set_global_generator(tf.random.Generator.from_seed(0))


def _compile(run, model):
    """Compiles the model for the steps and epochs that the run has now."""
    with run.strategy.scope():
        model.compile(**_compiled_with(run, model))
        model.optimizer.build(model.trainable_variables)
        if model.teacher is not None:
            steps = run.config.epochs * run.steps_per_epoch()
            model.teacher.momentum = methods.momentum(run.config, steps)


def _compiled_with(run, model):
    steps = run.steps_per_epoch()
    return {
        "optimizer": parts.optimizer(run.config, steps, model.encoder),
        "loss": methods.loss(run.config),
    }


def _save(model, path):
    with files.whole(path) as beside:
        model.save(beside)


def _look_at_images(run, writes):
    if writes:
        first_pass.check_images(run)
    distribution.wait_for_all(run.strategy)
    run.use_first_pass()


@contextlib.contextmanager
def _reading(run):
    """Names an image that can no longer be read, and has it left out from then on."""
    try:
        with data.explain_read_errors(run.train_source.dataset()):
            yield
    except UnreadableImage as error:
        first_pass.forget(run.workdir)
        raise InputError(f"{error}; the same command goes on without it") from error


def _callbacks(run, model, position, steps, request, writers):
    """All callbacks: what looks at numbers first, what writes the checkpoint last."""
    config, workdir = run.config, run.workdir
    room = min(model.encoder.output_shape[-1], config.batch_size)
    past = workdir.read_metrics(position.epoch)
    ratios = [line["participation_ratio"] for line in past]
    finite = health.Finite(workdir.checkpoints, position.step)
    several = distribution.several_workers(run.strategy)
    found = [
        finite,
        *writers,
        health.Collapse(
            room,
            past_ratios=ratios,
            **config.collapse,
        ),
        resume.Checkpoint(
            workdir.checkpoints,
            position,
            steps,
            writes=distribution.is_chief(run.strategy),
            check=finite.check,
            stop_asked=lambda: distribution.any_worker(run.strategy, request.asked),
            ask_every=_STEPS_BETWEEN_QUESTIONS if several else 1,
            **config.checkpoint,
        ),
    ]
    if position.step:
        found.insert(0, resume.GoOn(model, position, steps))
    return found


def _writers(run, model, position):
    """The callbacks that evaluate and write, on the one process that does so."""
    config, workdir = run.config, run.workdir
    board = tensorboard.Writer(
        workdir.tensorboard,
        run.train_source.class_names,
        draw=of_sounds.thumbnail_of(config),
    )
    said = attempts.Attempts(workdir.measures)
    found = [
        callbacks.MetricsFile(workdir.metrics, workdir.read_metrics(position.epoch)),
        tensorboard.Scalars(workdir.tensorboard, said),
        callbacks.Snapshots(
            workdir.snapshots, run_images.snapshot_pairs(run), board, said
        ),
    ]
    if config.evaluation.every_epochs:
        found.insert(0, _online_evaluation(run, model, board, said))
    return found + parts.further_callbacks(config)


def _online_evaluation(run, model, board, said):
    config = run.config
    measured = said.attempt("kNN", lambda: labelled.parts(run)) or labelled.Parts()
    if measured.missing:
        said.missing("kNN", measured.missing)
    if measured.train is None:
        bank, test = None, run_images.test_images(run)
    else:
        limit, split = config.evaluation.bank_images, config.train_split
        bank = run_images.open_source(run, measured.train, split, limit).batches
        test = run_images.open_source(run, measured.test, measured.split)
    if measured.said:
        said.note(f"kNN while training: {measured.said}")
    return callbacks.OnlineEvaluation(
        parts.saved_encoder(config, model.encoder),
        bank,
        test.batches,
        every_epochs=config.evaluation.every_epochs,
        k=config.evaluation.k,
        temperature=config.evaluation.temperature,
        tensorboard=board,
        attempts=said,
    )


def _method(config):
    found = methods.described(config).items()
    return "".join(f", {name} {text}" for name, text in found)


def _say(run, model, steps, position):
    config, replicas = run.config, run.strategy.num_replicas_in_sync
    print(
        f"keras-twins train{distribution.worker_name(run.strategy)}: "
        f"{run.train_source.num_images} {run.train_source.word}s of {config.dataset}, "
        f"{config.loss.name} loss, encoder {config.encoder.name} of "
        f"{model.encoder.count_params():,} weights, projector "
        f"{'-'.join(map(str, config.projector))}{_method(config)}\n"
        f"{config.epochs} epoch{'s' if config.epochs > 1 else ''} of {steps} steps of "
        f"{config.batch_size} {further_views.describe(config)} on "
        f"{replicas} replica"
        f"{'s' if replicas > 1 else ''}, into {run.workdir.path}"
    )
    if any(position):
        print(f"going on after {position}")
