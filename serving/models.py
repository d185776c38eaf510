"""What is served: models, their versions on disk, and which of them are in memory.

A model's folder is looked at every so often. A version that has appeared is loaded and
warmed up beside those that serve; only then are others retired, and each is closed when
the last request that it answers has ended. A version that does not load is passed
over: the one before it goes on serving.
"""

import asyncio
import concurrent.futures
import contextlib
import logging
import time

from keras_twins.errors import InputError
from keras_twins.export.versions import newest_version, version_folders
from keras_twins.serving.status import ServingError, invalid

_log = logging.getLogger(__name__)


class Version:
    """One version of a model.

    Attributes:
        model: str. Name of its model.
        number: int.
        state: str, as TF Serving names them: START, LOADING, AVAILABLE, UNLOADING, END.
        error: str. Why it did not load, empty otherwise.
        servable: `Servable` while it is AVAILABLE or UNLOADING.
    """

    def __init__(self, model, number, path):
        self.model = model
        self.number = number
        self.path = path
        self.state = "START"
        self.error = ""
        self.servable = None
        # What the folder looked like when it did not load.
        self.seen = None
        self._requests = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @contextlib.contextmanager
    def in_use(self):
        """A scope in which the version stays in memory."""
        self._requests += 1
        self._idle.clear()
        try:
            yield self.servable
        finally:
            self._requests -= 1
            if not self._requests:
                self._idle.set()

    async def until_idle(self):
        """Waits until no request uses the version."""
        await self._idle.wait()


class _Model:
    def __init__(self, settings):
        self.settings = settings
        self.versions = {}

    def available(self):
        return {n: v for n, v in self.versions.items() if v.state == "AVAILABLE"}


