#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Kinds of device, and modes."""
import pytest

from chain import COUNTER, ChainLan, statement
from lan import CLIENT_MAC, VIP, VIP_MAC, run
from wire import Wire, arp, arp_reply

VLAN = "link add link eth1 name eth1.100 type vlan id 100"
BOND = "link add bond0 type bond mode active-backup"
NOTE = "note: bond0: attached in skb mode, which is slower: "
ON_BOND = "native XDP runs on the slaves, and each would answer a broadcast"

# name: ip(8) command, the device; per attach: options, exit status, what stderr has, mode after
DEVICES = {
    "veth": (None, "eth1", [("--mode native", 0, "", "native"), ("", 0, "", "native")]),
    "veth, --mode skb": (None, "eth1", [("--mode skb", 0, "", "skb"), ("", 0, "", "skb")]),
    "dummy": ("link add dummy1 type dummy", "dummy1", [("--mode skb", 0, "", "skb"),
                                                       ("", 0, "", "skb")]),
    "bridge": ("link add br0 type bridge", "br0", [("--mode skb", 0, "", "skb"),
                                                   ("", 0, "", "skb")]),
    "VLAN device": (VLAN, "eth1.100", [
        ("", 1, "eth1.100 is a VLAN device of eth1: native XDP runs on the parent only, and answers "
                "there for addresses of eth1.100 too; attach to eth1, or use --mode skb here", "none"),
        ("--mode native", 1, "eth1.100 is a VLAN device of eth1", "none"),
        ("--mode skb", 0, "", "skb"), ("", 0, "", "skb")]),
    "bond": (BOND, "bond0", [
        ("--mode native", 1, f"bond0 is a bond device: {ON_BOND}; use --mode skb here", "none"),
        ("--mode skb", 0, "", "skb"), ("", 0, "", "skb")]),
    "bond, auto": (BOND, "bond0", [("", 0, NOTE + ON_BOND, "skb"), ("", 0, "", "skb")]),
    "veth whose peer has no XDP program": (
        "link add eth2 type veth peer name eth3", "eth2",
        [("", 0, "note: eth2: its veth peer, eth3, has no XDP program, so answers in native mode "
                 "won't arrive there", "native")]),
}


def make(namespace, command):
    """Skips the test where this kernel hasn't the kind."""
    made = run("ip", "-n", namespace.name, *command.split(), check=False)
    if made.returncode:
        pytest.skip(f"this kernel has no such device: {made.stderr.strip()}")


@statement("modes, refusals and notes: {}")
@pytest.mark.parametrize("device", DEVICES)
def test_device(lan, device):
    command, dev, attaches = DEVICES[device]
    if command:
        make(lan.server, command)
    for options, status, said, mode in attaches:
        result = lan.cli(f"attach {dev} {options}")
        assert result.status == status, result.err
        assert said in result.err if said else result.err == ""
        assert lan.row(dev)["mode"] == mode


@statement("an active-backup bond gives one reply a broadcast request")
def test_bond_answers_once(bpffs):
    """Each slave gets the broadcast, over a bridge."""
    with ChainLan(client_program=None) as lan:
        make(lan.server, BOND)
        lan.server.ip(
            f"link add eth2 type veth peer name eth2 netns {lan.client.name}",
            "link set eth1 down", "link set eth1 master bond0", "link set eth2 master bond0",
            "link set bond0 up")
        lan.client.ip(
            "address flush dev eth0", f"link add br0 address {CLIENT_MAC} type bridge",
            "link set eth0 address 02:00:00:00:00:0a", "link set eth0 master br0",
            "link set eth2 master br0", "link set eth2 up", "link set br0 up")
        lan.done("attach bond0", f"add {VIP} dev bond0 mac {VIP_MAC}")
        with Wire(lan.client, "br0") as wire:
            assert wire.ask(*[arp(VIP)] * 10, count=10) == [arp_reply(VIP, sha=VIP_MAC)] * 10
        assert lan.counters("bond0") == {"arp_answered": 10}


@statement("a bond's port: attached, with a note that names the bond")
def test_bond_port(lan):
    make(lan.server, BOND)
    lan.server.ip("link set eth1 down", "link set eth1 master bond0", "link set bond0 up")
    note = ("xdp-l2resp: note: eth1 is a port of bond0, and requests that come in on another port of it "
            "aren't answered: use bond0 instead\n")
    assert lan.done(f"add {VIP} dev eth1").err == note
    assert lan.done("attach eth1").err == note
    finding, = (one for one in lan.cli("doctor --json").json["findings"] if one["check"] == "lag_port")
    assert (finding["dev"], finding["severity"], finding["detail"]) == (
        "eth1", "warning", "eth1 is a port of bond0, and requests may come in on another port")
    lan.done("flush dev eth1", "detach eth1", "attach bond0")
    assert lan.done(f"add {VIP} dev bond0").err == ""
    assert "lag_port" not in lan.cli("doctor").out


@statement("an MTU of 9000 with native XDP: attached, and a request of 8 KB is answered")
def test_jumbo(bpffs):
    with ChainLan(client_program=None) as lan:
        lan.client.ip("link set eth0 mtu 9000",
                      f"link set eth0 xdpdrv object {COUNTER} section xdp.frags")
        lan.server.ip("link set eth1 mtu 9000")
        lan.done("attach eth1 --mode native", f"add {VIP} dev eth1")
        assert lan.row()["mode"] == "native"
        trailer = bytes(range(256)) * 32
        with Wire(lan.client, "eth0") as wire:
            wire.send(arp(VIP, trailer=trailer))
            reply = wire.socket.recv(9000)
        assert reply == arp_reply(VIP, trailer=trailer)
