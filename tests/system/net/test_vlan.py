#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses on VLAN devices, whose requests come in on another interface. What the data path does
with tags is tests/xdp/test_vlan.c's; here the devices are real, and so are who asks: the kernel on
VLAN devices of its own. Where the kernel has none (802.1Q), it says so.

A processor that is emulated takes seconds for a LAN, so a test here takes one through a history.
"""
import errno
import json
import re

import pytest

from fault import GETLINK, faulty, requests
from lan import Namespace, SERVER_MAC, VIP, VIP6, VIP_MAC
from vlan import (ETH_P_8021AD, ETH_P_8021Q, LOFT_ROWS, MASTERS, ROW, TaggedWire, ask, make_above, site,  # noqa: F401
                  tagged, vlans)
from wait import HUNG, wait_until
from wire import Wire, arp, arp_reply

OTHER = "198.18.10.2"
VMAC = "00:00:5e:00:01:33"
ADD = f"add {VIP} dev upstairs"


def ifindex(lan, dev):
    return json.loads(lan.server.run("ip", "-j", "link", "show", dev).stdout)[0]["ifindex"]


def write_row(lan, parent, vid, device):
    lan.server.run("bpftool", "map", "update", "pinned", lan.pin("vlans"), "key",
                   *ifindex(lan, parent).to_bytes(4, "little"), 0x81, 0x00, *vid.to_bytes(2, "little"),
                   "value", *ifindex(lan, device).to_bytes(4, "little"))


@pytest.fixture
def stand_ins(lan):
    """veths take the place of VLAN devices: the data path knows numbers."""
    lan.server.ip("link add eth2 type veth peer name eth3", "link set eth2 up", "link set eth3 up")
    lan.done("attach eth1", f"add {VIP} dev eth2 mac {VIP_MAC}", f"add {OTHER} dev eth1")
    write_row(lan, "eth1", 100, "eth2")
    return lan


def test_a_row_that_does_not_hold_goes(stand_ins):
    """The device isn't what the row says: with the next command."""
    assert stand_ins.rows("list dev eth2")[0]["answering"] is True
    stand_ins.done(f"add {OTHER} dev eth1")
    assert stand_ins.map_dump("vlans") == []
    assert stand_ins.rows("list dev eth2")[0]["answering"] is False


def test_monitor(stand_ins, background):
    """The interface that frames come in on, or the device that their tags are for."""
    monitor = background(stand_ins.argv("monitor dev eth2 --count 1 --json"), stdout=-1, text=True)
    assert wait_until(lambda: stand_ins.map_dump("trace_control")[0]["value"][".data.trace"][0][
        "trace_control"]["on"])
    with Wire(stand_ins.client, "eth0") as wire:
        wire.send(arp(OTHER), tagged(arp(VIP), (ETH_P_8021Q, 99)), tagged(arp(VIP), (ETH_P_8021Q, 100)))
    shown = json.loads(monitor.communicate(timeout=HUNG)[0].splitlines()[0])
    assert (shown["dev"], shown["request"]["vlan"], shown["outcome"]) == ("eth1", 100, "arp_answered")


