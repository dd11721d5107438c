#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Why an address isn't announced: each reason is provoked, and everybody who may be asked has the same words."""
import json
import os
import signal
from dataclasses import replace
from typing import Callable, NamedTuple

import pytest

from daemon import POLICY, service
from endpoints import LABEL, endpoint, node, slices
from lan import CLIENT_MAC, PASS, VIP
from readers import ALONE, LOG, REASONS, Told, of_service, reasons, says, unready
from test_pools import FIRST, balanced, pool
import test_reasons_etcd
from test_local import web
from wait import wait_until

OTHER = "198.18.10.2"
NAME = "default/web"
BLUE = POLICY.replace("spec:", "spec:\n  serviceSelector: {matchLabels: {color: blue}}")
ELSEWHERE = POLICY.replace("spec:", "spec:\n  nodeSelector: {matchLabels: {kubernetes.io/hostname: node-9}}")
NO_KIND = POLICY.replace("externalIPs: true", "externalIPs: false").replace("loadBalancerIPs: true", "loadBalancerIPs: false")
ENP = POLICY.replace("[eth1]", '["^enp.*"]')
CLASS = service("web", VIP).replace("spec: {", "spec: {loadBalancerClass: example.com/other, ")
UP = "http://127.0.0.1:1"


def nothing(agent, lan):
    pass


def wrong_file(agent, lan):
    agent.write("other.yaml", pool(name="other").replace("IPPool", "IPPol"))


def link_down(agent, lan):
    lan.client.ip("link set eth0 down")


def local(agent, lan):
    lan.server.ip(f"address add {VIP}/32 dev lo")


def by_another(agent, lan):
    lan.client.ip(f"address add {VIP}/32 dev eth0")
    agent.config.write_text(agent.config.read_text() + "probe: true\n")


def drain(agent, lan):
    assert agent.command("drain", "--stay").status == 0
    agent.end()
    agent.start()


def by_hand(agent, lan):
    lan.done(f"add {VIP} dev eth1")


def foreign_program(agent, lan):
    lan.server.run("ip", "link", "set", "eth1", "xdpdrv", "obj", PASS, "sec", "xdp")


def helper_hangs(agent, lan):
    os.kill(agent.helper(), signal.SIGSTOP)
    lan.server.ip("link add eth2 type veth peer name peer2", "link set eth2 up", "link set peer2 up")
    agent.write("all.yaml", POLICY.replace("eth1", "eth2"), service("web", VIP))


def no_store(agent, lan):
    agent.config.write_text(agent.config.read_text().replace("engine: none", f'engine: etcd, endpoints: ["{UP}"]'))


def full(agent, lan):
    lan.done("attach eth1 --max-entries 1")
    lan.done(f"add {OTHER} dev eth1")


class Case(NamedTuple):
    told: Told
    manifests: tuple = (POLICY, service("web", VIP))
    before: Callable = nothing  # what is done before the start
    after: Callable = nothing  # and after it


