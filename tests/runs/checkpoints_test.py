"""Checkpoints that are torn or corrupt, and how many are kept."""

import keras
import numpy as np
import pytest

import keras_twins as kt
from keras_twins.runs import checkpoints
from keras_twins.runs.checkpoints import START, Position


@pytest.fixture
def model():
    encoder = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    found = kt.models.Twins(encoder, kt.models.projector(3, (4, 4)))
    found.compile("adam", loss=kt.losses.BarlowTwinsLoss())
    found.optimizer.build(found.trainable_variables)
    return found


def set_all(model, value):
    for weight in model.trainable_variables:
        weight.assign(np.full(weight.shape, value))


def write(model, directory, *positions, keep=10):
    """A checkpoint at each position, of weights that are the position's step."""
    for position in positions:
        set_all(model, position.step)
        checkpoints.save(model, directory, position, keep)


def step_of(model):
    return float(model.trainable_variables[0].numpy().flat[0])


def test_what_a_teacher_and_a_predictor_draw_with_comes_back(tmp_path):
    encoder = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dropout(0.5)]
    )
    predictor = keras.Sequential([keras.Input((4,)), keras.layers.Dropout(0.5)])
    model = kt.models.Twins(
        encoder, kt.models.projector(3, (4,)), predictor=predictor, momentum=0.9
    )
    model.compile("adam", loss=kt.losses.BarlowTwinsLoss())
    model.optimizer.build(model.trainable_variables)
    seeds = [
        n.layers[-1].seed_generator.state for n in (model.teacher.encoder, predictor)
    ]
    checkpoints.save(model, tmp_path, Position(0, 5), keep=1)
    before = [seed.numpy().copy() for seed in seeds]
    for seed in seeds:
        seed.assign(seed + 3)
    checkpoints.restore(model, tmp_path)
    for value, seed in zip(before, seeds, strict=True):
        np.testing.assert_array_equal(seed.numpy(), value)


FIRST, SECOND, THIRD = Position(0, 5), Position(1, 2), Position(1, 4)


def test_the_newest_comes_back_with_the_optimizer_and_the_metrics(model, tmp_path):
    model.optimizer.iterations.assign(7)
    model.metrics[0].update_state(3.0)
    write(model, tmp_path, FIRST, THIRD, SECOND)
    set_all(model, 99)
    model.optimizer.iterations.assign(0)
    model.reset_metrics()
    assert checkpoints.restore(model, tmp_path) == SECOND
    assert step_of(model) == SECOND.step
    assert int(model.optimizer.iterations) == 7
    assert float(model.metrics[0].result()) == 3.0
    assert checkpoints.restore(model, tmp_path / "none") == START


def spoil(path, how):
    contents = path.read_bytes()
    if how == "flipped bit":
        middle = len(contents) // 2
        changed = bytes([contents[middle] ^ 1])
        path.write_bytes(contents[:middle] + changed + contents[middle + 1 :])
    elif how == "cut":
        path.write_bytes(contents[: len(contents) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "no digest":
        path.with_suffix(".sha256").unlink()
    elif how == "digest of another":
        path.with_suffix(".sha256").write_text(f"{'0' * 64}  {path.name}\n")


@pytest.mark.parametrize(
    "how", ["flipped bit", "cut", "empty", "no digest", "digest of another"]
)
def test_a_torn_or_corrupt_one_is_passed_over_with_a_line(model, tmp_path, how, capsys):
    write(model, tmp_path, FIRST, SECOND)
    _, newest = checkpoints.newest(tmp_path)
    spoil(newest, how)
    assert checkpoints.restore(model, tmp_path) == FIRST
    assert step_of(model) == FIRST.step
    assert capsys.readouterr().out == (
        f"passed over {newest}: it is torn or corrupt (its SHA-256 differs)\n"
    )


def test_what_was_passed_over_gives_way_to_what_comes_after(model, tmp_path):
    write(model, tmp_path, FIRST, THIRD)
    spoil(checkpoints.newest(tmp_path)[1], "cut")
    write(model, tmp_path, SECOND)
    assert [path.name for path in sorted(tmp_path.iterdir())] == [
        "epoch-00000-step-0000005.npz",
        "epoch-00000-step-0000005.sha256",
        "epoch-00001-step-0000002.npz",
        "epoch-00001-step-0000002.sha256",
    ]


def test_the_last_ones_are_kept(model, tmp_path):
    write(model, tmp_path, FIRST, SECOND, THIRD, keep=2)
    assert len(list(tmp_path.iterdir())) == 4
    assert checkpoints.newest(tmp_path)[0] == THIRD
    spoil(checkpoints.newest(tmp_path)[1], "cut")
    assert checkpoints.restore(model, tmp_path) == SECOND


def test_one_that_cannot_be_written_leaves_the_others(model, tmp_path, monkeypatch):
    write(model, tmp_path, FIRST)

    def savez(path, **state):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", savez)
        with pytest.raises(OSError, match="No space left"):
            write(model, tmp_path, SECOND)
    # Nothing half written has the name of a checkpoint.
    assert checkpoints.newest(tmp_path)[0] == FIRST
    assert checkpoints.restore(model, tmp_path) == FIRST
    write(model, tmp_path, SECOND)
    assert checkpoints.restore(model, tmp_path) == SECOND


def test_one_of_another_model_is_passed_over(model, tmp_path, capsys):
    encoder = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5)])
    other = kt.models.Twins(encoder, kt.models.projector(5, (4, 4)))
    other.compile("adam", loss=kt.losses.BarlowTwinsLoss())
    other.optimizer.build(other.trainable_variables)
    write(other, tmp_path, FIRST)
    assert checkpoints.restore(model, tmp_path) == START
    assert "it is of a model of other shapes" in capsys.readouterr().out