class Models:
    """The models of a server.

    Args:
        load: function from a version's path to a `Servable`; runs in a thread.
    """

    def __init__(self, load):
        self._load = load
        self._models = {}
        self._retiring = set()
        self._changing = asyncio.Lock()
        # One thread: loading is to leave processors to those who serve.
        self._loader = concurrent.futures.ThreadPoolExecutor(1, "load")

    async def serve(self, settings):
        """Serves these models and no others, once each has a version in memory.

        Args:
            settings: list of `config.ModelSettings`.

        Raises:
            InputError: naming the folder, if a model has no version that loads.
                Models that were served before are served still.
        """
        async with self._changing:
            models = {}
            for one in settings:
                model = _Model(one)
                known = self._models.get(one.name)
                if known is not None and known.settings.base_path == one.base_path:
                    model.versions = known.versions
                await self._refresh(model)
                if not model.available():
                    raise InputError(_why_nothing_loads(model))
                models[one.name] = model
            for name, model in self._models.items():
                kept = models[name].versions if name in models else {}
                if kept is not model.versions:
                    self._retire(model.available().values())
            self._models = models

    async def watch(self, seconds):
        """Looks for new versions for ever, with pauses of so many seconds."""
        while True:
            await asyncio.sleep(seconds)
            async with self._changing:
                for model in self._models.values():
                    try:
                        await self._refresh(model)
                    except Exception:
                        _log.exception("a model's folder could not be looked at")

    async def close(self):
        """Closes all versions, each when its last request has ended."""
        for model in self._models.values():
            self._retire(model.available().values())
        await asyncio.gather(*self._retiring)
        self._loader.shutdown(wait=False)

    def names(self):
        """The names of the models."""
        return self._models.keys()

    def find(self, name, number=None, label=None):
        """The version that answers a request.

        Args:
            name: str.
            number: int, or None for the highest version.
            label: str, or None. Stands for a number.

        Returns:
            `Version`, AVAILABLE.

        Raises:
            ServingError: if there is none.
        """
        if not name:
            raise invalid("ModelSpec has no name specified.")
        if label is not None:
            number = self._labelled(name, label)
        model = self._models.get(name)
        available = model.available() if model else {}
        if number is None and available:
            return available[max(available)]
        if number in available:
            return available[number]
        what = f"Latest({name})" if number is None else f"Specific({name}, {number})"
        raise ServingError("NOT_FOUND", f"Servable not found for request: {what}")

    def status(self, name, number=None, label=None):
        """The versions that a status request asks for, retired and failed ones too.

        Returns:
            list of `Version`, the highest first.

        Raises:
            ServingError: if there is none.
        """
        if label is not None:
            number = self._labelled(name, label)
        versions = self._models[name].versions if name in self._models else {}
        if number is None and versions:
            return [versions[n] for n in sorted(versions, reverse=True)]
        if number in versions:
            return [versions[number]]
        what = "any versions" if number is None else f"version {number}"
        raise ServingError("NOT_FOUND", f"Could not find {what} of model {name}")

    def _labelled(self, name, label):
        model = self._models.get(name)
        if model is None or label not in model.settings.labels:
            raise invalid(f"Unrecognized servable version label: {label}")
        return model.settings.labels[label]

    async def _refresh(self, model):
        """Loads and retires what the folder and the policy ask for."""
        while True:
            folders = await self._in_thread(_whole_versions, model.settings.base_path)
            wanted = self._wanted(model, folders)
            missing = [number for number in wanted if number not in model.available()]
            if not missing:
                break
            await self._bring_up(model, missing[0], folders[missing[0]])
        if wanted:
            available = model.available()
            self._retire(v for n, v in available.items() if n not in wanted)

    def _wanted(self, model, folders):
        """The numbers that the policy asks for, the highest first."""
        numbers = []
        for number in sorted(folders, reverse=True):
            known = model.versions.get(number)
            failed = known is not None and known.error
            # One that did not load gets another chance when its files have changed.
            if not failed or known.seen != _look(folders[number]):
                numbers.append(number)
        policy, versions = model.settings.policy, model.settings.versions
        if policy == "specific":
            return [number for number in numbers if number in versions]
        return numbers[:versions] if policy == "latest" else numbers

    async def _bring_up(self, model, number, path):
        version = Version(model.settings.name, number, path)
        previous = model.versions.get(number)
        if previous is not None and previous.state == "UNLOADING":
            await previous.until_idle()
        version.state = "LOADING"
        model.versions[number] = version
        facts = {"model": version.model, "version": number}
        start = time.perf_counter()
        version.seen = _look(path)
        try:
            version.servable = await self._in_thread(self._load, path)
        # Whatever is wrong with its files, it must not end what serves already.
        except Exception as error:
            version.state = "END"
            version.error = _reason(error)
            _log.error(
                "version failed to load", extra={**facts, "error": version.error}
            )
            return
        version.state = "AVAILABLE"
        seconds = round(time.perf_counter() - start, 3)
        _log.info("version available", extra={**facts, "seconds": seconds})

    def _retire(self, versions):
        for version in list(versions):
            version.state = "UNLOADING"
            task = asyncio.create_task(self._unload(version))
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    async def _unload(self, version):
        await version.until_idle()
        servable, version.servable = version.servable, None
        await self._in_thread(servable.close)
        version.state = "END"
        facts = {"model": version.model, "version": version.number}
        _log.info("version retired", extra=facts)

    async def _in_thread(self, function, *arguments):
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._loader, function, *arguments)


def check_folder(base_path):
    """Raises InputError unless a model's folder holds a version that could be whole."""
    newest = newest_version(base_path)
    if not _whole_versions(base_path):
        raise InputError(
            f"{str(newest)!r} is no whole version of a model: it has no saved_model.pb"
        )


def _whole_versions(base_path):
    """The versions in a folder, without those that are still being copied."""
    return {
        number: folder
        for number, folder in version_folders(base_path).items()
        if any((folder / f"saved_model.{kind}").exists() for kind in ("pb", "pbtxt"))
    }


def _look(folder):
    """What changes when a file in the folder does."""
    try:
        stats = [(str(path), path.stat()) for path in sorted(folder.rglob("*"))]
    except OSError:
        return None
    return [(path, stat.st_mtime_ns, stat.st_size) for path, stat in stats]


def _why_nothing_loads(model):
    check_folder(model.settings.base_path)
    failed = [v for _, v in sorted(model.versions.items()) if v.error]
    if failed:
        return f"{str(failed[-1].path)!r} does not load as a model: {failed[-1].error}"
    found = sorted(version_folders(model.settings.base_path))
    return (
        f"model folder {model.settings.base_path!r} holds the versions {found}, none "
        f"of which its version policy asks for: {sorted(model.settings.versions)}"
    )


def _reason(error):
    """One line that says what an exception of any kind means."""
    text = getattr(error, "message", None) or str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else 'no reason given'}"
