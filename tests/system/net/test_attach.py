#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""attach, detach, status: on one interface or several, again, beside others, gone, made anew."""
import json
import platform
import re
import shutil
import sysconfig
from pathlib import Path

import pytest

from lan import CLI, PASS, ROOT, run, SERVER_MAC, VIP, VIP6, VIP_MAC, like
from wire import Wire, arp, arp_reply

INCLUDE = "/usr/include/" + sysconfig.get_config_var("MULTIARCH")

DEAF = "link add eth2 type veth peer name eth3"  # without a program, eth3 gets no XDP_TX
SECOND = f"{DEAF}\nlink set eth3 xdpdrv object {PASS} section xdp"
BRIDGE = "link add br0 address 02:00:00:00:00:03 type bridge"  # no native XDP
# veth's driver refuses native XDP on an end that has fewer queues than its peer sends from
FEW_QUEUES = ("link add eth2 numtxqueues 1 numrxqueues 1 type veth "
              "peer name eth3 numtxqueues 3 numrxqueues 1")
FOREIGN = f"link set eth1 xdpdrv object {PASS} section xdp"
FOREIGN_SECOND = f"link set eth2 xdpdrv object {PASS} section xdp"

ATTACHED = {"dev": "eth1", "ifindex": int, "mode": "native", "prog_id": int, "chain": bool,
            "chain_reason": str, "entries": 0}
SKB = ATTACHED | {"mode": "skb"}
UNATTACHED = {"dev": "eth1", "ifindex": int, "mode": "none", "prog_id": None, "chain": False,
              "priority": None, "position": None, "entries": 0}

ADD = f"add {VIP} dev eth1"
NO_NATIVE = "the driver has no native XDP"
NOT_OFFERED = "the driver offers no native XDP as it is configured"
ITS_REASON = ("the driver refuses native XDP: veth: "
              "XDP expects number of rx queues not less than peer tx queues")
OTHERS = r'eth1: another XDP program \(id \d+, "pass"\) is attached without a dispatcher; '

