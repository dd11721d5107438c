# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of the lease protocol have in common: etcd, nodes without a data path (node.c), whose tables are
watched a thousand times a second. Two that answer for one address at a time fail every test."""
import base64
import ctypes
import json
import mmap
import os
import re
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from wait import let_pass, wait_until


NODE = os.environ.get("LEASE_NODE", str(Path(__file__).resolve().parents[2] / "build/tests/system/lease/lease-node"))
DURATION, RETRY = 2.0, 0.3
ADDRESSES = 131072  # as in node.c
PARENT_DIES = 1  # PR_SET_PDEATHSIG

libc = ctypes.CDLL(None)


def start(*argv, **options):
    """A process that ends with this one."""
    return subprocess.Popen(list(map(str, argv)), preexec_fn=lambda: libc.prctl(PARENT_DIES, signal.SIGKILL),
                            **options)


kept = []  # sockets whose ports are in use


def free_port():
    """One that nobody else is given while this process lives, since a socket keeps it; with SO_REUSEADDR, which servers set,
    another may listen there. The kernel draws ports: of two that nothing keeps, one in 14,000 is the same."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", 0))
    kept.append(made)
    return made.getsockname()[1]


class Etcd:
    """A cluster of etcd; tls: names of certificate files, as openssl_files() makes them. @enter: words before a
    command that take it to where @address is."""

    def __init__(self, directory, members=1, tls=None, address="127.0.0.1", enter=(), options=()):
        self.directory, self.tls, self.enter = directory, tls, enter
        scheme = "https" if tls else "http"
        self.urls = [f"{scheme}://{address}:{free_port()}" for _ in range(members)]
        self.peers = [f"http://{address}:{free_port()}" for _ in range(members)]
        self.processes = [None] * members
        for number in range(members):
            self.start(number, *options)
        assert wait_until(lambda: all("ready to serve client requests" in self.log(number).read_text()
                                      for number in range(members)), 20)

    def start(self, number, *options):
        cluster = ",".join(f"m{i}={url}" for i, url in enumerate(self.peers))
        secure = ["--cert-file", self.tls["server"] + ".crt", "--key-file", self.tls["server"] + ".key",
                  "--client-cert-auth", "--trusted-ca-file", self.tls["ca"] + ".crt"] if self.tls else []
        with open(self.log(number), "a", encoding="utf-8") as log:
            self.processes[number] = start(
                *self.enter, "etcd", "--name", f"m{number}", "--data-dir", self.directory / f"etcd{number}",
                "--listen-client-urls", self.urls[number], "--advertise-client-urls", self.urls[number],
                "--listen-peer-urls", self.peers[number], "--initial-advertise-peer-urls", self.peers[number],
                "--initial-cluster", cluster, "--unsafe-no-fsync", *secure, *options, stdout=log, stderr=log)

    def log(self, number):
        return self.directory / f"etcd{number}.log"

    def ctl(self, *words, check=True, **options):
        secure = ["--cert", self.tls["client"] + ".crt", "--key", self.tls["client"] + ".key",
                  "--cacert", self.tls["ca"] + ".crt"] if self.tls else []
        return subprocess.run([*self.enter, "etcdctl", "--endpoints", ",".join(self.urls), *secure, *words], check=check,
                              capture_output=True, text=True, env=os.environ | {"ETCDCTL_API": "3"}, **options)

    def rows(self, key, *options):
        """What etcd has of it: value, how often it was written."""
        return json.loads(self.ctl("get", key, *options, "-w", "json").stdout).get("kvs", [])

    def get(self, key):
        return next((json.loads(base64.b64decode(row["value"])) for row in self.rows(key)), None)

    def revision(self):
        """How many writes there were."""
        return json.loads(self.ctl("get", "x", "-w", "json").stdout)["header"]["revision"]

    def all_keys(self):
        return self.ctl("get", "--prefix", "/xdp-l2resp/", "--keys-only").stdout.split()

    def keys(self):
        """Those of records: without the mark, and without the hash of a pulse's node."""
        return [re.sub("pulse/[0-9a-f]{16}/", "pulse/", key) for key in self.all_keys() if not key.endswith("/mark")]

    def claim(self, host):
        return self.get(f"/xdp-l2resp/claim/198.18.0.{host}")

    def write_claim(self, host, text):
        self.ctl("put", f"/xdp-l2resp/claim/198.18.0.{host}", text)

    def empty_holder(self, host):
        self.write_claim(host, json.dumps(self.claim(host) | {"holder": ""}))

    def write_newer(self, host):
        self.write_claim(host, '{"version": 2}')

    def delete_claim(self, host):
        self.ctl("del", f"/xdp-l2resp/claim/198.18.0.{host}")

    def delete_heartbeat(self, name, kinds=("node", "pulse")):
        for key in self.all_keys():
            if key.split("/")[2] in kinds and key.endswith("/" + name):
                self.ctl("del", key)

    def delete_all(self):
        self.ctl("del", "--prefix", "/xdp-l2resp/")

    def node_options(self, urls=None):
        return [word for url in urls or self.urls for word in ("-e", url)]

    def leader(self):
        said = json.loads(self.ctl("endpoint", "status", "-w", "json").stdout)
        return next(self.urls.index(one["Endpoint"]) for one in said
                    if one["Status"]["leader"] == one["Status"]["header"]["member_id"])

    def signal(self, number, what):
        self.processes[number].send_signal(what)
        if what == signal.SIGKILL:
            self.processes[number].wait()

    def close(self):
        for process in self.processes:
            process.kill()
            process.wait()


