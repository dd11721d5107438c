#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""What there is to announce is at an API server: faults, the Events that tell people, and the DaemonSet's update."""
import signal
import subprocess
import time
from pathlib import Path

import kube
import pytest
from cluster import STORE_IP, VIP
from daemon import POLICY, service
from takeover import two_nodes
from test_faults import heals, silent
from test_takeover import gap, goes_on
from wait import let_pass, slack, wait_until

EVENTS = "/api/v1/namespaces/default/events"
SERVICE = service("web", VIP).replace("spec: {", "spec: {ports: [{port: 80, protocol: TCP}], ")
ELSEWHERE = POLICY + "  nodeSelector: {matchLabels: {kubernetes.io/hostname: node-9}}\n"


class Source:
    """The store's API server as the nodes' source."""

    def __init__(self, kubernetes):
        self.cluster, self.directory = kubernetes.cluster, kubernetes.directory
        token = self.directory / "admin"
        token.write_text(kube.ADMIN)
        self.keys = (f"kubernetes: {{server: '{self.cluster.urls[0]}', token: {token}, "
                     f"ca: {self.cluster.tls['ca']}.crt}}")
        self.cluster.apply_kinds()
        self.apply = self.cluster.apply

    def events(self):
        """[(node, message, count)]."""
        return sorted((one["reportingInstance"], one["message"], one["count"])
                      for one in self.cluster.api("GET", EVENTS)["items"] if one["involvedObject"]["kind"] == "Service")


@pytest.fixture
def source(kubernetes):
    return Source(kubernetes)


@pytest.fixture
def pair(cluster, source, request):
    """As conftest's; leases are in etcd or in the API server, too."""
    lease = request.getfixturevalue(getattr(request, "param", "kubernetes")).lease
    source.apply(POLICY, SERVICE)
    return two_nodes(cluster, lease, source=source.keys)


def test_killed_and_told(pair, source, kubernetes):
    """By the next node what it does, and by one of both what neither does."""
    def told():
        return {event[:2] for event in source.events()}

    first, second = pair.first.name, pair.second.name
    assert wait_until(lambda: first in dict(told())), source.events()
    before = told()
    assert len(before) > 1 or before == {(first, f"{VIP} announced by {first} on eth1")}, "a busy machine may have moved it"
    pair.first.agent.end(signal.SIGKILL)
    gap(pair)
    moved = {(second, f"{VIP} moved from {first} to {second}, announced on eth1")}
    assert wait_until(lambda: told() - before == moved, 5), source.events()
    pair.first.agent.start()
    goes_on(pair)
    source.apply(ELSEWHERE)
    silent(pair)

    def nobody():
        return [(node, count) for node, text, count in source.events() if text.startswith("no node can announce")]

    # the leader may be another by now, after its lease
    assert wait_until(nobody, 50), pair.logs()
    let_pass(6, "it isn't said a second time")
    [(node, count)] = nobody()
    leader = kubernetes.cluster.api("GET", f"{kubernetes.path}/l2resp-ipam")["spec"]["holderIdentity"]
    assert leader.startswith(f"{node}_") and count == 1
    source.apply(POLICY + "  nodeSelector: {matchLabels: {kubernetes.io/hostname: %s}}\n" % second)
    assert wait_until(lambda: pair.asker.answerers(VIP)[-1] == pair.second.mac), pair.logs()


def test_the_api_server_is_frozen(pair, kubernetes):
    """The leases run out with it."""
    kubernetes.signal(0, signal.SIGSTOP)
    silent(pair)
    kubernetes.signal(0, signal.SIGCONT)
    heals(pair)


@pytest.mark.parametrize("pair", ["etcd"], indirect=True)
def test_the_api_server_is_gone_and_leases_are_in_etcd(pair, kubernetes, source):
    """Announcing goes on, over a takeover as well; what changes meanwhile is known afterwards."""
    kubernetes.signal(0, signal.SIGKILL)
    let_pass(1.5 * pair.duration, "leases would be over, were they in the API server")
    assert pair.asker.answerers(VIP) == [pair.first.mac] and pair.asker.frames()[-1].at > time.monotonic() - 0.2 * slack()
    pair.first.agent.end(signal.SIGKILL)
    gap(pair)
    kubernetes.cluster.heal()
    source.apply(ELSEWHERE)
    assert wait_until(lambda: not pair.second.held(), 30), pair.logs()


def test_cut_off_from_the_api_server(pair):
    pair.first.cut("control")
    assert 0 < gap(pair)
    pair.first.mend("control")
    goes_on(pair)


def test_the_api_server_is_restarted(pair, kubernetes):
    kubernetes.signal(0, signal.SIGKILL)
    kubernetes.start(0)
    kubernetes.cluster.wait()
    heals(pair)


# What a pod is given, and that its agent is process 1.
IN_A_POD = """
mount --bind /run/xdp-l2respd {host} && mount -t tmpfs none /run &&
mkdir -p /run/xdp-l2respd /run/secrets/kubernetes.io/serviceaccount && mount --bind {host} /run/xdp-l2respd &&
cp {files}/* /run/secrets/kubernetes.io/serviceaccount/ && exec "$@"
"""
FIRST, SECOND = "198.18.20.1", "198.18.20.2"
POOL = f"""
apiVersion: cilium.io/v2alpha1
kind: CiliumLoadBalancerIPPool
metadata: {{name: lan}}
spec: {{blocks: [{{start: {FIRST}, stop: {SECOND}}}]}}
"""
BALANCED = """
apiVersion: v1
kind: Service
metadata: {{name: {0}, namespace: default}}
spec: {{type: LoadBalancer, ports: [{{port: 80, protocol: TCP}}]}}
"""
LEASE = 15  # seconds, by default
CREATED = 1  # seconds from a pod that ended to the next one's process


