"""kNN and linear probe against scikit-learn, on the same features, in one run.

    python -m benchmarks.evaluation [N M D]

By default 50 000 training and 10 000 test features of width 512. Both sides of a line
are measured one after the other, and give the same answer or nearly: accuracies are
printed beside the times.
"""

import os
import sys
import time
import warnings

import numpy as np

from keras_twins import evaluation

K, TEMPERATURE = 200, 0.5


def features(count, width, generator, mixing, centres):
    """Features like an encoder's: ten classes, correlated, and never negative."""
    labels = generator.integers(0, len(centres), count)
    hidden = centres[labels] + generator.normal(size=(count, mixing.shape[0]))
    noise = 0.3 * generator.normal(size=(count, width))
    return np.maximum(hidden @ mixing / 8 + noise, 0).astype(np.float32), labels


def scikit_learn_knn(train_x, train_y, test_x, test_y):
    from sklearn.neighbors import KNeighborsClassifier

    classifier = KNeighborsClassifier(
        K,
        algorithm="brute",
        metric="cosine",
        weights=lambda distances: np.exp((1.0 - distances) / TEMPERATURE),
    )
    return classifier.fit(train_x, train_y).score(test_x, test_y)


def scikit_learn_probe(train_x, train_y, test_x, test_y):
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.model_selection import StratifiedShuffleSplit
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    # One split, as ours at this size, and its default of ten penalties for our fifteen.
    classifier = LogisticRegressionCV(
        cv=StratifiedShuffleSplit(1, test_size=0.2, random_state=0),
        scoring="accuracy",
        l1_ratios=(0.0,),
        use_legacy_attributes=False,
        max_iter=1000,
    )
    return (
        make_pipeline(StandardScaler(), classifier)
        .fit(train_x, train_y)
        .score(test_x, test_y)
    )


def our_knn(*data):
    return evaluation.knn_accuracy(*data, k=K, temperature=TEMPERATURE)


def measure(function, data):
    start = time.perf_counter()
    accuracy = function(*data)
    return accuracy, time.perf_counter() - start


def main(n=50_000, m=10_000, width=512):
    warnings.filterwarnings("ignore", module="sklearn")
    generator = np.random.default_rng(0)
    mixing = generator.normal(size=(64, width))
    centres = 0.35 * generator.normal(size=(10, 64))
    train = features(n, width, generator, mixing, centres)
    test = features(m, width, generator, mixing, centres)
    print(f"{n} training and {m} test features of width {width}, ", end="")
    print(f"{os.cpu_count()} cores")
    for name, ours, theirs in (
        ("kNN", our_knn, scikit_learn_knn),
        ("linear probe", evaluation.linear_probe, scikit_learn_probe),
    ):
        # A first call on little data compiles what there is to compile.
        ours(train[0][:1000], train[1][:1000], test[0][:100], test[1][:100])
        our_accuracy, our_time = measure(ours, (*train, *test))
        their_accuracy, their_time = measure(theirs, (*train, *test))
        print(
            f"{name}: keras-twins {our_time:.1f} s ({100 * our_accuracy:.2f} %), "
            f"scikit-learn {their_time:.1f} s ({100 * their_accuracy:.2f} %), "
            f"scikit-learn / keras-twins {their_time / our_time:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