def test_added_first(site):
    """... then attached: on the parent, which is enough."""
    said = site.done(ADD).err
    assert "nothing answers on upstairs until `xdp-l2resp attach eth1` has run" in said
    assert vlans(site) == ROW
    assert site.rows("list")[0]["answering"] is False
    for mode in "", "--mode native":
        refused = site.cli(f"attach upstairs {mode}")
        assert refused.status == 1 and "attach to eth1, or use --mode skb here" in refused.err
    assert "run `ethtool -K eth0 txvlan off` there to make sure" in site.done("attach eth1").err
    assert ask(site, "upstairs") == SERVER_MAC
    assert site.counters() == {"arp_answered": 1}
    row, = site.rows("list")
    assert (row["dev"], row["vlan"], row["answering"], row["responses_sent"]) == (
        "upstairs", 100, True, 1)
    rows = {row["dev"]: row for row in site.rows("status")}
    assert (rows["upstairs"]["mode"], rows["upstairs"]["vlan"], rows["upstairs"]["parent"],
            rows["upstairs"]["entries"]) == ("none", 100, "eth1", 1)
    assert (rows["eth1"]["vlan"], rows["eth1"]["parent"]) == (None, None)
    assert "upstairs: VLAN 100 of eth1, which is attached, 1 address\n" in site.done("status").out
    assert site.cli("doctor").out == "nothing found\n"
    saved = site.done("save").out
    assert f"{VIP} dev upstairs\n" in saved
    site.done("flush --all")
    assert vlans(site) == {}
    assert site.cli("import -", input=saved).status == 0
    assert vlans(site) == ROW and ask(site, "upstairs") == SERVER_MAC


def test_attached_first(site):
    site.server.sysctl("net.ipv6.conf.eth1.disable_ipv6=0", "net.ipv6.conf.upstairs.disable_ipv6=0")
    site.client.sysctl("net.ipv6.conf.lo.disable_ipv6=0", "net.ipv6.conf.upstairs.disable_ipv6=0")
    site.client.own("2001:db8::a:9/112", "upstairs")
    site.done("attach eth1", f"add {VIP6} dev upstairs mac {VMAC}", f"{ADD} mac {VIP_MAC}")
    assert (ask(site, "upstairs"), ask(site, "upstairs", VIP6)) == (VIP_MAC, VMAC)
    # in its VLAN, and nowhere else
    request = arp(VIP)
    with TaggedWire(site.client, "eth0") as wire:
        wire.send(request, tagged(request, (ETH_P_8021Q, 101)), tagged(request, (ETH_P_8021AD, 100)),
                  tagged(request, (ETH_P_8021Q, 0), (ETH_P_8021Q, 0x6064)),
                  tagged(request, (ETH_P_8021Q, 0x6064)))
        reply = arp_reply(VIP, sha=VIP_MAC)
        assert wire.arps(2) == [tagged(reply, (ETH_P_8021Q, 0), (ETH_P_8021Q, 0x6064)),
                                tagged(reply, (ETH_P_8021Q, 0x6064))]
    # what the frames need gets through to the parent
    maddr = site.server.run("ip", "maddr", "show", "dev", "eth1").stdout
    fdb = site.server.run("bridge", "fdb", "show", "dev", "upstairs").stdout
    assert "33:33:ff:0a:00:01" in maddr and f"{VMAC} self permanent" in fdb
    assert "promiscuity 1" in site.server.run("ip", "-d", "link", "show", "eth1").stdout
    site.done(f"del {VIP6} dev upstairs", f"del {VIP} dev upstairs")
    assert "33:33:ff:0a:00:01" not in site.server.run("ip", "maddr", "show", "dev", "eth1").stdout
    assert "promiscuity 0" in site.server.run("ip", "-d", "link", "show", "eth1").stdout


def test_another_host_answers(site):
    """Before Linux 6.2, a frame keeps the number of the tag that the kernel has taken."""
    site.done("attach eth1", ADD)
    site.client.own(f"{VIP}/32", "upstairs")
    found = json.loads(site.cli("doctor --json").out)["findings"]
    assert "other_answers" in [one["check"] for one in found], found


