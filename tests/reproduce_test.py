"""The rows that `make reproduce` runs, and the table that it writes."""

import importlib
import pathlib
import shutil

import pytest

from benchmarks.reproduce import table
from benchmarks.reproduce.rows import FULL, QUICK
from keras_twins.runs import config_check

RESULTS = pathlib.Path(__file__).parent.parent / "results"


@pytest.mark.parametrize("row", [*QUICK, *FULL], ids=lambda row: row.name)
def test_a_row_is_a_configuration_with_what_it_changes(row):
    path, _, options = row.config.partition(":")
    module = importlib.import_module(f"keras_twins.configs.{pathlib.Path(path).stem}")
    config = module.get_config(options)
    config.lock()
    config.update_from_flattened_dict(row.overrides)
    config_check.check(config)
    # An evaluation needs labels, which STL-10's unlabelled images have not.
    assert row.labels or config.train_split != "unlabelled"


def test_the_table_is_that_of_its_files(tmp_path):
    shutil.copytree(RESULTS / "reproduce", tmp_path / "reproduce")
    table.write(tmp_path)
    written = (tmp_path / "table.md").read_text("utf-8")
    assert written == (RESULTS / "table.md").read_text("utf-8")
