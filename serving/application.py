"""The HTTP side: a raw ASGI application with TensorFlow Serving's routes for one model.

    POST /v1/models/NAME[/versions/N]:predict
    GET  /v1/models/NAME[/versions/N]            which version is served
    GET  /v1/models/NAME[/versions/N]/metadata   its signatures
    GET  /healthz                                200 once it answers

Everything else is an error with the body `{"error": message}`.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from serving.batcher import Batcher
from serving.errors import RequestError
from serving.model_info import encode_metadata, encode_status
from serving.repository import LoadedModel
from serving.rest import decode_predict, encode_error, encode_predict
from serving.watcher import ModelWatcher

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

logger = logging.getLogger(__name__)

_MODEL_PATH = re.compile(
    r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>[0-9]+))?"
    r"(?P<action>:predict|/metadata)?",
    re.IGNORECASE,
)
# Above this many bytes, decoding would keep the event loop from other requests for too long.
_LARGE_BODY = 64 * 1024


class _HttpError(RequestError):
    """A request error that needs response headers of its own."""

    def __init__(self, status: int, message: str, headers: list[tuple[bytes, bytes]]) -> None:
        super().__init__(status, message)
        self.headers = headers


class Application:
    """Answers HTTP requests for one model.

    Args:
        name: the model's name in the paths.
        watcher: holds the version to answer with.
        batcher: runs it.
        max_body_bytes: a longer body is refused with status 413.
    """

    def __init__(
        self, name: str, watcher: ModelWatcher, batcher: Batcher, max_body_bytes: int
    ) -> None:
        self._name = name
        self._watcher = watcher
        self._batcher = batcher
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answers one request, as ASGI 3 has it; only scopes of type "http" are known."""
        if scope["type"] != "http":
            raise ValueError(f"ASGI scope of type {scope['type']!r}; this application speaks http")
        headers: list[tuple[bytes, bytes]] = []
        try:
            status, body = 200, await self._answer(scope, receive)
        except RequestError as error:
            status, body = error.status, encode_error(str(error))
            headers = error.headers if isinstance(error, _HttpError) else []
        except Exception:
            logger.exception("%s %s failed", scope["method"], scope["path"])
            status, body = 500, encode_error("internal error; the server's log has the details")
        length = (b"content-length", str(len(body)).encode("ascii"))
        headers = [(b"content-type", b"application/json"), length, *headers]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        # A HEAD request gets the headers only.
        body = b"" if scope["method"] == "HEAD" else body
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Message, receive: Receive) -> bytes:
        method, path = scope["method"], scope["path"]
        if path == "/healthz":
            _allow(method, "GET")
            return b'{"status":"ok"}'
        match = _MODEL_PATH.fullmatch(path)
        if match is None:
            raise RequestError(404, f"Malformed request: {method} {path}")
        action = (match["action"] or "").lower()
        _allow(method, "POST" if action == ":predict" else "GET")
        model = self._find(match["name"], match["version"])
        if action == "/metadata":
            return encode_metadata(self._name, model.version, model.specs)
        if action == "":
            states = self._watcher.states()
            return encode_status(states if match["version"] is None else [(model.version, None)])
        return await self._predict(model, await self._read(scope, receive))

    def _find(self, name: str, version: str | None) -> LoadedModel:
        model = self._watcher.current
        if version is not None and len(version) > 19:
            raise RequestError(400, f"Failed to convert version: {version[:40]} to numeric.")
        if name != self._name or (version is not None and int(version) != model.version):
            asked = f"Latest({name})" if version is None else f"Specific({name}, {version})"
            raise RequestError(
                404,
                f"Servable not found for request: {asked}; served is version {model.version} of "
                f"{self._name}",
            )
        return model

    async def _read(self, scope: Message, receive: Receive) -> bytes:
        headers = dict(scope["headers"])
        if b"content-length" not in headers and b"transfer-encoding" not in headers:
            raise RequestError(411, "the request has no body; send a Content-Length and JSON")
        too_large = _HttpError(
            413,
            f"the body is longer than {self._max_body_bytes} bytes; send fewer rows at once",
            [(b"connection", b"close")],
        )
        if int(headers.get(b"content-length", 0)) > self._max_body_bytes:
            raise too_large
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise RequestError(400, "the client closed the connection before the body's end")
            body += message.get("body", b"")
            if len(body) > self._max_body_bytes:
                raise too_large
            if not message.get("more_body", False):
                return bytes(body)

    async def _predict(self, model: LoadedModel, body: bytes) -> bytes:
        large = len(body) > _LARGE_BODY
        if large:
            request = await asyncio.to_thread(decode_predict, body, model.specs)
        else:
            request = decode_predict(body, model.specs)
        signature = model.signatures[request.signature.name]
        future = self._batcher.submit(signature, request.inputs)
        outputs = await asyncio.wrap_future(future)
        if large:
            return await asyncio.to_thread(encode_predict, outputs, request.row_format)
        return encode_predict(outputs, request.row_format)


def _allow(method: str, allowed: str) -> None:
    if method == allowed or (method == "HEAD" and allowed == "GET"):
        return
    raise _HttpError(
        405,
        f"method {method} is not allowed here; use {allowed}",
        [(b"allow", allowed.encode("ascii"))],
    )
