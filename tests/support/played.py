# SPDX-License-Identifier: GPL-2.0-or-later
"""A server that a test plays, of HTTP on a port of its own; and of such, Kubernetes' API server."""
import http.server
import json
import ssl
import threading
import time
from urllib.parse import parse_qs, urlsplit


class QuietHandler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass


class QuietServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass


class Played:
    """It runs within `with`; then `over` is set, for those that handle requests."""

    def __init__(self, namespace, handler, certificate=None):
        self.over = threading.Event()
        with namespace.entered():
            self.server = QuietServer(("127.0.0.1", 0), handler)
        self.scheme = "https" if certificate else "http"
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(f"{certificate}.crt", f"{certificate}.key")
            self.server.socket = self.context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"{self.scheme}://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def write(self, handler, pieces):
        """What @handler answers; None among the pieces: nothing more, and the answer stays open."""
        try:
            for piece in pieces:
                if piece is None:
                    self.over.wait()
                if self.over.is_set():
                    return
                handler.wfile.write(piece)
        except OSError:
            pass  # it was cut off

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class Api(Played):
    """What answer(kind, query) plays of it: lines of an answer that ends, or of one that stays open if None ends them."""

    def __init__(self, namespace, answer):
        outer, self.asked = self, []

        class Handler(QuietHandler):
            def do_GET(self):
                url = urlsplit(self.path)
                query = parse_qs(url.query)
                outer.asked.append((time.monotonic(), url.path, query))
                self.send_response(200)
                self.end_headers()
                outer.write(self, answer(url.path.split("/")[-1], query))

        super().__init__(namespace, Handler)

    def lists(self, kind):
        return [query for _, path, query in [*self.asked] if path.endswith(kind) and "watch" not in query]


def listed(items=(), more="", version="5"):
    return [json.dumps({"metadata": {"resourceVersion": version, "continue": more}, "items": [*items]}).encode()]


def event(kind, item):
    return json.dumps({"type": kind, "object": item}).encode() + b"\n"


def empty(_, query):
    return [None] if "watch" in query else listed()
