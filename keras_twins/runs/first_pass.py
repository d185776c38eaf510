"""The pass over a collection before a run: what was understood, what cannot be read."""

import collections
import json
import re
import time

from keras_twins import listing, progress
from keras_twins.data import survey
from keras_twins.errors import InputError
from keras_twins.files import write_json
from keras_twins.runs import levels

_REASONS_SAID = 8


def check_images(run):
    """Says what the collection is, and decodes its images once.

    What cannot be decoded is listed in `bad_images.txt` of the workdir, what only
    Pillow decodes in `converted_images.txt`; `images.json` says what was looked at, and
    which levels its 16-bit samples have. Where the collection still is what it says,
    nothing is decoded.

    Args:
        run: `Run`, whose workdir this process has claimed and which leaves no images
            out yet.

    Raises:
        InputError: for more bad images than a share of `config.max_bad_images`.
    """
    workdir = run.workdir
    known = json.loads(workdir.images.read_text()) if workdir.images.exists() else {}
    sources = _say_understood(run)
    found = {
        split: {"images": source.num_images, "sha256": source.identity()}
        for split, source in sources.items()
        if source.decoder is not None
    }
    if found == known.get("splits", {}):
        return
    if known.get("splits"):
        print(
            f"{run.config.dataset} has other files than when they were last looked at: "
            "batches are other ones from here on"
        )
    bad, converted = {}, []
    try:
        for split in found:
            _look(run, split, bad, converted)
    finally:
        workdir.write_bad_images(bad)
        workdir.write_converted_images(converted)
    chosen = levels.parse(run.config.get("levels", levels.AUTO))
    if chosen is None:
        # Levels that a run has begun with stay, whatever is added to its collection.
        kept = "levels" in known
        chosen = known["levels"] if kept else levels.found(run.train_source)
    write_json(workdir.images, {"splits": found, "levels": chosen})


def forget(workdir):
    """Has the next run look at all images again: one of them can no longer be read."""
    if workdir.images.exists():
        known = json.loads(workdir.images.read_text())
        write_json(workdir.images, {**known, "splits": {}})


def _say_understood(run):
    """Prints what the splits of a run are; their sources by split."""
    config, sources, said = run.config, {}, set()
    for split in dict.fromkeys((config.train_split, config.test_split)):
        try:
            source = run.source(split)
        except InputError as error:
            if split == config.train_split:
                raise
            print(f"no test {sources[config.train_split].word}s: {error}")
            continue
        sources[split] = source
        first, *others = source.understood()
        print(f"{config.dataset}, {split}: {first}")
        for line in others:
            # What holds for all of a folder is said once.
            if line not in said:
                print(f"  {line}")
                said.add(line)
    if config.dataset.startswith("folder:"):
        print(
            "  --config.train_split and --config.test_split name other sub-folders "
            "('.' is all of it); --config.labels=labels.csv gives other classes"
        )
    return sources


def _look(run, split, bad, converted):
    """Fills in the reasons by the names of bad images, and names of converted files."""
    config, source = run.config, run.source(split)
    total, before = source.num_images, len(bad)
    elements = f"{source.word}s"
    print(f"looking at {total:,} {elements} of {config.dataset}, {split}", flush=True)
    began = time.monotonic()
    missing = []
    done = 0
    with progress.bar("looked at", total, elements) as bar:
        for checked, index in survey.undecodable(source):
            bar.update(checked - done)
            done = checked
            if index is None:
                continue
            if source.repaired(index):
                converted.append(source.name_of(index))
                continue
            missing.append(index)
            if len(missing) > config.max_bad_images * total:
                _note(source, missing, bad)
                raise InputError(
                    f"{config.dataset}, {split}: {len(missing)} of the first {checked} "
                    f"of {total} {elements} cannot be read, which is more than "
                    f"--config.max_bad_images={config.max_bad_images:g} of all; they "
                    f"are listed in {run.workdir.bad_images}"
                )
    _note(source, missing, bad)
    seconds = time.monotonic() - began
    print(f"looked at them in {seconds:.0f} s: {_account(run, source, missing)}")
    for line in _by_reason(list(bad.items())[before:]):
        print(f"  {line}")
    if converted:
        more = listing.counted(len(converted), f"more {source.word}")
        kind = source.modality.converted_to
        print(f"  {more} read as {kind}, since TensorFlow does not read the file")


def _note(source, missing, bad):
    for index, reason in zip(missing, survey.reasons(source, missing), strict=True):
        bad[source.name_of(index)] = reason


def _account(run, source, missing):
    if not missing:
        return "all can be read"
    used = source.num_images - len(missing)
    return (
        f"{used:,} are used, {len(missing):,} left out, listed in "
        f"{run.workdir.bad_images}"
    )


def _by_reason(bad):
    """How many images have which reason, in lines with an example each."""
    groups = collections.defaultdict(list)
    for name, reason in bad:
        # Sizes and the like differ from file to file.
        groups[re.sub(r"-?\d+", "…", reason)].append((name, reason))
    most = sorted(groups.values(), key=len, reverse=True)
    lines = [f"{len(group):,}: {group[0][0]} {group[0][1]}" for group in most]
    if len(lines) > _REASONS_SAID:
        lines[_REASONS_SAID:] = [f"and {len(lines) - _REASONS_SAID} more reasons"]
    return lines
