import signal
import subprocess
import sys
import threading

import pytest

from keras_twins.errors import InputError
from keras_twins.export import versions
from keras_twins.export.versions import new_version, newest_version, version_folders


def _publish(model_dir, text="x"):
    with new_version(model_dir) as version:
        (version.path / "model").write_text(text)
    return version.path


def test_numbers_ascend_from_the_highest(tmp_path):
    model_dir = tmp_path / "deep" / "model"
    assert _publish(model_dir) == model_dir / "1"
    (model_dir / "9").mkdir()
    (model_dir / "notes").mkdir()
    assert _publish(model_dir) == model_dir / "10"
    assert list(version_folders(model_dir)) == [1, 9, 10]
    assert newest_version(model_dir) == model_dir / "10"


def test_a_version_is_hidden_until_it_is_whole(tmp_path):
    with new_version(tmp_path) as version:
        (version.path / "model").touch()
        assert version_folders(tmp_path) == {}
        assert version.path.parent == tmp_path
    assert list(version_folders(tmp_path)) == [1]


def test_an_export_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError, match="half way"):
        with new_version(tmp_path) as version:
            (version.path / "model").touch()
            raise RuntimeError("half way")
    assert list(tmp_path.iterdir()) == []


def test_a_killed_export_leaves_no_version_and_the_next_cleans_up(tmp_path):
    code = (
        "import os, signal, sys\n"
        "from keras_twins.export.versions import new_version\n"
        "with new_version(sys.argv[1]) as version:\n"
        "    (version.path / 'saved_model.pb').touch()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, tmp_path], check=False)
    assert killed.returncode == -signal.SIGKILL
    left = [path.name for path in tmp_path.iterdir()]
    assert left and all(name.startswith(".") for name in left)
    assert _publish(tmp_path) == tmp_path / "1"
    assert [path.name for path in tmp_path.iterdir()] == ["1"]


def test_an_export_that_is_running_is_left_alone(tmp_path):
    code = (
        "import sys\n"
        "from keras_twins.export.versions import new_version\n"
        "with new_version(sys.argv[1]) as version:\n"
        "    (version.path / 'model').write_text('slow')\n"
        "    print('writing', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    slow = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with slow:
        assert slow.stdout.readline() == "writing\n"
        with new_version(tmp_path) as version:
            assert _publish(tmp_path) == tmp_path / "1"
            (version.path / "model").touch()
        slow.stdin.close()
    assert slow.returncode == 0
    assert list(version_folders(tmp_path)) == [1, 2, 3]
    assert (tmp_path / "3" / "model").read_text() == "slow"


def test_where_no_locks_are_nothing_is_removed(tmp_path, monkeypatch):
    def flock(descriptor, operation):
        raise OSError("no locks")

    monkeypatch.setattr(versions.fcntl, "flock", flock)
    (tmp_path / ".tmp-of-somebody").mkdir()
    assert _publish(tmp_path) == tmp_path / "1"
    assert (tmp_path / ".tmp-of-somebody").exists()


def test_exports_at_once_get_versions_of_their_own(tmp_path, monkeypatch):
    # Every export has looked before any other published.
    monkeypatch.setattr(versions, "version_folders", lambda model_dir: {})
    ready = threading.Barrier(8)

    def export(n):
        with new_version(tmp_path) as version:
            (version.path / "model").write_text(str(n))
            ready.wait(timeout=10)

    threads = [threading.Thread(target=export, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    folders = version_folders(tmp_path)
    assert list(folders) == list(range(1, 9))
    assert {(f / "model").read_text() for f in folders.values()} == set("01234567")


def test_a_folder_without_versions_is_named(tmp_path):
    with pytest.raises(InputError, match="missing' does not exist"):
        newest_version(tmp_path / "missing")
    (tmp_path / ".tmp-1").mkdir()
    with pytest.raises(InputError, match="holds no version"):
        newest_version(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file' cannot be made"):
        with new_version(tmp_path / "file"):
            pass
