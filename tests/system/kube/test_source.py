# SPDX-License-Identifier: GPL-2.0-or-later
"""The agent follows a real API server. What goes wrong on the way goes wrong at the gate between them."""
import base64
import json
import re
from signal import SIGHUP, SIGUSR1

import pytest
from conftest import COLLECTIONS, CRDS, service
from daemon import POLICY
from kube import ADMIN
from test_pools import pool
from wait import let_pass, stays, wait_until
from wire import Wire, arp, arp_reply

VIP, OTHER = "198.18.10.1", "198.18.10.2"
OWN = "another node has it as its own address"
NODE = """
apiVersion: v1
kind: Node
metadata: {{name: {name}, labels: {{zone: "{zone}"}}}}
"""
ZONED = POLICY + "  nodeSelector: {matchLabels: {zone: a}}\n"


def following(agent):
    return wait_until(lambda: agent.metrics()["l2resp_source_known"], 10)


@pytest.mark.smoke
def test_objects_come_change_and_go(agent, lan, objects):
    agent.start()
    assert following(agent)
    objects.apply(POLICY, service("web", VIP))
    agent.wait_entries((VIP, "eth1"))
    with Wire(lan.client, "eth0") as wire:
        assert wire.answered(arp(VIP), arp_reply(VIP))
    objects.apply(service("web", VIP, OTHER))
    agent.wait_entries((VIP, "eth1"), (OTHER, "eth1"))
    objects.apply(service("web", VIP, OTHER, kind="LoadBalancer"))
    objects.status("web", "198.18.10.3")
    agent.wait_entries(*((ip, "eth1") for ip in (VIP, OTHER, "198.18.10.3")))
    objects.delete("service", "web")
    agent.wait_entries()
    objects.apply(service("web", VIP))
    agent.wait_entries((VIP, "eth1"))
    objects.delete(CRDS[0], "policy1")
    agent.wait_entries()
    agent.wait_ready()


@pytest.mark.smoke
def test_the_labels_of_this_node_count(agent, objects, gate):
    objects.apply(ZONED, service("web", VIP), NODE.format(name="node-1", zone="b"), NODE.format(name="node-2", zone="a"))
    agent.start()
    assert following(agent)
    agent.wait_entries()
    # of other nodes nothing need be known before something is wanted here
    assert all("fieldSelector" in line for _, line in gate.requests if "/nodes" in line)
    objects.apply(NODE.format(name="node-1", zone="a"))
    agent.wait_entries((VIP, "eth1"))
    objects.apply(NODE.format(name="node-1", zone="b"))
    agent.wait_entries()


UNLABELLED = POLICY + "  nodeSelector: {matchExpressions: [{key: zone, operator: DoesNotExist}]}\n"


def test_a_node_of_which_nothing_is_known(agent, objects):
    """No label counts as absent, but its name is known; deleted, it is excluded until it is there again."""
    objects.apply(UNLABELLED, service("web", VIP))
    agent.start()
    agent.shows("policy policy1 selects !zone; node-1 has no Node object here, so no label but kubernetes.io/hostname is known "
                "to be there or absent")
    assert agent.log().count("Node: node-1: there is none; nodeSelectors are compared with kubernetes.io/hostname alone") == 1
    objects.apply(NODE.format(name="node-1", zone="a").replace('labels: {zone: "a"}', "labels: {}"))
    agent.wait_entries((VIP, "eth1"))
    objects.delete("node", "node-1")
    agent.wait_entries()
    objects.delete(CRDS[0], "policy1")
    objects.apply(POLICY)
    agent.shows("this node is excluded until it has a Node object again: the Node node-1 was deleted\n")
    objects.apply(NODE.format(name="node-1", zone="b"))
    agent.wait_entries((VIP, "eth1"))
    # while no watch could show it
    agent.gate.cut()
    objects.delete("node", "node-1")
    agent.gate.mend()
    agent.wait_entries(seconds=15)
    agent.end()
    agent.start()
    # unknown to this process
    agent.wait_entries((VIP, "eth1"))


