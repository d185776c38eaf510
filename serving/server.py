"""Starts the server, keeps it going, and stops it when told to."""

import asyncio
import contextlib
import logging
import signal
import sys

from aiohttp import web

from keras_twins.serving import grpc_service
from keras_twins.serving.batching import Batcher
from keras_twins.serving.core import Core
from keras_twins.serving.logs import start_logging
from keras_twins.serving.metrics import Metrics
from keras_twins.serving.models import Models
from keras_twins.serving.rest import RestApi
from keras_twins.serving.servable import Servable

_log = logging.getLogger(__name__)


def serve(addresses, settings, batching, limits, poll_seconds):
    """Serves models until the process is told to stop by SIGTERM or SIGINT.

    Args:
        addresses: `addresses.Addresses`.
        settings: list of `config.ModelSettings`.
        batching: `config.BatchingSettings`.
        limits: `core.Limits`.
        poll_seconds: float. Pause between two looks for new versions, in seconds.

    Raises:
        InputError: if a model has no version that loads, or a port is taken.
    """
    finish_logs = start_logging(sys.stderr)
    try:
        asyncio.run(_serve(addresses, settings, batching, limits, poll_seconds))
    finally:
        finish_logs()


async def _serve(addresses, settings, batching, limits, poll_seconds):
    metrics = Metrics()
    models = Models(Servable)
    batcher = Batcher(batching, metrics)
    core = Core(models, batcher, metrics, limits)
    grpc_server = grpc_service.make_server(limits)
    grpc_api = grpc_service.GrpcApi(core, grpc_server)
    grpc_port = addresses.open_grpc(grpc_server)
    rest_api = RestApi(core)
    runner = rest_api.runner()
    stopped = _stop_signal()
    await models.serve(settings)
    await runner.setup()
    site = web.SockSite(runner, addresses.rest, backlog=1024)
    await site.start()
    await grpc_server.start()
    await grpc_api.report_health(True)
    watching = asyncio.create_task(models.watch(poll_seconds))
    _announce(models, addresses, grpc_port)
    await stopped.wait()

    _log.info("stopping", extra={"seconds_at_most": limits.seconds})
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching
    await grpc_api.report_health(False)
    # Both take nothing new and end what they are answering.
    await site.stop()
    await asyncio.gather(rest_api.finish(), grpc_server.stop(limits.seconds))
    await runner.cleanup()
    await models.close()
    batcher.close()
    _log.info("stopped")


def _stop_signal():
    """An event that the first SIGTERM or SIGINT sets; the second ends the process."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()

    def stop():
        stopped.set()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    return stopped


def _announce(models, addresses, grpc_port):
    rest = addresses.rest_url()
    grpc = addresses.grpc_url(grpc_port)
    for name in models.names():
        version = models.find(name)
        print(f"serving {name} version {version.number}")
    print(f"REST at {rest}/v1/models/NAME:predict, gRPC at {grpc}")
    print(f"metrics at {rest}/monitoring/prometheus/metrics; Ctrl-C stops", flush=True)
    _log.info("serving", extra={"rest": rest, "grpc": grpc})
