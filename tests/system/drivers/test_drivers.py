#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""The program on NICs that qemu emulates: what their drivers permit and refuse, and whether requests are answered there.

A processor that is emulated takes seconds for a LAN, so the tests of a NIC take one through a history.
"""
import pytest

from chain import ADD, statement
from lan import CLIENT_MAC, SERVER_IP, SERVER_MAC, VIP6
from nd import ADVERTISEMENT, nd, solicitation
from nics import NICS
from results import series
from vlan import ETH_P_8021Q, TaggedWire, tagged
from wire import Wire, arp, arp_reply, mac_bytes

GRO = "virtio_net, host's GRO"
NO_NATIVE = "the driver has no native XDP"
REFUSES = "the driver refuses native XDP: "
SKB = "use --mode skb, which is slower"
FRAGS = "virtio_net: MTU too large to enable XDP"
# what isn't here permits native XDP; NIC, or NIC and series: why not, and what helps
REFUSED = {
    "e1000e": (NO_NATIVE, ""),
    ("vmxnet3", "6.1"): (NO_NATIVE, ""),
    GRO: (f"{REFUSES}virtio_net: Can't set XDP while host is implementing GRO_HW/CSUM, disable GRO_HW/CSUM first",
          "turn that off where the virtual machine is configured, or "),
}
LOWER = "lower the MTU, or "
REFUSED_JUMBO = REFUSED | {
    ("virtio_net", "6.1"): (REFUSES + FRAGS, LOWER),
    ("virtio_net, 4 queue pairs", "6.1"): (REFUSES + FRAGS, LOWER),
    ("vmxnet3", "6.12"): (f"{REFUSES}vmxnet3: MTU 9000 too large for XDP", LOWER),
    "igb": (f"{REFUSES}igb: The RX buffer size is too small for the frame size", LOWER),
}
# vmxnet3_rq_cleanup_all() lets go of it, while the kernel still shows it
FORGETS = [("vmxnet3", "6.12")]
TAKES_TAGS = "vmxnet3", "igb", "e1000e"

every_nic = pytest.mark.parametrize("nic", NICS, indirect=True, scope="module")
answering_nic = pytest.mark.parametrize("nic", [name for name in NICS if name != GRO], indirect=True, scope="module")


def refusal(nic, table=REFUSED):
    return table.get((nic, series()), table.get(nic))


def attach_as(lan, record_property, expected):
    """In native mode, or refused with the driver's reason, which auto mode says too. Left attached."""
    native = lan.cli("attach eth1 --mode native")
    if not expected:
        assert (native.status, native.err) == (0, "")
        record_property("shown", "native")
        return
    reason, remedy = expected
    assert (native.status, native.err) == (1, f"xdp-l2resp: eth1: {reason}; {remedy}{SKB}\n")
    assert lan.row()["mode"] == "none"
    auto = lan.done("attach eth1")
    assert auto.err == f"xdp-l2resp: note: eth1: attached in skb mode, which is slower: {reason}\n"
    record_property("shown", f"skb; {reason}")


@pytest.fixture
def attached(lan):
    if lan.row()["mode"] == "none":
        lan.done("attach eth1")
    if not lan.rows("list"):
        lan.done(ADD)
    return lan


@statement("attach")
@every_nic
def test_attach(lan, nic, record_property):
    expected = refusal(nic)
    attach_as(lan, record_property, expected)
    assert lan.row()["mode"] == ("skb" if expected else "native")
    assert lan.row()["chain"]


@statement("ARP is answered, and counted")
@answering_nic
def test_arp(attached):
    before = attached.responses_sent()
    assert attached.answers()
    assert attached.responses_sent() == before + 3