def test_two_tags(site):
    site.server.ip("link add link eth1.9 name attic type vlan id 5")
    site.done("attach eth1", f"add {VIP} dev eth1.9")
    assert vlans(site) == LOFT_ROWS
    assert ask(site, "eth1.9") == SERVER_MAC
    assert ask(site, "eth1.7") is None
    assert site.rows("list")[0]["vlan"] == [300, 200]
    assert "eth1.9: VLAN 300 200 of eth1, which is attached" in site.done("status").out
    said = site.rows(f"explain {VIP} dev eth1.9")
    assert (said["verdict"], said["reply"]["eth"]["vlan"]) == ("answer", [300, 200])
    refused = site.cli(f"add {OTHER} dev attic")
    assert refused.status == 1 and "attic has more than 2 VLAN tags" in refused.err
    assert vlans(site) == LOFT_ROWS and site.rows("list dev attic") == []
    site.done(f"add {OTHER} dev eth1.7", f"del {VIP} dev eth1.9")
    assert vlans(site) == {key: dev for key, dev in LOFT_ROWS.items() if dev == "eth1.7"}
    site.done("flush dev eth1.7")
    assert vlans(site) == {}


def test_rows_come_and_go(site):
    """With the first address and the last; and not at all with an address that is refused."""
    site.done("attach eth1", f"add {VIP} dev eth1")
    assert vlans(site) == {}
    site.done(ADD, f"add {OTHER} dev upstairs")
    assert vlans(site) == ROW
    site.done(f"del {VIP} dev upstairs")
    assert vlans(site) == ROW
    site.done(f"del {OTHER} dev upstairs")
    assert vlans(site) == {}
    assert site.cli("import -", input=f"{VIP} dev upstairs\n{VIP} dev upstairs mac {VMAC}\n").status
    assert vlans(site) == {}
    site.done(ADD)
    site.server.ip("link del upstairs")
    assert site.rows("list dev upstairs")[0]["answering"] is False
    site.done(f"del {VIP} dev eth1")
    assert vlans(site) == {}
    assert "interface_gone" in site.cli("doctor").out


def test_followed(site):
    """Made anew with another VID, on another parent, renamed: at the next command, whatever it is."""
    site.done("attach eth1", ADD)
    assert ask(site, "upstairs") == SERVER_MAC
    site.server.ip("link del upstairs", "link add link eth1 name upstairs type vlan id 101",
                   "link set upstairs up")
    said = site.done(f"add {OTHER} dev eth1").err
    assert said == "xdp-l2resp: note: upstairs: took over 1 address of the former upstairs\n"
    assert vlans(site) == {("eth1", ETH_P_8021Q, 101): "upstairs"}
    assert site.rows("list dev upstairs")[0]["responses_sent"] == 1
    assert ask(site, "upstairs") is None
    site.server.ip("link set upstairs down", "link set upstairs name downstairs",
                   "link set downstairs up")
    site.done(f"del {OTHER} dev eth1")
    assert site.rows("list")[0]["dev"] == "downstairs"
    site.server.ip("link del downstairs",
                   f"link add link eth1.7 name downstairs address {VIP_MAC} type vlan id 101",
                   "link set downstairs up")
    site.done(f"add {OTHER} dev eth1")
    assert vlans(site) == {("eth1", ETH_P_8021AD, 300): "eth1.7",
                           ("eth1.7", ETH_P_8021Q, 101): "downstairs"}
    assert site.rows("list dev downstairs")[0]["mac"] == VIP_MAC
    # its parent, and so itself, made anew
    site.server.ip("link del eth1")
    site.make_link()
    site.server.ip("link add link eth1 name downstairs type vlan id 100", "link set downstairs up")
    site.done("attach eth1")
    assert vlans(site) == {("eth1", ETH_P_8021Q, 100): "downstairs"}


@pytest.mark.parametrize("dev, attach", [("eth1", "attach eth1"), ("upstairs", "attach upstairs --mode skb")],
                         ids=["its parent's program", "its own program"])
def test_mac_followed(site, dev, attach):
    site.done(attach, ADD)
    site.server.ip(f"link set upstairs address {VIP_MAC}")
    finding, = site.cli("doctor --json").json["findings"]
    assert (finding["check"], finding["remedy"]) == ("mac_stale", f"run `xdp-l2resp attach {dev}`")
    site.done(attach)
    assert ask(site, "upstairs") == VIP_MAC


