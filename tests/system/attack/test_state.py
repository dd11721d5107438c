#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""What isn't a file of ours, where the agent keeps its state: it neither waits for it nor reads it whole."""
import os
import re
import shutil

import pytest

pytest.importorskip("scapy.packet", reason="scapy isn't installed")

from daemon import POLICY, service  # noqa: E402
from lan import VIP  # noqa: E402
from played import Api  # noqa: E402
from test_apiserver import POLICY as POLICY_OBJECT  # noqa: E402
from test_apiserver import service as object_of  # noqa: E402
from test_flapping import following  # noqa: E402

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


@pytest.mark.parametrize("broken", [False, True])
def test_the_assignments_are_removed(agent, scratch, broken):
    """They are written again, or it is told why not: at the next start the addresses would be others. They stay meanwhile. So
    they are if no new ones are given, since a manifest is broken."""
    kept = scratch / "state/assignments.json"
    kept.parent.mkdir()
    agent.config.write_text(re.sub("assignments: .*?}", f"assignments: {kept}}}", agent.config.read_text()))
    agent.write("all.yaml", POLICY, POOL, BALANCED)
    agent.start()
    agent.wait_entries(("198.18.20.0", "eth1"))
    before = kept.read_text()
    if broken:
        agent.write("broken.yaml", "kind: [")
        agent.says("broken.yaml")
    shutil.rmtree(kept.parent)
    (agent.manifests / ".hurry").touch()  # else it looks every ten seconds
    agent.says("assignments.json.new: No such file or directory")
    agent.answers("/readyz", 503)
    kept.parent.mkdir()
    (agent.manifests / ".hurry").touch()
    agent.until(kept.exists)
    if not broken:
        agent.wait_ready()
    assert kept.read_text() == before
    agent.wait_entries(("198.18.20.0", "eth1"))


@pytest.mark.parametrize("written", [False, True])
def test_a_fifo_as_a_token(agent, lan, scratch, written):
    """Whether somebody has it open for writing or not: requests go without a token."""
    os.mkfifo(scratch / "token")
    writer = os.open(scratch / "token", os.O_RDWR) if written else None
    lists = {"services": [object_of(1)], "ciliuml2announcementpolicies": [POLICY_OBJECT]}
    with Api(lan.server, following({}, lists)) as server:
        config = re.sub("source: .*", f"source: {{kubernetes: {{server: '{server.url}', token: {scratch}/token}}}}",
                        agent.config.read_text())
        agent.config.write_text(config.replace("lease: {", "lease: {liveness: 8s, "))
        agent.launch()

        def goes_on():
            assert "the agent has hung" not in agent.log(), agent.log()
            return agent.entries()
        agent.until(goes_on)
        agent.end()
    if written:
        os.close(writer)


@pytest.mark.full
def test_files_with_all_the_addresses_that_they_may_have(running):
    """What is over the bound is left out, and read when there is room."""
    def write(name, first, count):
        running.write(name, *(service(f"s{n}", *(f"2001:db8:{n:x}::{k:x}" for k in range(10_000)))
                              .replace("namespace: default", "namespace: other") for n in range(first, first + count)))

    running.write("all.yaml", POLICY.replace("spec:", "spec:\n  serviceSelector: {matchLabels: {io.kubernetes.service.namespace: default}}"),
                  service("web", VIP))
    write("first.yaml", 0, 10)
    running.until(lambda: running.command("show", "other/s9").status == 0, 60)
    write("second.yaml", 10, 5)
    running.says("second.yaml: all Services together would take more than 256 MiB of memory; the file is left out\n", seconds=60)
    running.answers("/readyz", 503)
    write("first.yaml", 0, 1)
    running.until(lambda: running.command("show", "other/s14").status == 0, 60)
    running.wait_ready()
    running.wait_entries((VIP, "eth1"))