class Node:
    """A node; its table, which outlives its process, is @host's."""

    def __init__(self, world, name, *options, identity=None, host="", wants=3, via=None, program=(NODE,)):
        self.name, self.said, self.program = name, [], program
        self.options = ["-n", name, "-i", identity or name.encode().hex().rjust(32, "0"),
                        "-t", world.directory / f"{name}.{identity}{host}.table", "-w", wants,
                        *(via or world.store.node_options()), *options]
        world.nodes.append(self)
        self.start()
        self.wait_table()

    def start(self):
        self.process = start(*self.program, *self.options, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, bufsize=1)
        threading.Thread(target=self.read, args=(self.process,), daemon=True).start()

    def read(self, process):
        for line in process.stdout:
            self.said.append(line.rstrip("\n"))

    def wait_table(self):
        path = self.options[self.options.index("-t") + 1]
        assert wait_until(lambda: path.exists() and path.stat().st_size), self.said
        with open(path, "rb") as file:
            self.table = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def stamp(self, host):
        """Until when it answers for the address; 0: it has no entry."""
        slot = self.table[2048 + host]
        return struct.unpack_from("=Q", self.table, 8 * slot)[0] if slot else 0

    def answers(self, host):
        return self.stamp(host) > time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    def held(self):
        """How many addresses have an entry."""
        return ADDRESSES - self.table[2048:2048 + ADDRESSES].count(0)

    def answered(self):
        return {host for host in range(1, 256) if self.table[2048 + host] and self.answers(host)}

    def tell(self, line):
        self.process.stdin.write(line + "\n")

    def heard(self, text):
        return any(text in line for line in list(self.said))

    def signal(self, what):
        self.process.send_signal(what)
        if what == signal.SIGKILL:
            self.process.wait()


class World:
    """A store, made by @store in a directory, nodes, and a watcher of the invariant."""

    def __init__(self, store):
        self.temporary = tempfile.TemporaryDirectory(prefix="l2resp-lease-")
        self.directory = Path(self.temporary.name)
        self.nodes, self.double, self.silent_since, self.longest = [], [], {}, {}
        self.watching, self.stood_still = True, 0
        self.store = store(self.directory)
        self.watcher = threading.Thread(target=self.watch, daemon=True)
        self.watcher.start()

    def node(self, name, *options, **named):
        return Node(self, name, *options, **named)

    def watch(self):
        looked = time.monotonic()
        while self.watching:
            looked, before = time.monotonic(), looked
            self.stood_still = max(self.stood_still, looked - before)  # with the machine, if it is long
            for host in range(1, 4):
                who = [node.name for node in list(self.nodes) if hasattr(node, "table") and node.answers(host)]
                now = time.monotonic()
                if len(who) > 1:
                    # the two looks are a moment apart: ask once more, in the other order
                    again = [node.name for node in reversed(self.nodes) if node.answers(host)]
                    if len(again) > 1:
                        self.double.append((host, who))
                if who:
                    self.silent_since.pop(host, None)
                else:
                    since = self.silent_since.setdefault(host, now)
                    self.longest[host] = max(self.longest.get(host, 0), now - since)
            let_pass(0.001, "a thousand looks a second")

    def forget_silence(self):
        self.silent_since.clear()
        self.longest.clear()
        self.stood_still = 0

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.watching = False
        self.watcher.join()
        for node in self.nodes:
            node.process.kill()
            node.process.wait()
        self.store.close()
        if kind:
            for node in self.nodes:
                print(node.name, *node.said, sep="\n  ")
        self.temporary.cleanup()
        assert kind or not self.double, f"two answered: {self.double[:3]}"


def openssl_files(directory, address="127.0.0.1"):
    """A CA, certificates that it signed, and a stranger that it didn't."""
    def openssl(*words):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, cwd=directory)

    key = "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout"  # in a tenth of RSA's time
    # Python 3.13 and later trust no CA that doesn't say what it is for
    openssl("req", "-x509", *key, "ca.key", "-out", "ca.crt", "-subj", "/CN=ca",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    openssl("req", "-x509", *key, "stranger.key", "-out", "stranger.crt", "-subj", "/CN=stranger")
    options = subprocess.run(["openssl", "x509", "-help"], capture_output=True, text=True).stderr
    # OpenSSL 3.0 takes no dates; later ones refuse an end before the start
    past = (("-not_before", "20200101000000Z", "-not_after", "20200102000000Z") if "-not_after" in options
            else ("-days", -1))
    for name, validity in ("server", ("-days", 2)), ("client", ("-days", 2)), ("expired", past):
        openssl("req", *key, f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        (directory / "ext").write_text(f"subjectAltName=IP:{address}\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
                *validity, "-out", f"{name}.crt", "-extfile", "ext")
    return {name: str(directory / name) for name in ("ca", "server", "client", "expired", "stranger")}
