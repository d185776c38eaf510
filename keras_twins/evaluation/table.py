"""The rows of an evaluation as a table: for a terminal, a page or a README."""

import dataclasses
from collections.abc import Sequence

from rich.table import Table

from keras_twins.evaluation.rows import CHOSEN, Row, footnotes


def cells(rows):
    """A table of accuracies in words.

    Args:
        rows: list of dict with the fields of `keras_twins.evaluation.Row`, as
            `evaluation.json` holds them; at least one.

    Returns:
        list of lists of str of equal lengths, the header first; "–" where nothing was
        measured, of which `footnotes` says why.
    """
    first = rows[0]
    columns = [("features", lambda row: row["name"])]
    columns.append((f"kNN (k {first['k']})", _mean_of("knn")))
    if any(row.get("knn_top5") is not None for row in rows):
        columns.append(("kNN top-5", lambda row: _percent(row.get("knn_top5"))))
    columns.append(("linear probe", _mean_of("linear_probe")))
    if first["few"]:  # Folds are measured without it.
        columns.append(
            (
                f"probe, {first['few']} labels a class",
                lambda row: _percent(
                    row["few_label_probe"], row.get("few_label_interval")
                ),
            )
        )
    if any(row.get("chosen_probe") is not None for row in rows):
        columns.append(
            (
                f"{CHOSEN} labels, chosen",
                lambda row: _percent(
                    row.get("chosen_probe"), row.get("chosen_interval")
                ),
            )
        )
    for share in _shares(rows):
        columns.append((f"fine-tuned, {share} % of labels", _fine_tuned(share)))
    return [[title for title, _ in columns]] + [
        [cell(row) for _, cell in columns] for row in rows
    ]


def format_table(rows: Sequence[Row], title: str | None = None) -> Table:
    """The rows as a table to print, with the reason for each "–" below it.

    Args:
        rows: list of `Row`, of one call of `compare`.
        title: str, above the table; None for no title.

    Returns:
        `rich.table.Table`.
    """
    data = [dataclasses.asdict(row) for row in rows]
    header, *body = cells(data)
    caption = "\n".join(footnotes(data)) or None
    table = Table(
        title=title, title_justify="left", caption=caption, caption_justify="left"
    )
    for index, title in enumerate(header):
        # On a narrow terminal, titles and intervals wrap, and names do not.
        table.add_column(title, justify="right" if index else "left", no_wrap=not index)
    for row in body:
        table.add_row(*row)
    return table


def markdown(rows):
    """The rows, as for `cells`, as a table of a Markdown document."""
    header, *body = cells(rows)
    rule = ["---", *["---:"] * (len(header) - 1)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in (header, rule, *body))
    return "\n\n".join([table, *footnotes(rows)])


def _mean_of(field):
    """A cell of an accuracy, with its deviation over folds where there are some."""
    return lambda row: _percent(row[field], row.get(f"{field}_deviation"))


def _fine_tuned(share):
    def cell(row):
        found = row.get("fine_tuned", {}).get(share, {})
        return _percent(found.get("accuracy"), found.get("interval"))

    return cell


def _shares(rows):
    asked = (
        field.removeprefix("fine_tuned.")
        for row in rows
        for field in row.get("reasons", {})
        if field.startswith("fine_tuned.")
    )
    shares = {share for row in rows for share in row.get("fine_tuned", {})}
    return sorted({*shares, *asked}, key=float)


def _percent(accuracy, interval=None):
    if accuracy is None:
        return "–"
    around = "" if interval is None else f" ± {100 * interval:.2f}"
    return f"{100 * accuracy:.2f}{around} %"
