"""A small HTTP server on loopback that can cut connections and knows ranges, or not."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Home:
    """What is served, how, and what was asked for.

    Attributes:
        files: contents by path.
        ranges: whether parts of a file can be asked for.
        cuts: bytes that each of the next answers sends before the connection is cut.
        statuses: statuses that the next requests are answered with, instead of the file.
        asked: the path and the ``Range`` of each request.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.ranges = True
        self.cuts: list[int] = []
        self.statuses: list[int] = []
        self.asked: list[tuple[str, str | None]] = []
        self.url = ""


@contextmanager
def serving(home: Home) -> Iterator[Home]:
    """Serves a home until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            home.asked.append((self.path, asked))
            content = home.files.get(self.path)
            if home.statuses or content is None:
                self.send_error(home.statuses.pop(0) if home.statuses else 404)
                return
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and home.ranges else 0
            if start and start >= len(content):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            if start:
                last = len(content) - 1
                self.send_header("Content-Range", f"bytes {start}-{last}/{len(content)}")
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            part = content[start:]
            self.wfile.write(part[: home.cuts.pop(0)] if home.cuts else part)

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    home.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield home
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
