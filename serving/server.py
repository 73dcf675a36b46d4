"""A server for one model: its socket, its lifetime and what it prints.

The model's folder is `repository`'s business, new versions `watcher`'s, HTTP `application`'s; here
they are put together on uvicorn. The port is taken before TensorFlow is imported, so that a port
in use is reported at once and not after the model was loaded.
"""

import errno
import json
import shlex
import signal
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn

from serving.application import Application
from serving.batcher import Batcher
from serving.errors import AddressError, ServingError
from serving.model_info import example_row
from serving.repository import Repository
from serving.signature import DEFAULT_SIGNATURE
from serving.watcher import ModelWatcher

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8501
DEFAULT_MAX_BODY_BYTES = 32 * 1024 * 1024
# How long answers that are under way may take after the server was told to stop.
_GRACE_SECONDS = 10


class ModelServer:
    """Serves one model over HTTP; as a context manager, from a thread of its own.

        with ModelServer("sentiment", "models/sentiment", port=0) as server:
            httpx.post(f"{server.url}/v1/models/sentiment:predict", json=...)

    Args:
        name: the model's name in the paths; no "/" or ":".
        base_path: the folder that holds the version folders.
        host: address to listen on (default: loopback only).
        port: port to listen on (default: 8501); 0 for any free one.
        version: serve this version and follow no others; None for the newest.
        max_batch: most rows run at once (default: 64).
        max_queue: most requests waiting (default: 1024).
        max_body_bytes: longest request body (default: 32 MiB).
        poll_seconds: time between two looks for a new version (default: 2).

    Raises:
        AddressError: the host and port cannot be listened on.
        RepositoryError: no version could be loaded.
        ServingError: the name cannot stand in a path.
    """

    def __init__(
        self,
        name: str,
        base_path: str | Path,
        *,
        host: str = DEFAULT_HOST,
        port: int = DEFAULT_PORT,
        version: int | None = None,
        max_batch: int = 64,
        max_queue: int = 1024,
        max_body_bytes: int = DEFAULT_MAX_BODY_BYTES,
        poll_seconds: float = 2.0,
    ) -> None:
        if not name or "/" in name or ":" in name:
            raise ServingError(f'model name "{name}": must not be empty or hold "/" or ":"')
        self.name = name
        repository = Repository(base_path)
        repository.find(version)
        self._socket = _bind(host, port)
        try:
            self._watcher = ModelWatcher(repository, version, poll_seconds)
            _listen(self._socket, host, port)
            self._batcher = Batcher(max_batch, max_queue)
        except BaseException:
            self._socket.close()
            raise
        shown_host = f"[{host}]" if ":" in host else host
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://{shown_host}:{self.port}"
        config = uvicorn.Config(
            Application(name, self._watcher, self._batcher, max_body_bytes),
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self.run, name="model-server", daemon=True)

    def run(self) -> None:
        """Answers requests until `stop` is called; answers under way are completed."""
        self._watcher.start()
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._watcher.stop()
            self._batcher.close()
            self._socket.close()

    def stop(self) -> None:
        """Makes `run` return soon; may be called from any thread, also before `run`."""
        self._server.should_exit = True

    def describe(self) -> str:
        """What is served and where, and a request to try, in two lines."""
        model = self._watcher.current
        address = f"{self.url}/v1/models/{self.name}"
        first = f"Serving {self.name} version {model.version} at {address} (Ctrl-C stops it)"
        spec = model.specs.get(DEFAULT_SIGNATURE)
        row = None if spec is None else example_row(spec)
        suggested = model.extra.get("example")
        if (
            spec is not None
            and isinstance(suggested, dict)
            and suggested.keys() == spec.inputs.keys()
        ):
            row = suggested
        if row is None:
            return f"{first}\nIts inputs: curl {address}/metadata"
        body = shlex.quote(json.dumps({"instances": [row]}, ensure_ascii=False))
        return f"{first}\nTry: curl {address}:predict -d {body}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        self._thread.join()


def serve(
    name: str,
    base_path: str | Path,
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    *,
    version: int | None = None,
    max_batch: int = 64,
    max_queue: int = 1024,
    max_body_bytes: int = DEFAULT_MAX_BODY_BYTES,
    poll_seconds: float = 2.0,
) -> None:
    """Serves a model until SIGINT or SIGTERM; prints what it serves and a request to try.

    Arguments and errors are those of `ModelServer`. Call it from the main thread, which alone
    gets signals.
    """
    server = ModelServer(
        name,
        base_path,
        host=host,
        port=port,
        version=version,
        max_batch=max_batch,
        max_queue=max_queue,
        max_body_bytes=max_body_bytes,
        poll_seconds=poll_seconds,
    )
    # uvicorn has handlers of its own while it runs and raises the signal again afterwards, when
    # these are back: they make that a return and not a traceback or a killed process.
    signals = (signal.SIGINT, signal.SIGTERM)
    previous = {number: signal.signal(number, lambda *_: server.stop()) for number in signals}
    try:
        print(server.describe(), flush=True)
        server.run()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Lets a restart take the port while old connections are still closing.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except (OSError, OverflowError) as error:
        bound.close()
        raise _address_error(host, port, error) from None
    return bound


def _listen(bound: socket.socket, host: str, port: int) -> None:
    try:
        bound.listen(2048)
    except OSError as error:
        # Two sockets may bind one port, but only one of them may listen.
        raise _address_error(host, port, error) from None


def _address_error(host: str, port: int, error: Exception) -> AddressError:
    if isinstance(error, OverflowError):
        return AddressError(f"port {port}: must be 0 to 65535; choose another with --port")
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return AddressError(f"port {port} on {host} is already in use; choose another with --port")
    if number == errno.EACCES:
        return AddressError(f"port {port} on {host} needs more rights; choose one with --port")
    return AddressError(f"cannot listen on {host}: {error}; choose another address with --host")
