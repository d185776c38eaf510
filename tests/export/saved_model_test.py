import io
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_twins.export import (
    ExportError,
    export_saved_model,
    publish,
    version_folders,
)
from keras_twins.export import saved_model as saved_model_module
from keras_twins.export.check import as_objects, run_in_c_session
from keras_twins.export.graph import EmbeddingGraph
from keras_twins.export.precision import in_16_bits, with_precision

SIZE, WIDTH = 12, 5


def _encoder(seed=0, dtype="float32"):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Rescaling(1 / 127.5, -1, dtype=dtype)(inputs)
    x = keras.layers.Conv2D(8, 3, strides=2, padding="same", dtype=dtype)(x)
    x = keras.layers.BatchNormalization(dtype=dtype)(x)
    x = keras.layers.ReLU(dtype=dtype)(x)
    x = keras.layers.Dropout(0.5, dtype=dtype)(x)
    x = keras.layers.Conv2D(WIDTH, 3, dtype=dtype)(x)
    x = keras.layers.GlobalAveragePooling2D(dtype=dtype)(x)
    return keras.Model(inputs, x, name="small")


def _pictures():
    rng = np.random.default_rng(0)
    sizes = [(SIZE, SIZE), (40, 23), (17, 90)]
    return [rng.integers(0, 256, (*size, 3), np.uint8) for size in sizes]


def _png(picture):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


def _expected(encoder, picture, resize):
    """The embedding by the plain way: the whole picture resized, the model called."""
    height, width = picture.shape[:2]
    size = [round(side * resize / min(height, width)) for side in (height, width)]
    top, left = (size[0] - SIZE) // 2, (size[1] - SIZE) // 2
    resized = tf.image.resize(picture, size, antialias=True)
    square = resized[top : top + SIZE, left : left + SIZE]
    embedding = encoder.predict(square[np.newaxis], verbose=0)[0]
    return embedding / np.linalg.norm(embedding)


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    return export_saved_model(
        _encoder(),
        tmp_path_factory.mktemp("export") / "embedder",
        SIZE,
        resize=14,
        max_pixels=10_000,
        levels=(100, 4095),
        metadata={"dataset": "digits"},
        warmup_batch_sizes=(1, 3),
    )


@pytest.fixture(scope="module")
def signatures(version):
    model = tf.saved_model.load(str(version))
    yield model.signatures


def test_both_signatures_embed_as_the_encoder_does(signatures):
    pictures = _pictures()
    expected = [_expected(_encoder(), picture, resize=14) for picture in pictures]
    from_bytes = signatures["serving_default"](
        image_bytes=tf.constant([_png(picture) for picture in pictures])
    )["embedding"]
    np.testing.assert_allclose(from_bytes, expected, atol=1e-5)
    for picture, wanted in zip(pictures, expected, strict=True):
        twice = tf.constant(np.stack([picture, picture]))
        from_pixels = signatures["embed_images"](images=twice)["embedding"]
        np.testing.assert_allclose(from_pixels, [wanted, wanted], atol=1e-5)


def test_levels_are_those_of_16_bit_files_alone(signatures):
    embed = signatures["serving_default"]
    plain = _pictures()[0]
    fine = np.rint(plain * ((4095 - 100) / 255) + 100).astype(np.uint16)
    encoded = [_png(plain), tf.io.encode_png(fine).numpy()]
    of_8, of_16 = embed(image_bytes=tf.constant(encoded))["embedding"]
    np.testing.assert_allclose(of_8, of_16, atol=1e-5)


def test_a_picture_that_fails_is_named_by_its_place(signatures):
    encoded = [_png(_pictures()[0]), b"no picture"]
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"image_bytes\[1\] is not a JPEG"
    ):
        signatures["serving_default"](image_bytes=tf.constant(encoded))


def _strings(shape):
    array = np.empty(shape, object)
    array[...] = b"x"
    return array


# Fed to TensorFlow Serving's loader; the shape of the answer, None where refused.
_C_CASES = [
    ("embed_images", np.zeros((), np.uint8), None),
    ("embed_images", np.zeros(12, np.uint8), None),
    ("embed_images", np.zeros((9, 9, 3), np.uint8), None),
    ("embed_images", np.zeros((1, 1, 9, 9, 3), np.uint8), None),
    ("embed_images", np.zeros((1, 9, 9, 1), np.uint8), None),
    ("embed_images", np.zeros((1, 9, 9, 4), np.uint8), None),
    ("embed_images", np.zeros((1, 0, 9, 3), np.uint8), None),
    ("embed_images", np.zeros((1, 9, 0, 3), np.uint8), None),
    ("embed_images", np.zeros((0, 9, 9, 3), np.uint8), (0, WIDTH)),
    ("embed_images", np.zeros((2, 9, 9, 3), np.uint8), (2, WIDTH)),
    ("embed_images", _strings(1), None),
    ("serving_default", _strings(()), None),
    ("serving_default", _strings((1, 1)), None),
    ("serving_default", _strings(1), None),
    ("serving_default", np.zeros(4, np.uint8), None),
    ("serving_default", as_objects([]), (0, WIDTH)),
    ("serving_default", as_objects([_png(_pictures()[1])] * 20), (20, WIDTH)),
]


@pytest.fixture(scope="module")
def c_answers(version):
    return run_in_c_session(version, [case[:2] for case in _C_CASES])


