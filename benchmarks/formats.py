"""Which image files are read, and whether as Pillow reads them.

    pip download pillow --no-binary :all: --no-deps
    tar xf pillow-*.tar.gz
    python -m benchmarks.formats --folder=pillow-13.0.0/Tests/images

Per format: how many files Pillow reads as RGB (turned by their orientation, alpha
dropped), how many of those the graph of an exported model reads as they are, a
training (the host converts what the graph does not read) and a client of the export;
how many of a training's are within 2 levels of Pillow's pixels, and how many files
differ between the three, which must be none. 16-bit and float samples are compared by
their high byte, where Pillow cuts them off at 255. Below the table, those files of the
six formats that Pillow reads and a training does not, or otherwise.

Files are read by another process, so that one that ends it or hangs is seen.
"""

import collections
import io
import multiprocessing
import os
import pathlib
import tempfile
import warnings

import numpy as np
from absl import app, flags

_FOLDER = flags.DEFINE_string("folder", None, "Folder of image files.", required=True)
_SECONDS = flags.DEFINE_float("seconds", 60.0, "Time limit per file.")
_BARRED = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF")
_COLUMNS = ("files", "Pillow", "graph", "training", "client", "within 2", "differ")


def main(_):
    files = sorted(p for p in pathlib.Path(_FOLDER.value).rglob("*") if p.is_file())
    counts = collections.defaultdict(collections.Counter)
    remarks = []
    for path, found in _read_all(files):
        row = counts[found["format"]]
        row["files"] += 1
        row["differ"] += found["differ"]
        if found["differ"]:
            remarks.append(f"{path.name}: training, export and client differ")
        if found["pillow"] is None:
            continue
        row["Pillow"] += 1
        for side in ("graph", "training", "client"):
            row[side] += found[side] is None
        row["within 2"] += found["levels"] is not None and found["levels"] <= 2
        if found["format"] not in _BARRED:
            continue
        if found["training"] is not None:
            remarks.append(f"{path.name}: {found['training']}")
        elif found["levels"] > 2:
            remarks.append(f"{path.name}: {found['levels']} levels from Pillow's")
    _print_table(counts)
    print("\n".join(remarks))


def _print_table(counts):
    print(f"{'':12}" + "".join(f"{name:>10}" for name in _COLUMNS) + f"{'share':>9}")
    barred = collections.Counter()
    for kind, row in sorted(counts.items(), key=lambda item: -item[1]["Pillow"]):
        _print_row(kind, row)
        if kind in _BARRED:
            barred.update(row)
    _print_row("the six", barred)


def _print_row(kind, row):
    share = f"{row['within 2'] / row['Pillow']:9.1%}" if row["Pillow"] else ""
    print(f"{kind:12}" + "".join(f"{row[c]:10}" for c in _COLUMNS) + share)


def _read_all(files):
    """Yields each file and what the reader found, in a process that may end."""
    spawning = multiprocessing.get_context("spawn")
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    here, there = spawning.Pipe()
    reader = spawning.Process(target=_reader, args=(there,), daemon=True)
    reader.start()
    there.close()
    here.recv()
    for path in files:
        here.send(path)
        try:
            if not here.poll(_SECONDS.value):
                raise EOFError
            yield path, here.recv()
        except EOFError:
            reader.kill()
            raise SystemExit(
                f"{path}: the process that read it ended or hung"
            ) from None
    here.send(None)


def _reader(connection):
    # Pillow's own, of this benchmark's side: the project's has none.
    warnings.simplefilter("ignore")
    sides = Sides()
    connection.send("ready")
    while path := connection.recv():
        connection.send(sides.compare(path))


