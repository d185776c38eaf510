"""The pass over the files of a folder before a run: what cannot be read is left out."""

import json
import time

from keras_twins import data
from keras_twins.data import survey
from keras_twins.errors import InputError
from keras_twins.files import write_json


def check_images(run):
    """Decodes the images of a folder once, and lists those that cannot be read.

    The list is `bad_images.txt` of the workdir; `images.json` says what was looked at.
    Where the folder still holds the files that it names, nothing is done.

    Args:
        run: `Run`, whose workdir this process has claimed and which leaves no files
            out yet.

    Raises:
        InputError: for more bad images than a share of `config.max_bad_images`.
    """
    workdir = run.workdir
    known = json.loads(workdir.images.read_text()) if workdir.images.exists() else {}
    splits = _files(run)
    found = {
        split: {"images": len(paths), "sha256": survey.fingerprint(paths)}
        for split, paths in splits.items()
    }
    if found == known:
        return
    if known:
        print(
            f"{run.config.dataset} has other files than when they were last looked at: "
            "batches are other ones from here on"
        )
    bad = []
    try:
        for split, paths in splits.items():
            bad.extend(_unreadable(run, split, paths))
    except _TooMany as error:
        workdir.write_bad_images(error.paths)
        raise
    workdir.write_bad_images(bad)
    write_json(workdir.images, found)


def forget(workdir):
    """Has the next run look at all images again: one of them can no longer be read."""
    workdir.images.unlink(missing_ok=True)


class _TooMany(InputError):
    def __init__(self, message, paths):
        super().__init__(message)
        self.paths = paths


def _files(run):
    """Names of files by split; none where the images are not files."""
    splits = dict.fromkeys((run.config.train_split, run.config.test_split))
    sources = {split: run.source(split) for split in splits if run.has_split(split)}
    return {s: source.paths for s, source in sources.items() if source.paths}


def _unreadable(run, split, paths):
    config, workdir = run.config, run.workdir
    print(f"looking at {len(paths):,} images of {config.dataset}, {split}", flush=True)
    began = time.monotonic()
    bad = []
    for checked, path in data.unreadable(paths):
        if path is None:
            break
        bad.append(path)
        if len(bad) > config.max_bad_images * len(paths):
            raise _TooMany(
                f"{config.dataset}, {split}: {len(bad)} of the first {checked} of "
                f"{len(paths)} images cannot be read, which is more than "
                f"--config.max_bad_images={config.max_bad_images:g} of all; they are "
                f"listed in {workdir.bad_images}",
                bad,
            )
    left_out = f"{len(bad)} left out, listed in {workdir.bad_images}"
    print(
        f"looked at them in {time.monotonic() - began:.0f} s: "
        f"{left_out if bad else 'all can be read'}"
    )
    return bad
