#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""The agent's HTTP port: clients that hold connections keep nobody out, and what TLS asks of those from elsewhere."""
import shutil
import socket
import ssl
import subprocess
import time
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path

import pytest

from daemon import POLICY, PORT, service
from harness import openssl_files
from lan import SERVER_IP, VIP
from wait import HUNG, let_pass, slack, wait_until

DEADLINE = 5  # seconds a connection may last
PROBE = 1  # a kubelet waits that long


def probes(running, paths=("/healthz", "/readyz")):
    """How long each takes, in seconds; each must say that all is well."""
    took = []
    for path in paths:
        began = time.monotonic()
        with running.lan.server.entered():
            connection = HTTPConnection("127.0.0.1", PORT, timeout=PROBE * slack())
            connection.request("GET", path)
        assert connection.getresponse().read() == b"ok\n"
        connection.close()
        took.append(time.monotonic() - began)
    return took


def ended(client):
    """Has the agent closed it?"""
    try:
        return client.recv(1, socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def trickle(clients, text=b"x"):
    for client in clients:
        try:
            client.send(text)
        except OSError:
            pass  # the agent has had enough of it


def test_clients_that_trickle(running):
    """Sixty never end their request: probes are answered meanwhile, and each of them is cut off."""
    with ExitStack() as open_now, running.lan.server.entered():
        clients = [open_now.enter_context(socket.create_connection(("127.0.0.1", PORT))) for _ in range(60)]
        trickle(clients, b"GET /metrics HTTP/1.1\r\nHost: x\r\nA: ")
        began, took = time.monotonic(), []
        while not all(map(ended, clients)):
            assert time.monotonic() - began < DEADLINE * slack(), f"{sum(map(ended, clients))} of 60 ended"
            trickle(clients)
            took += probes(running)
        # those that nobody needed the place of had their time
        assert time.monotonic() - began > DEADLINE / 2
    # but for those that the machine stood still for
    assert sorted(took)[-4] < PROBE, took


def test_clients_that_come_again(running):
    """Who always opens new connections, and says nothing, keeps no probe out either."""
    with ExitStack() as open_now, running.lan.server.entered():
        for _ in range(10):
            for _ in range(30):
                open_now.enter_context(socket.create_connection(("127.0.0.1", PORT)))
            probes(running)
        fds = len(list(Path(f"/proc/{running.process.pid}/fd").iterdir()))
        assert fds < 120, "connections pile up"


def test_the_client_with_most_connections_makes_room(running):
    """Another one's, although it is the oldest, stays."""
    with ExitStack() as open_now, running.lan.server.entered():
        other = open_now.enter_context(socket.create_connection(("127.0.0.1", PORT), source_address=("127.0.0.2", 0)))
        other.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
        for _ in range(60):
            open_now.enter_context(socket.create_connection(("127.0.0.1", PORT)))
        probes(running)
        other.send(b"\r\n")
        other.settimeout(PROBE * slack())
        assert other.recv(100).startswith(b"HTTP/1.1 200 ")


def test_a_web_site_in_a_browser(running):
    """Its own name can lead to this host: then it gets what a probe gets, without a reason."""
    def get(path, host):
        with running.lan.server.entered():
            connection = HTTPConnection("127.0.0.1", PORT, timeout=HUNG)
            connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    running.write("broken.yaml", "kind: [")
    running.answers("/readyz", 503)
    for host in f"127.0.0.1:{PORT}", f"localhost:{PORT}", f"[::1]:{PORT}":
        assert "1 manifest is wrong" in get("/readyz", host)[1]
    for host in f"site.example:{PORT}", "localhost.site.example", "127.0.0.1.site.example":
        assert get("/readyz", host) == (503, "not ready\n")
        assert get("/healthz", host) == (200, "ok\n")
        assert get("/metrics", host) == (403, "ask for an address or localhost, not for another name\n")


class Secured:
    """An agent that serves @tls's files on the LAN."""

    def __init__(self, agent, folder):
        self.agent, self.folder = agent, folder
        self.files = {name: str(folder / name) for name in ("ca", "server", "client", "expired", "stranger")}
        self.ca = folder / "client-ca.crt"
        shutil.copy(self.files["ca"] + ".crt", self.ca)
        agent.config.write_text(agent.config.read_text() + f"""
listen: {SERVER_IP}:{PORT}
tls: {{cert: {self.files['server']}.crt, key: {self.files['server']}.key, clientCA: {self.ca}}}
""")
        agent.write("all.yaml", POLICY, service("web", VIP))
        agent.start()
        agent.wait_entries((VIP, "eth1"))
        assert wait_until(lambda: self.get("/readyz")[0] == 200), agent.log()

    def get(self, path, certificate=None):
        """(status, body), from another host."""
        context = ssl.create_default_context(cafile=self.files["ca"] + ".crt")
        if certificate:
            context.load_cert_chain(self.files[certificate] + ".crt", self.files[certificate] + ".key")
        with self.agent.lan.client.entered():
            connection = HTTPSConnection(SERVER_IP, PORT, timeout=HUNG, context=context)
            connection.connect()
        connection.request("GET", path)
        answer = connection.getresponse()
        result = answer.status, answer.read().decode()
        connection.close()
        return result

    def served(self):
        """The certificate, as its PEM; "" for who came in the moment when they were renewed, and was cut off."""
        try:
            with self.agent.lan.client.entered():
                return ssl.get_server_certificate((SERVER_IP, PORT)).strip()
        except OSError:
            return ""

    def make_server(self, name):
        """Another certificate and key of the server's, in place of those there are."""
        def openssl(*words):
            subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=self.folder)

        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
                "-out", f"{name}.crt", "-extfile", "ext")
        return self.folder / f"{name}.crt", self.folder / f"{name}.key"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    openssl_files(folder, SERVER_IP)
    return folder


