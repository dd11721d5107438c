# SPDX-License-Identifier: GPL-2.0-or-later
"""Nodes and a client on one LAN, a store that the nodes reach over another: network namespaces and
two bridges. Who answers the client is observed on the wire, a thousand times a second.

    switch    lan:  node-1 eth1 ─┐              control:  node-1 ctl0 ─┐
                    node-2 eth1 ─┼─ client eth0           node-2 ctl0 ─┼─ store ctl0
                    node-3 eth1 ─┘                        node-3 ctl0 ─┘
"""
import itertools
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from daemon import Agent, CommandLine
from lan import BPFFS, CLIENT_IP, CLIENT_MAC, PASS, Namespace
from wait import HUNG, wait_until

VIP = "198.18.10.1"
DURATION, RETRY = 2.0, 0.3
TIMING = "duration: 2s, renewDeadline: 1200ms, retryPeriod: 300ms"
# Where not one request may go unanswered, however long a busy machine keeps a renewal waiting
STEADY_DURATION = 6.0
STEADY = "duration: 6s, renewDeadline: 5200ms, retryPeriod: 300ms"
# The shortest that make sense with etcd on a LAN
SHORT_DURATION = 0.5
SHORT = "duration: 500ms, renewDeadline: 400ms, retryPeriod: 100ms"
STORE_IP = "198.19.0.100"

CONFIG = """
node: {name}
source: {{{source}}}
lease: {{{lease}, {timing}}}
bpffs: {bpffs}
{keys}
"""

DISABLED, FORWARDING = "0", "3"  # states of a bridge's port

# Tests over either store.
BOTH = pytest.mark.parametrize("store", ["etcd", pytest.param("kubernetes", marks=pytest.mark.full)], indirect=True)

numbers = itertools.count(1)


@dataclass
class Frame:
    """What the client saw: `number` is that of the request answered, or an announcement's operation."""
    at: float
    kind: str
    ip: str
    mac: str
    number: int


class Host:
    """A host of the LAN: a network namespace with a cable to each network."""

    def __init__(self, cluster, number):
        self.cluster, self.number = cluster, number
        self.mac = f"02:00:00:00:01:{number:02x}"
        self.connect()

    def connect(self):
        self.server = Namespace(f"{self.cluster.tag}-{self.number}")
        self.cluster.plug(self.server, "eth1", f"lan-{self.number}", self.mac)
        self.cluster.plug(self.server, "ctl0", f"control-{self.number}", f"02:00:00:00:02:{self.number:02x}",
                          f"198.19.0.{self.number}/24")
        # requests come from MACs that no bridge has learnt: what answers them is for the client alone
        self.cluster.switch.ip(f"link set lan-{self.number} type bridge_slave flood off")

    def cut(self, network):
        """A cable that loses what it takes; the carrier stays."""
        self.cluster.switch.run("bridge", "link", "set", "dev", f"{network}-{self.number}", "state", DISABLED)

    def mend(self, network):
        self.cluster.switch.run("bridge", "link", "set", "dev", f"{network}-{self.number}", "state", FORWARDING)

    def unplug(self, network):
        self.cluster.switch.ip(f"link set {network}-{self.number} down")

    def plug(self, network):
        self.cluster.switch.ip(f"link set {network}-{self.number} up")


class Node(Host, CommandLine):
    """A host and its agent."""

    def __init__(self, cluster, number, lease, timing, name, keys, source):
        super().__init__(cluster, number)
        self.name = name or f"node-{number}"
        self.bpffs = f"{BPFFS}/{cluster.tag}-{number}"
        os.mkdir(self.bpffs)
        scratch = cluster.directory / f"node{number}"
        scratch.mkdir()
        self.agent = Agent(self, scratch)
        source = source or f"directory: {self.agent.manifests}, assignments: {scratch}/assignments.json"
        self.agent.config.write_text(CONFIG.format(name=self.name, source=source, lease=lease, timing=timing,
                                                   bpffs=self.bpffs, keys=keys))

    def held(self):
        """Addresses in the map whose lease is ahead."""
        return {row["ip"] for row in json.loads(self.done("list --json").out) if row["answering"]}

    def close(self):
        self.agent.close()
        self.server.close()
        shutil.rmtree(self.bpffs, ignore_errors=True)


