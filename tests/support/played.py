# SPDX-License-Identifier: GPL-2.0-or-later
"""A server that a test plays, of HTTP on a port of its own."""
import http.server
import ssl
import threading


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

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