# name: ip(8) commands of the server, commands before; the command, its exit status, what stderr
# has; what `status --json` says then
CONTRACT = {
    "status of nothing": ([], [], "status", 0, "", []),
    "status of what isn't attached": ([], [], "status eth1", 0, "", []),
    "attach": ([], [], "attach eth1", 0, "", [ATTACHED]),
    "--mode native": ([], [], "attach eth1 --mode native", 0, "", [ATTACHED]),
    "--mode skb": ([], [], "attach eth1 --mode skb", 0, "", [SKB]),
    "--dry-run": ([], [], "attach eth1 --dry-run", 0, "", []),
    "--dry-run beside our own": ([], ["attach eth1"], "attach eth1 --dry-run", 0, "", [ATTACHED]),
    "with addresses": ([], [ADD], "attach eth1", 0, "", [ATTACHED | {"entries": 1}]),
    "addresses, not attached": ([], [ADD], "status", 0, "", [UNATTACHED | {"entries": 1}]),
    "again": ([], ["attach eth1"], "attach eth1", 0, "", [ATTACHED]),
    "again, its mode kept": ([], ["attach eth1 --mode skb"], "attach eth1", 0, "", [SKB]),
    "the same twice at once": ([], [], "attach eth1 eth1", 0, "", [ATTACHED]),
    "another mode than in force": (
        [], ["attach eth1 --mode native"], "attach eth1 --mode skb", 1,
        "eth1: XDP runs in native mode there", [ATTACHED]),
    "several": ([SECOND], [], "attach eth1 eth2", 0, "", [ATTACHED, ATTACHED | {"dev": "eth2"}]),
    "several, one isn't there": ([], [], "attach eth1 nosuch", 1, "no interface 'nosuch'", []),
    "several, one has another program": (
        [SECOND, FOREIGN_SECOND], [], "attach eth1 eth2", 1, "eth2: another XDP program", []),
    "several, one bad, one ours before": (
        [SECOND, FOREIGN_SECOND], ["attach eth1"], "attach eth1 eth2", 1,
        "eth2: another XDP program", [ATTACHED]),
    "several, a driver refuses": (
        [BRIDGE], [], "attach eth1 br0 --mode native", 1, f"br0: {NO_NATIVE}", []),
    "several, a driver refuses, one ours before": (
        [BRIDGE], ["attach eth1"], "attach eth1 br0 --mode native", 1, f"br0: {NO_NATIVE}",
        [ATTACHED]),
    "another's program": ([FOREIGN], [], "attach eth1", 1, OTHERS, []),
    "another's program, --mode skb": ([FOREIGN], [], "attach eth1 --mode skb", 1, OTHERS, []),
    "no native XDP": (
        [BRIDGE], [], "attach br0", 0,
        f"note: br0: attached in skb mode, which is slower: {NO_NATIVE}", [SKB | {"dev": "br0"}]),
    "no native XDP, --mode native": (
        [BRIDGE], [], "attach br0 --mode native", 1, f"br0: {NO_NATIVE}", []),
    "a driver refuses": (
        [FEW_QUEUES], [], "attach eth2", 0,
        f"note: eth2: attached in skb mode, which is slower: {ITS_REASON}\n$", [SKB | {"dev": "eth2"}]),
    "a driver refuses, --mode native": (
        [FEW_QUEUES], [], "attach eth2 --mode native", 1,
        f"eth2: {ITS_REASON}; change their number with ethtool -L, or use --mode skb, which is slower\n$",
        []),
    "a device above has a program": (
        [BRIDGE, "link set eth1 master br0"], ["attach br0"], "attach eth1", 1,
        "eth1: the kernel refuses to attach the program: "
        "Cannot attach when an upper device already has a program\n$", [SKB | {"dev": "br0"}]),
    "a bridge's port, as is usual": ([BRIDGE, "link set eth1 master br0"], [], "attach eth1", 0, "", [ATTACHED]),
    "a veth peer that gets no answers": (
        [DEAF], [], "attach eth2", 0, "note: eth2: its veth peer, eth3, has no XDP program",
        [ATTACHED | {"dev": "eth2"}]),
    "a veth peer without a program, --mode skb": (
        [DEAF], [], "attach eth2 --mode skb", 0, "", [SKB | {"dev": "eth2"}]),
    "detach": ([], ["attach eth1"], "detach eth1", 0, "", []),
    "detach, addresses stay": ([], ["attach eth1", ADD], "detach eth1", 0, "",
                               [UNATTACHED | {"entries": 1}]),
    "detach what isn't attached": ([], [], "detach eth1", 1, "eth1: not attached", []),
    "detach twice": ([], ["attach eth1", "detach eth1"], "detach eth1", 1, "not attached", []),
    "detach several, one isn't attached": (
        [SECOND], ["attach eth1"], "detach eth1 eth2", 1, "eth2: not attached", [ATTACHED]),
    "detach another's program": ([FOREIGN], [], "detach eth1", 1, "eth1: not attached", []),
    "detach --all": ([SECOND], ["attach eth1 eth2"], "detach --all", 0, "", []),
    "detach --all with nothing": ([], [], "detach --all", 0, "", []),
    "detach --all beside another's": ([SECOND, FOREIGN_SECOND], ["attach eth1"], "detach --all",
                                      0, "", []),
}


def programs(lan):
    """XDP programs by interface, as the kernel tells."""
    links = json.loads(lan.server.run("ip", "-j", "link").stdout)
    return {link["ifname"]: link["xdp"]["prog"]["id"] for link in links if "xdp" in link}


@pytest.mark.parametrize("network, given, command, status, said, expected", CONTRACT.values(),
                         ids=CONTRACT)
def test_contract(lan, network, given, command, status, said, expected):
    if network:
        lan.server.ip(*network)
    foreign = programs(lan)
    lan.done(*given)
    result = lan.cli(command)
    assert result.status == status, result.err
    assert re.search(said, result.err) if said else result.err == ""
    rows = lan.rows("status")
    assert like(rows, expected), rows
    assert foreign.items() <= programs(lan).items(), "a program that isn't ours went"
    assert len(programs(lan)) == len(foreign) + len([r for r in rows if r["mode"] != "none"])
    if not given and (status or "dry-run" in command):
        assert lan.pins() == {}


