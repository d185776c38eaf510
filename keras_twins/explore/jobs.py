"""What takes a while: done once, when it is first asked for, in the background."""

import concurrent.futures

WAITING, WORKING, READY, FAILED = "waiting", "working", "ready", "failed"


class Jobs:
    """Runs functions one after the other, each once.

    Args:
        functions: dict from name to function of `done`, which it calls with how much
            more of the total is done.
        total: int, how much there is to do in each.
    """

    def __init__(self, functions, total):
        self._functions = functions
        self._total = total
        self._jobs = {}
        self._thread = concurrent.futures.ThreadPoolExecutor(1, "explore")
        self._closing = False

    def names(self):
        return list(self._functions)

    def ask(self, name):
        """The job of a name, begun where it was not.

        Returns:
            `Job`.

        Raises:
            KeyError: for a name that is none of the functions'.
        """
        function = self._functions[name]
        if name not in self._jobs:
            self._jobs[name] = job = Job(self._total)
            self._thread.submit(self._work, job, function)
        return self._jobs[name]

    def close(self):
        """Stops what runs where it next says what is done, and begins nothing more."""
        self._closing = True
        self._thread.shutdown(cancel_futures=True)

    def _work(self, job, function):
        job.state = WORKING
        try:
            job.result = function(lambda count: self._count(job, count))
            job.state = READY
        except _Closed:
            job.state = FAILED
        except Exception as error:  # Of any kind: the page is to say it.
            job.error = " ".join(str(error).split()) or type(error).__name__
            job.state = FAILED

    def _count(self, job, count):
        if self._closing:
            raise _Closed
        job.done += count


class Job:
    """Something that is done in the background.

    Attributes:
        state: str, "waiting", "working", "ready" or "failed".
        done, total: int, how far it is; 0 where it does not say.
        result: what the function gave, once it is ready.
        error: str, why it failed.
    """

    def __init__(self, total):
        self.state = WAITING
        self.done, self.total = 0, total
        self.result = None
        self.error = ""


class _Closed(Exception):
    """Nobody waits for the result any more."""
