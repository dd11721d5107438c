#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Names and expressions that tenants and authors of manifests choose: text that would end in other formats, and work
that they would have us do."""
import itertools
import json
import re
import subprocess

import pytest

from daemon import POLICY, service
from lan import CLI, VIP
from wait import is_linear

POOL = """
apiVersion: cilium.io/v2alpha1
kind: CiliumLoadBalancerIPPool
metadata: {{name: {name}}}
spec: {{blocks: [{{cidr: 198.18.20.0/24}}]}}
"""
SERVICE = """
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: {namespace}, labels: {labels}}}
spec: {{externalIPs: ["198.18.10.9"]}}
"""
BALANCED = """
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: default, {more}}}
spec: {{type: LoadBalancer}}
"""
FINE = {"name": "other", "namespace": "default", "labels": "{}"}
EVIL = r'"x\"} 1\nl2resp_forged{y=\"\x9b31m\u202e"'

# what is wrong: the document, what is said of it
REFUSED = {
    "a pool's name": (POOL.format(name=EVIL), "can't be the name of such an object"),
    "a policy's name": (POLICY.replace("policy1", EVIL), "can't be the name of such an object"),
    "a Service's name": (SERVICE.format(**FINE | {"name": EVIL}), "can't be the name of such an object"),
    "a Service's name with a dot": (SERVICE.format(**FINE | {"name": "a.b"}), "can't be the name of such an object"),
    "a name of 64 characters": (SERVICE.format(**FINE | {"name": 64 * "a"}), "can't be the name of such an object"),
    "a namespace": (SERVICE.format(**FINE | {"namespace": "'../x'"}), "can't be a namespace"),
    "a label's key": (SERVICE.format(**FINE | {"labels": f"{{{EVIL}: a}}"}), "can't be a label's key"),
    "a label's value": (SERVICE.format(**FINE | {"labels": f"{{a: {EVIL}}}"}), "can't be a label's value"),
    "many labels": (SERVICE.format(**FINE | {"labels": "{" + ", ".join(f"a{n}: b" for n in range(1001)) + "}"}),
                    "more than 1000 labels"),
    "many addresses": (service("other", *(f"198.18.{n // 256}.{n % 256}" for n in range(10001))), "more than 10000 addresses in externalIPs"),
    "many ingress points": (SERVICE.format(**FINE) + "status: {loadBalancer: {ingress: [" + 10001 * "{ip: 198.18.10.9}, " + "]}}\n",
                            "more than 10000 addresses in ingress"),
    "many requests": (BALANCED.format(name="web", more="annotations: {lbipam.cilium.io/ips: '" + 101 * "198.18.10.9," + "'}"),
                      "more than 100 addresses in lbipam.cilium.io/ips"),
    "a long selector": (BALANCED.format(name="web", more="labels: {}").replace("spec: {", "spec: {selector: {" + ", ".join(
        f"k{n:0>60}: b" for n in range(300)) + "}, "), "selector is longer than 16384 bytes"),
    "a long sharing key": (BALANCED.format(name="web", more=f"annotations: {{lbipam.cilium.io/sharing-key: {16385 * 'k'}}}"),
                           "lbipam.cilium.io/sharing-key is longer than 16384 bytes"),
    "many namespaces": (BALANCED.format(name="web", more="annotations: {lbipam.cilium.io/sharing-cross-namespace: '" + ",".join(
        f"n{n}" for n in range(1001)) + "'}"), "more than 1000 names in lbipam.cilium.io/sharing-cross-namespace"),
    "many patterns": (POLICY.replace("[eth1]", str(65 * ["eth1"])), "more than 64 regular expressions"),
    "a backreference": (POLICY.replace("[eth1]", r"['(e)\1']"), "has a backreference"),
    "many blocks": (POOL.format(name="pool").replace("{cidr: 198.18.20.0/24}", ", ".join(1001 * ["{start: 198.18.20.1}"])),
                    "more than 1000 blocks"),
    "many values": (POLICY + "  x: [" + 2_000_001 * "a," + "]\n", "more than 2000000 values in one document"),
}


@pytest.mark.parametrize("document, said", REFUSED.values(), ids=REFUSED)
def test_refused(running, document, said):
    """With one sentence; what was known stays."""
    running.write("evil.yaml", document)
    running.says(said)
    running.wait_entries((VIP, "eth1"))
    assert "l2resp_forged" not in re.sub('".*?"', "", running.http("/metrics")[1])
    assert re.fullmatch(r"[ -~\n]*", running.log()), "nothing that a terminal would act on"


def test_pools_with_many_blocks(running):
    """Those that are over the bound of all give no address; a change costs no more than they."""
    def pools(count):
        blocks = [", ".join(f"{{start: '2001:db8:{number:x}::{n:x}'}}" for n in range(1000)) for number in range(count)]
        return read_with(running, (POOL.format(name=f"pool-{number:02}").replace("{cidr: 198.18.20.0/24}", each)
                                   for number, each in enumerate(blocks)))

    assert is_linear(pools, 20)
    running.says("pool pool-19 gives nothing new: it and the older pools have more than 5000 blocks\n")
    running.says("pool pool-05 gives nothing new")
    assert "pool pool-04 gives" not in running.log()


numbers = itertools.count(2)


def read_with(running, documents):
    """Seconds of CPU time that a file of these takes, and the next change. Each has an address of its own, which was never there."""
    many, following = (f"198.18.11.{next(numbers)}" for _ in range(2))
    before = running.cpu_seconds()
    running.write("many.yaml", *documents, service("last", many))
    running.wait_entries((VIP, "eth1"), (many, "eth1"), seconds=60)
    running.write("next.yaml", service("next", following))
    running.wait_entries((VIP, "eth1"), (many, "eth1"), (following, "eth1"), seconds=60)
    spent = running.cpu_seconds() - before
    running.write("next.yaml", "")
    running.wait_entries((VIP, "eth1"), (many, "eth1"), seconds=60)
    return spent


def test_pools_in_conflict(running):
    """Each with the first. The log names some."""
    def pools(count):
        return read_with(running, (POOL.format(name=f"pool-{number:05}") for number in range(count)))

    assert is_linear(pools, 8000)
    assert running.log().count("gives nothing new") <= 100
    assert "pool pool-00001 gives nothing new" in running.http("/readyz")[1]


# what a tenant can have compared: many names; long texts that differ in nothing
SHARING = {
    "namespaces": lambda number: ({"lbipam.cilium.io/sharing-cross-namespace": 8100 * "x," + "a,b"}, "ab"[number % 2], {}),
    "selector": lambda _: ({}, "a", {"externalTrafficPolicy": "Local", "selector": {f"k{n:03}": "" for n in range(1000)}}),
}


@pytest.mark.full
@pytest.mark.parametrize("terms", SHARING.values(), ids=SHARING)
def test_services_that_may_share_all_that_they_ask_for(running, terms):
    """Each is compared with all that have one of its addresses, and that is a hundred times: it costs no more than to read them
    does. In comparison with those that ask for one address each."""
    def sharing(number, hosts):
        annotations, namespace, spec = terms(number)
        annotations |= {"lbipam.cilium.io/sharing-key": "k", "lbipam.cilium.io/ips": ",".join(f"198.18.20.{n}" for n in hosts)}
        return json.dumps({"apiVersion": "v1", "kind": "Service",
                           "metadata": {"name": f"s{number}", "namespace": namespace, "annotations": annotations},
                           "spec": spec | {"type": "LoadBalancer", "ports": [{"port": 1 + number}]}}) + "\n"

    def read(first, last, hosts):
        before = running.cpu_seconds()
        running.write("sharing.yaml", POOL.format(name="shared"), *(sharing(number, hosts(number)) for number in range(80)))
        running.wait_entries((VIP, "eth1"), *((f"198.18.20.{n}", "eth1") for n in range(first, last)), seconds=60)
        return running.cpu_seconds() - before

    apart = read(1, 81, lambda number: [1 + number])
    together = read(1, 101, lambda _: range(1, 101))
    print(f"# apart {apart:.3f} s of CPU, together {together:.3f} s")
    assert together < 5 * apart


def test_objects_that_are_not_used_here(running):
    """As in a cluster's dump."""
    unused = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a{}}}\n"
    foreign = "apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata: {name: first}\n"
    assert is_linear(lambda count: read_with(running, [*map(unused.format, range(count)), foreign]), 10_000)
    assert "skipped metallb.io/v1beta1 IPAddressPool" in running.http("/readyz")[1]


