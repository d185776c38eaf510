"""Finds duplicates, leaks, poor quality and outliers in a collection.

    keras-twins audit --embeddings=embeddings.parquet --output=audit.html
    keras-twins audit --workdir=runs/mine

It writes a page, and beside it duplicates.csv (group, path, kind, similarity, keep) and
outliers.csv (path, score, reason). It suggests which file of a group to keep and never
deletes one. Files that have moved are counted; their embeddings are still compared.
For leaks, splits are those of the run, the column `split` of the embeddings, or folders
that are called train or Training, test or Testing.
"""

import importlib.util
import pathlib

from absl import flags as absl_flags

from keras_twins import files, progress
from keras_twins.collection.audit import audit, write_tables
from keras_twins.commands import cli, embeddings_file, shared_flags
from keras_twins.errors import InputError


def define_flags(flags):
    embeddings_file.define_flags(flags)
    absl_flags.DEFINE_string(
        "output",
        "audit.html",
        "The page, an HTML file; the tables go to its folder.",
        flag_values=flags,
    )


def main(flags, paths):
    embeddings_file.check_flags(flags)
    output = shared_flags.check_output(flags.output, ".html")
    if importlib.util.find_spec("jinja2") is None:
        raise InputError("the page needs jinja2: pip install 'keras-twins[report]'")
    found = embeddings_file.open_files(flags)
    from keras_twins.report import audit_page  # It needs the extra.

    names = found.paths
    with progress.bar("audit: reading pictures", len(names), "file") as bar:
        audited = audit(found.embeddings, names, splits(found.columns), bar.update)
    name = pathlib.Path(flags.workdir or flags.embeddings).name
    page = audit_page.render(audited, name, output.parent)
    write_tables(audited, output.parent)
    files.write_text(output, page)
    print(f"{len(names):,} files")
    for _, topic, text in audit_page.summary(audited):
        print(f"{topic:<12} {text}")
    print(f"{output}; duplicates.csv and outliers.csv are beside it")


def splits(columns):
    """The column `split` of some embeddings as text, or None where there is none."""
    if "split" not in columns:
        return None
    return ["" if value is None else str(value) for value in columns["split"]]


if __name__ == "__main__":
    cli.main("audit")
