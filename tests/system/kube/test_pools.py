# SPDX-License-Identifier: GPL-2.0-or-later
"""Address pools of a cluster: Services get what docs/pools.md promises, by one agent of several, whatever crashes."""
import json
import re
import time
import urllib.error
from signal import SIGHUP, SIGKILL, SIGUSR1

import pytest
from conftest import CRDS, service
from daemon import POLICY
from kube import CILIUM_KINDS
from wait import let_pass, slack, stays, wait_until
from wire import Wire, arp, arp_reply

FIRST, SECOND = "198.18.20.1", "198.18.20.2"
POOL = """
apiVersion: cilium.io/v2
kind: CiliumLoadBalancerIPPool
metadata: {{name: {name}}}
spec: {{blocks: [{{start: {first}, stop: {last}}}]}}
"""
NODE = """
apiVersion: v1
kind: Node
metadata: {name: node-1}
"""
SERVICES = "/api/v1/namespaces/default/services"
POOLS = "/apis/cilium.io/v2/ciliumloadbalancerippools"
OLD_POOLS = "/apis/cilium.io/v2alpha1/ciliumloadbalancerippools"
RECORD = "xdp-l2resp.io/record"
LEASE = "/apis/coordination.k8s.io/v1/namespaces/xdp-l2resp/leases/l2resp-ipam"


def pool(first=FIRST, last="198.18.20.254", name="lan"):
    return POOL.format(first=first, last=last, name=name)


def balanced(name):
    return service(name, kind="LoadBalancer")


class Told:
    """What the API server says."""

    def __init__(self, cluster):
        self.cluster = cluster

    def conditions(self, path):
        status = self.cluster.api("GET", path).get("status", {})
        return {one["type"].split("/")[1]: (one["status"], one["reason"], one["message"])
                for one in status.get("conditions", [])}

    def generations(self, path):
        """That the object at @path has, and those that its conditions are about."""
        whole = self.cluster.api("GET", path)
        return whole["metadata"].get("generation"), {one.get("observedGeneration")
                                                     for one in whole.get("status", {}).get("conditions", [])}

    def given(self):
        items = self.cluster.api("GET", SERVICES)["items"]
        return {item["metadata"]["name"]: [one["ip"] for one in item["status"]["loadBalancer"].get("ingress", [])]
                for item in items if item["spec"]["type"] == "LoadBalancer"}


def written(gate):
    """Status, but for the condition that says whether a Service is announced."""
    return [line for _, line in gate.requests
            if line.startswith("PATCH") and "/status" in line and "fieldManager" not in line]


@pytest.fixture
def told(cluster):
    cluster.kubectl("delete", "lease", "-n", "xdp-l2resp", "l2resp-ipam", "l2resp-status", check=False)
    return Told(cluster)


@pytest.mark.smoke
def test_a_service_gets_an_address_and_is_answered_for(agent, lan, objects, told):
    objects.apply(POLICY, balanced("web"))
    agent.start()
    assert stays(lambda: told.given() == {"web": []} and agent.entries() == {}, 1)
    objects.apply(pool())
    agent.wait_entries((FIRST, "eth1"), seconds=10)
    with Wire(lan.client, "eth0") as wire:
        assert wire.answered(arp(FIRST), arp_reply(FIRST))
    assert told.given() == {"web": [FIRST]}
    assert told.conditions(f"{SERVICES}/web")["IPAMRequestSatisfied"] == ("True", "satisfied", "")
    wanted = {"PoolConflict": ("False", "resolved", "no conflict"), "IPsTotal": ("Unknown", "noreason", "254"),
              "IPsAvailable": ("Unknown", "noreason", "253"), "IPsUsed": ("Unknown", "noreason", "1")}
    assert wait_until(lambda: told.conditions(f"{POOLS}/lan") == wanted), agent.log()
    assert FIRST in told.cluster.kubectl("get", "service", "web").stdout
    agent.counts('l2resp_pool_addresses{pool="lan",state="used"}', 1)
    # and at rest nothing is written
    before = written(agent.gate)
    let_pass(2, "nothing is written meanwhile")
    assert written(agent.gate) == before


def test_what_cannot_be_given_is_told(agent, objects, told):
    objects.apply(POLICY, pool(FIRST, FIRST), pool(FIRST, SECOND, "younger"), balanced("older"))
    agent.start()
    assert wait_until(lambda: told.given() == {"older": [FIRST]}, 10)
    objects.apply(balanced("web"))
    assert wait_until(lambda: "IPAMRequestSatisfied" in told.conditions(f"{SERVICES}/web"))
    state, reason, _ = told.conditions(f"{SERVICES}/web")["IPAMRequestSatisfied"]
    assert (state, reason) == ("False", "out_of_ips")
    assert wait_until(lambda: told.conditions(f"{POOLS}/younger").get("PoolConflict", [""])[0] == "True")
    # what the older gives back the other gets
    objects.delete("service", "older")
    assert wait_until(lambda: told.given() == {"web": [FIRST]})
    agent.wait_entries((FIRST, "eth1"))
    assert told.conditions(f"{SERVICES}/web")["IPAMRequestSatisfied"][0] == "True"
    # and by show also where another decides
    objects.apply(balanced("late"))
    assert wait_until(lambda: "IPAMRequestSatisfied" in told.conditions(f"{SERVICES}/late"))
    reason = told.conditions(f"{SERVICES}/late")["IPAMRequestSatisfied"][2]
    why = f"pools give it nothing: pool_exhausted: the pools that serve the Service have no free address: {reason}\n"
    assert reason
    agent.shows(why, "show default/late")
    agent.config.write_text(agent.config.read_text().replace("token:", "pools: false, token:", 1))
    agent.signal(SIGHUP)
    agent.says("configuration read again")
    agent.shows(why, "show default/late")


def test_who_does_not_decide_says_that_a_decision_is_to_come(agent, objects, told):
    agent.gate.withhold = lambda line: "l2resp-ipam" in line
    objects.apply(POLICY, balanced("web"))
    agent.start()
    agent.shows("no_pool: no pool in use serves the Service", "show default/web")
    objects.apply(pool())
    agent.shows("pools_wait: the pools give nothing new for now: what they decide isn't in force yet", "show default/web")
    agent.gate.withhold = None
    agent.wait_entries((FIRST, "eth1"), seconds=60)


def test_without_a_pool_no_service_is_touched(agent, objects, told):
    objects.apply(POLICY, balanced("web"))
    objects.status("web", "198.18.10.9")
    agent.start()
    agent.wait_entries(("198.18.10.9", "eth1"), seconds=10)
    let_pass(2, "nothing is written meanwhile")
    assert not [line for line in written(agent.gate) if "/services" in line]


def test_a_nodes_own_addresses_are_not_given(agent, lan, objects, told):
    """Of its Node's status, and of its devices; the leader takes part in the leases to know the others'."""
    lan.server.ip(f"address add {SECOND}/15 dev eth1")
    objects.apply(NODE)
    objects.cluster.api("PATCH", "/api/v1/nodes/node-1/status", {"status": {"addresses": [
        {"type": "Hostname", "address": "node-1"}, {"type": "ExternalIP", "address": FIRST}]}}, kind="application/merge-patch+json")
    objects.apply(POLICY, pool(), balanced("web"))
    agent.start()
    agent.wait_entries(("198.18.20.3", "eth1"), seconds=10)
    wanted = "252", "251"
    assert wait_until(lambda: tuple(told.conditions(f"{POOLS}/lan").get(name, [""] * 3)[2] for name in ("IPsTotal", "IPsAvailable")) == wanted)


def test_another_nodes_addresses_are_not_given(agent, objects, told):
    """Of a Node where no agent runs."""
    objects.apply(NODE.replace("node-1", "node-2"))
    objects.cluster.api("PATCH", "/api/v1/nodes/node-2/status", {"status": {"addresses": [
        {"type": "InternalIP", "address": FIRST}]}}, kind="application/merge-patch+json")
    objects.apply(pool(), balanced("web"))
    agent.start()
    assert wait_until(lambda: told.given() == {"web": [SECOND]}), told.given()


def test_a_restart_keeps_what_was_given(agent, objects, told):
    objects.apply(POLICY, pool(), balanced("older"), balanced("web"))
    agent.start()
    agent.wait_entries((FIRST, "eth1"), (SECOND, "eth1"), seconds=10)
    agent.end(SIGUSR1)
    objects.delete("service", "older")
    agent.start()
    agent.wait_entries((SECOND, "eth1"), seconds=10)
    objects.apply(balanced("new"))
    # the lease of the former process runs out first
    assert wait_until(lambda: told.given() == {"web": [SECOND], "new": [FIRST]}, 50), told.given()


def test_a_pool_that_is_wrong_after_a_restart(agent, objects, told):
    """What came from it stays, and nothing is given until it is right."""
    objects.apply(POLICY, pool(), balanced("web"))
    agent.start()
    agent.wait_entries((FIRST, "eth1"), seconds=10)
    objects.apply(pool(first="198.18.20.255"), pool("198.18.21.1", "198.18.21.9", "other"))
    agent.says("runs backwards")
    agent.end()
    agent.start()
    objects.apply(balanced("new"))
    agent.shows("pools_wait: the pools give nothing new for now: pool lan: ", "show default/new", seconds=30)
    assert stays(lambda: told.given() == {"web": [FIRST], "new": []}, 2)
    objects.apply(pool())
    assert wait_until(lambda: told.given() == {"web": [FIRST], "new": [SECOND]}, 10), told.given()


@pytest.mark.smoke
@pytest.mark.parametrize("block", (
    {"cidr": "198.18.20.0/33"}, {"cidr": "198.18.20.0"}, {"start": "198.18.20.256", "stop": FIRST}, {"start": FIRST, "stop": "lan"}))
def test_the_server_refuses_a_wrong_block(objects, block):
    def post(name, *blocks):
        objects.cluster.api("POST", POOLS, {"apiVersion": "cilium.io/v2", "kind": "CiliumLoadBalancerIPPool",
                                            "metadata": {"name": name}, "spec": {"blocks": blocks}})

    post("right", {"cidr": "2001:db8::/64"}, {"start": FIRST, "stop": SECOND})
    with pytest.raises(urllib.error.HTTPError, match="422"):
        post("wrong", block)


def test_answers_that_are_lost_give_nothing_twice(agent, objects, told, gate):
    """Writes are carried out, but the answers don't arrive; then the agent is killed."""
    def lose(line, answer):
        if not line.startswith("PATCH") or "/status" not in line:
            return answer
        b"".join(answer)
        return iter(())

    objects.apply(POLICY, pool("198.18.20.1", "198.18.20.5"))
    agent.start()
    agent.says("this node gives")
    gate.meddle = lose
    objects.apply(*(balanced(f"web{number}") for number in range(3)))
    assert wait_until(lambda: sum(map(len, told.given().values())) == 3, 15)
    objects.delete("service", "web1")
    objects.apply(balanced("web3"), balanced("web4"))
    assert wait_until(lambda: sum(map(len, told.given().values())) == 4, 15)
    agent.end(SIGKILL)
    gate.meddle = None
    objects.apply(balanced("web5"), balanced("web6"))
    agent.start()
    assert wait_until(lambda: sum(map(len, told.given().values())) == 5, 60)
    given = [ip for ips in told.given().values() for ip in ips]
    assert len(set(given)) == len(given) == 5


def test_what_may_have_been_written_is_given_to_nobody_else(agent, objects, told, gate):
    """Neither the answer to a write nor the watch tells that it was carried out, and meanwhile a pool changes.
    What the watch shows of that Service becomes a bookmark of the same length."""
    def hide(line, answer):
        if "/services/a/status" in line:
            b"".join(answer)
            return iter(())
        return (re.sub(rb'"MODIFIED"(?=,"object":{[^\n]*?"name":"a")', b'"BOOKMARK"', data) for data in answer)

    objects.apply(POLICY, balanced("a"), balanced("b"))
    agent.start()
    assert wait_until(lambda: agent.metrics()["l2resp_source_known"], 10)
    gate.meddle = hide
    gate.cut()
    gate.mend()
    objects.apply(pool(FIRST, FIRST))
    assert wait_until(lambda: told.given() == {"a": [FIRST], "b": []}, 20), told.given()
    # the agent doesn't know; a's address would now be b's
    objects.apply(pool(FIRST, FIRST).replace(
        "}]}", "}], serviceSelector: {matchLabels: {io.kubernetes.service.name: b}}}"))
    assert stays(lambda: told.given() == {"a": [FIRST], "b": []}, 4)
    gate.meddle = None
    gate.cut()
    gate.mend()
    told.cluster.api("PATCH", f"{SERVICES}/a", {"metadata": {"annotations": {"seen": "again"}}},
                     kind="application/merge-patch+json")
    assert wait_until(lambda: told.given() == {"a": [], "b": [FIRST]}, 30), told.given()