@pytest.fixture
def secured(agent, scratch, certificates):
    return Secured(agent, shutil.copytree(certificates, scratch / "tls"))


def test_who_may_read_from_elsewhere(secured):
    status, text = secured.get("/metrics", "client")
    assert status == 200 and "l2resp_leases_held 1" in text
    refusal = 403, "show a client certificate that tls.clientCA vouches for\n"
    for certificate in None, "stranger", "expired":
        assert secured.get("/metrics", certificate) == refusal
        # a kubelet has none to show
        assert secured.get("/healthz", certificate) == (200, "ok\n")
    assert secured.get("/readyz") == (200, "ok\n")
    assert secured.get("/drain", "client")[0] == 404
    # what is wrong is for those who may know
    secured.agent.write("broken.yaml", "kind: [")
    assert wait_until(lambda: secured.get("/readyz", "client")[0] == 503)
    assert "1 manifest is wrong" in secured.get("/readyz", "client")[1]
    assert secured.get("/readyz") == (503, "not ready\n")


def test_what_is_spoken(secured):
    """TLS 1.2 and 1.3."""
    for version in "tls1", "tls1_1", "tls1_2", "tls1_3":
        done = secured.agent.lan.client.run(
            "openssl", "s_client", "-connect", f"{SERVER_IP}:{PORT}", f"-{version}", "-cipher", "DEFAULT@SECLEVEL=0",
            check=False)
        spoken = f"New, TLSv1.{version[-1]}" in done.stdout
        assert spoken == (version in ("tls1_2", "tls1_3")), done.stdout + done.stderr
    with secured.agent.lan.client.entered():
        connection = HTTPConnection(SERVER_IP, PORT, timeout=HUNG)
        connection.connect()
    connection.request("GET", "/healthz")
    with pytest.raises((HTTPException, OSError)):
        connection.getresponse()


def test_certificates_that_are_renewed(secured):
    cert, key = secured.make_server("server2")
    renewed = cert.read_text()
    assert secured.served() not in renewed
    # what is half there isn't used
    cert.rename(secured.files["server"] + ".crt")
    secured.agent.says("the certificates in force stay")
    assert secured.get("/healthz") == (200, "ok\n")
    assert secured.served() not in renewed
    key.rename(secured.files["server"] + ".key")
    assert wait_until(lambda: (seen := secured.served()) and seen in renewed)
    assert secured.get("/metrics", "client")[0] == 200
    # another authority: who was trusted no longer is
    Path(secured.files["stranger"] + ".crt").rename(secured.ca)
    secured.agent.says("certificates for HTTP read again", times=2)
    assert secured.get("/metrics", "client")[0] == 403
    shutil.copy(secured.ca, secured.files["stranger"] + ".crt")
    assert secured.get("/metrics", "stranger")[0] == 200


@pytest.mark.full
def test_a_trickle_of_handshakes(secured):
    """The same bounds hold before TLS stands."""
    with ExitStack() as open_now, secured.agent.lan.client.entered():
        clients = [open_now.enter_context(socket.create_connection((SERVER_IP, PORT))) for _ in range(60)]
        trickle(clients, b"\x16\x03\x01\x02\x00")
        began = time.monotonic()
        while not all(map(ended, clients)):
            assert time.monotonic() - began < DEADLINE * slack(), f"{sum(map(ended, clients))} of 60 ended"
            trickle(clients, b"\x01")
            assert secured.get("/healthz") == (200, "ok\n")


def hello(files):
    """What a TLS client says first."""
    out = ssl.MemoryBIO()
    session = ssl.create_default_context(cafile=files["ca"] + ".crt").wrap_bio(ssl.MemoryBIO(), out, server_hostname=SERVER_IP)
    with pytest.raises(ssl.SSLWantReadError):
        session.do_handshake()
    return out.read()


def test_a_handshake_that_stops_costs_nothing(secured):
    """Turns of the main loop, while eight clients say no more than the first word."""
    def turns():
        rows = secured.get("/metrics", "client")[1].splitlines()
        [row] = [row for row in rows if row.startswith('l2resp_loop_seconds_count{loop="main"}')]
        return int(row.split()[1])

    with ExitStack() as open_now, secured.agent.lan.client.entered():
        clients = [open_now.enter_context(socket.create_connection((SERVER_IP, PORT))) for _ in range(8)]
        for client in clients:
            client.send(hello(secured.files))
        before, began = turns(), time.monotonic()
        let_pass(2, "less than the agent gives them")
        rate = (turns() - before) / (time.monotonic() - began)
    assert rate < 1000, rate


def test_files_that_are_missing(agent):
    """Are found by --check; the agent announces all the same, and serves once they are there."""
    agent.config.write_text(agent.config.read_text() + f"""
listen: {SERVER_IP}:{PORT}
tls: {{cert: /nowhere/cert, key: /nowhere/key, clientCA: /nowhere/ca}}
""")
    done = agent.command("--config", agent.config, "--check")
    assert done.status and "tls: /nowhere/cert: " in done.err, done.err
    agent.write("all.yaml", POLICY, service("web", VIP))
    agent.start()
    agent.wait_entries((VIP, "eth1"))
    agent.says("/nowhere/cert: ")
