import io
import json
import wave

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_twins.augment import LogMel
from keras_twins.decode import errors
from keras_twins.export import export_sound_model
from keras_twins.export.check import as_objects, run_in_c_session

RATE, WIDTH = 8000, 5
LOG_MEL = LogMel(RATE, window=512, hop=80, high=3900.0)
RANDOM = np.random.default_rng(0)


def _encoder(frames=None):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((64, frames, 1))
    x = keras.layers.Rescaling(1 / 6.0, 10 / 6.0)(inputs)
    x = keras.layers.Conv2D(8, 3, strides=2, padding="same")(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Dropout(0.5)(x)
    x = keras.layers.Conv2D(WIDTH, 3)(x)
    return keras.Model(inputs, keras.layers.GlobalMaxPooling2D()(x), name="small")


def _sound(seconds, channels=1):
    shape = int(seconds * RATE), channels
    return RANDOM.integers(-(2**14), 2**14, shape, np.int16)


def _wav(sound, rate=RATE):
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(sound.shape[1])
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(sound.tobytes())
    return file.getvalue()


def _expected(sound):
    """The embedding by the plain way: the sound by itself."""
    samples = (sound / 32_768).mean(axis=1).astype(np.float32)
    embedding = _encoder().predict(LOG_MEL(samples[None]), verbose=0)[0]
    return embedding / np.linalg.norm(embedding)


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    return export_sound_model(
        _encoder(),
        tmp_path_factory.mktemp("export") / "sounds",
        LOG_MEL,
        max_seconds=4.0,
        metadata={"dataset": "digits"},
        warmup_batch_sizes=(1, 3),
    )


@pytest.fixture(scope="module")
def signatures(version):
    model = tf.saved_model.load(str(version))
    yield model.signatures


def test_files_of_all_lengths_are_embedded_as_if_they_were_alone(signatures):
    embed = signatures["serving_default"]
    sounds = [_sound(0.1), _sound(3.9), _sound(0.95, channels=2), _sound(1 / RATE)]
    files = [_wav(sound) for sound in sounds]
    together = embed(audio_bytes=tf.constant(files))["embedding"].numpy()
    for file, sound, found in zip(files, sounds, together, strict=True):
        (alone,) = embed(audio_bytes=tf.constant([file]))["embedding"].numpy()
        np.testing.assert_allclose(found, alone, atol=1e-6)
        np.testing.assert_allclose(found, _expected(sound), atol=1e-5)


@pytest.mark.parametrize("seconds", [0.2, 1.7])
def test_samples_are_embedded_as_files_are(signatures, seconds):
    sounds = [_sound(seconds), _sound(seconds)]
    samples = np.stack(sounds)[:, :, 0] / np.float32(32_768)
    found = signatures["embed_samples"](samples=tf.constant(samples))["embedding"]
    np.testing.assert_allclose(found, [_expected(s) for s in sounds], atol=1e-5)


def test_a_file_that_fails_is_named_by_its_place(signatures):
    whole = _wav(_sound(0.5))
    for bad, reason in (
        (b"no sound", "is not a recording"),
        (_wav(_sound(1), 44_100), "is sampled at 44100 Hz, not at 8000 Hz"),
        (_wav(_sound(4.1)), "lasts 5 s; recordings of up to 4 s are read"),
        (whole[:-9], "is a WAV file that is cut off"),
        (_wav(_sound(0)), "holds no sample"),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            signatures["serving_default"](audio_bytes=tf.constant([whole, bad]))
        label, found = errors.label_and_reason(caught.value.message)
        assert label == "audio_bytes[1]" and found.startswith(reason)
        # A server's message, too, which has no names of the graph.
        assert errors.reason(f"audio_bytes[1] {found}") == found


def _samples(*shape, value=0.1):
    return np.full(shape, value, np.float32)


_SHAPE = "samples must be float32 of shape (N, samples) at 8000 Hz, 1 to 32000 samples"
_RANGE = "samples must be numbers in -1..1"
# Fed to TensorFlow Serving's loader; the shape of the answer, or a part of the refusal.
_C_CASES = [
    ("embed_samples", _samples(), _SHAPE),
    ("embed_samples", _samples(12), _SHAPE),
    ("embed_samples", _samples(1, 9, 1), _SHAPE),
    ("embed_samples", _samples(2, 0), _SHAPE),
    ("embed_samples", _samples(1, 32_001), _SHAPE),
    ("embed_samples", _samples(1, 99, value=np.nan), _RANGE),
    ("embed_samples", _samples(1, 99, value=np.inf), _RANGE),
    ("embed_samples", _samples(1, 99, value=-300.0), _RANGE),
    ("embed_samples", _strings := as_objects([b"x"]), ""),
    ("embed_samples", _samples(0, 99), (0, WIDTH)),
    ("embed_samples", _samples(2, 1), (2, WIDTH)),
    ("embed_samples", _samples(2, 32_000, value=1.07), (2, WIDTH)),
    ("serving_default", np.full((), b"x", object), "audio_bytes must be a vector"),
    ("serving_default", np.full((1, 1), b"x", object), "audio_bytes must be a vector"),
    ("serving_default", _strings, "audio_bytes[0] is not a recording"),
    ("serving_default", _samples(4), ""),
    ("serving_default", as_objects([]), (0, WIDTH)),
    ("serving_default", as_objects([_wav(_sound(0.3))] * 20), (20, WIDTH)),
]


@pytest.fixture(scope="module")
def c_answers(version):
    return run_in_c_session(version, [case[:2] for case in _C_CASES])


@pytest.mark.parametrize("n", range(len(_C_CASES)))
def test_the_c_library_answers_or_refuses_and_lives(c_answers, n):
    expected = _C_CASES[n][2]
    code, message, array = c_answers[n]
    if isinstance(expected, str):
        assert code == tf.errors.INVALID_ARGUMENT
        assert expected in message
    else:
        assert code == tf.errors.OK, message
        assert array.shape == expected


def test_what_clients_are_told(version, signatures):
    from tensorflow.core.protobuf import saved_model_pb2
    from tensorflow_serving.apis import prediction_log_pb2

    model = saved_model_pb2.SavedModel.FromString(
        (version / "saved_model.pb").read_bytes()
    )
    told = {
        name: (tensor.dtype, [dim.size for dim in tensor.tensor_shape.dim])
        for signature in ("serving_default", "embed_samples")
        for name, tensor in model.meta_graphs[0].signature_def[signature].inputs.items()
    }
    assert told == {
        "audio_bytes": (tf.string.as_datatype_enum, [-1]),
        "samples": (tf.float32.as_datatype_enum, [-1, -1]),
    }
    facts = json.loads((version / "assets.extra/keras_twins.json").read_text())
    assert facts["metadata"] == {"dataset": "digits"}
    assert facts["input_name"] == "audio_bytes" and facts["width"] == WIDTH
    assert facts["log_mel"] == LOG_MEL.settings and facts["log_mel"]["rate"] == RATE
    assert facts["max_seconds"] == 4.0
    assert max(facts["difference_to_encoder"].values()) <= 1e-5

    path = version / "assets.extra/tf_serving_warmup_requests"
    warmed = []
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(
            record
        ).predict_log.request
        signature = request.model_spec.signature_name
        feeds = {
            name: tf.constant(tf.make_ndarray(value))
            for name, value in request.inputs.items()
        }
        warmed.append((signature, signatures[signature](**feeds)["embedding"].shape))
    assert warmed == [
        (signature, (size, WIDTH))
        for size in (1, 3)
        for signature in ("serving_default", "embed_samples")
    ]


@pytest.mark.parametrize("frames, bands", [(96, 64), (None, 32)])
def test_an_encoder_that_does_not_fit_is_refused(tmp_path, frames, bands):
    log_mel = LogMel(RATE, window=512, hop=80, high=3900.0, bands=bands)
    with pytest.raises(ValueError, match="take what it is to be exported for"):
        export_sound_model(_encoder(frames), tmp_path / "m", log_mel)
    assert not (tmp_path / "m").exists()
