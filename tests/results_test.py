"""The figures of the README are those of evaluations, not typed."""

import importlib.util
import json
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parent.parent

_SPEC = importlib.util.spec_from_file_location("results", ROOT / "docs" / "results.py")
results = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(results)


def test_the_tables_of_the_readme_are_those_of_the_files():
    text = (ROOT / "README.md").read_text("utf-8")
    assert "<!-- results/" in text
    assert results.fill(text, ROOT / "results") == text, "run `python docs/results.py`"


@pytest.fixture
def folder(tmp_path):
    found = {
        "dataset": "cifar10",
        "train_images": 50_000,
        "test_images": 10_000,
        "epochs": 28,
        "temperature": 0.1,
        "probe": "lbfgs",
        "rows": [
            {
                "name": "trained encoder",
                "knn": 0.61237,
                "linear_probe": 0.65,
                "few_label_probe": 0.4,
                "few_label_interval": 0.012,
                "k": 200,
                "few": 10,
            }
        ],
    }
    (tmp_path / "quick").mkdir()
    (tmp_path / "quick" / "evaluation.json").write_text(json.dumps(found))
    return tmp_path


def test_a_block_is_written_and_nothing_else(folder):
    text = "# Title\n<!-- results/quick -->\nold\n<!-- end -->\nafter\n"
    filled = results.fill(text, folder)
    assert "old" not in filled
    assert "| trained encoder | 61.24 % | 65.00 % | 40.00 ± 1.20 % |" in filled
    assert "28 epochs, evaluated on cifar10: 50,000" in filled
    assert filled.startswith("# Title\n") and filled.endswith("<!-- end -->\nafter\n")
    assert results.fill(filled, folder) == filled


def test_each_file_has_a_block_and_each_block_a_file(folder):
    with pytest.raises(ValueError, match="results/quick"):
        results.fill("no block", folder)
    both = "<!-- results/quick -->\n<!-- end -->\n<!-- results/other -->\n<!-- end -->"
    with pytest.raises(FileNotFoundError, match="other"):
        results.fill(both, folder)
