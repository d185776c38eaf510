"""Whatever a user gives, one clear line comes back: configurations, specs and files.

Some 500 cases in a test run, and as many for the server in
`serving/server/fuzz_test.py`; `make fuzz` has more than 10 000 of each.
"""

import copy
import os

import numpy as np
import pytest
import tensorflow as tf
from absl import flags
from damage import SOUNDS, WHOLE, damaged
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_twins import data
from keras_twins.augment import preset, sounds, spec
from keras_twins.augment.sounds import spec as sound_spec
from keras_twins.commands import cli, train
from keras_twins.configs import digits
from keras_twins.decode import errors
from keras_twins.decode.images import ImageDecoder
from keras_twins.decode.sounds import SoundDecoder
from keras_twins.errors import InputError
from keras_twins.runs import config_check, methods, parts
from keras_twins.runs.workdir import as_data, flatten


@tf.function(input_signature=[tf.TensorSpec([], tf.string)])
def decode(contents):
    return ImageDecoder().decode(contents, tf.constant("the image"))


@given(damaged(WHOLE))
def test_bytes_are_an_image_or_an_error(contents):
    try:
        image = decode(contents)
    except tf.errors.OpError:
        return
    assert image.dtype == tf.uint8 and image.shape[-1] == 3
    assert np.asarray(image).sum() >= 0  # Each byte of it can be read.


@tf.function(input_signature=[tf.TensorSpec([], tf.string)])
def decode_sound(contents):
    return SoundDecoder().decode(contents, tf.constant("the sound"))


@given(damaged(SOUNDS + WHOLE))
def test_bytes_are_a_sound_or_a_reason(contents):
    try:
        samples = decode_sound(contents)
    except tf.errors.InvalidArgumentError as error:
        # Nothing but what the checks before the decoding say.
        assert errors.label_and_reason(error.message)[0] == "the sound"
        return
    assert 1 <= len(samples) <= len(contents) / 2
    assert np.abs(samples).max() <= 1.0


# Opening a folder traces a graph, which takes a second.
@settings(max_examples=settings.default.max_examples // 4)
@given(st.lists(damaged(WHOLE) | st.binary(max_size=64), max_size=5))
def test_every_file_is_read_or_listed(tmp_path_factory, files):
    folder = tmp_path_factory.mktemp("files")
    for index, contents in enumerate(files):
        (folder / f"{index}.png").write_bytes(contents)
    paths = sorted(str(path) for path in folder.iterdir())
    bad = [path for _, path in data.unreadable(paths) if path] if paths else []
    good = [path for path in paths if path not in bad]
    if good:
        images = data.load(f"folder:{folder}", without=bad)
        assert len(list(images)) == len(good)
        assert images.source.image_shape[-1] == 3
    for path in paths:
        os.remove(path)
    folder.rmdir()


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats()
    | st.text(max_size=8)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


def set_at(tree, path, value):
    *above, last = path.split(".")
    for key in above:
        tree = tree[key]
    tree[last] = value


SPEC = preset("digits")
SPEC = SPEC.to_dict() if hasattr(SPEC, "to_dict") else dict(SPEC)


@given(st.sampled_from(sorted(flatten(SPEC))), values)
def test_a_spec_is_taken_or_its_key_is_named(key, value):
    changed = copy.deepcopy(SPEC)
    set_at(changed, key, value)
    try:
        found = spec.resolve(changed)
    except InputError as error:
        assert key.split(".")[-1] in str(error)
        return
    assert spec.resolve(found) == found


@given(st.sampled_from(sorted(sounds.preset("audio_barlow_twins"))), values)
def test_a_spec_for_sounds_is_taken_or_its_key_is_named(key, value):
    try:
        found = sound_spec.resolve(sounds.preset("audio_barlow_twins") | {key: value})
    except InputError as error:
        assert key in str(error)
        return
    assert sound_spec.resolve(found) == found


@given(values)
def test_anything_at_all_as_a_spec(value):
    for resolve in (spec.resolve, sound_spec.resolve):
        try:
            found = resolve(value)
        except InputError as error:
            assert str(error)
        else:
            assert resolve(found) == found


KEYS = sorted(
    key
    for key in flatten(as_data(digits.get_config()))
    if key.startswith(
        ("loss", "optimizer", "sizes", "epochs", "projector", "batch", "model")
    )
)


@given(st.sampled_from(KEYS), scalars)
def test_a_configuration_is_taken_or_refused_in_a_line(key, value):
    config = digits.get_config()
    try:
        config.update_from_flattened_dict({key: value})
    except (TypeError, ValueError):
        return  # ml_collections refuses another type, and the command shows its line.
    try:
        config_check.check(config)
        config.epochs = config.epochs or 20  # A run decides what is open.
        parts.stages(config)
        methods.check(config)
        parts.optimizer(config, 11)
    except InputError as error:
        assert "config" in str(error)


@given(st.text(max_size=30))
def test_any_override_is_taken_or_refused_in_a_line(text):
    with pytest.MonkeyPatch.context() as patch:
        lines = []

        def fail(message):
            lines.append(" ".join(str(message).split()))
            raise SystemExit(1)

        patch.setattr(cli, "_fail", fail)
        try:
            argv = ["train", "--config=configs/digits.py", "--workdir=/nowhere"]
            values = flags.FlagValues()
            train.define_flags(values)
            cli._parse(values, [*argv, f"--config.{text}"])
        except SystemExit:
            assert len(lines) == 1 and lines[0]