def test_a_server_that_keeps_no_conditions_of_services(agent, objects, told, gate):
    """Nothing is written again and again for them."""
    def forget(line, answer):
        for data in answer if "watch=1" in line else [b"".join(answer)]:
            yield re.sub(rb',"conditions":\[[^]]*\]', lambda found: b" " * len(found[0]), data) \
                if "/services" in line else data

    gate.meddle = forget
    objects.apply(POLICY, pool(), balanced("web"))
    agent.start()
    agent.wait_entries((FIRST, "eth1"), seconds=10)
    agent.says("keeps no conditions of Services")
    let_pass(2, "nothing more is written meanwhile")
    assert written(gate).count(f"PATCH {SERVICES}/web/status") == 1
    assert wait_until(lambda: any("fieldManager=xdp-l2respd-announced" in line for _, line in gate.requests), 20)
    assert agent.log().count("keeps no conditions of Services") == 1


def test_who_lost_the_lease_waits_until_the_other_is_gone(agent, objects, told):
    objects.apply(POLICY, pool())
    agent.start()
    agent.says("this node gives")
    holder = told.cluster.api("GET", LEASE)["spec"]["holderIdentity"]
    assert holder.startswith("node-1_")
    # another agent, that doesn't renew
    lease, other = told.cluster.api("GET", LEASE), "f" * 32
    record = json.loads(lease["metadata"]["annotations"][RECORD]) | {"id": other, "session": "f" * 16}
    lease["metadata"]["annotations"][RECORD] = json.dumps(record)
    lease["spec"]["holderIdentity"] = f"node-2_{other}"
    begun = time.monotonic()
    told.cluster.api("PUT", LEASE, lease)
    agent.says("no longer gives")
    objects.apply(balanced("web"))
    assert wait_until(lambda: told.given() == {"web": [FIRST]}, 50)
    assert time.monotonic() - begun > 12


def test_who_overwrites_the_lease_by_hand_does_not_lead(agent, objects, told):
    objects.apply(POLICY, pool())
    agent.start()
    agent.says("this node gives")
    holder = told.cluster.api("GET", LEASE)["spec"]["holderIdentity"]
    told.cluster.api("PATCH", LEASE, {"spec": {"holderIdentity": "somebody"}}, kind="application/merge-patch+json")
    assert wait_until(lambda: told.cluster.api("GET", LEASE)["spec"]["holderIdentity"] == holder, 10)


@pytest.mark.smoke
def test_who_ends_in_order_gives_the_lead_to_another_at_once(agent, objects, told):
    """What is being written is written first; a lease that ran out would take 15 s."""
    objects.apply(POLICY, pool(), balanced("web"))
    agent.start()
    assert wait_until(lambda: told.given() == {"web": [FIRST]}, 10), agent.log()
    agent.end()
    record = json.loads(told.cluster.api("GET", LEASE)["metadata"]["annotations"][RECORD])
    assert record["state"] == "ended"
    objects.apply(balanced("more"))
    begun = time.monotonic()
    # another agent: its id is new with each start
    agent.start()
    assert wait_until(lambda: told.given()["more"], 10), agent.log()
    assert time.monotonic() - begun < 5 * slack()