# nested repetition, in ways that PCRE2 doesn't see through
PATTERNS = ["((a?)*)*[xy]", "(a?a?a?a?a?a?a?a?a?a?a?a?){15}[xy]", 10 * "[a-z0-9]*" + "[XY]"]


def test_patterns_with_exponential_time(lan, agent):
    """Each is refused at the first name that it takes too long for, and costs nothing more; others match."""
    lan.server.ip(*(f"link add a{n:02}{12 * 'a'} type veth peer name b{n:02}{12 * 'a'}" for n in range(50)))
    agent.write("all.yaml", POLICY, service("web", VIP))
    agent.write("evil.yaml", *(POLICY.replace("[eth1]", f"['{text}']").replace("policy1", f"evil{n}")
                               for n, text in enumerate(20 * PATTERNS)))
    agent.start()
    agent.wait_entries((VIP, "eth1"))
    for text in PATTERNS:
        agent.says(f"the regular expression '{text}' takes too many steps")
    tried = agent.cpu_seconds()
    agent.write("more.yaml", service("more", "198.18.10.8"))
    agent.wait_entries((VIP, "eth1"), ("198.18.10.8", "eth1"))
    spent = agent.cpu_seconds() - tried
    print(f"# tried for {tried:.3f} s of CPU; the next change took {spent:.3f} s")
    assert spent < tried / 4


DEV = "\x1b[31mred"
SHOWN = "\\x1b[31mred"


@pytest.fixture
def red(lan):
    """The server's interface has a name that colours a terminal: Linux takes any bytes but spaces, / and colons."""
    lan.server.run("ip", "link", "set", "eth1", "down")
    lan.server.run("ip", "link", "set", "eth1", "name", DEV)
    lan.server.run("ip", "link", "set", DEV, "up")
    return lan


def test_an_interface_with_an_escape_in_its_name(red, agent):
    """In whatever is said to people; JSON keeps the name."""
    plain = [["attach", DEV], ["add", VIP, "dev", DEV], ["list"], ["status"], ["stats"], ["doctor"],
             ["explain", VIP, "dev", DEV], ["explain", VIP, "dev", "eth0\x1b"], ["announce", VIP, "dev", DEV, "--count", 1],
             ["stats", DEV], ["list", "dev", DEV]]
    for words in plain:
        said = red.cli(words)
        assert "\x1b" not in said.out + said.err, words
        assert SHOWN in said.out + said.err or words in (["doctor"], plain[7]), words
    said = subprocess.run(red.server.argv(CLI, "__complete", "attach", ""), capture_output=True, text=True).stdout
    assert "\x1b" not in said and SHOWN in said
    for words in "list", "status":
        said = red.on_terminal([words]).out
        assert "\x1b" not in said and SHOWN in said
    assert red.rows("list")[0]["dev"] == red.rows("status")[0]["dev"] == DEV
    # a file that import reads back holds what it needs
    assert f"{VIP} dev {DEV}" in red.cli(["save"]).out
    for words in ["del", VIP, "dev", DEV], ["detach", DEV]:
        said = red.cli(words)
        assert said.status == 0 and SHOWN in said.out and "\x1b" not in said.out
    agent.write("all.yaml", POLICY.replace("eth1", "red$"), service("web", VIP))
    said = agent.command("--dry-run", "--config", agent.config)
    assert f"add {VIP} dev {SHOWN}" in said.out and "\x1b" not in said.out + said.err
    agent.start()
    agent.wait_ready()
    red.client.run("ip", "link", "set", "eth0", "down")
    agent.answers("/readyz", 503)
    assert SHOWN in agent.http("/readyz")[1]
    for words in ["show"], ["show", "default/web"], ["status"]:
        said = agent.command(*words)
        assert "\x1b" not in said.out + said.err + agent.http("/readyz")[1] + agent.log(), words
