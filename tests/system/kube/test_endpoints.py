# SPDX-License-Identifier: GPL-2.0-or-later
"""EndpointSlices of a real API server: which are followed, and what becomes of Services with externalTrafficPolicy
Local where that isn't known."""
import re
from itertools import groupby
from signal import SIGUSR1

import pytest
from conftest import EXCLUDED, local, service
from daemon import POLICY
from endpoints import LABEL, endpoint, on, slices
from kube import ENDPOINT_SLICES
from readers import Told, of_service, says
from test_conditions import announced  # noqa: F401 pylint: disable=unused-import
from test_events import by_lease, events  # noqa: F401 pylint: disable=unused-import
from test_pools import FIRST, balanced, pool, told  # noqa: F401 pylint: disable=unused-import
from wait import stays, wait_until

VIP, OTHER = "198.18.10.1", "198.18.10.2"
UNREAD = "externalTrafficPolicy is Local, and the Service's EndpointSlices aren't read yet"
OTHERS = "externalTrafficPolicy is Local, and this node has no ready endpoint of the Service: other nodes have one"


def followed(gate):
    """What the lists and watches of slices asked for, one after the other. What was asked for before may be again: of
    two Services applied at once, the agent may have seen one."""
    asked = (re.search(r"labelSelector=([^&]*)", line)[1].replace("%20", " ")
             for _, line in gate.requests if "/endpointslices" in line)
    return [selector for selector, _ in groupby(asked)]


@pytest.mark.smoke
def test_endpoints_come_and_go(agent, objects, gate):
    """Only the slices of Services that need them are asked for."""
    objects.apply(POLICY, service("web", VIP), on("node-2"))
    agent.start()
    agent.wait_entries((VIP, "eth1"))
    assert not followed(gate), "nobody needs them"
    objects.apply(local("web", VIP), local("api", OTHER), on("node-2"), on("node-1", of="api"))
    agent.wait_entries((OTHER, "eth1"))
    assert wait_until(lambda: followed(gate)[-1] == "kubernetes.io/service-name in (api,web)")
    agent.shows(OTHERS)
    objects.apply(on("node-1", "node-2"))
    agent.wait_entries((VIP, "eth1"), (OTHER, "eth1"))
    objects.apply(on("node-2", gone=["node-1"]))
    agent.wait_entries((OTHER, "eth1"))
    # what nothing says
    objects.delete("endpointslice", "web-1")
    agent.wait_entries((VIP, "eth1"), (OTHER, "eth1"))
    agent.shows("treated as Cluster: it has no EndpointSlice")
    objects.apply(slices(endpoint(None, ready=True)))
    assert stays(lambda: (VIP, "eth1") in agent.entries(), 0.5)
    objects.delete("service", "api")
    agent.wait_entries((VIP, "eth1"))
    assert wait_until(lambda: followed(gate)[-1] == "kubernetes.io/service-name in (web)")
    agent.answers("/readyz", 200, "ok\n")


def test_many_services_are_not_named_in_the_request(agent, objects, gate):
    """Then all slices are followed that kube-proxy follows."""
    names = [f"{'long' * 12}-{number}" for number in range(40)]
    objects.apply(POLICY, *(local(name, f"198.18.11.{number}") for number, name in enumerate(names)),
                  *(on(f"node-{1 + number % 2}", of=name) for number, name in enumerate(names)))
    agent.start()
    here = {(f"198.18.11.{number}", "eth1") for number in range(0, 40, 2)}
    agent.wait_entries(*here)
    assert followed(gate) == ["kubernetes.io/service-name,!service.kubernetes.io/headless"]
    # another one is known without a list
    objects.apply(local("web", VIP), on("node-2"))
    assert stays(lambda: set(agent.entries()) == here, 0.5)
    objects.apply(on("node-1"))
    agent.wait_entries((VIP, "eth1"), *here)
    assert followed(gate) == ["kubernetes.io/service-name,!service.kubernetes.io/headless"]