def test_mac_and_name_followed(site):
    """It has no program by which it is known."""
    site.done("attach eth1", ADD)
    site.server.ip("link set upstairs down", f"link set upstairs name downstairs address {VIP_MAC}", "link set downstairs up")
    site.done("attach eth1")
    assert ask(site, "upstairs") == VIP_MAC
    assert [row["dev"] for row in site.rows("list")] == ["downstairs"]


def test_explain(site):
    """Of the VLAN device, and of its parent with a tag: the same; and what the wire does."""
    def explained(words):
        said = site.rows(f"explain {words}")
        return said["verdict"], said["reason"], said["reply"], said["checks"]
    both = f"{VIP} dev upstairs", f"{VIP} dev eth1 vlan 100"
    assert [explained(words)[:2] for words in both] == [("silent", "not_attached")] * 2
    site.done("attach eth1")
    assert explained(both[0]) == explained(both[1])
    assert explained(both[0])[:2] == ("silent", "arp_other_vlan")
    site.done(f"add {OTHER} dev upstairs")
    assert explained(both[0]) == explained(both[1])
    assert explained(both[0])[:2] == ("silent", "arp_not_owned")
    site.done(ADD)
    # the program doesn't ask whether the kernel's device is up
    for state in "up", "down":
        site.server.ip(f"link set upstairs {state}")
        assert explained(both[0]) == explained(both[1])
        assert explained(both[0])[:2] == ("answer", "arp_answered")
        assert ask(site, "upstairs") == SERVER_MAC
        assert [row["answering"] for row in site.rows(f"list {VIP}")] == [True]
        found = [one["detail"] for one in site.cli("doctor --json").json["findings"]]
        assert found == ["upstairs is down, but the program on eth1 answers for its addresses"] * (state == "down")
    site.client.ip("link set eth0 down")
    assert wait_until(lambda: [row["answering"] for row in site.rows(f"list {VIP}")] == [False])
    site.client.ip("link set eth0 up")
    site.done("detach eth1")
    assert "not_attached: the program isn't on eth1, and 2 addresses are on upstairs" in site.cli(
        "doctor").out


def test_kernel_out_of_memory_while_rows_are_compared(site, scratch):
    """Rows of other VLAN devices stay."""
    loft = f"add {OTHER} dev eth1.9", f"del {OTHER} dev eth1.9"
    site.done("attach eth1", ADD, loft[0])
    asked = requests(site, loft[1], scratch)
    assert vlans(site) == ROW
    failed = 0
    for number in (number for number, what in enumerate(asked, 1) if what == ("netlink", GETLINK)):
        site.done(loft[0])
        with faulty(f"any:{number}:{errno.ENOMEM}"):
            failed += site.cli(loft[1]).status
        assert ROW.items() <= vlans(site).items(), number
    assert failed


def test_parent_moved(site):
    """With the program, which goes on answering: it is said of the VLAN device, that stays here."""
    site.done("attach eth1", ADD)
    pod = Namespace("pod")
    try:
        site.server.ip(f"link set eth1 netns {pod.name}")
        pod.ip("link set eth1 up")
        assert wait_until(lambda: "state UP" in pod.run("ip", "link", "show", "eth1").stdout)
        assert ask(site, "upstairs") == SERVER_MAC
        [row] = site.rows("list")
        assert (row["dev"], row["answering"]) == ("upstairs", True)
        assert " answering-elsewhere " in site.done("list").out
        assert re.search("^upstairs: its parent was moved to another network namespace, where it is eth1 .*, 1 address$",
                         site.done("status").out, re.M)
        moved = {row["dev"]: row["moved"] for row in site.rows("status")}["upstairs"]
        assert (moved["dev"], moved["answering"]) == ("eth1", True)
        refused = site.cli(f"explain {VIP} dev upstairs")
        assert refused.status == 1 and "the parent of upstairs was moved" in refused.err
        found = {one["check"]: one for one in site.cli("doctor --json").json["findings"]}
        assert "the parent of upstairs was moved" in found["interface_gone"]["detail"], found
        site.done(*re.findall("`xdp-l2resp (flush.*?)`", found["interface_gone"]["remedy"]))
        assert ask(site, "upstairs") is None
    finally:
        pod.close()


