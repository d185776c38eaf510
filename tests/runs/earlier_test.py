"""A run that starts from the weights of an earlier one."""

import json

import keras
import numpy as np
import pytest

import keras_twins as kt
from keras_twins.errors import InputError
from keras_twins.runs import earlier
from keras_twins.runs.workdir import Workdir


def twins(seed, size=16, widths=(4, 8), projector=(8, 8)):
    keras.utils.set_random_seed(seed)
    encoder = kt.models.residual_encoder((size, size, 3), "small", widths, (1, 1))
    return kt.models.Twins(encoder, kt.models.projector(widths[-1], projector))


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a.weights, b.weights, strict=True))


@pytest.fixture
def workdir(tmp_path):
    """The folder of a run that has ended, and what it trained."""
    workdir, model = Workdir(tmp_path / "run"), twins(0)
    workdir.path.mkdir()
    model.compile("adam", loss=kt.losses.HSICLoss())
    model.encoder.get_layer(
        "stem_conv"
    ).trainable = False  # Frozen there, and not here.
    model.save(workdir.model)
    kt.models.with_normalisation(model.encoder, (0.5,) * 3, (0.2,) * 3).save(
        workdir.encoder
    )
    return workdir, model


@pytest.mark.parametrize("part", ["path", "model"])
def test_encoder_and_projector_of_a_run(workdir, part, capsys):
    workdir, old = workdir
    new = twins(1, size=24)  # Views of another size.
    earlier.start_from(new, str(getattr(workdir, part)))
    assert same(new.encoder, old.encoder) and same(new.projector, old.projector)
    assert "its encoder, and its projector" in capsys.readouterr().out


def with_both_sides(seed, hidden=8):
    model = twins(seed)
    return kt.models.Twins(
        model.encoder,
        model.projector,
        predictor=kt.models.projector(8, (hidden, 8)),
        momentum=0.9,
    )


def test_a_teacher_begins_as_what_the_student_begins_with(workdir, capsys):
    workdir, old = workdir
    new = with_both_sides(1)
    earlier.start_from(new, str(workdir.path))
    assert same(new.teacher.encoder, old.encoder)
    assert same(new.teacher.projector, old.projector)
    said = capsys.readouterr().out
    assert "it has no predictor, which starts anew, the teacher is a copy of" in said


@pytest.mark.parametrize("hidden", [8, 4])
def test_a_run_with_a_teacher_gives_its_student_and_predictor(tmp_path, hidden, capsys):
    old = with_both_sides(0)
    old.teacher.encoder.set_weights(
        [weight + 1.0 for weight in old.teacher.encoder.get_weights()]
    )
    old.compile("adam", loss=kt.losses.NegativeCosineLoss())
    old.save(tmp_path / "model.keras")
    new = with_both_sides(1, hidden)
    earlier.start_from(new, str(tmp_path / "model.keras"))
    assert same(new.encoder, old.encoder) and same(new.teacher.encoder, old.encoder)
    assert (hidden == 8) == ("and its predictor" in capsys.readouterr().out)
    if hidden == 8:
        assert same(new.predictor, old.predictor)


def test_an_encoder_alone(workdir, capsys):
    workdir, old = workdir
    new = twins(1)
    before = [w.numpy().copy() for w in new.projector.weights]
    earlier.start_from(new, str(workdir.encoder))
    assert same(new.encoder, old.encoder)
    for a, b in zip(before, new.projector.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    assert "it has no projector, which starts anew" in capsys.readouterr().out


def test_a_projector_of_other_widths_starts_anew(workdir, capsys):
    workdir, old = workdir
    earlier.start_from(twins(1, projector=(8, 16)), str(workdir.path))
    assert (
        "starts anew: layer dense2 has weights of 8×8 there" in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("widths", "message"),
    [
        (
            (8, 8),
            "layer stem_conv has weights of 3×3×3×4 there, and stem_conv of 3×3×3×8",
        )
    ],
)
def test_another_encoder_is_refused_by_its_first_other_layer(workdir, widths, message):
    workdir, _ = workdir
    new = twins(1, widths=widths)
    before = [w.numpy().copy() for w in new.weights]
    with pytest.raises(InputError, match=message) as raised:
        earlier.start_from(new, str(workdir.path))
    assert "\n" not in str(raised.value)
    for a, b in zip(before, new.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_encoder_with_more_layers_is_refused(workdir):
    workdir, _ = workdir
    encoder = kt.models.residual_encoder((16, 16, 3), "small", (4, 8), (1, 2))
    new = kt.models.Twins(encoder, kt.models.projector(8, (8,)))
    with pytest.raises(
        InputError, match="stage2_block2_1_conv has no counterpart there"
    ):
        earlier.start_from(new, str(workdir.path))


def test_what_holds_no_model_is_one_line(tmp_path):
    (tmp_path / "running").mkdir()
    (tmp_path / "running" / "config.json").write_text(json.dumps({}))
    (tmp_path / "torn.keras").write_bytes(b"PK")
    for name, message in (
        ("none", "no such file or folder"),
        ("running", "has not ended"),
        ("torn.keras", "not a model that can be loaded"),
    ):
        with pytest.raises(InputError, match=f"--config.init_from=.*{name}.*{message}"):
            earlier.start_from(twins(1), str(tmp_path / name))