def test_a_restart_waits_for_the_slices(agent, objects, gate):
    """What a former process left stays until it is known where endpoints are; nothing new is claimed."""
    objects.apply(POLICY, local("web", VIP), on("node-1"))
    agent.start()
    agent.wait_entries((VIP, "eth1"))
    agent.end(SIGUSR1)
    gate.meddle = lambda line, answer: answer if "/endpointslices" not in line else iter(
        [b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n{}"])
    objects.apply(on("node-2"))
    agent.start()
    assert stays(lambda: set(agent.entries()) == {(VIP, "eth1")}, 1)
    agent.until(lambda: "EndpointSlice isn't listed yet: HTTP status 403" in agent.http("/readyz")[1])
    gate.meddle = None
    agent.wait_entries(seconds=15)
    agent.wait_ready()


def test_one_that_becomes_local_is_given_up_until_its_slices_are_known(agent, objects, gate):
    objects.apply(POLICY, service("web", VIP), service("api", OTHER), on("node-1"))
    agent.start()
    agent.wait_entries((VIP, "eth1"), (OTHER, "eth1"))
    gate.withhold = lambda line: "/endpointslices" in line
    # that asks for no address of a pool
    objects.apply(local("web", VIP).replace("LoadBalancer", "NodePort"))
    agent.wait_entries((OTHER, "eth1"))
    assert wait_until(lambda: of_service(agent) == ("endpoints_unknown", UNREAD))
    says(agent, "endpoints_unknown", Told(UNREAD, alone=True))
    agent.says(f"{VIP}: given up: endpoints_unknown: {UNREAD}")
    gate.withhold = None
    gate.cut()
    gate.mend()
    agent.wait_entries((VIP, "eth1"), (OTHER, "eth1"), seconds=15)


def test_slices_that_are_not_read_are_told_on_the_service(by_lease, objects, events, announced, gate, told):
    """For as long as they may be withheld."""
    agent = by_lease
    objects.apply(POLICY, service("web", VIP), on("node-1"))
    agent.start()
    said = "True", "Announced", f"{VIP} announced by node-1 on eth1"
    assert wait_until(lambda: announced() == said, 20), (announced(), agent.log())
    gate.withhold = lambda line: "/endpointslices" in line
    objects.apply(local("web", VIP))
    why = f"no node claims it; node-1: {UNREAD}"
    assert wait_until(lambda: announced() == ("False", "EndpointsUnknown", f"{VIP}: {why}"), 60), (announced(), agent.log())
    assert wait_until(lambda: ("NotAnnounced", f"no node can announce {VIP}: {why}") in events(), 20), events()


def test_a_server_without_endpoint_slices(agent, cluster, objects):
    cluster.kubectl("delete", "-f", ENDPOINT_SLICES)
    objects.apply(POLICY, local("web", VIP))
    agent.start()
    agent.wait_entries((VIP, "eth1"), seconds=15)
    agent.shows("treated as Cluster: it has no EndpointSlice")
    agent.counts("l2resp_source_kinds_missing", 1)
    cluster.apply_kinds()
    objects.apply(on("node-2"))
    agent.wait_entries(seconds=15)


def test_the_only_node_is_excluded(by_lease, objects, events, told):
    """The usual silent outage: a control plane is all there is. show, the Event and /readyz name label and node."""
    agent = by_lease
    objects.apply(POLICY, pool(), balanced("web"), EXCLUDED)
    agent.start()
    why = f"this node is excluded by its label: node-1 carries the label {LABEL}"
    said = ("NotAnnounced", f"no node can announce {FIRST}: no node claims it; node-1: {why}")
    assert wait_until(lambda: said in events(), 30), (events(), agent.log())
    agent.shows(f"excluded_node: {why}\n")
    agent.answers("/readyz", 200, f"ok; {FIRST}: {why}\n")
    agent.config.write_text(agent.config.read_text() + "\nannounce: {ignoreExclusion: true}\n")
    assert agent.end() == 0
    agent.start()
    agent.wait_entries((FIRST, "eth1"), seconds=20)
