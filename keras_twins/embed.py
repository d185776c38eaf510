"""Embeds image files with an exported model.

    keras-twins embed --model_dir=DIR/embedder PATH... --output=embeddings.npz

A PATH is a file, or a folder that is searched for images, subfolders included.
"""

import io
import os
import re
from pathlib import Path

import numpy as np
from absl import flags

from keras_twins import cli
from keras_twins.errors import InputError
from keras_twins.export.versions import newest_version

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "model_dir", None, "Folder of an exported model; its newest version is used."
)
cli.define(
    flags.DEFINE_string,
    "output",
    None,
    "File to write: .npz (arrays `paths` and `embeddings`) or .parquet (columns "
    "`path` and `embedding`). Without it, the first values are printed.",
)
flags.DEFINE_integer("batch_size", 32, "Images embedded at a time.", lower_bound=1)

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp")
_VALUES_PRINTED = 4


def main(argv):
    output = Path(FLAGS.output) if FLAGS.output else None
    if output is not None:
        check_output(output)
    if not FLAGS.model_dir:
        raise InputError("--model_dir is missing; expected an exported model's folder")
    version = newest_version(FLAGS.model_dir)
    files = find_images(argv[1:])
    cli.start_tensorflow()
    embeddings = embed_files(load_signature(version), files, FLAGS.batch_size)
    if output is None:
        print_embeddings(files, embeddings)
        return
    save_embeddings(output, files, embeddings)
    count, width = embeddings.shape
    print(f"{count} embeddings of width {width} by {version} are in {output}")


main.takes_paths = True


def find_images(paths):
    """Lists the images among files and folders, in a reproducible order.

    Args:
        paths: list of str. A file is taken whatever its name; a folder is searched
            for `IMAGE_SUFFIXES`, subfolders included.

    Returns:
        list of `pathlib.Path`, at least one.

    Raises:
        InputError: if a path does not exist or no image is found.
    """
    files = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = (f for f in path.rglob("*") if f.suffix.lower() in IMAGE_SUFFIXES)
            files.extend(sorted(f for f in inside if f.is_file()))
        elif path.exists():
            files.append(path)
        else:
            raise InputError(
                f"{str(path)!r} does not exist; expected an image or folder"
            )
    if not files:
        where = "in " + ", ".join(map(repr, paths)) if paths else "was named"
        suffixes = ", ".join(IMAGE_SUFFIXES)
        raise InputError(f"no image {where}; expected files ending in {suffixes}")
    return files


def load_signature(version_dir):
    """Loads the function that embeds encoded images.

    Args:
        version_dir: path of one version of an exported model.

    Returns:
        Callable from a vector of encoded images to float32 `(count, width)`.

    Raises:
        InputError: if the folder holds no model or one of another kind.
    """
    import tensorflow as tf

    try:
        model = tf.saved_model.load(str(version_dir))
    except (OSError, ValueError, tf.errors.OpError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{version_dir} does not load as a model: {reason}") from error
    signature = model.signatures.get("serving_default")
    inputs = signature.structured_input_signature[1] if signature else {}
    if "image_bytes" not in inputs:
        raise InputError(
            f"{version_dir} is no exported embedding model: its signature "
            "'serving_default' has no input 'image_bytes'"
        )

    # The model owns the variables: it has to live as long as its signature.
    def embed(encoded, owner=model):
        del owner
        return signature(image_bytes=tf.constant(encoded))["embedding"].numpy()

    return embed


def embed_files(embed, files, batch_size):
    """Embeds image files in batches, with a progress bar.

    Args:
        embed: as `load_signature` gives.
        files: list of paths.
        batch_size: int.

    Returns:
        float32 array `(len(files), width)`.

    Raises:
        InputError: naming the file that can't be read or is no image.
    """
    from tqdm import tqdm

    embeddings = []
    with tqdm(total=len(files), unit="image", desc="embed") as bar:
        for start in range(0, len(files), batch_size):
            batch = files[start : start + batch_size]
            embeddings.append(_embed_batch(embed, batch))
            bar.update(len(batch))
    return np.concatenate(embeddings)


def check_output(path):
    """Raises InputError unless embeddings can be written to the path."""
    if path.suffix not in (".npz", ".parquet"):
        raise InputError(f"--output={path}: expected a name ending in .npz or .parquet")
    if not path.parent.is_dir():
        raise InputError(f"--output={path}: there is no folder {str(path.parent)!r}")
    if path.suffix == ".parquet":
        try:
            import pyarrow.parquet  # noqa: F401
        except ImportError as error:
            raise InputError(
                f"--output={path}: .parquet needs the package pyarrow"
            ) from error


def save_embeddings(path, files, embeddings):
    """Writes embeddings as one whole file.

    Args:
        path: `pathlib.Path` ending in `.npz` or `.parquet`.
        files: list of paths, one for each embedding.
        embeddings: float32 array `(len(files), width)`.
    """
    names = [str(file) for file in files]
    written = path.with_name(f".{path.name}.tmp")
    if path.suffix == ".npz":
        with open(written, "wb") as file:
            np.savez(file, paths=np.array(names), embeddings=embeddings)
    else:
        import pyarrow as pa
        import pyarrow.parquet

        values = pa.array(embeddings.ravel())
        column = pa.FixedSizeListArray.from_arrays(values, embeddings.shape[1])
        table = pa.table({"path": names, "embedding": column})
        pyarrow.parquet.write_table(table, written)
    os.replace(written, path)


def print_embeddings(files, embeddings):
    for file, embedding in zip(files, embeddings, strict=True):
        values = " ".join(f"{value:+.4f}" for value in embedding[:_VALUES_PRINTED])
        print(f"{file}  {values} ...")
    print(
        f"{len(files)} embeddings of width {embeddings.shape[1]}; "
        "--output=embeddings.npz (or .parquet) saves them whole."
    )


def _embed_batch(embed, files):
    import tensorflow as tf

    encoded = [_read(file) for file in files]
    try:
        return embed(encoded)
    except tf.errors.InvalidArgumentError as error:
        # A decoder's message does not say which picture of the batch it met.
        if len(files) > 1:
            return np.concatenate([_embed_batch(embed, [file]) for file in files])
        raise InputError(f"{files[0]}: {_reason(error)}") from error


def _read(file):
    try:
        encoded = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from error
    return _webp_as_png(file, encoded) if encoded[8:12] == b"WEBP" else encoded


def _webp_as_png(file, encoded):
    # The exported graph takes no WebP: TensorFlow's decoder is not safe on any bytes.
    from PIL import Image

    try:
        image = Image.open(io.BytesIO(encoded)).convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(
            f"{file}: is no picture that can be decoded: {error}"
        ) from error
    png = io.BytesIO()
    image.save(png, "PNG", compress_level=1)
    return png.getvalue()


def _reason(error):
    said = re.search(r"assertion failed: \[image_bytes\[\d+\] (.*?)\]\s", error.message)
    if said:
        return said.group(1)
    # What the decoder said stands above the names of graph nodes, below any stack.
    above = re.split(r"\s*\[\[", error.message, maxsplit=1)[0].strip()
    last = re.sub(r"\{\{.*?\}\}\s*", "", above.splitlines()[-1])
    return f"is no picture that can be decoded: {last}"


if __name__ == "__main__":
    cli.run(main)
