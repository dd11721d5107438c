# SPDX-License-Identifier: GPL-2.0-or-later
"""A way from a network namespace to an API server, that speaks plain HTTP there and can do harm on the way."""
import re
import socket
import threading
import time


class Gate:
    """Each request is passed on over a connection of its own, unless withhold(request). meddle(request, answer) may
    yield other bytes than those of @answer, which come as the server sends them; None: all as they are."""

    scheme = "http"

    def __init__(self, namespace, port, context=None):
        self.port, self.context = port, context
        self.requests, self.withhold, self.meddle, self.shut = [], None, None, False
        self.open = set()
        with namespace.entered():
            self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"{self.scheme}://127.0.0.1:{self.listener.getsockname()[1]}"
        self.thread = threading.Thread(target=self.accept)
        self.thread.start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.shut:
                client.close()
                continue
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    @staticmethod
    def request(client):
        text = b""
        while b"\r\n\r\n" not in text:
            more = client.recv(65536)
            if not more:
                return None
            text += more
        head, _, body = text.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)^content-length: *(\d+)", head, re.MULTILINE)
        while length and len(body) < int(length[1]):
            body += client.recv(65536)
        head = re.sub(rb"(?i)\r\n(connection|expect):[^\r]*", b"", head)
        return head + b"\r\nConnection: close\r\n\r\n" + body

    @staticmethod
    def answer(server):
        while more := server.recv(65536):
            yield more

    def serve(self, client):
        self.open.add(client)
        try:
            request = self.request(client)
            if not request:
                return
            line = request.split(b" HTTP", 1)[0].decode()
            self.requests.append((time.monotonic(), line))
            if self.withhold and self.withhold(line):
                return
            with self.context.wrap_socket(socket.create_connection(("127.0.0.1", self.port)),
                                          server_hostname="127.0.0.1") as server:
                self.open.add(server)
                server.sendall(request)
                answer = self.answer(server)
                for data in self.meddle and self.meddle(line, answer) or answer:
                    client.sendall(data)
        except OSError:
            pass
        finally:
            client.close()
            self.open.discard(client)

    def cut(self):
        """All connections; none is taken until mend()."""
        self.shut = True
        for one in list(self.open):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def mend(self):
        self.shut = False

    def close(self):
        self.cut()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


class Tunnel(Gate):
    """Bytes as they come, both ways: TLS is the client's."""
    scheme = "https"

    def serve(self, client):
        server = socket.create_connection(("127.0.0.1", self.port))
        self.open |= {client, server}
        back = threading.Thread(target=self.pump, args=(server, client), daemon=True)
        back.start()
        self.pump(client, server)
        back.join()
        for one in client, server:
            one.close()
            self.open.discard(one)

    @staticmethod
    def pump(source, sink):
        try:
            while more := source.recv(65536):
                sink.sendall(more)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass
