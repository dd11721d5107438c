# SPDX-License-Identifier: GPL-2.0-or-later
"""What people are told on a Service, in Events of a real API server."""
import time

import pytest
from conftest import service
from daemon import POLICY
from test_pools import FIRST, balanced, pool, told  # noqa: F401 pylint: disable=unused-import
from wait import let_pass, slack, stays, wait_until

VIP = "198.18.10.1"
EVENTS = "/api/v1/namespaces/default/events"
SHARED = ("lease: {{engine: kubernetes, server: '{url}', token: {token}, duration: 5s, renewDeadline: 4s, "
          "retryPeriod: 1s}}")


@pytest.fixture
def events(cluster):
    """Those of the test's Services: {(reason, message): Event}."""
    cluster.api("DELETE", EVENTS)

    def read():
        return {(one["reason"], one["message"]): one for one in cluster.api("GET", EVENTS)["items"]
                if one["involvedObject"]["kind"] == "Service"}
    return read


@pytest.fixture
def by_lease(agent, cluster, gate, scratch):
    """The agent's lease engine is the cluster."""
    cluster.kubectl("delete", "lease", "-n", "xdp-l2resp", "--all")
    lines = agent.config.read_text().splitlines()
    agent.config.write_text("\n".join(SHARED.format(url=gate.url, token=scratch / "token") if line.startswith("lease:")
                                      else line for line in lines))
    return agent


def test_labels_of_leases(by_lease, cluster, objects, told):
    """As `kubectl get lease -L` shows them, and without the node once the claim is released."""
    agent = by_lease
    long = "n" * 63
    objects.apply(POLICY, service("web", VIP), service(long, "2001:db8::"))
    agent.lan.enable_ipv6()
    agent.start()
    agent.wait_entries((VIP, "eth1"), ("2001:db8::", "eth1"), seconds=10)

    def shown():
        labels = ",".join(f"xdp-l2resp.io/{name}" for name in ("address", "namespace", "service", "node"))
        out = cluster.kubectl("get", "lease", "-n", "xdp-l2resp", "-L", labels, "--no-headers").stdout
        return {tuple(line.split()[3:]) for line in out.splitlines() if line.startswith("l2resp-c612") or "20010db8" in line}

    assert shown() == {("198.18.10.1", "default", "web", "node-1"), ("2001-db8--0", "default", long, "node-1")}
    of = ("get", "lease", "-n", "xdp-l2resp", "-o", "name", "-l")
    claim = "lease.coordination.k8s.io/l2resp-c6120a01\n"
    assert cluster.kubectl(*of, "xdp-l2resp.io/service=web,xdp-l2resp.io/node=node-1").stdout == claim
    objects.delete("service", "web")
    assert wait_until(lambda: cluster.kubectl(*of, "xdp-l2resp.io/service=web,!xdp-l2resp.io/node").stdout == claim)


def writes(gate):
    return [line for _, line in gate.requests if "/events" in line]


@pytest.mark.smoke
def test_announced(agent, cluster, objects, events, told):
    """As a kubelet would have it, and as kubectl shows it."""
    objects.apply(POLICY, pool(), balanced("web"))
    agent.start()
    agent.wait_entries((FIRST, "eth1"), seconds=10)
    said = ("Announced", f"{FIRST} announced by node-1 on eth1")
    assert wait_until(lambda: set(events()) == {said}), (events(), agent.log())
    event = events()[said]
    web = cluster.api("GET", "/api/v1/namespaces/default/services/web")["metadata"]
    assert event["involvedObject"] == {"apiVersion": "v1", "kind": "Service", "namespace": "default", "name": "web",
                                       "uid": web["uid"]}
    assert (event["type"], event["count"]) == ("Normal", 1)
    assert event["source"] == {"component": "xdp-l2respd", "host": "node-1"}
    assert (event["reportingComponent"], event["reportingInstance"]) == ("xdp-l2respd", "node-1")
    assert event["firstTimestamp"] == event["lastTimestamp"]
    described = cluster.kubectl("describe", "service", "web").stdout.splitlines()
    assert [line.split()[:2] + line.split()[3:] for line in described if FIRST in line][-1] == \
        ["Normal", "Announced", "xdp-l2respd", *said[1].split()]
    assert f"service/web   {said[1]}" in cluster.kubectl("get", "events").stdout