def test_dry_run_without_native(lan):
    if tuple(map(int, re.findall(r"\d+", platform.release())[:2])) < (6, 3):
        pytest.skip("this kernel can't tell whether a driver has native XDP")
    lan.server.ip(BRIDGE)
    assert lan.done("attach br0 --dry-run").err == \
        f"xdp-l2resp: note: br0: would be attached in skb mode, which is slower: {NOT_OFFERED}\n"
    refused = lan.cli("attach br0 --dry-run --mode native")
    assert refused.status == 1
    assert refused.err == f"xdp-l2resp: br0: {NOT_OFFERED}; use --mode skb, which is slower\n"
    assert lan.rows("status") == [] and lan.pins() == {}


def test_alone_or_in_a_dispatcher(lan):
    """Said in either case: why not, or the place in it."""
    row, = lan.rows("attach eth1")
    if row["chain"]:
        assert (row["chain_reason"], row["priority"], row["position"]) == ("", 20, 1)
        assert lan.done("attach eth1 --priority 30").err == ""
    else:
        assert lan.done("attach eth1 --priority 30").err == \
            "xdp-l2resp: note: eth1: attached alone, where a priority has no effect\n"
        assert row["chain_reason"] and row["priority"] is row["position"] is None
        assert "alone" in lan.done("status").out
    lan.done("detach eth1")
    lan.server.ip(FOREIGN)
    refused = lan.cli("attach eth1").err
    assert re.search(OTHERS, refused)
    # where the kernel has none, that wouldn't help
    assert ("reload it with xdp-loader" in refused) == row["chain"]
    assert row["chain_reason"] in refused


def test_status_of_one(lan):
    lan.server.ip(SECOND)
    lan.done("attach eth1")
    assert like(lan.rows("status eth1"), [ATTACHED])
    assert like(lan.rows("status eth2"), [UNATTACHED | {"dev": "eth2"}])


def test_no_noise_without_v(lan):
    quiet, loud = lan.done("attach eth1"), lan.done("attach eth1 -v")
    assert quiet.err == "" and "libbpf" in loud.err


def ask(lan, times, mac=SERVER_MAC):
    with Wire(lan.client, "eth0") as wire:
        assert wire.ask(*[arp(VIP)] * times, count=times) == [arp_reply(VIP, sha=mac)] * times


def test_addresses_and_counts_outlive_detach(lan):
    lan.done("attach eth1", ADD)
    ask(lan, 3)
    lan.done("detach eth1")
    assert like(lan.rows("list"), [{"ip": VIP, "answering": False, "responses_sent": 3}])
    with Wire(lan.client, "eth0") as wire:
        assert wire.ask(arp(VIP)) == []
    lan.done("attach eth1")
    ask(lan, 2)
    assert like(lan.rows("list"), [{"ip": VIP, "answering": True, "responses_sent": 5}])
    assert lan.counters() == {"arp_answered": 5}


def test_mac_change(lan):
    """Attach refreshes those that follow the device, in place, and no others."""
    changed, fixed = "02:00:00:00:00:55", "198.18.10.2"
    lan.done("attach eth1", ADD, f"add {fixed} dev eth1 mac {VIP_MAC}",
             f"add {VIP6} dev eth1 override off", f"add fe80::1 dev eth1 mac {VIP_MAC}")
    ask(lan, 3)
    lan.server.ip(f"link set eth1 address {changed}")
    # what would be answered is what is shown: the program goes on with the old one
    assert like(lan.rows("list"), [{"ip": VIP, "mac": SERVER_MAC, "mac_stale": True, "answering": True},
                                   {"ip": fixed, "mac_stale": False}, {"ip": VIP6, "mac_stale": True},
                                   {"ip": "fe80::1", "mac_stale": False}])
    assert f"{VIP} dev eth1 mac {SERVER_MAC} stale answering " in lan.done("list").out
    ask(lan, 1)
    explained = {one["name"]: one["detail"] for one in lan.rows(f"explain {VIP} dev eth1")["checks"]}
    assert explained["entry"] == f"mac {SERVER_MAC}, which the interface had once; attach again"
    lan.done("attach eth1")
    assert not any(row["mac_stale"] for row in lan.rows("list"))
    ask(lan, 1, mac=changed)
    assert like(lan.rows("list"), [
        {"ip": VIP, "mac": changed, "mac_fixed": False, "responses_sent": 5},
        {"ip": fixed, "mac": VIP_MAC, "mac_fixed": True, "responses_sent": 0},
        {"ip": VIP6, "mac": changed, "mac_fixed": False, "override": False},
        {"ip": "fe80::1", "mac": VIP_MAC, "mac_fixed": True, "override": True}])