class Asker:
    """asker.py in the client; the frames that it has seen."""

    def __init__(self, cluster, addresses, period):
        self.path = cluster.directory / f"asked{next(numbers)}"
        self.process = subprocess.Popen(
            cluster.client.argv(sys.executable, Path(__file__).with_name("asker.py"), "eth0", CLIENT_IP,
                                self.path, period, *addresses), stdin=subprocess.PIPE)
        assert wait_until(self.path.exists)

    def frames(self, kind="reply"):
        """Those seen so far. The last 50 ms may be missing while it runs."""
        rows = (line.split() for line in self.path.read_text().splitlines(keepends=True) if line.endswith("\n"))
        found = (Frame(float(at), what, ip, mac, int(number)) for at, what, ip, mac, number in rows)
        return sorted((frame for frame in found if frame.kind == kind), key=lambda frame: frame.at)

    def turns(self, ip):
        """Who answered for an address, one after the other: [(mac, first, last)]."""
        turns = []
        for frame in self.frames():
            if frame.ip != ip:
                continue
            if turns and turns[-1][0] == frame.mac:
                turns[-1][2] = frame.at
            else:
                turns.append([frame.mac, frame.at, frame.at])
        return [tuple(turn) for turn in turns]

    def answerers(self, ip):
        return [mac for mac, _, _ in self.turns(ip)]

    def missed(self, since=0):
        """Numbers of the requests between the first answer since then and the last that got none."""
        numbers = {frame.number for frame in self.frames() if frame.at >= since}
        return sorted(set(range(min(numbers), max(numbers))) - numbers)

    def twice(self):
        """Requests that got two answers."""
        seen, again = set(), []
        for frame in self.frames():
            if frame.number in seen:
                again.append(frame)
            seen.add(frame.number)
        return again

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(HUNG)


class Cluster:
    def __init__(self, directory):
        self.directory, self.tag = directory, f"ha{next(numbers)}"
        self.nodes, self.askers = [], []
        self.switch = Namespace(f"{self.tag}-switch")
        self.switch.ip(*[f"link add {network} type bridge mcast_snooping 0" for network in ("lan", "control")],
                       "link set lan up", "link set control up")
        self.client, self.store = Namespace(f"{self.tag}-client"), Namespace(f"{self.tag}-store")
        self.plug(self.client, "eth0", "lan-c", CLIENT_MAC, f"{CLIENT_IP}/15")
        self.switch.ip("link set lan-c type bridge_slave learning off")  # a MAC a request would fill its table
        self.plug(self.store, "ctl0", "control-s", "02:00:00:00:02:64", f"{STORE_IP}/24")

    def plug(self, namespace, dev, port, mac, address=None):
        """A cable to a bridge. What a node's XDP_TX sends arrives at a port that runs XDP."""
        self.switch.ip(f"link add {port} type veth peer name {dev} address {mac} netns {namespace.name}",
                       f"link set {port} master {port.split('-')[0]}", f"link set {port} up",
                       f"link set {port} xdpdrv object {PASS} section xdp")
        namespace.ip(f"link set {dev} up", *([f"address add {address} dev {dev}"] if address else []))

    def node(self, lease, manifests=(), timing=TIMING, name=None, start=True, keys="", source=None):
        """@lease, @source: keys of the agent's configuration below these; @keys: others. @manifests: documents, where
        the source is a directory."""
        made = Node(self, len(self.nodes) + 1, lease, timing, name, keys, source)
        self.nodes.append(made)
        made.agent.write("all.yaml", *manifests)
        if start:
            made.agent.start()
        return made

    def ask(self, *addresses, period=0.001):
        """@period: seconds from one request to the next."""
        self.askers.append(Asker(self, addresses, period))
        return self.askers[-1]

    def settled(self, addresses):
        """Until each address is answered by one of the nodes."""
        assert wait_until(lambda: set().union(*(node.held() for node in self.nodes)) >= set(addresses),
                          4 * DURATION), self.logs()

    def logs(self):
        return "\n".join(f"node-{node.number}:\n{node.agent.log()}" for node in self.nodes)

    def close(self):
        for asker in self.askers:
            asker.close()
        for node in self.nodes:
            node.close()
        for namespace in self.client, self.store, self.switch:
            namespace.close()

    def check(self):
        """Never two answers to one request."""
        for asker in self.askers:
            asker.close()
            assert not asker.twice(), f"two answered: {asker.twice()[:3]}\n{self.logs()}"
