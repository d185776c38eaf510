"""Listing a folder of many files: seconds and memory, beside Keras's own listing.

    python -m benchmarks.listing [--files=200000] [--classes=1000]

The files are generated and empty. Each side lists them in a process of its own, after
it has imported what it needs: `kt.data.load`, which also reads the first bytes of each
file and traces its decoder, and `keras.utils.image_dataset_from_directory`, which wants
classes.
"""

import argparse
import multiprocessing
import os
import resource
import tempfile
import time


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=200_000)
    parser.add_argument("--classes", type=int, default=1000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        flat, classes = os.path.join(root, "flat"), os.path.join(root, "classes")
        generate(flat, arguments.files, 0)
        generate(classes, arguments.files, arguments.classes)
        print(f"{arguments.files:,} files            seconds   MB above the start")
        ours = measure(ours_lists, classes)
        keras = measure(keras_lists, classes)
        show(f"kt.data.load, {arguments.classes} classes", ours)
        show(f"Keras, {arguments.classes} classes", keras)
        print(f"{'Keras / ours':28}{keras[0] / ours[0]:9.1f}{keras[1] / ours[1]:12.1f}")
        show("kt.data.load, one folder", measure(ours_lists, flat))


def generate(folder, files, classes):
    """Empty files of names as cameras give them, in a folder or in as many as asked."""
    for i in range(max(classes, 1)):
        os.makedirs(os.path.join(folder, f"class{i:05d}" if classes else ""))
    for i in range(files):
        place = f"class{i % classes:05d}" if classes else ""
        path = os.path.join(folder, place, f"IMG_2024_{i:09d}.jpg")
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))


def show(name, measured):
    print(f"{name:28}{measured[0]:9.2f}{measured[1]:12.0f}")


def measure(function, *arguments):
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_measured, args=(theirs, function, arguments))
    process.start()
    result = ours.recv()
    process.join()
    return result


def _measured(pipe, function, arguments):
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    function(*arguments, warm_up=True)
    before = _peak()
    began = time.perf_counter()
    function(*arguments, warm_up=False)
    pipe.send((time.perf_counter() - began, _peak() - before))


def _peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def ours_lists(folder, warm_up):
    import tensorflow as tf

    import keras_twins as kt

    if warm_up:
        list(tf.data.Dataset.range(1))
        return
    kt.data.load(f"folder:{folder}")


def keras_lists(folder, warm_up):
    import keras
    import tensorflow as tf

    if warm_up:
        list(tf.data.Dataset.range(1))
        return
    keras.utils.image_dataset_from_directory(folder, verbose=False)


if __name__ == "__main__":
    main()