class Sides:
    """A file as Pillow, a training, an export and a client of it see it."""

    def __init__(self):
        import tensorflow as tf

        from keras_twins.decode.images import ImageDecoder

        self._decode = ImageDecoder().decode
        self._error = tf.errors.OpError
        with tempfile.TemporaryDirectory() as folder:
            self._export = _exported_fingerprint(folder)

    def compare(self, path):
        from keras_twins.decode import host
        from keras_twins.serving.client_images import ImageError, encode

        contents = path.read_bytes()
        kind, pillows = _as_pillow(contents)
        try:
            made = host.readable(contents) if _converted(host, contents) else contents
            training, why = self._pixels(made)
        except host.ERRORS as error:
            training, why = None, str(error)
        graph, graph_why = self._of_export(contents)
        try:
            client, client_why = self._of_export(encode(0, contents))
        except ImageError as error:
            client, client_why = None, str(error)
        seen = [_fingerprint(training).numpy() if training is not None else None]
        seen = [s for s in [*seen, graph, client] if s is not None]
        return {
            "format": kind,
            "pillow": None if pillows is None else pillows.shape,
            "training": why,
            "graph": graph_why,
            "client": client_why,
            "levels": _levels(training, pillows),
            "differ": not all(np.array_equal(seen[0], other) for other in seen),
        }

    def _pixels(self, contents):
        from keras_twins.decode import errors

        try:
            return self._decode(contents, "the file").numpy(), None
        except self._error as error:
            return None, errors.reason(error.message)

    def _of_export(self, contents):
        from keras_twins.decode import errors

        try:
            return self._export([contents]).numpy()[0], None
        except self._error as error:
            return None, errors.reason(error.message)


def _converted(host, contents):
    return host.needs_conversion(contents[: host.HEAD_BYTES])


def _as_pillow(contents):
    """The format that Pillow finds, and the pixels, or None."""
    from PIL import Image, ImageOps

    kind = "none"
    try:
        with Image.open(io.BytesIO(contents)) as image:
            kind = "JPEG" if image.format == "MPO" else image.format
            image = ImageOps.exif_transpose(image)
            if image.mode in ("I", "F") or image.mode.startswith("I;16"):
                return kind, _high_byte(np.asarray(image))
            return kind, np.asarray(image.convert("RGB"))
    except Exception:
        # Pillow raises what a broken file leads it to.
        return kind, None


def _high_byte(samples):
    if samples.dtype.kind == "f":
        samples = np.rint(samples * 65535 if samples.max() <= 1 else samples)
    return np.repeat((samples // 256).astype(int)[..., None], 3, axis=2)


def _levels(pixels, pillows):
    """The largest difference; 255 where the sizes differ, None where one lacks."""
    if pixels is None or pillows is None:
        return None
    if pixels.shape != pillows.shape:
        return 255
    return int(np.abs(pixels.astype(int) - pillows).max(initial=0))


def _fingerprint(pixels):
    """Numbers that two images share only where they are equal, for any size."""
    import tensorflow as tf

    pixels = tf.convert_to_tensor(pixels)
    if pixels.shape.rank == 4:
        return tf.map_fn(
            _fingerprint, pixels, fn_output_signature=tf.TensorSpec((6,), tf.float32)
        )
    shape = tf.shape(pixels)[:2]
    values = tf.cast(tf.reshape(pixels, [-1]), tf.int64) + 1
    places = tf.range(tf.size(values, tf.int64))
    sums = [
        tf.reduce_sum(values * (places * odd % 8191 + 1)) % 2**20
        for odd in (1, 4099, 7919, 104729)
    ]
    return tf.cast(tf.concat([tf.cast(shape, tf.int64), sums], 0), tf.float32)


def _exported_fingerprint(folder):
    """The images of an exported model as fingerprints: its graph, but no encoder."""
    import keras

    from keras_twins.decode.base import DEFAULT_LIMITS
    from keras_twins.decode.images import ImageDecoder
    from keras_twins.export.arrays import ImageArrays
    from keras_twins.export.graph import EmbeddingGraph
    from keras_twins.export.loading import load_function

    inputs = keras.Input((6,))
    whole = keras.Model(inputs, keras.layers.Identity()(inputs))
    graph = EmbeddingGraph(
        whole, ImageDecoder(), DEFAULT_LIMITS, ImageArrays(), _fingerprint, (6,), False
    )
    graph.save(folder)
    return load_function(pathlib.Path(folder), "serving_default", "image_bytes")


if __name__ == "__main__":
    app.run(main)