def test_nobody_may_announce(by_lease, objects, events, told):
    agent = by_lease
    objects.apply(pool(), balanced("web"))
    agent.start()
    unselected = ("NotAnnounced", f"no node can announce {FIRST}: there is no CiliumL2AnnouncementPolicy")
    assert wait_until(lambda: set(events()) == {unselected}, 20), (events(), agent.log())
    assert events()[unselected]["type"] == "Warning"
    # both are false where nothing is said
    objects.apply(POLICY.replace("loadBalancerIPs: true", "loadBalancerIPs: false"))
    silent = ("NotAnnounced", f"no node can announce {FIRST}: the policies that select the Service don't "
              "announce addresses of this field: policy policy1, without loadBalancerIPs: true")
    assert wait_until(lambda: silent in events(), 20), events()
    objects.apply(POLICY + "  nodeSelector: {matchLabels: {kubernetes.io/hostname: node-9}}\n")
    elsewhere = ("NotAnnounced", f"no node can announce {FIRST}: no node claims it; node-1: the policies that "
                 "select the Service don't select this node: policy policy1 selects "
                 "kubernetes.io/hostname=node-9; node-1 has no Node object here, so no label "
                 "but kubernetes.io/hostname is known to be there or absent")
    assert wait_until(lambda: elsewhere in events(), 20), events()
    objects.apply(POLICY + "  nodeSelector: {matchLabels: {kubernetes.io/hostname: node-1}}\n")
    assert wait_until(lambda: ("Announced", f"{FIRST} announced by node-1 on eth1") in events(), 20), events()
    # as long as it is so it isn't said again
    assert all(event["count"] == 1 for event in events().values())
    assert len(writes(agent.gate)) == len(events())


def test_what_is_no_business_of_ours(by_lease, objects, events, told):
    """External addresses that no policy has may be routed."""
    objects.apply(POLICY + "  serviceSelector: {matchLabels: {none: has}}\n", service("routed", VIP))
    by_lease.start()
    assert stays(lambda: not events(), 12), events()


def test_an_address_that_flaps(agent, objects, events, gate):
    """One Event that counts, and no more than five writes in a row."""
    objects.apply(POLICY, service("web", VIP))
    agent.start()
    said = ("Announced", f"{VIP} announced by node-1 on eth1")
    assert wait_until(lambda: said in events(), 10), agent.log()
    for times in 2, 3, 4, 5, 5, 5, 5, 5:
        assert agent.command("drain").status == 0
        agent.wait_entries()
        assert agent.command("resume").status == 0
        agent.wait_entries((VIP, "eth1"))
        let_pass(0.4, "an Event of each")
        # on its way, two would become one
        assert wait_until(lambda most=times: events()[said]["count"] >= most), events()
    assert stays(lambda: events()[said]["count"] == 5, 0.5), events()
    assert set(events()) == {said}
    assert events()[said]["lastTimestamp"] > events()[said]["firstTimestamp"]
    assert [line.split()[0] for line in writes(gate)] == ["POST"] + 4 * ["PATCH"]


def test_who_cannot_write_them_announces_all_the_same(agent, objects, events, gate):
    def refuse(line, answer):
        if "/events" not in line:
            return answer
        return iter([b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n{}"])

    def hang(line, answer):
        if "/events" in line:
            let_pass(30, "a server that hangs")
        return answer

    objects.apply(POLICY, service("web", VIP))
    gate.meddle = refuse
    agent.start()
    agent.wait_entries((VIP, "eth1"))
    agent.says("can't write an Event for the Service default/web: HTTP status 403")
    gate.meddle = hang
    for number in range(2, 5):
        begun = time.monotonic()
        objects.apply(service("web", f"198.18.10.{number}"))
        agent.wait_entries((f"198.18.10.{number}", "eth1"))
        assert time.monotonic() - begun < 2 * slack()
    assert wait_until(lambda: len(writes(gate)) == 2), writes(gate)
    agent.wait_ready()


def test_an_event_that_is_gone_is_written_anew(agent, cluster, objects, events):
    objects.apply(POLICY, service("web", VIP))
    agent.start()
    assert wait_until(lambda: len(events()) == 1, 10)
    cluster.api("DELETE", EVENTS)
    assert agent.command("drain").status == 0
    agent.wait_entries()
    assert agent.command("resume").status == 0
    assert wait_until(lambda: [one["count"] for one in events().values()] == [1], 10), agent.log()
