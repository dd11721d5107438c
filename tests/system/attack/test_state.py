#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""What isn't a file of ours, where the agent keeps its state: it neither waits for it nor reads it whole."""
import os

import pytest

from daemon import POLICY, service
from lan import VIP

POOL = """
apiVersion: cilium.io/v2
kind: CiliumLoadBalancerIPPool
metadata: {name: pool}
spec: {blocks: [{cidr: 198.18.20.0/24}]}
"""
BALANCED = """
apiVersion: v1
kind: Service
metadata: {name: balanced, namespace: default}
spec: {type: LoadBalancer}
"""


def sparse(path):
    with open(path, "wb") as file:
        file.truncate(1 << 42)


# which file, what is there instead, what is said of it
STATE = {
    "a FIFO of assignments": ("assignments.json", os.mkfifo, "not a file"),
    "a FIFO that becomes them": ("assignments.json.new", os.mkfifo, "No such device or address"),
    "a directory of assignments": ("assignments.json", os.mkdir, "not a file"),
    "4 TiB of assignments": ("assignments.json", sparse, "larger than 32 MiB"),
    "4 TiB of a copy": ("last-good/all.yaml", sparse, ""),
    "a FIFO of a copy": ("last-good/all.yaml", os.mkfifo, ""),
    "a FIFO that becomes a copy": ("last-good/.new", os.mkfifo, "No such device or address"),
}


@pytest.mark.parametrize("name, make, said", STATE.values(), ids=STATE)
def test_no_file_of_ours(agent, scratch, name, make, said):
    (scratch / "last-good").mkdir()
    make(scratch / name)
    agent.write("all.yaml", POLICY, POOL, BALANCED, service("web", VIP))
    agent.launch()
    agent.until(lambda: (VIP, "eth1") in agent.entries())
    agent.says(said)
