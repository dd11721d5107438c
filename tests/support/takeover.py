# SPDX-License-Identifier: GPL-2.0-or-later
"""One of two nodes is done something to while a client asks every millisecond: what the client sees."""
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from cluster import DURATION, STEADY, STEADY_DURATION, TIMING, VIP
from daemon import POLICY, service
from lan import ROOT
from wait import HUNG, let_pass, wait_until

BEFORE, AFTER = 0.5, 1.5  # seconds of a trial before the fault, and after its end


@dataclass
class Trial:
    """Times are seconds after the fault began."""
    first: float | None  # first answer of the other node while the fault lasted
    last: float          # last answer of the node at fault while it lasted
    silent: float        # the longest time without an answer in which there was a request
    asked: int           # requests
    unanswered: int
    twice: int           # requests that both nodes answered
    answers: list        # (time, by the other node?) of all


def seen(asker, holder, waits, at, end):
    """What the client saw of a fault from @at to @end; the asker has ended."""
    frames = asker.frames()
    answered = {frame.number: frame.at for frame in frames}
    numbers = sorted(answered)
    during = [frame for frame in frames if at < frame.at < end]
    asked = numbers[-1] - numbers[0] + 1
    return Trial(next((frame.at - at for frame in during if frame.mac == waits.mac), None),
                 max((frame.at - at for frame in during if frame.mac == holder.mac), default=0),
                 max((answered[after] - answered[before] for before, after in zip(numbers, numbers[1:])
                      if after > before + 1), default=0),
                 asked, asked - len(numbers),
                 len({(frame.number, frame.mac) for frame in frames}) - len(numbers),
                 [(frame.at - at, frame.mac == waits.mac) for frame in frames])


def settled(cluster, seconds):
    """Until just one of two nodes has the address."""
    assert wait_until(lambda: [VIP in node.held() for node in cluster.nodes].count(True) == 1, seconds), cluster.logs()


def who_answers(cluster, asker):
    """(the one of two nodes that answers, the other). A machine that is very busy costs a short lease at any time."""
    mac = asker.frames()[-1].mac
    return sorted(cluster.nodes, key=lambda node: node.mac != mac)


def two_nodes(cluster, lease, manifests=(), source=None, steady=True):
    """One of two nodes answers for VIP, `first`, and the other would, `second`; the client asks. @steady: the lease outlasts
    what a busy machine does to it."""
    timing, cluster.duration = (STEADY, STEADY_DURATION) if steady else (TIMING, DURATION)
    for _ in range(2):
        cluster.node(lease, manifests, timing=timing, source=source)
        cluster.settled([VIP])
    let_pass(cluster.duration, "what it found fresh in the store it doesn't rely on for as long")
    cluster.asker = cluster.ask(VIP)
    assert wait_until(cluster.asker.frames), cluster.logs()
    cluster.first, cluster.second = who_answers(cluster, cluster.asker)
    return cluster


def trial(cluster, fault, seconds, prepare=lambda other: None):
    """@fault: what begins it and what ends it, each with the node that answers. @seconds: how long it lasts; with None
    until the other node answers. @prepare: what comes before, with the other node."""
    begin, undo = fault
    asker = cluster.ask(VIP)
    assert wait_until(asker.frames), cluster.logs()
    prepare(who_answers(cluster, asker)[1])
    let_pass(BEFORE, "what is kept of before")
    holder, waits = who_answers(cluster, asker)
    at = time.monotonic()
    begin(holder)
    if seconds is None:
        assert wait_until(lambda: any(frame.at > at and frame.mac == waits.mac for frame in asker.frames()), HUNG), \
            cluster.logs()
    else:
        let_pass(max(0, at + seconds - time.monotonic()), "the fault lasts as long")
    end = time.monotonic()
    undo(holder)
    let_pass(AFTER, "what is kept of after")
    asker.close()
    return seen(asker, holder, waits, at, end)