@pytest.mark.smoke
def test_a_service_with_odd_parts_does_not_hide_the_others(agent, cluster, objects):
    """All of which the server takes from whoever may write a Service, and serves; jansson takes none."""
    def make(name, **metadata):
        text = json.dumps({"metadata": {"name": name} | metadata, "spec": {"ports": [{"port": 80}], "externalIPs": [VIP]}})
        cluster.api("POST", COLLECTIONS["service"], text.replace("@", "\udcff").encode("utf-8", "surrogateescape"))

    def managed(fields):
        return [{"manager": "x", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": fields}]

    deep: dict = {}
    for _ in range(500):
        deep = {"f:a": deep}
    objects.apply(POLICY)
    make("a", annotations={"x": "\0"})
    make("b", managedFields=managed({"f:\0": {}}))
    make("c", managedFields=managed({"f:@": {}}))
    made = cluster.api("GET", COLLECTIONS["service"], raw=True)
    assert made.count(b"\\u0000") == 2 and b"f:\xff" in made
    objects.apply(service("web", OTHER))
    agent.start()
    agent.wait_entries((VIP, "eth1"), (OTHER, "eth1"))
    make("d", managedFields=managed(deep))
    make("e", annotations={"x": "\0"})
    objects.delete("service", "web")
    agent.wait_entries((VIP, "eth1"))
    for name in "abcde":
        objects.delete("service", name)
    agent.wait_entries()
    agent.wait_ready()


def test_what_another_node_has_is_not_claimed(agent, cluster, objects):
    """By its status, although no agent runs there that could say so."""
    def have(name, *ips):
        cluster.api("PATCH", f"/api/v1/nodes/{name}/status", {"status": {"addresses": [
            {"type": "InternalIP", "address": ip} for ip in ips]}}, kind="application/merge-patch+json")

    objects.apply(POLICY, service("web", VIP, OTHER), NODE.format(name="node-1", zone="a"), NODE.format(name="node-2", zone="a"))
    have("node-1", OTHER)
    have("node-2", VIP)
    agent.start()
    agent.wait_entries((OTHER, "eth1"))
    agent.counts('l2resp_addresses_blocked{reason="node_address"}', 1)
    agent.says(f"{VIP}: not announced: {OWN}: node-2\n")
    # it hasn't any more
    have("node-2")
    agent.wait_entries((OTHER, "eth1"), (VIP, "eth1"))
    have("node-2", VIP)
    agent.wait_entries((OTHER, "eth1"))
    objects.delete("node", "node-2")
    agent.wait_entries((OTHER, "eth1"), (VIP, "eth1"))
    agent.wait_ready()


@pytest.mark.smoke
def test_what_is_wrong_with_a_policy_is_in_its_status(agent, cluster, objects):
    def conditions():
        status = cluster.api("GET", f"/apis/cilium.io/v2alpha1/{CRDS[0]}/policy1").get("status", {})
        return {one["type"]: (one["status"], one["message"]) for one in status.get("conditions", [])}

    cluster.kubectl("delete", "lease", "-n", "xdp-l2resp", "l2resp-ipam", check=False)
    bad_key = "  nodeSelector: {matchLabels: {'-': a}}\n"
    objects.apply(POLICY.replace("eth1", "eth1(") + bad_key, service("web", VIP))
    agent.start()
    assert wait_until(lambda: len(conditions()) == 2, 10), agent.log()
    state, message = conditions()["io.cilium/bad-interface-regex"]
    assert state == "True" and "eth1(" in message
    assert conditions()["io.cilium/bad-node-selector"][0] == "True"
    agent.wait_entries()
    agent.answers("/readyz", 503)
    agent.says("; it is left out\n")
    assert "as it was before" not in agent.log()
    # once, though the status makes it another version, and without a namespace's slash
    assert agent.log().count("CiliumL2AnnouncementPolicy: policy1: ") == 1, agent.log()
    status, body = agent.http("/readyz")
    assert status == 503 and body.startswith("1 manifest is wrong: policy1: ") and body.endswith("; it is left out\n")
    objects.apply(POLICY + "  nodeSelector: {matchLabels: {kubernetes.io/hostname: node-1}}\n")
    agent.wait_entries((VIP, "eth1"))
    assert wait_until(lambda: {state for state, _ in conditions().values()} == {"False"}, 10), conditions()
    agent.wait_ready()


def test_crds_that_come_later(agent, cluster, objects):
    cluster.kubectl("delete", "crd", *(f"{name}.cilium.io" for name in CRDS))
    objects.apply(service("web", VIP))
    agent.start()
    assert following(agent)
    agent.counts("l2resp_source_kinds_missing", 2)
    agent.says("CiliumL2AnnouncementPolicy: the server doesn't know this kind")
    cluster.apply_kinds()
    objects.apply(POLICY)
    agent.wait_entries((VIP, "eth1"), seconds=15)
    agent.counts("l2resp_source_kinds_missing", 0, 15)


def test_without_the_server_all_stays(agent, lan, objects, gate):
    objects.apply(POLICY, service("web", VIP))
    agent.start()
    agent.wait_entries((VIP, "eth1"))
    gate.cut()
    agent.counts("l2resp_source_reachable", 0)
    objects.apply(service("web", OTHER))
    with Wire(lan.client, "eth0") as wire:
        assert wire.answered(arp(VIP), arp_reply(VIP))
    agent.wait_ready()
    gate.mend()
    agent.wait_entries((OTHER, "eth1"), seconds=15)
    # each kind is followed by itself
    agent.counts("l2resp_source_reachable", 1, 15)


def test_a_restart_waits_for_the_list(agent, lan, objects, gate):
    """What a former process left is answered for until it's known what should be."""
    objects.apply(POLICY, service("web", VIP))
    agent.start()
    agent.wait_entries((VIP, "eth1"))
    agent.end(SIGUSR1)
    gate.cut()
    agent.start()
    assert stays(lambda: "isn't listed yet" in agent.http("/readyz")[1] and set(agent.entries()) == {(VIP, "eth1")}, 3)
    agent.answers("/readyz", 503)
    with Wire(lan.client, "eth0") as wire:
        assert wire.answered(arp(VIP), arp_reply(VIP))
    gate.mend()
    assert following(agent)
    agent.wait_entries((VIP, "eth1"))
    assert agent.metrics()["l2resp_announcements_total"] == 0, "nothing was gained"


KUBECONFIG = {
    "apiVersion": "v1", "kind": "Config", "current-context": "there", "preferences": {},
    "contexts": [{"name": "other", "context": {"cluster": "none", "user": "none"}},
                 {"name": "there", "context": {"cluster": "real", "user": "admin"}}],
    "clusters": [{"name": "real", "cluster": {}}], "users": [{"name": "admin", "user": {}}]}


@pytest.mark.smoke
def test_check_refuses_what_is_no_login(agent, scratch):
    def told(cluster, user=None):
        made = json.loads(json.dumps(KUBECONFIG))
        made["clusters"][0]["cluster"] = cluster
        made["users"][0]["user"] = user or {}
        (scratch / "kubeconfig").write_text(json.dumps(made))
        agent.configure(f"{{kubeconfig: {scratch}/kubeconfig}}")
        done = agent.command("--config", agent.config, "--dry-run")
        assert done.status == 78
        return done.err

    server = {"server": "https://127.0.0.1:1"}
    assert "the cluster has no server" in told({})
    assert "isn't verified" in told(server | {"insecure-skip-tls-verify": True})
    assert "exec isn't known here" in told(server, {"exec": {}})
    assert "certificate-authority-data isn't base64" in told(server | {"certificate-authority-data": "&"})
    agent.configure("{kubeconfig: /nonexistent}")
    assert "/nonexistent" in agent.command("--config", agent.config, "--dry-run").err
    assert "no http:// or https:// server" in told({"server": "ftp://x"})
    secret = told({"server": "https://admin:secret@127.0.0.1:1"})
    assert "a user or password in the URL of the server isn't supported" in secret and "secret" not in secret


@pytest.mark.parametrize("how", ("inline", "files", "both"))
def test_a_kubeconfig(agent, lan, cluster, objects, scratch, tunnel, how):
    """kubectl's: a CA and a token inline; a CA and a certificate by names beside it; a CA in lines, what is empty, and a token
    that the file of its name replaces."""
    made = json.loads(json.dumps(KUBECONFIG))
    ca = cluster.tls["ca"] + ".crt"
    if how != "files":
        with open(ca, "rb") as stream:
            data = base64.b64encode(stream.read()).decode()
        made["clusters"][0]["cluster"] = {"server": tunnel, "certificate-authority-data": data}
        made["users"][0]["user"] = {"token": ADMIN}
    if how == "both":
        (scratch / "beside").write_text(ADMIN)
        made["clusters"][0]["cluster"]["certificate-authority-data"] = re.sub("(.{64})", r"\1\r\n", data)
        made["users"][0]["user"] = {"token": "stale", "tokenFile": "beside", "client-certificate-data": "", "client-key-data": "",
                                    "client-certificate": "", "client-key": ""}
    elif how == "files":
        for name, path in (("ca", ca), ("cert", cluster.tls["client"] + ".crt"), ("key", cluster.tls["client"] + ".key")):
            (scratch / name).write_bytes(open(path, "rb").read())
        made["clusters"][0]["cluster"] = {"server": tunnel, "certificate-authority": "ca"}
        made["users"][0]["user"] = {"client-certificate": "cert", "client-key": "key"}
        cluster.kubectl("create", "clusterrolebinding", "client", "--clusterrole=cluster-admin", "--user=client",
                        check=False)
    (scratch / "kubeconfig").write_text(json.dumps(made))
    agent.configure(f"{{kubeconfig: {scratch}/kubeconfig}}")
    objects.apply(POLICY, service("web", VIP))
    agent.start()
    agent.wait_entries((VIP, "eth1"), seconds=10)
    done = agent.command("--config", agent.config, "--dry-run")
    assert done.status == 0 and f"{VIP} dev eth1, for default/web" in done.out


# ---- what may go wrong on the way ----

def cut_mid_object(line, answer):
    """Once a watch has shown a Service, the connection ends in the middle of it."""
    if "watch=1" not in line:
        yield from answer
        return
    for data in answer:
        at = data.find(b'"externalIPs"')
        if at >= 0:
            yield data[:at + 5]
            return
        yield data


def refuse(line, answer):
    yield b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 5\r\n\r\nwhat?"


def slowly(line, answer):
    for data in answer:
        for at in range(0, len(data), 512):
            let_pass(0.002, "a slow network")
            yield data[at:at + 512]


def stream(*messages):
    def meddle(line, answer):
        if "watch=1" not in line:
            yield from answer
            return
        yield b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
        for message in messages:
            yield message + b"\n"
    return meddle


FAULTS = {
    "cut in the middle of an object": cut_mid_object,
    "a 500": refuse,
    "a slow list": slowly,
    "invalid UTF-8": stream(b'{"type": "ADDED", "object": {"metadata": {"name": "\xff\xfe", "resourceVersion": "9"}}}'),
    "no JSON": stream(b'{"type": "ADDED", "object'),
    "no message": stream(b"[]"),
    "a history that is gone": stream(b'{"type": "ERROR", "object": {"code": 410, "message": "too old"}}'),
    "no answer but an end": lambda line, answer: iter(()),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_on_the_way(agent, objects, gate, fault):
    """What was known stays while it lasts; what changed meanwhile is known soon after."""
    objects.apply(POLICY, service("web", VIP))
    agent.start()
    agent.wait_entries((VIP, "eth1"))
    gate.meddle = FAULTS[fault]
    gate.cut()
    gate.mend()
    for number in range(3):
        objects.apply(service("more", f"198.18.11.{number}"))
        assert stays(lambda: (VIP, "eth1") in agent.entries(), 0.3)
    gate.meddle = None
    agent.wait_entries((VIP, "eth1"), ("198.18.11.2", "eth1"), seconds=15)
    assert wait_until(lambda: agent.metrics()["l2resp_source_reachable"], 15)


def test_an_object_of_another_version_counts_as_it_was(agent, objects, gate):
    objects.apply(POLICY, service("web", VIP))
    agent.start()
    agent.wait_entries((VIP, "eth1"))

    gate.meddle = lambda line, answer: (
        data.replace(b'"kind":"Service","apiVersion":"v1"', b'"kind":"Service","apiVersion":"v9"') for data in answer)
    gate.cut()
    gate.mend()
    assert wait_until(lambda: agent.metrics()["l2resp_source_reachable"], 15)
    let_pass(1, "each kind is followed by itself, the Services last")
    objects.apply(service("web", OTHER))
    agent.says("version v9 isn't known here; it stays as it was before")
    agent.wait_entries((VIP, "eth1"))
    agent.answers("/readyz", 503)


def test_a_huge_object(agent, objects):
    objects.apply(POLICY, service("web", VIP))
    agent.start()
    agent.wait_entries((VIP, "eth1"))
    objects.cluster.api("PATCH", "/api/v1/namespaces/default/services/web",
                        {"metadata": {"annotations": {f"a{n}": "x" * 200000 for n in range(1)}}},
                        kind="application/merge-patch+json")
    objects.apply(service("other", OTHER))
    agent.wait_entries((VIP, "eth1"), (OTHER, "eth1"))


def lines(answer):
    """The messages of a stream, behind its head."""
    rest = b""
    for data in answer:
        *whole, rest = (rest + data).split(b"\n")
        yield from whole
    yield rest


def chunk(message):
    return b"%x\r\n%s\r\n" % (len(message), message)


def services_watched(line):
    return "/services" in line and "watch=1" in line


def test_double_and_old_events(agent, objects, gate):
    """Each event comes twice, and the one before it once more."""
    def again(line, answer):
        if not services_watched(line):
            yield from answer
            return
        before = b""
        for message in lines(answer):
            yield message + b"\n"
            if message.startswith(b'{"type"'):
                # without the last end of line, which the server's own chunk still has to come
                yield (b"\r\n" + chunk(message + b"\n") + (before and chunk(before + b"\n")))[:-2]
                before = message

    objects.apply(POLICY, service("web", VIP))
    gate.meddle = again
    agent.start()
    agent.wait_entries((VIP, "eth1"))
    objects.apply(service("web", OTHER))
    agent.wait_entries((OTHER, "eth1"))
    objects.delete("service", "web")
    agent.wait_entries()
    objects.apply(service("web", VIP))
    agent.wait_entries((VIP, "eth1"))
    assert stays(lambda: set(agent.entries()) == {(VIP, "eth1")} and "followed again" not in agent.log(), 1)


def gone(status):
    body = b'{"kind": "Status", "code": 410, "message": "too old"}'
    if status == 200:
        body = b'{"type": "ERROR", "object": ' + body + b"}\n"
    return b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


@pytest.mark.parametrize("status", (410, pytest.param(200, marks=pytest.mark.smoke)))
def test_a_history_that_is_gone_is_listed(agent, cluster, objects, gate, status):
    """However the server says so, no stream goes on from before the change."""
    objects.apply(POLICY, service("web", VIP))
    agent.start()
    agent.wait_entries((VIP, "eth1"))
    gate.cut()
    objects.apply(service("web", OTHER))
    web = cluster.api("GET", "/api/v1/namespaces/default/services/web")["metadata"]

    def forgotten(line, answer):
        if services_watched(line) and int(line.rpartition("resourceVersion=")[2]) < int(web["resourceVersion"]):
            return iter([gone(status)])
        return answer

    gate.meddle = forgotten
    gate.mend()
    agent.wait_entries((OTHER, "eth1"), seconds=15)


def test_what_is_older_than_an_answer_is_ignored(agent, cluster, objects, gate):
    """A pool changes, its status is written, and only then does the watch show the change: without the status."""
    pools = "/ciliumloadbalancerippools"
    cluster.kubectl("delete", "lease", "-n", "xdp-l2resp", "l2resp-ipam", check=False)

    def written():
        return [line for _, line in gate.requests if line.startswith("PATCH") and pools in line]

    def late(line, answer):
        for data in answer:
            if pools in line and "watch=1" in line:
                let_pass(1.5, "a slow network")
            yield data

    gate.meddle = late
    objects.apply(POLICY, pool())
    agent.start()
    assert wait_until(written)
    let_pass(3, "twice what the watch is late")
    before = len(written())
    cluster.kubectl("annotate", CRDS[1], "lan", "a=b")
    objects.apply(service("web", kind="LoadBalancer"))
    assert wait_until(lambda: len(written()) > before, 10)
    let_pass(3, "twice what the watch is late")
    assert len(written()) == before + 1


def test_a_cluster_that_is_put_back_to_an_earlier_state(agent, cluster, objects, scratch):
    """Its versions begin again, lower. The streams have nothing to show, and are given up after 150 s."""
    objects.apply(POLICY, service("web", VIP))
    agent.start()
    agent.wait_entries((VIP, "eth1"))
    cluster.save(scratch / "saved")
    for number in range(30):
        objects.apply(service("web", OTHER, f"198.18.11.{number}"))
    agent.wait_entries((OTHER, "eth1"), ("198.18.11.29", "eth1"))
    cluster.restore(scratch / "saved")
    agent.wait_entries((VIP, "eth1"), seconds=200)


def test_a_kubeconfig_that_is_written_anew_is_read_at_sighup(agent, objects, gate, scratch):
    def write(token):
        made = json.loads(json.dumps(KUBECONFIG))
        made["clusters"][0]["cluster"], made["users"][0]["user"] = {"server": gate.url}, {"token": token}
        (scratch / "kubeconfig").write_text(json.dumps(made))

    write("stale")
    agent.configure(f"{{kubeconfig: {scratch}/kubeconfig}}")
    objects.apply(POLICY, service("web", VIP))
    agent.start()
    agent.says("HTTP status 401")
    write(ADMIN)
    agent.signal(SIGHUP)
    agent.wait_entries((VIP, "eth1"), seconds=10)