@statement("ND is answered: the NIC receives the solicited-node group")
@answering_nic
def test_nd(attached):
    attached.enable_ipv6()
    attached.done(f"add {VIP6} dev eth1")
    advertised = nd(ADVERTISEMENT, VIP6, "2001:db8::2", CLIENT_MAC, VIP6, b"\2\1" + mac_bytes(SERVER_MAC),
                    flags=0x60000000)
    advertised = advertised[:6] + mac_bytes(SERVER_MAC) + advertised[12:]
    with Wire(attached.client, "eth0", 0x86DD) as wire:
        # the server's kernel sends of its own accord as well, at random moments
        assert wire.answered(solicitation(VIP6), advertised)
    attached.done(f"del {VIP6} dev eth1")


@statement("VLAN: refused, with the command that helps, while the NIC strips tags; then answered")
@answering_nic
def test_vlan(attached, nic, record_property):
    attached.server.ip("link add link eth1 name eth1.100 type vlan id 100", "link set eth1.100 up")
    # else its NIC filters the answers
    attached.client.ip("link add link eth0 name eth0.100 type vlan id 100", "link set eth0.100 up")
    remedy = "ethtool -K eth1 rxvlan off"
    add = "add 198.18.10.2 dev eth1.100"
    try:
        if nic in TAKES_TAGS:
            refused = attached.cli(add)
            assert refused.status == 1 and remedy in refused.err
            attached.server.run(*remedy.split())
            attached.wait_for_link()
        else:
            record_property("shown", "pass; this NIC keeps tags")
        attached.done(add)
        tag = ETH_P_8021Q, 100
        with TaggedWire(attached.client, "eth0") as wire:
            wire.send(*[tagged(arp("198.18.10.2"), tag) + bytes(14)] * 3)
            assert wire.arps(3) == [tagged(arp_reply("198.18.10.2"), tag) + bytes(14)] * 3
        assert attached.answers()
    finally:
        attached.cli("del 198.18.10.2 dev eth1.100")
        attached.server.ip("link del eth1.100")
        attached.client.ip("link del eth0.100")


@statement("behind xdp-filter in a dispatcher, and after it has gone")
@answering_nic
def test_chain(attached):
    attached.filter("load", "-m", attached.row()["mode"], "-f", "ethernet", "-p", "allow", "eth1")
    attached.wait_for_link()
    assert [name for _, name in attached.programs()] == ["xdpfilt_alw_eth", "xdp_l2resp"]
    assert attached.answers()
    attached.filter("ether", "--mode", "src", CLIENT_MAC)
    assert attached.silent()
    attached.filter("unload", "eth1")
    attached.wait_for_link()
    assert attached.answers()


@statement("link down and up: attached and answering as before")
@answering_nic
def test_link_flap(attached, nic, record_property):
    before = attached.row()
    for _ in range(2):
        attached.server.ip("link set eth1 down", "link set eth1 up")
        attached.wait_for_link()
        assert attached.row() == before
        if not attached.answers():
            assert (nic, series()) in FORGETS and attached.silent()
            record_property("shown", "the driver loses the program, and nothing reports it; another attach helps")
            attached.done("attach eth1")
            attached.wait_for_link()
            assert attached.answers()
            before = attached.row()


@statement("detach: silent, and the NIC receives and sends as before")
@answering_nic
def test_detach(attached):
    attached.done("detach eth1")
    attached.wait_for_link()
    assert attached.silent()
    assert attached.answers(arp(SERVER_IP), arp_reply(SERVER_IP))


@statement("attach with an MTU of 9000")
@answering_nic
def test_jumbo(lan, nic, record_property):
    lan.cli("detach eth1")
    lan.server.ip("link set eth1 mtu 9000")
    lan.wait_for_link()
    attach_as(lan, record_property, refusal(nic, REFUSED_JUMBO))
    lan.wait_for_link()
    assert lan.answers()


@statement("one queue pair: still native, XDP_TX shares its queue, and the kernel's log says so")
@pytest.mark.parametrize("nic", ["virtio_net"], indirect=True, scope="module")
def test_one_queue_pair(attached):
    assert "XDP request 2 queues but max is 1. XDP_TX" in attached.server.run("dmesg").stdout