def both(*acts):
    def act(node):
        for each in acts:
            each(node)
    return act


def start(node):
    node.agent.start()


def end(number):
    return lambda node: node.agent.end(number)


def to_cable(name, *networks):
    return both(*[lambda node, network=network: getattr(node, name)(network) for network in networks])


SIGTERM = end(signal.SIGTERM), start
SIGKILL = end(signal.SIGKILL), start
PAUSED = (lambda node: node.agent.signal(signal.SIGSTOP)), (lambda node: node.agent.signal(signal.SIGCONT))
UNPLUGGED = to_cable("unplug", "lan"), to_cable("plug", "lan")
LAN_CUT = to_cable("cut", "lan"), to_cable("mend", "lan")
STORE_CUT = to_cable("cut", "control"), to_cable("mend", "control")


def namespace_deleted(node):
    """As when a container ends, or a host loses power: its processes and interfaces are gone. What the agent pinned
    is not."""
    node.agent.end(signal.SIGKILL)
    node.server.close()
    port = f"lan-{node.number}"
    assert wait_until(lambda: port not in node.cluster.switch.run("ip", "-o", "link").stdout), "it lives on"


DELETED = namespace_deleted, both(lambda node: node.connect(), start)


def pair(cluster, lease, timing=TIMING, **options):
    return [cluster.node(lease, [POLICY, service("web", VIP)], timing=timing, **options) for _ in range(2)]


def trials(cluster, fault, runs, duration, seconds=None):
    """@runs of them, each time of the node that holds the address. @duration: of a lease."""
    for _ in range(runs):
        let_pass(max(duration, 1), "what a node found fresh in the store it doesn't rely on for as long")
        settled(cluster, max(4 * duration, 10))
        yield trial(cluster, fault, seconds)


def kills(cluster, lease, runs, timing=TIMING, duration=DURATION):
    pair(cluster, lease, timing)
    return list(trials(cluster, SIGKILL, runs, duration))


WALL = os.environ.get("WALL", str(ROOT / "build/tests/support/libwall.so"))
HOUR = 3600


def clock_of(node):
    """The file that says how far the wall clock of a node's agent is off, and the words before its command: wall.c."""
    path = node.cluster.directory / f"clock{node.number}"
    return path, ["env", f"LD_PRELOAD={WALL}", f"WALL_CLOCK={path}", "ASAN_OPTIONS=verify_asan_link_order=0"]


def set_clock(node, seconds):
    """As `date -s` does for a host: CLOCK_REALTIME steps, the others go on."""
    path, prefix = clock_of(node)
    with open(path, "r+b" if path.exists() else "wb", buffering=0) as file:
        file.write(seconds.to_bytes(8, sys.byteorder, signed=True))
    off = int(subprocess.run([*prefix, "date", "+%s"], check=True, capture_output=True).stdout) - time.time()
    assert abs(off - seconds) < 60, f"the clock is {off} s off"


def pair_with_clocks(cluster, lease, timing):
    """Nodes whose clocks can be set."""
    for node in pair(cluster, lease, timing, start=False):
        set_clock(node, 0)
        node.agent.start(*clock_of(node)[1])
        assert WALL in Path(f"/proc/{node.agent.process.pid}/maps").read_text()


def clock_set(seconds):
    return (lambda node: set_clock(node, seconds)), lambda node: set_clock(node, 0)


ROOM = 1 << 20  # addresses of a family, unless `attach --max-entries` says otherwise
ROOM_AND_ONE = "198.0.0.0/12"  # as many: one too many beside VIP
FILLING = "198.0.0.0-198.15.255.254"


def fill(node):
    node.done(f"add {FILLING} dev eth1")
    refused = node.cli("add 198.15.255.255 dev eth1")
    assert refused.status == 1 and "full" in refused.err, refused


FILLED = fill, lambda node: node.done(f"del {FILLING} dev eth1")
