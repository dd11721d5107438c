# SPDX-License-Identifier: GPL-2.0-or-later
"""How long nobody answers after a SIGKILL: the holder is killed again and again, on a quiet machine or not."""
import signal
import time
from dataclasses import dataclass

from cluster import DURATION, TIMING, VIP
from daemon import POLICY, service
from wait import let_pass, wait_until

BEFORE, AFTER = 0.5, 4.0  # seconds around a kill that are kept


@dataclass
class Kill:
    """Times are seconds after the kill."""
    first: float   # answer of the next holder
    last: float    # answer of the one that was killed
    answers: list  # (time, by the next holder?) of all


def killed(cluster, asker, holder, waits):
    turns = len(asker.turns(VIP))
    at = time.monotonic()
    holder.agent.end(signal.SIGKILL)
    assert wait_until(lambda: len(asker.turns(VIP)) > turns, 4 * DURATION), cluster.logs()
    let_pass(max(0, at + AFTER - time.monotonic()), "what is kept of it")
    frames = [frame for frame in asker.frames() if at - BEFORE < frame.at < at + AFTER]
    theirs = [frame.at - at for frame in frames if frame.mac == waits.mac]
    return Kill(theirs[0], max(frame.at - at for frame in frames if frame.mac == holder.mac),
                [(frame.at - at, frame.mac == waits.mac) for frame in frames])


def kills(cluster, lease, runs, timing=TIMING, duration=DURATION):
    """@runs of them, of whichever node holds the address."""
    nodes = [cluster.node(lease, [POLICY, service("web", VIP)], timing=timing) for _ in range(2)]
    asker = cluster.ask(VIP)
    found = []
    for _ in range(runs):
        let_pass(max(duration, 1), "what a node found fresh in the store it doesn't rely on for as long")
        cluster.settled([VIP])
        # a machine that is very busy costs a short lease, and then the other has it
        holder, waits = nodes if VIP in nodes[0].held() else nodes[::-1]
        found.append(killed(cluster, asker, holder, waits))
        holder.agent.start()
    return found
