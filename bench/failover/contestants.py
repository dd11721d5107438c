# SPDX-License-Identifier: GPL-2.0-or-later
"""Who is compared when a node fails, and what is done to it."""
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import takeover
from cluster import SHORT, Cluster
from stores import Store

from failover import keepalived

FAULTS = {
    "stopped in order (SIGTERM)": takeover.SIGTERM,
    "killed (kill -9)": takeover.SIGKILL,
    "paused (SIGSTOP)": takeover.PAUSED,
    "host gone, with all in it": takeover.DELETED,
    "LAN cable pulled": takeover.UNPLUGGED,
    "cut off from the LAN, carrier stays": takeover.LAN_CUT,
    "cut off from the store": takeover.STORE_CUT,
}


@contextmanager
def agents(cluster, timing):
    store = Store(cluster)
    try:
        takeover.pair(cluster, store.lease, timing)
        yield
    finally:
        store.close()


@contextmanager
def routers(cluster, advert_int):
    keepalived.pair(cluster, advert_int)
    yield


@dataclass
class Contestant:
    name: str
    join: Callable  # two nodes join the cluster, in a context
    timing: str     # what it is configured with
    settles: float  # seconds that a node needs after a fault
    lasts: float    # a fault, in seconds: longer than a takeover takes
    has_store: bool = True

    def trials(self):
        """One of each fault: (its name, trial)."""
        with tempfile.TemporaryDirectory(prefix="l2resp-takeover-") as scratch:
            cluster = Cluster(Path(scratch))
            try:
                with self.join(cluster, self.timing):
                    for name, fault in FAULTS.items():
                        if fault is not takeover.STORE_CUT or self.has_store:
                            [found] = takeover.trials(cluster, fault, 1, self.settles, self.lasts)
                            yield name, found
            finally:
                cluster.close()


CONTESTANTS = {one.name: one for one in [
    Contestant("xdp-l2resp, 300 ms", agents, "duration: 300ms, renewDeadline: 240ms, retryPeriod: 60ms", 1, 2),
    Contestant("xdp-l2resp, 500 ms", agents, SHORT, 1, 2),
    Contestant("xdp-l2resp, 15 s", agents, "duration: 15s, renewDeadline: 5s, retryPeriod: 2s", 15, 18),
    Contestant("keepalived, 0.1 s", routers, "0.1", 1, 2, has_store=False),
    Contestant("keepalived, 1 s", routers, "1", 4, 5, has_store=False),
]}