WEB = service("web", VIP)
ASKS = [balanced(name).replace("spec: {", f'spec: {{loadBalancerIP: "{FIRST}", ') for name in ("a", "web")]
OUT = "node.kubernetes.io/out-of-service"
FIELD = "the policies that select the Service don't announce addresses of this field: policy policy1, without externalIPs: true"
CASES = {
    "no_policy": Case(Told("there is no CiliumL2AnnouncementPolicy"), (WEB,)),
    "service_selector": Case(Told("no policy's serviceSelector matches the Service's labels: policy policy1 selects color=blue; "
                                  "labels of default/web: none"), (BLUE, WEB)),
    "address_kind": Case(Told(FIELD), (NO_KIND, WEB)),
    "node_selector": Case(Told("the policies that select the Service don't select this node: policy policy1 selects "
                               "kubernetes.io/hostname=node-9; node-1 has no Node object here, so no label but kubernetes.io/hostname"),
                          (ELSEWHERE, WEB)),
    "no_interface": Case(Told("the policies' interfaces match no device of this node: policy policy1 has ^enp.*; suitable devices "
                              "here: eth1"), (ENP, WEB)),
    "other_class": Case(Told("the Service's loadBalancerClass belongs to another implementation: example.com/other"), (POLICY, CLASS)),
    "pools_wait": Case(Told("the pools give nothing new for now: 1 manifest is wrong: ", NAME, unready="1 manifest is wrong: "),
                       (POLICY, pool(), balanced("web")), before=wrong_file),
    "no_pool": Case(Told("no pool in use serves the Service", NAME), (POLICY, balanced("web"))),
    "pool_exhausted": Case(Told("the pools that serve the Service have no free address: All enabled ", NAME),
                           (POLICY, pool(last=FIRST), balanced("a"), balanced("web"))),
    "request_refused": Case(Told("the pools don't give the address that the Service asks for: The IP ", NAME), (POLICY, pool(), *ASKS)),
    "excluded_node": Case(Told(f"this node is excluded by its label: node-1 carries the label {LABEL}"), (POLICY, WEB, node({LABEL: ""}))),
    "network_unavailable": Case(Told("this node's condition NetworkUnavailable is true"), (POLICY, WEB, node(NetworkUnavailable="True"))),
    "out_of_service": Case(Told("this node is tainted as out of service: node-1 has the taint"), (POLICY, WEB, node(taints=[OUT]))),
    "no_local_endpoint": Case(Told("externalTrafficPolicy is Local, and this node has no ready endpoint of the Service: other nodes have "
                                   "one"), (POLICY, web(), slices(endpoint("node-2", ready=True)))),
    "link_down": Case(Told("the link is down, or has no carrier: eth1"), before=link_down),
    "not_attached": Case(Told("the program isn't attached yet: eth2"), after=helper_hangs),
    "attach_refused": Case(Told("the program can't be attached: eth1: another XDP program"), before=foreign_program),
    "kernel_answers": Case(Told("the kernel would answer for it as well: on eth1, since it is a local address and arp_ignore is 0; put it "
                                "on lo"), before=local),
    "other_host": Case(Told(f"another host on the LAN has it: {CLIENT_MAC}"), before=by_another),
    "drained": Case(Told("this node is drained; 'xdp-l2respd resume' ends that", whole=True), after=drain),
    "store_unreachable": Case(Told("no session with the lease store, so it isn't known here who holds it", known=False, whole=True),
                              before=no_store),
    "map_full": Case(Told("the map is full: there are more addresses than there may be of a family: 1; `xdp-l2resp attach IFACE "
                          "--max-entries N`"), before=full),
    "by_hand": Case(Told("somebody added it by hand, which the agent leaves alone", held=True), before=by_hand),
}


@pytest.mark.parametrize("reason", CASES)
def test_everybody_says_the_same(agent, lan, reason):
    case = CASES[reason]
    agent.write("all.yaml", *case.manifests)
    case.before(agent, lan)
    agent.launch()
    assert wait_until(lambda: agent.command("alive").status == 0)
    if case.told.known:
        agent.wait_notified("READY=1")
    case.after(agent, lan)
    try:
        assert wait_until(lambda: of_service(agent)[0] == reason), (of_service(agent), agent.log())
        says(agent, reason, replace(case.told, alone=True))
    finally:
        if reason == "not_attached":
            os.kill(agent.helper(), signal.SIGCONT)


def test_the_list_is_what_metrics_have(agent):
    """One that is new needs a row in readers.py, and then its cases."""
    agent.start()
    names = {key.split('"')[1] for key in agent.metrics() if key.startswith("l2resp_addresses_blocked{")}
    assert names == set(REASONS)
    assert set(CASES) == reasons(by=ALONE)
    assert reasons(by=LOG) <= set(GIVEN_UP) | test_reasons_etcd.GIVEN_UP


# what happens: how the log's line begins
GIVEN_UP = {
    "no_service": (lambda agent, lan: agent.write("all.yaml", POLICY), "no Service that is known here has it"),
    "no_policy": (lambda agent, lan: agent.write("all.yaml", service("web", VIP)), "there is no Cilium"),
    "service_selector": (lambda agent, lan: agent.write("all.yaml", BLUE, service("web", VIP)), "no policy's serviceSelector"),
    "node_selector": (lambda agent, lan: agent.write("all.yaml", ELSEWHERE, service("web", VIP)), "the policies that select"),
    "address_kind": (lambda agent, lan: agent.write("all.yaml", NO_KIND, service("web", VIP)), "the policies that select"),
    "no_interface": (lambda agent, lan: agent.write("all.yaml", ENP, service("web", VIP)), "the policies' interfaces"),
    "other_class": (lambda agent, lan: agent.write("all.yaml", POLICY, CLASS), "the Service's loadBalancerClass"),
    "no_local_endpoint": (lambda agent, lan: agent.write("all.yaml", POLICY, web(), slices(endpoint("node-2", ready=True))),
                          "externalTrafficPolicy is Local"),
    "excluded_node": (lambda agent, lan: agent.write("all.yaml", POLICY, service("web", VIP), node({LABEL: ""})),
                      "this node is excluded"),
    "network_unavailable": (lambda agent, lan: agent.write("all.yaml", POLICY, WEB, node(NetworkUnavailable="True")),
                            "this node's condition"),
    "out_of_service": (lambda agent, lan: agent.write("all.yaml", POLICY, WEB, node(taints=[OUT])), "this node is tainted"),
    "kernel_answers": (local, "the kernel would answer for it"),
    "link_down": (link_down, "the link is down"),
    "drained": (lambda agent, lan: agent.command("drain"), "this node is drained"),
    "stopped": (lambda agent, lan: agent.end(), "the agent stops"),
}


@pytest.mark.parametrize("reason", GIVEN_UP)
def test_what_is_given_up_names_the_reason(agent, lan, reason):
    provoke, sentence = GIVEN_UP[reason]
    agent.write("all.yaml", POLICY, service("web", VIP))
    agent.start()
    agent.wait_entries((VIP, "eth1"))
    provoke(agent, lan)
    agent.says(f"{VIP}: given up: ")
    [line] = [line for line in agent.log().splitlines() if "given up" in line]
    assert f"{VIP}: given up: {reason}: {sentence}" in line
    if reason == "no_service":
        assert agent.command("who-holds", VIP).err == f"xdp-l2respd: {VIP}: {sentence}\n"


def test_left_over_from_a_former_process(agent, lan):
    agent.outlast_a_restart()
    agent.write("all.yaml", POLICY, service("web", VIP, OTHER))
    agent.start()
    agent.wait_entries((VIP, "eth1"), (OTHER, "eth1"))
    agent.end(signal.SIGUSR1)
    agent.write("all.yaml", POLICY, service("web", OTHER))
    agent.start()
    agent.wait_entries((OTHER, "eth1"))


def test_status_of_nothing_and_of_many(agent, lan):
    agent.start()
    assert agent.command("status").out.endswith("\n\nno Service has an address, or asks for one\n")
    agent.write("all.yaml", POLICY, *(service(f"web{i}", f"198.18.11.{i}") for i in range(1, 21)),
                service("both", VIP, OTHER), BLUE.replace("policy1", "policy2"))
    assert wait_until(lambda: len(agent.entries()) == 22)
    agent.shows("    22  announced\n", "status")
    lines = agent.command("status").out.splitlines()
    table = lines[lines.index("") :]
    table = table[table.index("", 1) + 1:]
    assert table[0].split() == ["SERVICE", "ADDRESSES", "HOLDER", "HERE"] and len(table) == 22
    column = table[0].index("HOLDER")
    assert all(line[column:].split() == ["node-1", "announced"] for line in table[1:])
    assert table[1].startswith(f"default/both   {VIP}, {OTHER}  ")
    assert lines[:5] == ["node      node-1", "drained   no", "ready     yes", "store     none, active",
                         "sessions  1 begun or resumed; addresses: 22 wanted, 22 held"]
    assert "    22  announced" in lines
    told = json.loads(agent.command("status", "--json").out)
    assert told["announced"] == 22 and told["reasons"] == [] and len(told["services"]) == 21
    assert told["services"][0]["addresses"][0] == {"ip": VIP, "holder": "node-1", "known": True, "reason": None}


def test_a_map_that_is_full(agent, lan):
    """One of two addresses has no entry; another node could answer for it. Once there is room, this one does."""
    lan.done("attach eth1 --max-entries 1")
    agent.write("all.yaml", POLICY, service("web", VIP, OTHER))
    agent.start()
    why = "the map is full: there are more addresses than there may be of a family: 1; `xdp-l2resp attach IFACE --max-entries N`"
    row = 'l2resp_addresses_blocked{reason="map_full"}'
    agent.counts(row, 1)
    [told] = agent.command("status", "--json").json["reasons"]
    assert (told["reason"], told["count"]) == ("map_full", 1) and told["why"].partition(": ")[2].startswith(why)
    silent = told["why"].partition(": ")[0]
    assert wait_until(lambda: agent.command("who-holds", silent).err.startswith(f"xdp-l2respd: {silent}: {why}"))
    agent.shows(f"  not announced by node-1: map_full: {why}")
    agent.answers("/readyz", 503, f"{told['why']}\n")
    assert unready(lan) == [f"xdp-l2respd isn't ready: {told['why']}"]
    agent.counts("l2resp_leases_held", 1)
    agent.says(f"{silent}: given up: map_full: the map is full")
    [answered] = {VIP, OTHER} - {silent}
    agent.write("all.yaml", POLICY, service("web", silent))
    assert wait_until(lambda: set(agent.entries()) == {(silent, "eth1")} and agent.ready(), 20), agent.log()
    agent.write("all.yaml", POLICY, service("web", VIP, OTHER))
    agent.counts(row, 1)
    assert wait_until(lambda: agent.http("/readyz")[1].startswith(f"{answered}: the map is full: "))
    lan.done("attach eth1 --max-entries 2")
    assert wait_until(lambda: set(agent.entries()) == {(VIP, "eth1"), (OTHER, "eth1")} and agent.ready(), 20), agent.log()
    agent.counts(row, 0)
