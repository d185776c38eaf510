"""Finds the images that are nearest to query images.

    keras-twins neighbours photo.jpg --workdir=runs/mine
    keras-twins neighbours a.jpg b.jpg --embeddings=embeddings.npz
    keras-twins neighbours new/ --embeddings=embeddings.npz --model_dir=DIR/embedder

It searches the training images of a run, whose embeddings the workdir keeps, or the
images of a file of `keras-twins embed`. A query is a file or a folder. A query that is
one of these images is not its own neighbour. The run, --model_dir or --server embeds
any other. The answers are printed, drawn in --output, and written to a .csv file beside
it (query, place, similarity, path).
"""

import os
from typing import NamedTuple

import numpy as np
from absl import flags as absl_flags

from keras_twins import collection, files, listing, progress
from keras_twins.collection import images
from keras_twins.collection.index import IndexedNeighbours
from keras_twins.commands import cli, embeddings_file, searched, shared_flags
from keras_twins.errors import InputError
from keras_twins.export.versions import newest_version
from keras_twins.report import sheet

TAKES_PATHS = True

# What a picture shows of many answers; the text and the table have all.
_DRAWN_QUERIES, _DRAWN_NEIGHBOURS = 40, 24
_EXACT, _HNSW = "exact", "hnsw"


class Answer(NamedTuple):
    """What is nearest to one query.

    Attributes:
        query: str, its path.
        rows: `(k,)` array, rows of the collection, nearest first.
        similarities: `(k,)` array of cosines.
    """

    query: str
    rows: np.ndarray
    similarities: np.ndarray


def define_flags(flags):
    embeddings_file.define_flags(flags)
    shared_flags.define_model(
        flags,
        "With --embeddings: folder of the exported model that wrote them, for queries "
        "that are not among them.",
    )
    absl_flags.DEFINE_integer(
        "count", 12, "How many neighbours.", lower_bound=1, flag_values=flags
    )
    absl_flags.DEFINE_alias("k", "count", flag_values=flags)  # Its name in 0.1.
    absl_flags.DEFINE_enum(
        "index",
        _EXACT,
        [_EXACT, _HNSW],
        "exact compares all embeddings; hnsw builds an index beside their file, for "
        "many queries (keras-twins[index]).",
        flag_values=flags,
    )
    absl_flags.DEFINE_string(
        "output", "neighbours.png", "The picture, a PNG file.", flag_values=flags
    )


def main(flags, paths):
    if not paths:
        raise InputError("expected one query image or more. Received: none")
    embeddings_file.check_flags(flags)
    shared_flags.check_model(flags, required=False)
    if flags.workdir and (flags.model_dir or flags.server):
        given = "model_dir" if flags.model_dir else "server"
        raise InputError(f"--{given}={flags[given].value} needs --embeddings")
    output = shared_flags.check_output(flags.output, ".png")
    among = _open(flags)
    queries = _queries(paths, among)
    answers = find(among, queries, flags.count, flags.index)
    for answer in answers:
        if len(answers) > 1:
            print(answer.query)
        for place, row in enumerate(answer.rows, 1):
            similarity = answer.similarities[place - 1]
            print(f"{place:>3}  {similarity:+.4f}  {among.name(row)}")
    files.write_csv(output.with_suffix(".csv"), table(among, answers))
    _say_drawn(draw(among, answers, output), answers, output)


def _open(flags):
    """What is to be searched; all that can be wrong with flags is said at once."""
    if flags.workdir:
        return searched.OfRun(embeddings_file.open_run(flags))
    version = newest_version(flags.model_dir) if flags.model_dir else None
    server = (flags.server, flags.model_name) if flags.server else None
    return searched.File(flags.embeddings, version, server)