def test_interface_gone(lan):
    """Its addresses are shown, not answering; there is nothing to detach."""
    lan.done("attach eth1", ADD)
    lan.server.ip("link del eth1")
    assert like(lan.rows("list"), [{"ip": VIP, "dev": "eth1", "answering": False}])
    assert lan.rows("list dev eth1") == lan.rows("list")
    assert like(lan.rows("status"), [{"dev": "eth1", "mode": "none", "entries": 1}])
    assert lan.done("status").out == "eth1: the interface is gone, 1 address\n"
    assert lan.cli("status eth1").status == lan.cli("attach eth1").status == 1
    assert lan.cli("detach eth1").status == 1
    assert lan.cli("detach --all").status == 0
    lan.done(f"del {VIP} dev eth1")
    assert lan.rows("list") == lan.rows("status") == []


@pytest.fixture
def made_anew(lan):
    """eth1 was deleted and made again, after 3 answers; (LAN, former ifindex)."""
    lan.done("attach eth1", ADD, f"add {VIP6} dev eth1")
    ask(lan, 3)
    former = lan.rows("list")[0]["ifindex"]
    lan.server.ip("link del eth1")
    lan.make_link(mac="02:00:00:00:00:55")
    lan.client.ip(f"link set eth0 xdpdrv object {PASS} section xdp")
    return lan, former


FORMER = {"ip": VIP, "dev": "eth1", "mac": SERVER_MAC, "answering": False, "responses_sent": 3}
FORMER6 = FORMER | {"ip": VIP6, "responses_sent": 0}


def test_made_anew_until_attach(made_anew):
    """Shown, not answering, with its counts."""
    lan, former = made_anew
    assert like(lan.rows("list"), [row | {"ifindex": former} for row in (FORMER, FORMER6)])
    with Wire(lan.client, "eth0") as wire:
        assert wire.ask(arp(VIP)) == []


def test_made_anew_is_not_said_to_be_missing(made_anew):
    lan, _ = made_anew
    assert lan.done("save").err == "", "import finds it"
    finding, = (one for one in lan.cli("doctor --json").json["findings"] if one["check"] == "interface_gone")
    assert finding["detail"] == "eth1 was created again, and 2 addresses of the former one are unanswered"
    assert finding["remedy"] == "run `xdp-l2resp attach eth1` (of a VLAN device, on its parent)"


def test_made_anew_listed_by_name(made_anew):
    lan, _ = made_anew
    assert like(lan.rows("list dev eth1"), [FORMER, FORMER6])


def test_made_anew_attached(made_anew):
    """Addresses and counts are taken over, and said to be; the MAC is the new one."""
    lan, former = made_anew
    assert "took over 2 addresses" in lan.done("attach eth1").err
    rows, now = lan.rows("list"), {"mac": "02:00:00:00:00:55", "answering": True}
    assert like(rows, [FORMER | now, FORMER6 | now])
    assert former not in [row["ifindex"] for row in rows]
    ask(lan, 2, mac="02:00:00:00:00:55")
    assert lan.responses_sent() == 5 and lan.counters() == {"arp_answered": 5}


def test_renamed(lan):
    """The program and the addresses stay with the interface."""
    lan.done("attach eth1", ADD)
    lan.server.ip("link set eth1 down", "link set eth1 name lan1", "link set lan1 up")
    assert like(lan.rows("status"), [ATTACHED | {"dev": "lan1", "entries": 1}])
    assert like(lan.rows("list dev lan1"), [{"ip": VIP, "dev": "lan1", "answering": True}])
    ask(lan, 1)


