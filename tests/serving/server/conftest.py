"""A real server, started as its users start it, and two small models."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import grpc
import pytest
from tensorflow_serving.apis import (
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)

SIZE, WIDTH = 8, 4


class Server:
    """A `keras-twins serve` of its own, on free ports.

    Attributes:
        rest: str. URL of the REST interface.
        rest_port: int.
        grpc: str. Address of the gRPC interface.
        process: `subprocess.Popen`.
    """

    def __init__(self, *flags):
        command = [sys.executable, "-m", "keras_twins.commands.serve", "--rest_port=0"]
        self.process = subprocess.Popen(
            [*command, "--grpc_port=0", *map(str, flags)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        )
        self._errors = []
        self._reader = threading.Thread(target=self._read_errors)
        self._reader.start()
        said = ""
        for line in self.process.stdout:
            said += line
            if "metrics at" in line:
                break
        found = re.search(
            r"REST at (http://\S+:(\d+))/v1\S* gRPC at grpc://(\S+)", said
        )
        if not found:
            self.stop()
            raise AssertionError(said + self.errors())
        self.rest, self.rest_port, self.grpc = found[1], int(found[2]), found[3]

    def logs(self):
        """What the server has logged, as dicts."""
        return [json.loads(line) for line in list(self._errors)]

    def errors(self):
        """All that a server wrote to its standard error, once it has ended."""
        self._reader.join()
        return "".join(self._errors)

    def request(self, path, body=None, method=None, headers=None):
        """Sends a request; a body that is not bytes becomes JSON.

        Returns:
            status, and the body as bytes.
        """
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        request = urllib.request.Request(
            self.rest + path, body, headers or {}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def stop(self, number=signal.SIGTERM):
        """Tells the server to stop; returns its exit status."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        self.process.stdout.close()
        status = self.process.wait(60)
        self._reader.join()
        return status

    def _read_errors(self):
        with self.process.stderr:
            self._errors.extend(self.process.stderr)


def _export_embedder(model_dir, seed):
    """Exports a tiny encoder; the seed makes its weights."""
    import keras

    from keras_twins.export import export_saved_model

    keras.utils.set_random_seed(seed)
    inputs = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Rescaling(1 / 127.5, -1)(inputs)
    x = keras.layers.Conv2D(WIDTH, 3)(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return export_saved_model(
        keras.Model(inputs, x), model_dir, SIZE, max_pixels=10_000
    )


def _export_types(version_dir):
    """A model of many types, which says back what it is told."""
    import tensorflow as tf

    def says_back(dtype, shape=(None,)):
        function = tf.function(lambda x: {"y": tf.identity(x)})
        return function.get_concrete_function(tf.TensorSpec(shape, dtype, "x"))

    def answer(number, ratio, text):
        return {
            "doubled": 2 * number,
            "quotient": ratio[:, 0] / ratio[:, 1],
            "text": text,
            "text_bytes": text,
        }

    dtypes = "int8 uint8 uint16 int32 int64 uint32 uint64 double bool string"
    signatures = {name: says_back(tf.as_dtype(name)) for name in dtypes.split()}
    signatures["float"] = says_back(tf.float32, None)
    signatures["serving_default"] = tf.function(answer).get_concrete_function(
        tf.TensorSpec((None,), tf.int32, "number"),
        tf.TensorSpec((None, 2), tf.float32, "ratio"),
        tf.TensorSpec((None,), tf.string, "text"),
    )
    signatures["half"] = tf.function(
        lambda x: {"y": tf.cast(x, tf.float16)}
    ).get_concrete_function(tf.TensorSpec((None,), tf.float32, "x"))
    signatures["nothing"] = tf.function(
        lambda: {"y": tf.constant([1.5])}
    ).get_concrete_function()
    signatures["none"] = tf.function(lambda x: {"y": x[:0]}).get_concrete_function(
        tf.TensorSpec((None,), tf.float32, "x")
    )
    signatures["sums"] = tf.function(
        lambda x: {"sum": tf.reduce_sum(x)}
    ).get_concrete_function(tf.TensorSpec((None,), tf.float32, "x"))
    tf.saved_model.save(tf.Module(), str(version_dir), signatures=signatures)


@pytest.fixture(scope="session")
def export_version():
    """Function that exports a version: of a model's folder and a seed."""
    return _export_embedder


@pytest.fixture(scope="module")
def start_server():
    """Starts servers with the flags given, which end with the module."""
    with contextlib.ExitStack() as servers:

        def start(*flags):
            server = Server(*flags)
            servers.callback(server.stop)
            return server

        yield start


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """A folder with the versions 1 and 2 of `embedder`, and with `types`."""
    folder = tmp_path_factory.mktemp("exported")
    for seed in (1, 2):
        _export_embedder(folder / "embedder", seed)
    _export_types(folder / "types" / "7")
    return folder


@pytest.fixture(scope="session")
def server(exported, tmp_path_factory):
    """One server of both models, with labels, configured as TF Serving is."""
    folder = tmp_path_factory.mktemp("configured")
    models = folder / "models.config"
    models.write_text(
        f"""model_config_list {{
          config {{
            name: "embedder" base_path: "{exported}/embedder"
            model_platform: "tensorflow"
            model_version_policy {{ all {{}} }}
            version_labels {{ key: "stable" value: 1 }}
            version_labels {{ key: "gone" value: 9 }}
          }}
          config {{ name: "types" base_path: "{exported}/types" }}
        }}"""
    )
    batching = folder / "batching.config"
    batching.write_text(
        "max_batch_size { value: 8 } batch_timeout_micros { value: 2000 } "
        "num_batch_threads { value: 2 } allowed_batch_sizes: [4, 8] "
    )
    server = Server(
        f"--model_config_file={models}", f"--batching_parameters_file={batching}"
    )
    yield server
    assert server.stop() == 0
    assert "Traceback" not in server.errors(), server.errors()[-6000:]


@pytest.fixture
def model_dir(exported, tmp_path):
    """A folder with version 1 of `embedder`."""
    target = tmp_path / "embedder"
    shutil.copytree(exported / "embedder" / "1", target / "1")
    return target


@pytest.fixture(scope="module")
def channel(server):
    with grpc.insecure_channel(server.grpc) as channel:
        yield channel


@pytest.fixture(scope="module")
def predictions(channel):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture(scope="module")
def models(channel):
    return model_service_pb2_grpc.ModelServiceStub(channel)