class DaemonSet:
    """deploy/kubernetes as it is, and on each node what a kubelet does with a pod of it."""

    def __init__(self, cluster, source):
        self.cluster, self.source, api = cluster, source, source.cluster.api
        source.apply(kube.kustomized("base"))
        space = "namespaces/xdp-l2resp"
        self.spec = api("GET", f"/apis/apps/v1/{space}/daemonsets/xdp-l2respd")["spec"]
        self.pod = self.spec["template"]["spec"]
        self.config = api("GET", f"/api/v1/{space}/configmaps/{self.pod['volumes'][0]['configMap']['name']}")["data"]["agent.yaml"]
        token = api("POST", f"/api/v1/{space}/serviceaccounts/xdp-l2respd/token", {"spec": {"audiences": []}})
        self.files = cluster.directory / "account"
        self.files.mkdir()
        (self.files / "token").write_text(token["status"]["token"])
        (self.files / "namespace").write_text("xdp-l2resp")
        (self.files / "ca.crt").write_bytes(Path(source.cluster.tls["ca"] + ".crt").read_bytes())
        Path("/run/xdp-l2respd").mkdir(mode=0o700, exist_ok=True)

    def start(self, node):
        host = node.agent.config.parent / "run"
        host.mkdir(exist_ok=True)
        node.agent.config.write_text(f"{self.config}bpffs: {node.bpffs}\n")
        node.agent.start("env", f"NODE_NAME={node.name}", f"KUBERNETES_SERVICE_HOST={STORE_IP}",
                         f"KUBERNETES_SERVICE_PORT={self.source.cluster.ports[0]}", "unshare", "--mount", "--pid",
                         "--fork", "--kill-child", "sh", "-c", IN_A_POD.format(host=host, files=self.files), "sh")

    def end(self, node, hooks):
        """preStop where the image has what it needs, then SIGTERM, and no more than the pod's grace."""
        outside = node.agent.process.pid
        first = Path(f"/proc/{outside}/task/{outside}/children").read_text().split()[0]
        if hooks:
            hook = self.pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
            subprocess.run(["nsenter", "-t", first, "--pid", "--mount", *hook], check=True)
        # it may have ended by then
        subprocess.run(["kill", "-TERM", first], check=False, stderr=subprocess.DEVNULL)
        node.agent.process.wait(self.pod["terminationGracePeriodSeconds"])
        node.agent.process = None

    def roll(self, hooks=True):
        """One node after the other, each from the next one's readiness on."""
        assert self.spec["updateStrategy"]["rollingUpdate"]["maxUnavailable"] == 1
        for node in self.cluster.nodes:
            self.end(node, hooks)
            let_pass(CREATED, "as a kubelet does")
            self.start(node)
            node.agent.wait_ready(10)
            let_pass(self.spec["minReadySeconds"], "as the DaemonSet's controller does")


def longest(asker, ip, since):
    """Seconds without an answer."""
    times = [frame.at for frame in asker.frames() if frame.ip == ip and frame.at >= since]
    return max(later - earlier for earlier, later in zip(times, times[1:]))


def answering(cluster, source):
    """The DaemonSet's pods on two nodes, each of which answers for an address; and who asks for both."""
    daemons = DaemonSet(cluster, source)
    source.apply(POLICY, POOL, *(BALANCED.format(name) for name in ("a", "b")))
    for number in 0, 1:
        # the ConfigMap's configuration and the pod's identity
        daemons.start(cluster.node("", name=f"node-{number}", start=False))
    assert wait_until(lambda: all(node.held() for node in cluster.nodes), 3 * LEASE), cluster.logs()
    cluster.asker = cluster.ask(FIRST, SECOND)
    assert wait_until(lambda: all(cluster.asker.answerers(ip) for ip in (FIRST, SECOND)))
    return daemons


def test_a_rolling_update(cluster, source):
    """Each pod leaves its entries and leases to the next one."""
    daemons = answering(cluster, source)
    asker, begun = cluster.asker, time.monotonic()
    before = [asker.answerers(ip) for ip in (FIRST, SECOND)]
    daemons.roll()
    print(f"# nobody answered for {max(longest(asker, ip, begun) for ip in (FIRST, SECOND)):.3f} s at most")
    assert not asker.missed(begun), cluster.logs()
    assert [asker.answerers(ip) for ip in (FIRST, SECOND)] == before and all(len(macs) == 1 for macs in before)


def test_a_rolling_update_without_the_hook(cluster, source):
    """Where the hook fails: each pod gives up what it has, and the other node takes it."""
    daemons = answering(cluster, source)
    let_pass(LEASE, "what was found fresh in the store isn't relied on for as long")
    asker, begun = cluster.asker, time.monotonic()
    daemons.roll(hooks=False)
    worst = max(longest(asker, ip, begun) for ip in (FIRST, SECOND))
    print(f"# nobody answered for {worst:.3f} s at most")
    assert worst < LEASE / 2  # not by a lease that runs out
    assert max(len(asker.answerers(ip)) for ip in (FIRST, SECOND)) > 1
