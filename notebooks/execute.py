"""`make notebooks`: runs the notebooks from top to bottom and keeps their outputs.

    python notebooks/execute.py [NOTEBOOK ...]

Without names it runs all that are in its folder.
"""

import pathlib
import sys
import tempfile
import time

import nbclient
import nbformat
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager

FOLDER = pathlib.Path(__file__).parent
_CELL_SECONDS = 600


def main(names):
    paths = [pathlib.Path(name) for name in names]
    for path in paths or sorted(FOLDER.glob("*.ipynb")):
        began = time.monotonic()
        notebook = execute(path)
        nbformat.write(notebook, path)
        print(f"{path.name}: {time.monotonic() - began:.0f} s", flush=True)


def execute(path):
    """Runs a notebook with this Python, in an empty folder that is deleted.

    Args:
        path: path of an `.ipynb` file, which is not changed.

    Returns:
        the notebook with its new outputs.

    Raises:
        nbclient.exceptions.CellExecutionError: for a cell that fails.
    """
    notebook = nbformat.read(path, as_version=4)
    # Without folders to look in, the one kernel there is runs this very Python.
    specs = KernelSpecManager(kernel_dirs=[])
    with tempfile.TemporaryDirectory() as folder:
        kernel = AsyncKernelManager(
            kernel_spec_manager=specs, transport="ipc", ip=f"{folder}/kernel"
        )
        nbclient.NotebookClient(
            notebook,
            km=kernel,
            timeout=_CELL_SECONDS,
            record_timing=False,
            coalesce_streams=True,
            resources={"metadata": {"path": folder}},
        ).execute(cleanup_kc=True)
    # What differs from one installation to the next.
    notebook.metadata.language_info.pop("version", None)
    return notebook


if __name__ == "__main__":
    main(sys.argv[1:])
