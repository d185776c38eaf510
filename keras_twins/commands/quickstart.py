"""`python -m keras_twins.commands.quickstart`: the whole way on scikit-learn's digits.

Trains, evaluates, exports and embeds with the commands that a user would type, in
`runs/quickstart` below the working directory. What has been done is not done again.
"""

import pathlib
import subprocess
import sys
import time

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

RUN = pathlib.Path("runs/quickstart")
IMAGES = RUN / "images"
EMBEDDER = RUN / "embedder"
EMBEDDINGS = RUN / "embeddings.npz"


def main():
    began = time.monotonic()
    command("train", "--config=configs/digits.py", f"--workdir={RUN}")
    command("evaluate", f"--workdir={RUN}")
    command("export", f"--workdir={RUN}", f"--output={EMBEDDER}")
    write_images(IMAGES, count=20)
    command("embed", f"--model_dir={EMBEDDER}", f"--output={EMBEDDINGS}", str(IMAGES))
    print(
        f"""
Done in {time.monotonic() - began:.0f} s. What is where:
  {RUN}/config.json       what was run
  {RUN}/metrics.jsonl     one line an epoch; TensorBoard logs in {RUN}/tensorboard
  {RUN}/evaluation.json   the table above
  {RUN}/encoder.keras     the encoder: pixels in 0..255 to embeddings
  {RUN}/model.keras       encoder, projector and optimizer
  {EMBEDDER}/            what TensorFlow Serving serves
  {EMBEDDINGS}   embeddings of the scans in {IMAGES}
Next: your own pictures, with --config.dataset=folder:/path/to/images (README.md)."""
    )


def command(name, *arguments):
    """Shows a `keras-twins` command and runs it; its failure is this program's."""
    print(f"\n$ keras-twins {name} {' '.join(arguments)}", flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "keras_twins.commands.cli", name, *arguments]
    )
    if done.returncode:
        sys.exit(done.returncode)


def write_images(folder, count):
    """Writes scans as PNG files, since an endpoint takes files."""
    folder.mkdir(parents=True, exist_ok=True)
    digits = load_digits()
    for index in range(count):
        scan = np.round(digits.images[index] * (255 / 16)).astype("uint8")
        Image.fromarray(scan).save(folder / f"{index:02d}_a_{digits.target[index]}.png")


if __name__ == "__main__":
    main()
