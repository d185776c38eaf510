"""The main job on scikit-learn's digits: training, its folder, and resuming."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

from keras_twins import configs, evaluation
from keras_twins.commands.evaluate import evaluate
from keras_twins.configs import digits
from keras_twins.errors import InputError
from keras_twins.runs import methods, parts
from keras_twins.runs.run import Run
from keras_twins.runs.workdir import Workdir
from keras_twins.training import train

ONE = tf.distribute.get_strategy()


def small_config(**overrides):
    config = digits.get_config()
    config.encoder.widths = (16, 32)
    config.encoder.depths = (1, 1)
    config.projector = (64, 64)
    config.epochs = 8
    config.optimizer.warmup_epochs = 1.0
    config.evaluation.every_epochs = 4
    config.update_from_flattened_dict(overrides)
    return config


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that has ended: its configuration and folder."""
    config = small_config()
    workdir = Workdir(tmp_path_factory.mktemp("run") / "digits")
    train(Run(config, workdir, ONE), verbose=0)
    return config, workdir


def read_metrics(workdir):
    return [json.loads(line) for line in workdir.metrics.read_text().splitlines()]


def test_weights_moved_and_the_loss_fell(run):
    config, workdir = run
    trained = keras.models.load_model(workdir.model)
    start = parts.model(config)
    for new, old in zip(trained.encoder.weights, start.encoder.weights, strict=True):
        assert np.abs(new.numpy() - old.numpy()).max() > 1e-4, new.path
    losses = [line["loss"] for line in read_metrics(workdir)]
    assert losses[-1] < 0.7 * losses[0]


def test_features_got_better_than_untrained_ones(run, capsys):
    config, workdir = run
    rows = {row.name: row for row in evaluate(Run.read(workdir), verbose=0)}
    untrained, trained = rows["untrained encoder"], rows["trained encoder"]
    assert trained.knn > untrained.knn
    assert trained.few_label_probe > untrained.few_label_probe
    assert "trained encoder" in capsys.readouterr().out
    written = json.loads(workdir.evaluation.read_text())
    assert [row["name"] for row in written["rows"]] == list(rows)
    assert (written["train_images"], written["test_images"]) == (1437, 360)


def test_the_folder_says_what_was_run(run):
    config, workdir = run
    assert json.loads(workdir.config.read_text())["epochs"] == 8
    lines = read_metrics(workdir)
    assert [line["epoch"] for line in lines] == list(range(1, 9))
    assert [line["epoch"] for line in lines if "knn" in line] == [4, 8]
    assert {"loss", "on_diagonal", "off_diagonal", "participation_ratio"} <= set(
        lines[0]
    )
    assert list(workdir.tensorboard.rglob("events.*"))
    assert workdir.read_config().to_dict().keys() == config.to_dict().keys()


def test_the_saved_encoder_takes_pixels(run):
    config, workdir = run
    encoder = Run.read(workdir).trained_encoder()
    images = load_digits().images[:4, :, :, None] * (255 / 16)
    images = tf.image.resize(np.repeat(images, 3, -1), (16, 16), antialias=True)
    mean, std = (np.float32(getattr(config.views, key)) for key in ("mean", "std"))
    model = keras.models.load_model(workdir.model)
    expected = model.embed((images / 255 - mean) / std)
    np.testing.assert_allclose(encoder(images), expected, rtol=1e-4, atol=1e-4)


