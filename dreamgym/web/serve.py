"""Serves a folder of static files on this machine."""

import webbrowser
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from dreamgym.errors import WebError

_HOST = "127.0.0.1"


class _Handler(SimpleHTTPRequestHandler):
    """Answers with files, and says nothing of requests that it could answer."""

    # Some systems' tables lack these, and a browser refuses modules of another type.
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".js": "text/javascript",
        ".wasm": "application/wasm",
        ".json": "application/json",
    }

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")  # a page that was written again is loaded again
        super().end_headers()

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        pass


def make_server(folder: Path, port: int) -> ThreadingHTTPServer:
    """A server of a folder on 127.0.0.1; port 0 takes a free one.

    Raises:
        WebError: The port is taken.
    """
    try:
        return ThreadingHTTPServer((_HOST, port), partial(_Handler, directory=str(folder)))
    except OSError as error:
        raise WebError(f"port {port} cannot be served ({error.strerror}); name another one with --port") from error


def serve(folder: Path, port: int, *, open_browser: bool) -> None:
    """Serves a folder until it is interrupted, and opens it in the browser if asked to.

    Raises:
        WebError: The port is taken.
    """
    with make_server(folder, port) as server:
        address = f"http://{_HOST}:{server.server_port}/"
        print(f"{address} (Ctrl-C ends it)", flush=True)
        if open_browser:
            webbrowser.open(address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
