"""How labelled recordings are divided, and which of them belong together."""

import pytest
import recordings

from keras_twins.configs import spoken_digits
from keras_twins.errors import InputError
from keras_twins.runs import divisions
from keras_twins.runs.run import Run

_TAKES = ("1-A", "1-B", "2-A", "2-B")


@pytest.fixture
def make(tmp_path):
    """Makes a run on recordings by these names, with a table of these columns."""

    def run(names, **columns):
        for number, name in enumerate(names):
            recordings.write(tmp_path / name, recordings.tone(number, 0.1))
        if columns:
            lines = [",".join(["file", "label", *columns])]
            for row in zip(names, *columns.values(), strict=True):
                lines.append(",".join([row[0], row[0].split("/")[0], *row[1:]]))
            (tmp_path / "clips.csv").write_text("\n".join(lines))
        config = spoken_digits.get_config("test")
        config.dataset = f"sounds:{tmp_path}"
        return Run(config)

    return run


def names(of_class="{}/{}.wav", count=4):
    return [of_class.format(c, i) for c in ("cat", "dog") for i in range(count)]


def folds_of(found, division=0):
    """What each fold tests on, by the names of files."""
    paths = [path for source in found.sources for path in source.paths]
    stems = ["/".join(path.rsplit("/", 2)[1:]) for path in paths]
    return [
        {stem for stem, is_test in zip(stems, test, strict=True) if is_test}
        for test in found.divisions[division].tests
    ]


def test_folds_speakers_and_splits_are_all_measured(make):
    found = divisions.of_run(
        make(
            names(),
            fold=list("12121212"),
            speaker=["ada", "ada", "bob", "bob"] * 2,
            split=["train", "train", "train", "test"] * 2,
        )
    )
    assert [d.name for d in found.divisions] == ["fold", "speaker", "train and test"]
    first, second = folds_of(found)
    assert first == {f"{c}/{i}.wav" for c in ("cat", "dog") for i in (0, 2)}
    assert first | second == set(names()) and not first & second
    assert folds_of(found, 2) == [{"cat/3.wav", "dog/3.wav"}]
    assert found.said == []


def test_without_any_a_part_is_held_out_and_it_is_said(make):
    found = divisions.of_run(make(names(count=10)))
    (held,) = folds_of(found)
    assert [d.name for d in found.divisions] == ["held out"]
    assert len(held) == 4 and sum(name.startswith("cat") for name in held) == 2
    assert found.said[0].startswith("There are no folds, speakers or test recordings")


def test_recordings_of_one_source_on_both_sides_are_said(make):
    takes = [
        f"{c}/{c}{i}-{t}.wav" for c in ("cat", "dog") for i in (1, 2) for t in "AB"
    ]
    found = divisions.of_run(make(takes, fold=list("12") * 4))
    (line,) = found.said
    assert line.startswith("fold: takes of 4 sources, such as cat1, are learned from")
    # The same takes, each source in one fold.
    assert divisions.of_run(make(takes, fold=list("11221122"))).said == []
    # A column says it better than names.
    sources = ["x", "y", "x", "y", "z", "z", "u", "u"]
    found = divisions.of_run(make(takes, fold=list("11221122"), source=sources))
    assert "takes of 2 sources, such as x" in found.said[0]


def test_numbers_of_a_class_are_not_takes(make):
    found = divisions.of_run(make(names("{0}/{0}_{1}.wav"), fold=list("1212") * 2))
    assert found.said == []


def test_recordings_without_classes_are_one_line(make):
    with pytest.raises(InputError, match="nothing can be measured: .* no labels"):
        divisions.of_run(make([f"{i}.wav" for i in range(4)]))