@pytest.mark.parametrize("n", range(len(_C_CASES)))
def test_the_c_library_answers_or_refuses_and_lives(c_answers, n):
    signature, value, answered = _C_CASES[n]
    code, message, array = c_answers[n]
    if answered is None:
        assert code == tf.errors.INVALID_ARGUMENT
        if value.dtype == np.uint8 and signature == "embed_images":
            assert "images must be uint8 RGB of shape (N, height" in message
            assert "got shape [" + " ".join(map(str, value.shape)) + "]" in message
    else:
        assert code == tf.errors.OK
        assert array.shape == answered


def test_what_clients_are_told_about_the_inputs(version):
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel.FromString(
        (version / "saved_model.pb").read_bytes()
    )
    signatures = model.meta_graphs[0].signature_def
    told = {
        name: (tensor.dtype, [dim.size for dim in tensor.tensor_shape.dim])
        for signature in ("serving_default", "embed_images")
        for pairs in (signatures[signature].inputs, signatures[signature].outputs)
        for name, tensor in pairs.items()
    }
    assert told == {
        "image_bytes": (tf.string.as_datatype_enum, [-1]),
        "images": (tf.uint8.as_datatype_enum, [-1, -1, -1, 3]),
        "embedding": (tf.float32.as_datatype_enum, [-1, WIDTH]),
    }
    ops = {
        node.op
        for function in model.meta_graphs[0].graph_def.library.function
        for node in function.node_def
    }
    assert not {op for op in ops if "PyFunc" in op or "Lookup" in op or "Hash" in op}


def test_facts_and_warm_up_requests_travel_with_the_version(version, signatures):
    from tensorflow_serving.apis import prediction_log_pb2

    facts = json.loads((version / "assets.extra/keras_twins.json").read_text())
    assert facts["metadata"] == {"dataset": "digits"}
    assert (facts["image_size"], facts["resize"], facts["width"]) == (SIZE, 14, WIDTH)
    assert facts["levels"] == [100, 4095]
    assert max(facts["difference_to_encoder"].values()) <= 1e-5

    warmed = []
    path = version / "assets.extra/tf_serving_warmup_requests"
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        log = prediction_log_pb2.PredictionLog.FromString(record)
        request = log.predict_log.request
        signature = request.model_spec.signature_name
        feeds = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
        feeds = {name: tf.constant(value) for name, value in feeds.items()}
        warmed.append((signature, signatures[signature](**feeds)["embedding"].shape))
    assert warmed == [
        (signature, (size, WIDTH))
        for size in (1, 3)
        for signature in ("serving_default", "embed_images")
    ]


def test_an_empty_batch_before_a_bare_convolution(tmp_path):
    # Which the graph optimiser merges with padding in front of it.
    layers = [keras.layers.Conv2D(4, 3), keras.layers.GlobalAveragePooling2D()]
    encoder = keras.Sequential([keras.Input((6, 6, 3)), *layers])
    path = export_saved_model(encoder, tmp_path, 6)
    cases = [("embed_images", np.zeros((0, 9, 9, 3), np.uint8))]
    ((code, message, answer),) = run_in_c_session(path, cases)
    assert (code, answer.shape) == (0, (0, 4)), message


def test_a_model_that_answers_otherwise_is_not_published(tmp_path, monkeypatch):
    def save_another(self, version_dir):
        other = saved_model_module.image_graph(
            _encoder(seed=1), SIZE, None, True, 10_000
        )
        save(other, version_dir)

    save = EmbeddingGraph.save
    monkeypatch.setattr(EmbeddingGraph, "save", save_another)
    with pytest.raises(ExportError, match="differs from the encoder by"):
        export_saved_model(_encoder(), tmp_path, SIZE)
    assert list(tmp_path.iterdir()) == []


def test_a_16_bit_encoder_answers_in_float32_and_raw_lengths_on_request(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(publish, "check_c_session", lambda *args: None)
    encoder = _encoder(dtype="mixed_float16")
    version = export_saved_model(encoder, tmp_path, SIZE, normalise=False)
    assert version_folders(tmp_path) == {1: version}
    model = tf.saved_model.load(str(version))
    pixels = _pictures()[0][np.newaxis]
    answer = model.signatures["embed_images"](images=tf.constant(pixels))["embedding"]
    assert answer.dtype == tf.float32
    assert encoder(pixels).dtype == tf.float16
    np.testing.assert_allclose(answer, encoder(pixels), atol=1e-2)


def test_precision_changes_the_arithmetic_and_keeps_the_weights():
    pixels = _pictures()[0][np.newaxis]
    inputs = keras.Input((SIZE, SIZE, 3))
    nested = keras.Model(inputs, _encoder(dtype="mixed_float16")(inputs))
    full = with_precision(nested, "float32")
    np.testing.assert_allclose(full(pixels), _encoder()(pixels), atol=1e-6)
    assert in_16_bits(nested) and not in_16_bits(full)
    assert in_16_bits(with_precision(full, "mixed_bfloat16"))
    assert with_precision(nested, None) is nested


def test_an_unknown_precision_is_refused(tmp_path):
    with pytest.raises(ValueError, match="precision=int3"):
        export_saved_model(_encoder(), tmp_path / "m", SIZE, precision="int3")


@pytest.mark.parametrize(
    "output, size, message",
    [
        (
            lambda x: keras.layers.Flatten()(x),
            SIZE + 1,
            "take what it is to be exported for",
        ),
        (lambda x: x, SIZE, "one vector per file"),
    ],
)
def test_an_encoder_that_does_not_fit_is_refused(tmp_path, output, size, message):
    inputs = keras.Input((SIZE, SIZE, 3))
    with pytest.raises(ValueError, match=message):
        export_saved_model(keras.Model(inputs, output(inputs)), tmp_path / "m", size)
    assert not (tmp_path / "m").exists()
