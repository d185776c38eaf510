"""What `config.deterministic` costs: training steps a second with and without it.

    python -m benchmarks.determinism [--config=digits] [--steps=60] [--rounds=3]

Each side trains in a process of its own, since TensorFlow takes the choice back in no
other way; the processes take turns, a round each at a time, and the medians are shown.
The input pipeline is part of a step, as in training.
"""

import argparse
import importlib
import multiprocessing
import os
import statistics
import time

_WARM_UP = 5


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="digits")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    sides = {}
    for name, flag in (("as it comes", False), ("deterministic", True)):
        ours, theirs = context.Pipe()
        context.Process(target=_train, args=(theirs, arguments, flag)).start()
        sides[name] = ours
        ours.recv()
    rates = {name: [] for name in sides}
    for _ in range(arguments.rounds):
        for name, pipe in sides.items():
            pipe.send("round")
            rates[name].append(arguments.steps / pipe.recv())
    for pipe in sides.values():
        pipe.send(None)
    medians = {name: statistics.median(found) for name, found in rates.items()}
    for name, median in medians.items():
        print(f"{name:16}{median:8.2f} steps/s")
    without, with_it = medians.values()
    print(f"{'time of a step':16}{without / with_it:8.2f} times that without it")


def _train(pipe, arguments, deterministic):
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras

    from keras_twins import distribution, training
    from keras_twins.runs import methods, parts
    from keras_twins.runs.run import Run

    module = importlib.import_module(f"keras_twins.configs.{arguments.config}")
    config = module.get_config()
    if deterministic:
        training.make_deterministic()
    run = Run(config, strategy=distribution.strategy("auto"))
    steps = run.steps_per_epoch()
    with run.strategy.scope():
        model = parts.model(config)
        model.compile(parts.optimizer(config, steps), methods.loss(config))
    images = run.train_source.dataset()
    pairs = iter(parts.training_pairs(config, images, steps, 0))
    function = model.make_train_function() or model.train_function
    for _ in range(_WARM_UP):
        function(pairs)
    pipe.send("ready")
    while pipe.recv():
        began = time.perf_counter()
        for _ in range(arguments.steps):
            logs = function(pairs)
        keras.ops.convert_to_numpy(logs["loss"])
        pipe.send(time.perf_counter() - began)


if __name__ == "__main__":
    main()