def test_renamed_to_the_name_of_one_that_is_gone(lan):
    """As by udev, after the program was attached to the new one: the addresses go to it, and there are no two of one name."""
    lan.done("attach eth1", ADD)
    lan.server.ip("link del eth1", SECOND)
    lan.done("attach eth2")
    lan.server.ip("link set eth2 down", "link set eth2 name eth1", "link set eth1 up")
    assert lan.done("attach eth1").err == "xdp-l2resp: note: eth1: took over 1 address of the former eth1\n"
    assert like(lan.rows("list"), [{"ip": VIP, "dev": "eth1", "ifindex": lan.index("eth1"), "answering": bool}])
    lan.done(f"del {VIP} dev eth1")
    assert lan.rows("list") == []


POD = "02:00:00:00:00:78"


def numbered(lan, name, mac=POD):
    """An interface that was brought into the namespace with its number, which was free there again."""
    lan.server.ip(f"link add {name} index 77 address {mac} type veth peer name peer", f"link set {name} up")


@pytest.fixture
def gone(lan):
    """eth1, whose number was 77, was deleted; a pod's interface has that number."""
    lan.server.ip("link del eth1")
    lan.server.ip(f"link add eth1 index 77 address {SERVER_MAC} type veth peer name eth0 netns {lan.client.name}", "link set eth1 up")
    lan.client.ip(f"link set eth0 xdpdrv object {PASS} section xdp", "link set eth0 up")
    lan.done("attach eth1", ADD)
    ask(lan, 1)
    lan.server.ip("link del eth1")
    numbered(lan, "pod1")
    return lan


OTHER = "198.18.10.2"


@pytest.mark.parametrize("meanwhile", [["list"], [f"add {OTHER} dev eth2"], ["attach pod1"], [f"add {OTHER} dev pod1"],
                                       ["attach pod1", f"add {OTHER} dev pod1", f"del {OTHER} dev pod1", "flush dev pod1"]])
def test_its_number_is_another_interfaces(gone, meanwhile):
    """Which isn't taken for it under a new name."""
    gone.server.ip(SECOND)
    gone.done(*meanwhile)
    row, = [row for row in gone.rows("list") if row["ip"] == VIP]
    assert like(row, {"dev": "eth1", "answering": False, "mac": SERVER_MAC, "responses_sent": 1})
    assert VIP + " dev eth1" in gone.done("save").out
    gone.make_link()
    gone.client.ip(f"link set eth0 xdpdrv object {PASS} section xdp")
    assert "took over 1 address of the former eth1" in gone.done("attach eth1").err
    row, = [row for row in gone.rows("list") if row["ip"] == VIP]
    assert like(row, {"dev": "eth1", "ifindex": gone.index("eth1"), "answering": True, "responses_sent": 1})
    with Wire(gone.client, "eth0") as wire:
        assert wire.ask(arp(VIP)) == [arp_reply(VIP)]


def test_its_number_is_another_interfaces_that_is_recorded(gone):
    gone.done("attach pod1", f"add {OTHER} dev pod1")
    rows = {row["ip"]: row for row in gone.rows("list")}
    assert like(rows[OTHER], {"dev": "pod1", "ifindex": 77, "mac": POD}) and rows[VIP]["dev"] == "eth1"
    gone.done(f"del {VIP} dev eth1")
    assert [row["ip"] for row in gone.rows("list")] == [OTHER]


def test_its_number_is_the_third_ones(gone):
    """Each one's addresses wait for it."""
    gone.done("attach pod1", f"add {OTHER} dev pod1")
    gone.server.ip("link del pod1")
    numbered(gone, "pod2", "02:00:00:00:00:79")
    gone.done("attach pod2")
    assert {(row["ip"], row["dev"]) for row in gone.rows("list")} == {(VIP, "eth1"), (OTHER, "pod1")}
    gone.make_link()
    assert "took over 1 address of the former eth1" in gone.done("attach eth1").err
    assert {(row["ip"], row["dev"]) for row in gone.rows("list")} == {(VIP, "eth1"), (OTHER, "pod1")}


def test_renamed_and_with_another_mac(lan):
    """It has its program still: it is the same one."""
    lan.done("attach eth1", ADD)
    lan.server.ip("link set eth1 down", f"link set eth1 name lan1 address {POD}", "link set lan1 up")
    lan.server.ip(SECOND)
    lan.done("attach eth2")
    assert like(lan.rows("list"), [{"ip": VIP, "dev": "lan1", "answering": True}])


