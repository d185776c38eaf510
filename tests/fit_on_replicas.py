"""Trains a small model on R logical CPU devices and writes what came out.

Run by `distribution_test.py` as a process of its own, since logical devices must be
set up before TensorFlow starts: `fit_on_replicas.py R SPEC.json OUTPUT.npz`.
"""

import json
import sys

import keras
import numpy as np
import tensorflow as tf

import keras_twins as kt

LOSSES = {"barlow_twins": kt.losses.BarlowTwinsLoss, "hsic": kt.losses.HSICLoss}
OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(1e-3, momentum=0.9),
    "adam": lambda: keras.optimizers.Adam(1e-3),
    "lars": lambda: kt.optimizers.LARS(1.0, exempt_rate=0.02),
}


def unlike_pairs(batches, batch_size, last, seed=0):
    """Pairs whose mean and scale drift along the batch, so that shards differ."""
    rng = np.random.default_rng(seed)
    count = (batches - 1) * batch_size + last
    drift = np.linspace(0.2, 3.0, batch_size)[np.arange(count) % batch_size]
    drift = drift[:, None, None, None]
    base = rng.normal(size=(count, 8, 8, 3)) * drift + drift
    noise = 0.3 * rng.normal(size=(2, count, 8, 8, 3))
    return tuple((base + n).astype("float32") for n in noise)


def build(spec):
    keras.utils.set_random_seed(1)
    encoder = kt.models.residual_encoder((8, 8, 3), "small", (8, 16), (1, 1))
    return kt.models.Twins(encoder, kt.models.projector(16, spec["projector"]))


def main(replicas, spec, output):
    if spec["precision"] != "float32":
        keras.config.set_dtype_policy(spec["precision"])
    if replicas == 1:
        strategy = tf.distribute.get_strategy()
    else:
        device = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(
            device, [tf.config.LogicalDeviceConfiguration()] * replicas
        )
        strategy = tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(replicas)])
    with strategy.scope():
        model = build(spec)
        loss = LOSSES[spec["loss"]](redundancy_weight=0.01, form=spec["form"])
        model.compile(OPTIMIZERS[spec["optimizer"]](), loss=loss)
    pairs = unlike_pairs(spec["batches"], spec["batch_size"], spec["last"])
    dataset = tf.data.Dataset.from_tensor_slices(pairs).batch(spec["batch_size"])
    history = model.fit(dataset, epochs=spec["epochs"], verbose=0, shuffle=False)
    weights = {f"w{i:03d}": w.numpy() for i, w in enumerate(model.weights)}
    np.savez(output, **history.history, **weights)


if __name__ == "__main__":
    with open(sys.argv[2]) as f:
        main(int(sys.argv[1]), json.load(f), sys.argv[3])
