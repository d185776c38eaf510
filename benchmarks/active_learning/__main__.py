"""Which images to label, and what to train with the labels: a loop over a pool.

    python -m benchmarks.active_learning --choose [--set=digits]
    python -m benchmarks.active_learning [--set=digits] [--seeds=0,1,2]
    python -m benchmarks.active_learning --table

With `--set=cifar10`, `--data_dir=/path/to/tensorflow_datasets`.

For each seed an encoder is trained on the pool without labels. Four learners then get
ever more labels: a classifier from random weights alone, a linear probe on the frozen
encoder, fine-tuning of the encoder, and `kt.models.JointTwins`, which starts from the
encoder and keeps the twin loss of the whole pool. The images to label are random, or
chosen: the first ones cover the pool (medoids of k-means, over embeddings; over pixels
for the classifier alone, which has none). The next ones are those where the two
likeliest classes are closest, by the learner's own probabilities.

Each loop is a file in `results/active_learning/`; what has one is not done again.
`--choose` comes first: it compares weights of the classification of `JointTwins` on
held-out training images, with seeds of its own, and the loops take the best. Test
images have no part in it.
"""

import argparse
import dataclasses
import json
import pathlib
import resource

import numpy as np
from sklearn.cluster import KMeans

import keras_twins as kt
from benchmarks.active_learning import table
from benchmarks.active_learning.learners import Learners
from benchmarks.active_learning.settings import LEARNERS, QUERIES, SETTINGS
from keras_twins import files

RESULTS = pathlib.Path(__file__).parent.parent.parent / "results" / "active_learning"
# Seeds of `--choose`, which no row of the tables has, and the weights that it compares.
CHOICE_SEEDS, WEIGHTS = (100, 101, 102), (3.0, 30.0, 300.0)


def main():
    arguments = _arguments()
    if arguments.choose:
        _choose(arguments.set, arguments.data_dir)
        return
    if not arguments.table:
        _run(arguments.set, arguments.seeds, arguments.data_dir)
    table.write(RESULTS)
    print(table.tables(RESULTS, arguments.set))


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", choices=sorted(SETTINGS), default="digits")
    parser.add_argument("--seeds", default="0,1,2", help="Separated by commas.")
    parser.add_argument("--data_dir", help="Where TensorFlow data sets are prepared.")
    parser.add_argument("--choose", action="store_true", help="Compare weights.")
    parser.add_argument("--table", action="store_true", help="Write the tables alone.")
    arguments = parser.parse_args()
    try:
        arguments.seeds = [int(seed) for seed in arguments.seeds.split(",")]
    except ValueError:
        parser.error(f"--seeds={arguments.seeds}: expected whole numbers: 0,1,2")
    return arguments


def _run(name, seeds, data_dir):
    """All loops of some seeds that have no file yet."""
    setting, weight = SETTINGS[name], _chosen_weight(name)
    images, labels = _arrays(name, "train", setting.pool, data_dir)
    test_images, test_labels = _arrays(name, "test", setting.test, data_dir)
    learners = Learners(setting, weight, images, test_images)
    asked = _asked(setting) | {"classification_weight": weight}
    for seed in seeds:
        waiting = [
            (learner, query)
            for learner in LEARNERS
            for query in QUERIES
            if not _is_there(_path(name, learner, query, seed), asked)
        ]
        if waiting:
            learners.begin(learners.pretrain(seed))
        for learner, query in waiting:
            began = _cpu_seconds()
            accuracies = _loop(learners, learner, query, seed, labels, test_labels)
            loop = {
                "learner": learner,
                "query": query,
                "seed": seed,
                "accuracies": accuracies,
                "cpu_seconds": round(_cpu_seconds() - began, 1),
                "setting": asked,
            }
            path = _path(name, learner, query, seed)
            path.parent.mkdir(parents=True, exist_ok=True)
            files.write_json(path, loop)
            table.write(RESULTS)
            print(
                f"{name} {seed} {learner} {query}: {_percent(accuracies)}", flush=True
            )