def test_renamed_and_deleted(lan):
    """The next one with its former name isn't it."""
    lan.server.ip(SECOND)
    lan.done("attach eth1", ADD)
    lan.server.ip("link set eth1 down", "link set eth1 name lan1")
    lan.done("add 198.18.10.2 dev eth2", "del 198.18.10.2 dev eth2")
    lan.server.ip("link del lan1")
    lan.make_link()
    assert "took over" not in lan.done("attach eth1").err
    assert like(lan.rows("list"), [{"ip": VIP, "dev": "lan1", "answering": False}])


def test_other_pins_not_displaced(lan):
    """The same program under another --bpffs is left alone, and named; a namesake of it is no different."""
    lan.done("attach eth1", ADD)
    other = Path(lan.bpffs) / "other"
    other.mkdir()
    for command in ("attach eth1", "detach eth1"):
        result = lan.cli(f"{command} --bpffs {other}")
        assert result.status == 1
        assert f"runs there with the pins in {lan.bpffs}/xdp-l2resp/v1" in result.err
    assert lan.cli(f"detach --all --bpffs {other}").status == 0
    ask(lan, 1)


def test_pins_in_another_mount_namespace_not_displaced(lan):
    """Another bpffs lies at the path of ours, there: the program is no orphan for that."""
    lan.done("attach eth1", ADD)
    hidden = lan.server.run("unshare", "--mount", "sh", "-c",
                            f"mount -t bpf bpf {lan.bpffs} && exec {CLI} --bpffs {lan.bpffs} attach eth1",
                            check=False)
    assert hidden.returncode == 1
    assert f"runs there with the pins in {lan.bpffs}/xdp-l2resp/v1" in hidden.stderr
    ask(lan, 1)


def test_namesake_not_displaced(lan, tmp_path):
    """A foreign program that happens to be called xdp_l2resp."""
    run("clang", "-target", "bpf", "-O2", f"-I{INCLUDE}", "-Dpass=xdp_l2resp", "-c",
        ROOT / "tests/support/pass.bpf.c", "-o", tmp_path / "namesake.o")
    lan.server.ip(f"link set eth1 xdpdrv object {tmp_path}/namesake.o section xdp")
    before = programs(lan)
    assert re.search(OTHERS.replace("pass", "xdp_l2resp"), lan.cli("attach eth1").err)
    assert "not attached" in lan.cli("detach eth1").err
    assert programs(lan) == before


def test_orphan_whose_number_another_has(lan, scratch):
    """The next bpffs has the device number of the one that is gone, but not its pins."""
    own, mounted = scratch / "bpf", []

    def mount(path):
        path.mkdir(exist_ok=True)
        run("mount", "-t", "bpf", "bpf", path)
        mounted.append(path)
        return path.stat().st_dev

    usual, lan.bpffs = lan.bpffs, str(own)
    try:
        number = mount(own)
        lan.done("attach eth1", ADD)
        run("umount", mounted.pop())
        while mount(scratch / str(len(mounted))) != number:
            if len(mounted) == 50:
                pytest.skip("another file system has the number")
        mount(own)
        assert like(lan.rows("status"), [ATTACHED | {"orphan": True}])
        assert "replaced" in lan.done("attach eth1").out
    finally:
        for path in reversed(mounted):
            run("umount", path)
        lan.bpffs = usual


def test_orphan_recovered(lan):
    """Its pins were removed by hand: status says so, attach puts a whole one in its place."""
    lan.done("attach eth1", ADD)
    shutil.rmtree(f"{lan.bpffs}/xdp-l2resp")
    assert like(lan.rows("status"), [ATTACHED | {"orphan": True}])
    assert "would be attached" in lan.done("attach eth1 --dry-run").out
    assert "replaced" in lan.done("attach eth1").out
    lan.done(ADD)
    ask(lan, 1)
    shutil.rmtree(f"{lan.bpffs}/xdp-l2resp")
    lan.done("detach --all")
    assert programs(lan) == {}