def test_a_stopped_run_ends_as_the_undisturbed_one(run, tmp_path):
    config, whole = run
    stopped = Workdir(tmp_path / "stopped")

    class Stop(Exception):
        pass

    class StopAfterFive(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 4:
                raise Stop

    original = keras.Model.fit

    def fit(self, *args, callbacks, **kwargs):
        return original(self, *args, callbacks=[*callbacks, StopAfterFive()], **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.Model, "fit", fit)
        with pytest.raises(Stop):
            train(Run(config, stopped, ONE), verbose=0)
    assert [line["epoch"] for line in read_metrics(stopped)] == [1, 2, 3, 4, 5]
    train(Run(config, stopped, ONE), verbose=0)
    first, second = read_metrics(whole), read_metrics(stopped)
    assert [line["epoch"] for line in second] == list(range(1, 9))
    assert second[-1]["loss"] == pytest.approx(first[-1]["loss"], rel=1e-3)
    assert sorted(path.name for path in stopped.checkpoints.glob("*.npz")) == [
        f"epoch-0000{epoch}-step-0000000.npz" for epoch in (6, 7, 8)
    ]


def test_smaller_views_first(tmp_path):
    config = small_config(epochs=3, sizes=((8, 2),))
    model = train(Run(config, Workdir(tmp_path / "run"), ONE), verbose=0)
    assert int(model.optimizer.iterations) == 3 * (1437 // config.batch_size)


def test_views_on_the_device(tmp_path):
    config = small_config(epochs=2, views_on_device=True)
    train(Run(config, Workdir(tmp_path / "run"), ONE), verbose=0)
    losses = [line["loss"] for line in read_metrics(Workdir(tmp_path / "run"))]
    assert losses[1] < losses[0]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"init_from": "/no/such/run"}, r"init_from=/no/such/run: there is no such"),
        ({"sizes": ((8, 2),), "minutes": 1.0}, r"sizes=.*needs --config.epochs"),
        ({"callbacks": ("no_module:x",)}, r"callbacks\[0\]=no_module:x: .*imported"),
        ({"dataset": "no_such_data"}, r"no_such_data"),
        ({"dataset": "folder:/no/such/folder"}, r"/no/such/folder"),
        ({"loss.name": "simclr"}, r"loss.name=simclr does not exist.*barlow_twins"),
        ({"encoder.name": "vgg"}, r"encoder.name=vgg does not exist.*resnet18"),
        ({"loss.ddof": 3}, r"config.loss.*ddof"),
        ({"optimizer.warmup_epochs": 8.0}, r"warmup_epochs=8.0 must be"),
        ({"sizes": ((8, 8),)}, r"sizes=.*takes 8 epochs"),
    ],
)
def test_bad_input_writes_nothing(tmp_path, overrides, message):
    workdir = Workdir(tmp_path / "run")
    with pytest.raises(InputError, match=message):
        train(Run(small_config(**overrides), workdir, ONE), verbose=0)
    assert not workdir.path.exists() or not set(workdir.path.iterdir()) - {
        workdir.path / ".lock"
    }


def test_batch_that_replicas_cannot_share(tmp_path):
    class ThreeReplicas:
        num_replicas_in_sync = 3

    with pytest.raises(InputError, match=r"batch_size=128 .*3 replicas"):
        train(
            Run(small_config(), Workdir(tmp_path / "run"), ThreeReplicas()), verbose=0
        )


def test_another_configuration_is_refused(run):
    config, workdir = run
    before = {p: p.stat().st_mtime_ns for p in workdir.path.rglob("*")}
    other = small_config(seed=5, **{"loss.ddof": 1})
    with pytest.raises(InputError, match="loss.ddof: 0 there, 1 given; seed: 0 there"):
        train(Run(other, workdir, ONE), verbose=0)
    assert before == {p: p.stat().st_mtime_ns for p in workdir.path.rglob("*")}


def test_a_folder_with_other_things_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(InputError, match="is not empty and holds no run"):
        train(Run(small_config(), Workdir(tmp_path), ONE), verbose=0)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_every_configuration_is_complete():
    """Each packaged configuration has the keys of the base and can build its parts."""
    import importlib
    import pkgutil

    base = set(digits.get_config().to_dict())
    names = {module.name for module in pkgutil.iter_modules(configs.__path__)}
    for name in names - {"common", "methods", "sounds"}:
        module = importlib.import_module(f"keras_twins.configs.{name}")
        config = module.get_config()
        assert set(config.to_dict()) - {"log_mel"} == base
        # A run decides what is open.
        config.epochs = config.epochs or 20
        if "log_mel" in config:  # of recordings
            config.views.update(mean=0.0, std=1.0)
        else:
            config.views.image_size = config.views.image_size or 64
        methods.loss(config)
        parts.optimizer(config, 10)
        parts.views(config, config.views.get("image_size"))
        assert parts.stages(config)[-1].end_epoch == config.epochs


def test_features_of_raw_pixels_are_the_pixels():
    images = tf.data.Dataset.from_tensors(tf.ones((2, 8, 8, 3)))
    features, labels = evaluation.embed(evaluation.raw_pixels, images)
    assert features.shape == (2, 192)
    assert labels is None
