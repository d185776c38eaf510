"""Writes the tables of README.md from the `evaluation.json` files in `results/`.

    python docs/results.py           # after: keras-twins evaluate --workdir=RUN
                                     # and: cp RUN/evaluation.json results/NAME/
    python docs/results.py --check   # status 1 where a table is not that of its file

A table stands between `<!-- results/NAME -->` and `<!-- end -->`.
"""

import json
import pathlib
import re
import sys

from keras_twins.evaluation import table

ROOT = pathlib.Path(__file__).parent.parent

_BLOCK = re.compile(r"<!-- results/([\w-]+) -->\n(.*?)<!-- end -->", re.DOTALL)


def main():
    readme = ROOT / "README.md"
    text = readme.read_text("utf-8")
    found = fill(text, ROOT / "results")
    if "--check" in sys.argv[1:]:
        sys.exit(0 if found == text else "README.md: run `python docs/results.py`")
    readme.write_text(found, "utf-8")


def fill(text, results):
    """Text with the table of each block written anew.

    Args:
        text: str, a Markdown document.
        results: path of the folder with `NAME/evaluation.json`.

    Raises:
        FileNotFoundError: for a block without a file.
        ValueError: for a file without a block.
    """
    files = {path.parent.name for path in results.glob("*/evaluation.json")}
    missing = files - {match[1] for match in _BLOCK.finditer(text)}
    if missing:
        raise ValueError(f"no block <!-- results/{min(missing)} --> ... <!-- end -->")
    return _BLOCK.sub(lambda match: _block(match[1], results), text)


def _block(name, results):
    path = results / name / "evaluation.json"
    found = json.loads(path.read_text("utf-8"))
    probe = "" if found["probe"] == "lbfgs" else f", probes by {found['probe']}"
    return (
        f"<!-- results/{name} -->\n"
        f"[`{name}.py`](configs/{name}.py), {found['epochs']} epochs, evaluated on "
        f"{found['dataset']}: {found['train_images']:,} labelled training images, "
        f"{found['test_images']:,} test images, temperature "
        f"{found['temperature']:g}{probe}.\n\n"
        f"{table.markdown(found['rows'])}\n"
        f"<!-- end -->"
    )


if __name__ == "__main__":
    main()
