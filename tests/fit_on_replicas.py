"""Trains small models on R logical CPU devices, or on the workers of TF_CONFIG.

Run by `distribution_test.py` as a process of its own, since devices must be set up
before TensorFlow starts: `fit_on_replicas.py R SPECS.json OUTPUT_DIR`. SPECS.json maps
names to what is trained; each gives OUTPUT_DIR/NAME.npz with history and weights.
"""

import json
import sys

import keras
import numpy as np
import tensorflow as tf

import keras_twins as kt
from keras_twins import keys as row_keys


class Together(kt.losses.PairLoss):
    """The sum of the losses of other methods, each a term: one step for all."""

    def __init__(self, form):
        super().__init__()
        self.losses = {
            "vicreg": kt.losses.VICRegLoss(form=form),
            "frossl": kt.losses.FroSSLLoss(form=form),
            "sigreg": kt.losses.SIGRegLoss(slices=32),
            "hsic": kt.losses.SSLHSICLoss(
                kernel="exact" if form == "gram" else "random_features", features=64
            ),
            "nt_xent": kt.losses.NTXentLoss(decoupled=form == "gram"),
            "cosine": kt.losses.NegativeCosineLoss(),
        }
        self.term_names = tuple(self.losses)

    def terms(self, z_a, z_b):
        values = {name: loss(z_a, z_b) for name, loss in self.losses.items()}
        return {"loss": sum(values.values()), **values}


LOSSES = {
    "barlow_twins": lambda form: kt.losses.BarlowTwinsLoss(0.01, form=form),
    "hsic": lambda form: kt.losses.HSICLoss(0.01, form=form),
    "methods": Together,
    "frossl": lambda form: kt.losses.FroSSLLoss(form=form),
    "sigreg": lambda form: kt.losses.SIGRegLoss(slices=32),
    # Not of this library: Keras divides what it gives by the number of replicas.
    "cosine": lambda form: keras.losses.CosineSimilarity(),
}
OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(1e-3, momentum=0.9),
    "adam": lambda: keras.optimizers.Adam(1e-3),
    "lars": lambda: kt.optimizers.LARS(1.0, exempt_rate=0.02),
}
BATCHES, BATCH_SIZE, LAST_BATCH = 4, 16, 5  # of four replicas, one gets none of five
IMAGE_SHAPE, CLASSES = (8, 8, 3), 3


def unlike_pairs(seed=0):
    """Pairs whose mean and scale drift along the batch, so that shards differ."""
    rng = np.random.default_rng(seed)
    count = (BATCHES - 1) * BATCH_SIZE + LAST_BATCH
    drift = np.linspace(0.2, 3.0, BATCH_SIZE)[np.arange(count) % BATCH_SIZE]
    drift = drift[:, None, None, None]
    base = rng.normal(size=(count, *IMAGE_SHAPE)) * drift + drift
    noise = 0.3 * rng.normal(size=(2, count, *IMAGE_SHAPE))
    return tuple((base + n).astype("float32") for n in noise)


def few_labels(count):
    """Labels of which one replica of two gets none or few, and one batch has none."""
    row, batch = np.arange(count) % BATCH_SIZE, np.arange(count) // BATCH_SIZE
    known = (row < 9 - 3 * batch) & (batch != 1)
    return np.where(known, row % CLASSES, -1)


def make_strategy(replicas):
    if replicas == 0:
        return kt.distribution.strategy("multi_worker")
    if replicas == 1:
        return kt.distribution.strategy("one")
    device = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        device, [tf.config.LogicalDeviceConfiguration()] * replicas
    )
    return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(replicas)])


def make_encoder(kind, views):
    """A residual encoder, or one convolution, whose step is traced much sooner."""
    shape = IMAGE_SHAPE if views == 2 else (None, None, 3)
    regularizer = keras.regularizers.L2(10.0) if kind == "regularised" else None
    if kind == "residual":
        return kt.models.residual_encoder(IMAGE_SHAPE, "small", (8,), (1,))
    return keras.Sequential(
        [
            keras.Input(shape),
            keras.layers.Conv2D(
                8, 3, strides=2, use_bias=False, kernel_regularizer=regularizer
            ),
            keras.layers.BatchNormalization(synchronized=True),
            keras.layers.ReLU(),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )


class Noisy(keras.layers.Layer):
    """Views with noise that the keys decide; from the third on, they are smaller."""

    def __init__(self, count=2):
        super().__init__()
        self.count = count

    def call(self, images, keys=None, training=True):
        sizes = [IMAGE_SHAPE[0]] * 2 + [IMAGE_SHAPE[0] // 2] * (self.count - 2)
        if not training:
            return tuple(images[:, :size, :size] for size in sizes)
        states = (row_keys.image_states(0, view, keys) for view in range(self.count))
        noise = (row_keys.uniform(s, 0)[:, :, None, None] for s in states)
        return tuple(
            images[:, :size, :size] * (0.5 + n)
            for n, size in zip(noise, sizes, strict=True)
        )


class Mixed(kt.models.MixedTwins):
    """Partners in each half of the batch, the shards of two replicas."""

    def mixing(self, rows):
        alpha, _ = super().mixing(rows)
        if tf.distribute.get_replica_context().num_replicas_in_sync > 1:
            return alpha, tf.range(rows)[::-1]
        half = (rows + 1) // 2
        return alpha, tf.concat(
            [tf.range(half)[::-1], tf.range(half, rows)[::-1]], axis=0
        )


MODELS = {"mixed": Mixed, "joint": kt.models.JointTwins}


def make_model(spec):
    keras.utils.set_random_seed(1)
    encoder = make_encoder(spec.get("encoder"), spec.get("views", 2))
    arguments = {"views": Noisy(spec["views"])} if spec.get("views") else {}
    if spec.get("method") == "teacher":
        schedule = keras.optimizers.schedules.CosineDecay(0.5, 6, alpha=2.0)
        arguments |= {"momentum": schedule, "predictor": kt.models.projector(32, (32,))}
    if spec.get("method") == "joint":
        arguments |= {"num_classes": CLASSES}
    make = MODELS.get(spec.get("method"), kt.models.Twins)
    model = make(encoder, kt.models.projector(8, (32, 32)), **arguments)
    loss = LOSSES[spec["loss"]](spec["form"])
    model.compile(OPTIMIZERS[spec["optimizer"]](), loss=loss)
    return model


def train(strategy, spec):
    keras.config.set_dtype_policy(spec.get("precision", "float32"))
    with strategy.scope():
        model = make_model(spec)
    data = unlike_pairs()[0] if spec.get("views") else unlike_pairs()
    if spec.get("method") == "joint":
        data = data, few_labels(len(data[0]))
    pairs = tf.data.Dataset.from_tensor_slices(data).batch(BATCH_SIZE)
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.DATA
    )
    history = model.fit(pairs.with_options(options), epochs=2, verbose=0, shuffle=False)
    weights = {f"w{i:03d}": w.numpy() for i, w in enumerate(model.weights)}
    return history.history | weights


def main(replicas, specs, output):
    strategy = make_strategy(replicas)
    for name, spec in specs.items():
        found = train(strategy, spec)
        if kt.distribution.is_chief(strategy):
            np.savez(f"{output}/{name}.npz", **found)


if __name__ == "__main__":
    with open(sys.argv[2]) as f:
        main(int(sys.argv[1]), json.load(f), sys.argv[3])
