"""What chosen labels are worth beside random ones, at several budgets, in one run.

    python -m benchmarks.selection --workdir=runs/quickstart
    python -m benchmarks.selection --workdir=runs/cifar10_quick --data_dir=TFDS \
      --budgets=10,40,100,500

The run's encoder embeds its training images, which are the pool, and its test images.
The linear head of `keras-twins label` learns from the chosen labels, and the table has
its accuracy on the test images: the mean over the seeds and its 95 % interval. In the
second table, the first labels are chosen by k-means, and then a method asks in rounds.
"""

import argparse
import pathlib
import time

import numpy as np

from keras_twins.collection import select
from keras_twins.collection.selection import METHODS
from keras_twins.collection.selection.head import linear_head
from keras_twins.commands.startup import start_tensorflow

AT_ONCE = [name for name, method in METHODS.items() if not method.labels]
IN_ROUNDS = ["k-means", *(name for name, method in METHODS.items() if method.labels)]


def features(path, workdir, data_dir):
    """Embeddings and labels of training and test images, made where there are none."""
    if path is None:
        return embedded(workdir, data_dir)
    if not path.exists():
        np.savez(path, *embedded(workdir, data_dir))
    with np.load(path) as file:
        return [file[name] for name in file.files]


def embedded(workdir, data_dir):
    """Embeddings and labels of a run's training and test images."""
    from keras_twins import evaluation
    from keras_twins.runs import images
    from keras_twins.runs.run import Run
    from keras_twins.runs.workdir import Workdir

    changed = {"data_dir": data_dir} if data_dir else {}
    run = Run.read(Workdir(workdir), **changed)
    encoder = run.trained_encoder()
    parts = []
    for split in (run.config.train_split, run.config.test_split):
        opened = images.open_images(run, split)
        parts += evaluation.embed(encoder, opened.batches, verbose=1)
    return parts


class Pool:
    """A labelled pool and test images, as the head sees them."""

    def __init__(self, train_x, train_y, test_x, test_y):
        from sklearn.preprocessing import StandardScaler

        self.embeddings, self.classes, self.test_y = train_x, train_y, test_y
        units, test_units = (
            x / np.linalg.norm(x, axis=1, keepdims=True) for x in (train_x, test_x)
        )
        scaler = StandardScaler().fit(units)
        self.features = scaler.transform(units)
        self.test_features = scaler.transform(test_units)

    def accuracy(self, rows):
        """On the test images, of the head that learned from some rows."""
        classes = self.classes[rows]
        if len(np.unique(classes)) == 1:
            return float(np.mean(self.test_y == classes[0]))
        head = linear_head().fit(self.features[rows], classes)
        return float(head.score(self.test_features, self.test_y))

    def at_once(self, method, count, seed):
        if method == "random":
            generator = np.random.default_rng(seed)
            return generator.permutation(len(self.embeddings))[:count]
        return select(self.embeddings, count, method=method, seed=seed).rows

    def in_rounds(self, method, first, counts, seed):
        """Accuracies at some counts: the first by k-means, and what is asked for."""
        labels = np.full(len(self.embeddings), -1)
        rows = self.at_once("k-means", first, seed)
        found = {}
        for count in counts:
            labels[rows] = self.classes[rows]
            asked = select(
                self.embeddings,
                count - len(rows),
                method=method,
                labelled=labels,
                seed=seed,
            )
            rows = np.concatenate([rows, asked.rows])
            found[count] = self.accuracy(rows)
        return found


def say(values):
    from keras_twins.evaluation import interval

    return f"{100 * np.mean(values):.1f} ± {100 * interval(values):.1f}"


def line(title, cells):
    print(f"{title:<26}" + "".join(f"{cell:>14}" for cell in cells), flush=True)


def table_at_once(pool, budgets, seeds):
    line("labels, chosen at once", budgets)
    for method in ("random", *AT_ONCE):
        began, cells = time.process_time(), []
        for count in budgets:
            chosen = [pool.at_once(method, count, seed) for seed in range(seeds)]
            cells.append(say([pool.accuracy(rows) for rows in chosen]))
        line(method, cells)
        seconds = (time.process_time() - began) / (seeds * len(budgets))
        line("", [f"{seconds:.1f} s of CPU"])


def table_in_rounds(pool, firsts, rounds, seeds):
    line("labels, asked in rounds", rounds)
    for first in firsts:
        counts = [count for count in rounds if count > first]
        for method in IN_ROUNDS:
            found = [pool.in_rounds(method, first, counts, s) for s in range(seeds)]
            cells = [
                say([one[c] for one in found]) if c in counts else "" for c in rounds
            ]
            line(f"{first} by k-means, {method}", cells)


def main():
    numbers = lambda text: [int(n) for n in text.split(",") if n]  # noqa: E731
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workdir", required=True, help="A run that has ended.")
    parser.add_argument("--data_dir", help="Where TensorFlow data sets are prepared.")
    parser.add_argument(
        "--features",
        type=pathlib.Path,
        help="A .npz file that keeps the embeddings for the next time.",
    )
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--budgets", type=numbers, default=[10, 20, 40, 100])
    parser.add_argument("--firsts", type=numbers, default=[10, 20, 40])
    parser.add_argument("--rounds", type=numbers, default=[40, 70, 100])
    arguments = parser.parse_args()
    start_tensorflow()
    kept = arguments.features, arguments.workdir, arguments.data_dir
    pool = Pool(*features(*kept))
    print(
        f"pool of {len(pool.embeddings):,}, test of {len(pool.test_y):,}, "
        f"{arguments.seeds} seeds; accuracy in %"
    )
    table_at_once(pool, arguments.budgets, arguments.seeds)
    table_in_rounds(pool, arguments.firsts, arguments.rounds, arguments.seeds)


if __name__ == "__main__":
    main()
