"""A real S3 server on the loopback, and a proxy before it that does what networks and servers do on bad days."""

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
from moto.server import ThreadedMotoServer

BUCKET = "experiments"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIATESTTESTTESTTEST", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMIsAsEcReT"}
ENVIRONMENT = {
    **CREDENTIALS,
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
}


@contextmanager
def s3_server() -> Iterator[str]:
    """moto's server with one bucket. Yields its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    try:
        keys = {key.lower(): value for key, value in CREDENTIALS.items()}
        client = boto3.client("s3", endpoint_url=address, region_name="us-east-1", **keys)
        client.create_bucket(Bucket=BUCKET)
        client.close()
        yield address
    finally:
        server.stop()


@dataclass
class Faults:
    """What the proxy does to requests; nothing, if all is as it is here."""

    status: int = 0  # answers this instead of asking the server, ``times`` times
    times: int = 10**9
    hang: bool = False  # takes requests and does not answer
    cut_uploads: int = 0  # ends the connection in the middle of so many uploads
    cut_after: int = 0  # downloads that are let through before any is cut
    cut_downloads: int = 0  # ends the connection in the middle of so many downloads
    spoil_uploads: int = 0  # changes a byte of so many uploads
    spoil_downloads: int = 0  # changes a byte of so many downloads
    seen: list[tuple[str, str]] = field(default_factory=list)  # method and path of every request
    stopped: threading.Event = field(default_factory=threading.Event)

    def take(self, name: str) -> bool:
        """Whether a fault is due that happens a number of times."""
        left = getattr(self, name)
        setattr(self, name, max(left - 1, 0))
        return left > 0


class Handler(BaseHTTPRequestHandler):
    """Passes requests on to a server, or does what the faults say."""

    protocol_version = "HTTP/1.1"
    server: "Proxy"

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:  # the client has given up
            self.close_connection = True

    def answer(self) -> None:
        faults = self.server.faults
        faults.seen.append((self.command, self.path))
        length, is_upload = int(self.headers.get("Content-Length", 0)), self.command == "PUT"
        if is_upload and faults.take("cut_uploads"):
            self.rfile.read(length // 2)
            return self.hang_up()
        body = self.rfile.read(length)
        if faults.hang:
            faults.stopped.wait(30)
            return self.hang_up()
        if faults.status and faults.take("times"):
            return self.reply(faults.status, [], b"")
        return self.pass_on(spoilt(body) if is_upload and faults.take("spoil_uploads") else body)

    def pass_on(self, body: bytes) -> None:
        faults = self.server.faults
        connection = http.client.HTTPConnection(self.server.behind)
        connection.request(self.command, self.path, body or None, dict(self.headers))
        response = connection.getresponse()
        content = response.read()
        connection.close()
        headers = [pair for pair in response.getheaders() if pair[0].lower() not in ("connection", "date", "server")]
        if self.command != "GET" or "list-type" in self.path or response.status >= 300:
            return self.reply(response.status, headers, content)
        if not faults.take("cut_after") and faults.take("cut_downloads"):
            self.reply(response.status, headers, content, sent=len(content) // 2)
            return self.hang_up()
        return self.reply(response.status, headers, spoilt(content) if faults.take("spoil_downloads") else content)

    def reply(self, status: int, headers: list[tuple[str, str]], content: bytes, sent: int | None = None) -> None:
        self.send_response(status)
        for key, value in headers:
            self.send_header(key, value)
        if not any(key.lower() == "content-length" for key, _ in headers):
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:sent])

    def hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *arguments: object) -> None:
        pass


for method in ("GET", "PUT", "HEAD", "POST", "DELETE"):
    setattr(Handler, f"do_{method}", Handler.answer)


class Proxy(ThreadingHTTPServer):
    """A server before another one."""

    daemon_threads = True

    def __init__(self, behind: str):
        super().__init__(("127.0.0.1", 0), Handler)
        self.behind, self.faults = behind, Faults()


@contextmanager
def proxy(server: str) -> Iterator[tuple[str, Faults]]:
    """A proxy before an HTTP server. Yields its address, and the faults to set."""
    web = Proxy(server.removeprefix("http://"))
    thread = threading.Thread(target=web.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{web.server_address[1]}", web.faults
    finally:
        web.faults.stopped.set()
        web.shutdown()
        web.server_close()
        thread.join()


def spoilt(content: bytes) -> bytes:
    """Content with one byte changed."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
