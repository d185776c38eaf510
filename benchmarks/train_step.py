"""The whole training step, from images to weights, beside the same step in PyTorch.

    python -m benchmarks.train_step [--widths=128,8192] [--rounds=3]

ResNet-18 (3×3 stem) on 32-pixel images, batches of 256, Barlow Twins, Adam, projector
512-D. Ours is what `fit` runs, fed by `two_view_pipeline` out of images in memory;
PyTorch's (extra `bench`) gets its views for nothing, in a process of its own. The two
take turns. The parts of our compiled step are those of the same computation cut into
three functions, so their sum is not quite the step.
"""

import argparse
import os
import statistics
import time

import numpy as np

BATCH_SIZE = 256
HIDDEN = 512
WEIGHT = 0.0078125
PARTS = ("input", "forward and backward", "loss", "optimizer")
# What the step measures of the embeddings, and what it would cost by singular values.
DIAGNOSTICS = ("diagnostics", "singular values")


class KerasStep:
    """Our step, whole and in parts."""

    def __init__(self, images, width):
        import keras
        import tensorflow as tf

        import keras_twins as kt

        keras.utils.set_random_seed(0)
        self._tf = tf
        encoder = kt.models.resnet18((32, 32, 3), stem="cifar")
        self.model = kt.models.Twins(encoder, kt.models.projector(512, (HIDDEN, width)))
        self.model.compile(
            keras.optimizers.Adam(1e-3), loss=kt.losses.BarlowTwinsLoss(WEIGHT)
        )
        self.model.optimizer.build(self.model.trainable_variables)
        pairs = kt.data.two_view_pipeline(
            kt.data.from_arrays(images),
            kt.augment.TwoViews("cifar10"),
            BATCH_SIZE,
            start=(0, 0),
        )
        self._batches = iter(pairs)
        self._step = tf.function(self.model.train_step)
        self._cut = self._make_parts()
        self.pair = [view.numpy() for view in next(self._batches)]
        self.run()
        self.run()  # the second, too, takes longer than those that follow
        self.parts()

    def run(self):
        """Seconds of waiting for a batch, and of all that follows."""
        began = time.perf_counter()
        pair = next(self._batches)
        waited = time.perf_counter()
        logs = self._step(pair)
        float(logs["loss"])
        return {"input": waited - began, "step": time.perf_counter() - waited}

    def parts(self):
        """Seconds of each of `PARTS` but the input, and of `DIAGNOSTICS`."""
        networks, loss, optimizer, *diagnostics = self._cut
        pair = [self._tf.constant(view) for view in self.pair]
        z_a, z_b = self._projections
        seconds = {}
        slopes, seconds["loss"] = _timed(loss, z_a, z_b)
        gradients, seconds["forward and backward"] = _timed(networks, *pair, *slopes)
        _, seconds["optimizer"] = _timed(optimizer, gradients)
        for name, function in zip(DIAGNOSTICS, diagnostics, strict=True):
            _, seconds[name] = _timed(function, self._embeddings)
        return seconds

    def _make_parts(self):
        from keras_twins.models import diagnostics

        tf, model = self._tf, self.model
        width = model.projector.output_shape[-1]
        rng = tf.random.Generator.from_seed(0)
        self._projections = [rng.normal((BATCH_SIZE, width)) for _ in range(2)]
        self._embeddings = rng.normal((BATCH_SIZE, model.encoder.output_shape[-1]))

        @tf.function
        def networks(view_a, view_b, slope_a, slope_b):
            with tf.GradientTape() as tape:
                outputs = [
                    model.projector(model.encoder(view, training=True), training=True)
                    for view in (view_a, view_b)
                ]
            return tape.gradient(
                outputs, model.trainable_variables, output_gradients=[slope_a, slope_b]
            )

        @tf.function
        def loss(z_a, z_b):
            with tf.GradientTape() as tape:
                tape.watch([z_a, z_b])
                value = model.loss(z_a, z_b)
            return tape.gradient(value, [z_a, z_b])

        @tf.function
        def optimizer(gradients):
            model.optimizer.apply(gradients, model.trainable_variables)
            return model.optimizer.iterations + 0

        @tf.function
        def measure(embeddings):
            return list(diagnostics.measure(embeddings).values())

        @tf.function
        def singular_values(embeddings):
            return tf.linalg.svd(embeddings, compute_uv=False)

        return networks, loss, optimizer, measure, singular_values


def _timed(function, *arguments):
    began = time.perf_counter()
    result = function(*arguments)
    first = result[0] if isinstance(result, (list, tuple)) else result
    first.numpy()
    return result, time.perf_counter() - began


def _median(rows, key):
    return statistics.median(row[key] for row in rows)


def compare(images, width, rounds):
    """Prints the step of one width: ours, its parts and PyTorch's."""
    ours = KerasStep(images, width)
    theirs = _torch_step(ours.pair, width)
    steps, parts, torch_steps = [], [], []
    for _ in range(rounds):
        steps.append(ours.run())
        parts.append(ours.parts())
        if theirs:
            torch_steps.append(theirs.run())
    if theirs:
        theirs.close()
    whole = [row["input"] + row["step"] for row in steps]
    wait = statistics.median(
        row["input"] / total for row, total in zip(steps, whole, strict=True)
    )
    print(f"\nD = {width}: {BATCH_SIZE / statistics.median(whole):.1f} pairs/s")
    print(f"  waiting for input: {wait:.2%} of the step")
    for part in PARTS[1:]:
        line = f"  {part:22}{_median(parts, part):8.3f} s"
        if theirs:
            line += f"   PyTorch {_median(torch_steps, part):8.3f} s"
        print(line)
    step = statistics.median(whole)
    for name in DIAGNOSTICS:
        seconds = _median(parts, name)
        print(f"  {name:22}{1e3 * seconds:8.2f} ms, {seconds / step:.2%} of the step")
    if theirs:
        torch_whole = [sum(row.values()) for row in torch_steps]
        ratio = statistics.median(
            t / w for t, w in zip(torch_whole, whole, strict=True)
        )
        rate = BATCH_SIZE / statistics.median(torch_whole)
        print(f"  PyTorch: {rate:.1f} pairs/s; ours is {ratio:.2f} times as fast")


def _torch_step(pair, width):
    try:
        from benchmarks.torch_step import TorchProcess
    except ImportError:
        print("PyTorch is not installed (extra `bench`): left out.")
        return None
    step = TorchProcess(pair, HIDDEN, width, WEIGHT)
    step.run()
    return step


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--widths", default="128,8192")
    parser.add_argument("--rounds", type=int, default=3)
    flags = parser.parse_args()
    # As the commands set it: see README.md.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2048, 32, 32, 3), np.uint8)
    for width in map(int, flags.widths.split(",")):
        compare(images, width, flags.rounds)


if __name__ == "__main__":
    main()