def test_announced_with_its_tags(site):
    site.done("attach eth1", f"{ADD} mac {VMAC}", f"add {OTHER} dev eth1.9")
    with TaggedWire(site.client, "eth0") as wire:
        site.done(f"announce {VIP} dev upstairs --count 1", f"announce {OTHER} dev eth1.9 --count 1")
        seen = wire.arps(4)
    assert seen == [
        *(tagged(arp(VIP, spa=VIP, sha=VMAC, tha=tha, op=op), (ETH_P_8021Q, 100))
          for op, tha in ((1, "00:00:00:00:00:00"), (2, VMAC))),
        *(tagged(arp(OTHER, spa=OTHER, sha=SERVER_MAC, tha=tha, op=op), (ETH_P_8021AD, 300),
                 (ETH_P_8021Q, 200)) for op, tha in ((1, "00:00:00:00:00:00"), (2, SERVER_MAC)))]


OFFLOADS = {
    "a veth's peer": ("link add roof type veth peer name under", "under", "txvlan", "802.1Q"),
    "a veth's peer, 802.1ad": (
        "link add roof type veth peer name under", "under", "tx-vlan-stag-hw-insert", "802.1ad"),
}  # a NIC's own: tests/system/drivers has one


@pytest.mark.parametrize("make, dev, feature, protocol", OFFLOADS.values(), ids=OFFLOADS)
def test_tags_taken_off(site, make, dev, feature, protocol):
    """Before XDP: nobody may count on these addresses."""
    site.server.ip(make, "link set roof up", f"link set {dev} up",
                   f"link add link roof name floor type vlan protocol {protocol} id 7",
                   "link set floor up")
    command = f"ethtool -K {dev} {feature} off"
    refusal = (f"xdp-l2resp: roof: VLAN tags are taken off before XDP sees the frames, and addresses on "
               f"VLAN devices need them; run `{command}` first\n")
    site.done(f"add {VIP} dev floor")
    for words in "attach roof", "attach roof --mode skb", "attach roof --dry-run", "attach eth1 roof":
        refused = site.cli(words)
        assert (refused.status, refused.err) == (1, refusal)
    assert [row["dev"] for row in site.rows("status")] == ["floor"]
    site.done("flush dev floor", "attach roof --mode skb")
    refused = site.cli(f"add {VIP} dev floor")
    assert (refused.status, refused.err) == (1, refusal)
    assert site.rows("list") == [] and vlans(site) == {}
    site.server.run(*command.split())
    site.done(f"add {VIP} dev floor")
    assert "tags_taken" not in site.cli("doctor roof").out
    site.server.run(*command.replace(" off", " on").split())
    finding, = (one for one in site.cli("doctor roof --json").json["findings"]
                if one["check"] == "tags_taken")
    assert (finding["severity"], finding["remedy"]) == ("error", f"run `{command}`")
    site.server.run(*command.split())
    assert "tags_taken" not in site.cli("doctor roof").out


def mac_of(lan, dev):
    return json.loads(lan.server.run("ip", "-j", "link", "show", dev).stdout)[0]["address"]