def _loop(learners, learner, query, seed, labels, test_labels):
    """Labels, learns and asks again: the accuracy at each budget."""
    generator = np.random.default_rng(seed)
    known = np.full(len(labels), -1)
    accuracies, shares = [], None
    for budget in learners.setting.budgets:
        count = budget - np.count_nonzero(known >= 0)
        if query == "random":
            places = generator.choice(np.flatnonzero(known < 0), count, replace=False)
        elif shares is None:
            places = _medoids(learners.features(learner), count, seed)
        else:
            places = _closest(shares, known, count)
        known[places] = labels[places]
        shares, test_shares = learners.learn(learner, known)
        accuracies.append(float(np.mean(test_shares.argmax(axis=1) == test_labels)))
    return accuracies


# Not `kt.collection.select`, which collapses copies first and penalises its head
# otherwise: the committed results are of these two.
def _medoids(features, count, seed):
    """The images nearest to the centres of k-means."""
    features = features / np.linalg.norm(features, axis=1, keepdims=True)
    centres = KMeans(count, n_init=1, random_state=seed).fit(features).cluster_centers_
    places = []
    for centre in centres:
        nearest = np.argsort(((features - centre) ** 2).sum(axis=1), kind="stable")
        places.append(next(place for place in nearest if place not in places))
    return places


def _closest(shares, known, count):
    """The unlabelled images whose two likeliest classes are closest."""
    second, first = np.sort(shares, axis=1)[:, -2:].T
    margins = np.where(known >= 0, np.inf, first - second)
    return np.argsort(margins, kind="stable")[:count]


def _choose(name, data_dir):
    """What weights of the classification give on held-out training images."""
    setting = SETTINGS[name]
    images, labels = _arrays(name, "train", setting.pool, data_dir)
    cut = len(images) * 4 // 5
    starts, found = [], {}
    for weight in WEIGHTS:
        learners = Learners(setting, weight, images[:cut], images[cut:])
        starts = starts or [learners.pretrain(seed) for seed in CHOICE_SEEDS]
        loops = []
        for start in starts:
            learners.begin(start)
            known, asked = labels[:cut], labels[cut:]
            loops.append(_loop(learners, "joint", "random", start.seed, known, asked))
        found[weight] = np.mean(loops, axis=0).tolist()
        print(f"{name}, weight {weight:g}: {_percent(found[weight])}", flush=True)
    RESULTS.mkdir(parents=True, exist_ok=True)
    choice = {"setting": _asked(setting), "accuracies": found}
    files.write_json(table.choice_path(RESULTS, name), choice)


def _chosen_weight(name):
    """The weight whose mean accuracy over the budgets is best."""
    path = table.choice_path(RESULTS, name)
    if not _is_there(path, _asked(SETTINGS[name])):
        raise SystemExit(f"{path} is missing or old: run with --choose --set={name}")
    found = json.loads(path.read_text("utf-8"))["accuracies"]
    return float(max(found, key=lambda weight: np.mean(found[weight])))


def _asked(setting):
    """A setting as it comes back from a file."""
    return json.loads(json.dumps(dataclasses.asdict(setting)))


def _arrays(name, split, count, data_dir):
    """The first images of a split and their labels."""
    images = kt.data.load(name, split, data_dir, labels=True).take(count)
    pairs = list(images.as_numpy_iterator())
    return np.stack([image for image, _ in pairs]), np.array([y for _, y in pairs])


def _is_there(path, setting):
    return path.exists() and json.loads(path.read_text("utf-8"))["setting"] == setting


def _path(name, learner, query, seed):
    return RESULTS / name / f"{learner}-{query}-seed{seed}.json"


def _percent(accuracies):
    return ", ".join(f"{100 * accuracy:.1f} %" for accuracy in accuracies)


def _cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