def _queries(paths, among):
    """The files that are asked for: those of a folder, too."""
    known = set(among.found.paths)
    queries = []
    for path in paths:
        if path in known or os.path.isfile(path):
            queries.append(path)  # One of the collection may have gone.
            continue
        found = images.Search([path], modality=among.modality)
        queries += [file.path for file in found]
        if found.ignored:
            progress.say(f"neighbours: {listing.say_ignored(found.ignored)}")
    return queries


def find(among, queries, count, index=_EXACT):
    """Finds the nearest images of some queries.

    Args:
        among: `keras_twins.commands.searched.File` or `OfRun`.
        queries: list of paths. Those that are in the collection, under any spelling of
            the path, are not embedded again.
        count: int, how many neighbours.
        index: "exact" or "hnsw".

    Returns:
        list of `Answer`; a query is not its own neighbour.

    Raises:
        InputError: for a query that the collection does not have where there is no
            model, or that is not an image.
    """
    paths, embeddings = among.found.paths, among.found.embeddings
    rows_of = {os.path.abspath(name): row for row, name in enumerate(paths)}
    own = np.array([rows_of.get(os.path.abspath(query), -1) for query in queries])
    others = [query for query, row in zip(queries, own, strict=True) if row < 0]
    if others and not among.can_embed:
        raise InputError(
            f"{others[0]} is not one of the {len(paths)} images of "
            f"--embeddings={among.path}: give --model_dir or --server"
        )
    asked = np.array(embeddings[own])
    if others:
        asked[own < 0] = among.embed(others)
    if index == _HNSW:
        nearest = IndexedNeighbours(embeddings, among.path)
    else:
        nearest = collection.Neighbours(embeddings)
    with progress.stage(f"searching {len(paths):,} embeddings"):
        found = nearest.search(asked, min(count + 1, len(paths)))
    answers = []
    for query, own_row, rows, cosines in zip(queries, own, *found, strict=True):
        # An index leaves a place at -1 where it finds too few.
        kept = (rows != own_row) & (rows >= 0)
        answers.append(Answer(query, rows[kept][:count], cosines[kept][:count]))
    return answers


def table(among, answers):
    """The rows of the CSV file: query, place, similarity, path."""
    rows = [("query", "place", "similarity", "path")]
    for query, near, similarities in answers:
        columns = zip(near, similarities, strict=True)
        for place, (row, similarity) in enumerate(columns, 1):
            rows.append((query, str(place), f"{similarity:.6f}", among.name(row)))
    return rows


def draw(among, answers, output):
    """Draws queries and neighbours with names and similarities.

    Args:
        among, answers: as of `find`.
        output: path of the PNG file.

    Returns:
        int, how many of the neighbours drawn have no picture that can be read.
    """
    shown = answers[:_DRAWN_QUERIES]
    rows = {int(row) for answer in shown for row in answer.rows[:_DRAWN_NEIGHBOURS]}
    thumbnails = among.thumbnails(sorted(rows), sheet.TILE)
    drawn = []
    for query, near, similarities in shown:
        picture = searched.thumbnail(query, sheet.TILE, among.levels)
        tiles = [(query, "query", picture)]
        for row, similarity in zip(near, similarities, strict=True):
            words = f"{similarity:.3f}"
            tiles.append((among.name(row), words, thumbnails.get(int(row))))
        drawn.append(tiles[: _DRAWN_NEIGHBOURS + 1])
    with files.whole(output) as beside:
        sheet.draw(drawn).save(beside)
    return sum(picture is None for picture in thumbnails.values())


def _say_drawn(missing, answers, output):
    if missing:
        print(
            f"{listing.counted(missing, 'file')} of those found cannot be read: gone, "
            "or not an image"
        )
    queries = listing.counted(len(answers), "query", "queries")
    if len(answers) > _DRAWN_QUERIES:
        queries += f", of which the first {_DRAWN_QUERIES} are drawn,"
    print(f"{output} and {output.with_suffix('.csv').name}: {queries} and what is near")


if __name__ == "__main__":
    cli.main("neighbours")