@pytest.fixture
def serve(cluster, agent):
    """serve(*VERSIONS): of pools the API server has these, and no others."""
    def only(*versions):
        text = CILIUM_KINDS.read_text()
        before, pools = text.split("name: ciliumloadbalancerippools.cilium.io")
        for version in {"v2", "v2alpha1"} - set(versions):
            assert f"- name: {version}\n    served: true\n" in pools
            pools = pools.replace(f"- name: {version}\n    served: true\n", f"- name: {version}\n    served: false\n")
        cluster.apply(before + "name: ciliumloadbalancerippools.cilium.io" + pools)
        for version in "v2", "v2alpha1":
            listed = "get", "--raw", f"/apis/cilium.io/{version}/{CRDS[1]}"
            assert wait_until(lambda: (not cluster.kubectl(*listed, check=False).returncode) == (version in versions), 30)

    yield only
    # with a served version what the test made can be removed
    only("v2", "v2alpha1")


def posted(gate, start):
    return [line for _, line in gate.requests if line.startswith(f"PATCH {start}")]


@pytest.mark.smoke
@pytest.mark.parametrize("written", ("v2", "v2alpha1"))
def test_a_pool_of_either_version(agent, objects, told, written):
    """The server has both: the newer is followed, and its status written."""
    objects.apply(POLICY, pool().replace("cilium.io/v2\n", f"cilium.io/{written}\n"), balanced("web"))
    agent.start()
    agent.wait_entries((FIRST, "eth1"), seconds=10)
    assert wait_until(lambda: len(told.conditions(f"{POOLS}/lan")) == 4), agent.log()
    assert told.conditions(f"{OLD_POOLS}/lan") == told.conditions(f"{POOLS}/lan")
    assert posted(agent.gate, POOLS) and not posted(agent.gate, OLD_POOLS)
    assert told.generations(f"{POOLS}/lan") == (1, {1})
    # the conditions say of which specification they are
    objects.apply(pool(last="198.18.20.253").replace("cilium.io/v2\n", f"cilium.io/{written}\n"))
    assert wait_until(lambda: told.generations(f"{POOLS}/lan") == (2, {2})), told.generations(f"{POOLS}/lan")


def test_the_version_that_is_served(agent, objects, told, serve):
    """An older server, then a newer one, and one that is put back: pools count, and their status is written."""
    def counted(path, name, total):
        return wait_until(lambda: told.conditions(f"{path}/{name}").get("IPsTotal", [""] * 3)[2] == total, 30)

    serve("v2alpha1")
    old = pool(FIRST, FIRST, "old").replace("cilium.io/v2\n", "cilium.io/v2alpha1\n")
    objects.apply(POLICY, old, balanced("web"))
    agent.start()
    agent.wait_entries((FIRST, "eth1"), seconds=10)
    assert counted(OLD_POOLS, "old", "1"), agent.log()
    serve("v2")
    objects.apply(pool(SECOND, SECOND, "new"), balanced("more"))
    agent.wait_entries((FIRST, "eth1"), (SECOND, "eth1"), seconds=30)
    assert counted(POOLS, "new", "1"), agent.log()
    agent.says("cilium.io/v2alpha1 isn't served any more; cilium.io/v2 is followed")
    serve("v2alpha1")
    objects.apply(old.replace(f"stop: {FIRST}", "stop: 198.18.19.255").replace(f"start: {FIRST}", "start: 198.18.19.1"))
    assert counted(OLD_POOLS, "old", "255"), agent.log()
    agent.says("cilium.io/v2 isn't served any more; cilium.io/v2alpha1 is followed")
    agent.counts("l2resp_source_kinds_missing", 0)
    agent.wait_ready()


def test_pools_that_are_served_no_more_do_not_count_for_ever(agent, objects, told, serve):
    objects.apply(POLICY, pool(FIRST, FIRST), balanced("web"))
    agent.start()
    agent.wait_entries((FIRST, "eth1"), seconds=10)
    serve()
    assert wait_until(lambda: "CiliumLoadBalancerIPPool isn't served any more" in agent.http("/readyz")[1], 60), agent.log()
    assert told.given() == {"web": [FIRST]}
    assert wait_until(lambda: told.given() == {"web": []}, 120), agent.log()
    agent.wait_entries()
    agent.says("CiliumLoadBalancerIPPool: its objects count no more")
    agent.wait_ready()
    serve("v2")
    agent.wait_entries((FIRST, "eth1"), seconds=60)