@pytest.mark.parametrize("kind", MASTERS)
def test_above_a_master(site, kind):
    """The tag is gone before XDP sees the frame there: the VLAN device itself has the program."""
    make_above(site, kind)
    site.server.sysctl("net.ipv6.conf.floor.disable_ipv6=0")
    site.client.sysctl("net.ipv6.conf.lo.disable_ipv6=0", "net.ipv6.conf.upstairs.disable_ipv6=0")
    site.client.own("2001:db8::a:9/112", "upstairs")
    said = site.done("attach roof --mode skb", f"add {VIP} dev floor").err
    assert "nothing answers on floor until `xdp-l2resp attach floor` has run" in said
    assert vlans(site) == {} and site.rows("list")[0]["answering"] is False
    assert site.rows(f"explain {VIP} dev floor")["reason"] == "not_attached"
    found = {one["check"]: one["remedy"] for one in site.cli("doctor --json").json["findings"]}
    assert found["not_attached"] == "run `xdp-l2resp attach floor`, or `xdp-l2resp flush dev floor`"
    assert "floor: VLAN 100 of roof, not attached, 1 address\n" in site.done("status").out
    refused = site.cli("attach floor --mode native")
    assert (refused.status, refused.err) == (
        1, "xdp-l2resp: floor is a vlan device of roof: XDP on its parent doesn't see VLAN tags; use --mode skb here\n")
    assert "floor: attached in skb mode, which is slower: XDP on its parent doesn't see VLAN tags" in site.done(
        "attach floor").err
    site.done(f"add {VIP6} dev floor")
    row, = site.rows("list dev floor --ipv4")
    assert (row["vlan"], row["answering"]) == (100, True)
    assert site.rows(f"explain {VIP} dev floor")["reason"] == "arp_answered"
    refused = site.cli(f"explain {VIP} dev roof vlan 100")
    assert refused.status == 1 and "roof: XDP doesn't see VLAN tags there" in refused.err
    # outer tag gone, inner tag there
    assert "nothing answers on den until `xdp-l2resp attach attic` has run" in site.done(f"add {OTHER} dev den").err
    assert "den: VLAN 300 200 of roof, attic is not attached, 1 address\n" in site.done("status").out
    site.done("attach attic")
    assert vlans(site) == {("attic", ETH_P_8021Q, 200): "den"}
    if kind == "team":  # sends nothing until a daemon has chosen its mode
        ask(site, "upstairs"), ask(site, "upstairs", VIP6), ask(site, "eth1.9", OTHER)
        assert {row["ip"]: row["responses_sent"] > 0 for row in site.rows("list")} == {VIP: True, VIP6: True, OTHER: True}
    else:
        assert ask(site, "upstairs") == ask(site, "upstairs", VIP6) == mac_of(site, "floor")
        assert ask(site, "eth1.9", OTHER) == mac_of(site, "den")
    assert ask(site, "upstairs", OTHER) is None
    assert "not_attached" not in site.cli("doctor").out and "tags_taken" not in site.cli("doctor").out


def test_beside_its_parent(site):
    """The kernel changes no program on an interface while a VLAN device on it has one: that is detached for a moment."""
    def modes():
        return {row["dev"]: row["mode"] for row in site.rows("status")}
    make_above(site, "bridge")
    site.done("attach floor", f"add {VIP} dev floor", "attach roof")
    before = site.rows("status floor")[0]["prog_id"]
    site.done("attach roof --mode skb")
    assert site.rows("status floor")[0]["prog_id"] == before
    site.done("add 198.18.12.0/23 dev roof")
    assert modes() == {"roof": "skb", "floor": "skb"} and site.cli("doctor").status == 0
    assert ask(site, "upstairs") == SERVER_MAC
    site.done("detach roof")
    assert modes() == {"roof": "none", "floor": "skb"}
    assert ask(site, "upstairs") == SERVER_MAC


def test_parent_elsewhere(site):
    """Where its frames come in, no program of this namespace is."""
    site.server.ip("link add roof type veth peer name under",
                   "link add link roof name floor type vlan id 7",
                   f"link set floor netns {site.client.name}")
    there = site.client.run(*site.words(f"add {VIP} dev floor"), check=False)
    assert there.returncode == 1
    assert "the parent of floor is in another network namespace" in there.stderr
