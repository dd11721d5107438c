#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""doctor: each check provoked for real, and gone when its own remedy was followed."""
import ctypes
import json
import os
import platform
import re
import socket
import struct
import subprocess
from pathlib import Path

import pytest

from fault import environment
from instead import INSTEAD
from lan import BPFFS, CLIENT_MAC, PASS, SERVER_IP6, SERVER_MAC, VIP, VIP_MAC, changes, lease, libc, need, run
from vlan import ETH_P_8021AD, ETH_P_8021Q, tagged
from wait import HUNG, wait_until
from wire import Wire, arp

VIP6 = "2001:db8::10"
NEW_MAC = "02:00:00:00:00:77"
PROG_LOAD, PROG_ATTACH, PROG_DETACH, SCHED_CLS, TCX_INGRESS = 5, 8, 9, 3, 46  # of bpf(2)
NO_EXT = "BPF_PROG_TYPE_EXT"  # in the reason where the kernel can't load a dispatcher


def look(lan, words="doctor"):
    """Findings by check."""
    said = lan.cli(f"{words} --json")
    findings = said.json["findings"]
    assert said.status == any(one["severity"] != "note" for one in findings)
    assert all(one["severity"] in ("error", "warning", "note") and one["remedy"] for one in findings)
    return {one["check"]: one for one in findings}


def follow(lan, finding):
    """Runs what the remedy says to run of ours."""
    commands = re.findall(r"`xdp-l2resp (.*?)`", finding["remedy"])
    assert commands, finding
    lan.done(*commands)


@pytest.fixture
def well(lan):
    """A LAN on which an address is answered; test_well sees that nothing is found."""
    lan.done("attach eth1", f"add {VIP} dev eth1")
    return lan


def test_nothing_there(lan):
    said = lan.cli("doctor")
    assert (said.status, said.out, said.err) == (0, "nothing found\n", "")
    assert lan.cli("doctor eth1").status == 0
    assert lan.done("doctor --json").json == {"findings": [], "addresses": 0, "asked": 0}


def test_settings_that_cannot_be_read(well):
    """They aren't taken for what is right."""
    said = run(*well.server.argv("unshare", "-m", "sh", "-c", 'mount -t tmpfs none /proc/sys && exec "$@"', "sh", *well.words("doctor")), check=False)
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr == "xdp-l2resp: /proc/sys/net: No such file or directory; run `mount -t proc proc /proc`\n"


def test_well(well):
    assert look(well) == {}
    said = well.cli("doctor --json")
    assert said.status == 0 and well.cli("doctor").out == "nothing found\n"
    assert (said.json["addresses"], said.json["asked"], said.err) == (1, 1, "")


def test_ends_under_a_flood(well):
    """However many frames of other hosts come in while it listens."""
    said = well.cli("doctor --json", env=environment("flood"), timeout=HUNG)
    assert said.json == {"findings": [], "addresses": 1, "asked": 1}


def test_changes_nothing(well):
    before = well.state()
    look(well)
    assert changes(before, well.state()) == []


def test_text(well):
    well.done("detach eth1")
    said = well.cli("doctor eth1")
    assert said.status == 1 and said.err == ""
    assert said.out == (
        "error: not_attached: the program isn't on eth1, and 1 address is on it unanswered\n"
        "    run `xdp-l2resp attach eth1`, or `xdp-l2resp flush dev eth1`\n")


def test_one_interface(well):
    """Findings of others aren't of interest."""
    well.server.ip("link add other type veth peer name rest", "link set other up",
                      "link set rest up")
    well.done("add 198.18.10.9 dev other")
    assert [*look(well)] == ["not_attached"]
    assert look(well, "doctor eth1") == {}
    assert look(well, "doctor other")["not_attached"]["dev"] == "other"


def test_interface_gone(well):
    well.server.ip("link del eth1")
    finding = look(well)["interface_gone"]
    assert (finding["dev"], finding["severity"]) == ("eth1", "error")
    assert [*look(well, "doctor eth1")] == ["interface_gone"]
    well.make_link()
    well.client.ip(f"link set eth0 xdpdrv object {PASS} section xdp")
    well.done("attach eth1")
    assert look(well) == {}


@pytest.mark.parametrize("host, dev, said", [("server", "eth1", "is down"),
                                             ("client", "eth0", "has no carrier")])
def test_link_down(well, host, dev, said):
    getattr(well, host).ip(f"link set {dev} down")
    assert look(well)["link_down"]["detail"] == f"eth1 {said}"
    getattr(well, host).ip(f"link set {dev} up")
    assert look(well) == {}


def test_not_attached(well):
    well.done("detach eth1")
    assert [*look(well)] == ["not_attached"]
    well.done("attach eth1")
    assert look(well) == {}


def test_not_attached_and_refused(well):
    """No advice to attach where attach refuses: what stands in its way comes first."""
    well.done("detach eth1")
    well.server.ip(f"link set eth1 xdpdrv object {PASS} section xdp", f"link set eth1 address {NEW_MAC}")
    refused = well.cli("attach eth1")
    assert refused.status == 1
    reason = refused.err.removeprefix("xdp-l2resp: ").rstrip()
    found = look(well)
    for check in "not_attached", "mac_stale":
        assert found[check]["remedy"] == (f"first fix what attach would refuse: {reason}; then run "
                                          "`xdp-l2resp attach eth1`")
    assert f"nothing answers on eth1: {reason}" in well.done("add 198.18.10.2 dev eth1").err
    well.server.ip("link set eth1 xdpdrv off")
    follow(well, found["not_attached"])
    assert look(well) == {}


def no_bpffs(lan, scratch):
    run("umount", lan.bpffs)
    return f"no BPF file system at {lan.bpffs}", f"mount one with: mount -t bpf bpf {lan.bpffs}"


def no_directory(lan, scratch):
    lan.bpffs = str(scratch / "none")
    return f"{lan.bpffs}: No such file or directory", "fix the cause above"


def read_only(lan, scratch):
    run("mount", "-o", "remount,ro", lan.bpffs)
    return f"the BPF file system at {lan.bpffs} is mounted read-only", f"run `mount -o remount,rw {lan.bpffs}`"


def missing(lan, scratch):
    os.unlink(lan.pin("events"))
    os.unlink(lan.pin("conflicts"))
    return (f"{lan.bpffs}/xdp-l2resp/v1 lacks the pin of conflicts, events, while the program runs",
            "`xdp-l2resp attach IFACE` creates it again")


def another_layout(name):
    def replace(lan, scratch):
        os.unlink(lan.pin(name))
        run("bpftool", "map", "create", lan.pin(name), "type", "hash", "key", "4", "value", "4", "entries", "1", "name", "x")
        return (f"{lan.pin(name)} has another layout than this version's",
                "run `xdp-l2resp detach --all` and `flush --all` of the version that created it, or remove it if none did")
    return replace


def no_map(name, what):
    def replace(lan, scratch):
        os.unlink(lan.pin(name))
        INSTEAD[what](lan.pin(name))
        return f"{lan.pin(name)} is {what}, not a map", "remove it"
    return replace


def another_schema(lan, scratch):
    run("bpftool", "map", "update", "pinned", lan.pin("meta"), "key", "0", "0", "0", "0", "value", "9",
        *["0"] * (lan.map_sizes("meta")[1] - 1))
    return f"{lan.pin('meta')} is of schema version 9, this program's is 1", "remove it, so that it is created again"


def unreadable(lan, scratch):
    """For a root that has lost the right to read everything."""
    os.chmod(Path(lan.pin("meta")).parent, 0)
    return f"{lan.pin('meta')}: Permission denied", "check its mode, and whether AppArmor or SELinux denies it"


# name: what makes the pins so, the other findings of an interface that is down
UNUSABLE = {
    "no bpffs": (no_bpffs, ["link_down", "program_stale"]),
    "no directory": (no_directory, []),  # its program has its pins elsewhere
    "read-only": (read_only, ["link_down"]),
    "missing": (missing, ["link_down", "program_stale"]),
    **{f"another layout: {name}": (another_layout(name), ["link_down", *stale]) for name, stale in {
        "meta": [], "devices": [], "leases": ["program_stale"], "counters": ["program_stale"], "conflicts": ["program_stale"],
        "vlans": ["program_stale"], "filters": [], "responder_v4": ["program_stale"]}.items()},
    "a program": (no_map("responder_v6", "a pinned program"), ["link_down", "program_stale"]),
    "a program for counters": (no_map("counters", "a pinned program"), ["link_down"]),
    "a directory": (no_map("filters", "a directory"), ["link_down"]),
    "another schema": (another_schema, ["link_down"]),
    "unreadable": (unreadable, ["link_down"]),
}


@pytest.fixture
def own_bpffs(lan, scratch):
    """A BPF file system of the test's own, with an address."""
    former, mounted = lan.bpffs, scratch / "bpf"
    mounted.mkdir()
    run("mount", "-t", "bpf", "bpf", mounted)
    lan.bpffs = str(mounted)
    lan.done("attach eth1", f"add {VIP} dev eth1")
    yield lan
    if mounted.is_mount():
        run("umount", mounted)
    lan.bpffs = former


@pytest.mark.parametrize("make, others", UNUSABLE.values(), ids=UNUSABLE)
def test_pins_unusable(own_bpffs, scratch, make, others):
    """It is a finding, and what can be checked without them still is."""
    need("setpriv")
    lan = own_bpffs
    detail, remedy = make(lan, scratch)
    lan.server.ip("link set eth1 down")
    before = lan.server.run("ip", "-o", "link").stdout
    words = lan.server.argv("setpriv", "--bounding-set=-dac_override,-dac_read_search", *lan.words("doctor"))
    said, as_json = run(*words, check=False), run(*words, "--json", check=False)
    assert (said.returncode, said.stderr, as_json.returncode, as_json.stderr) == (1, "", 1, "")
    assert said.stdout.startswith(f"error: pins_unusable: {detail}\n    {remedy}\n")
    found = json.loads(as_json.stdout)["findings"]
    assert found[0] == {"check": "pins_unusable", "dev": None, "severity": "error", "detail": detail, "remedy": remedy}
    assert sorted(one["check"] for one in found[1:]) == sorted(others)
    assert lan.server.run("ip", "-o", "link").stdout == before


def test_missing_pins_are_created_by_the_remedy(well):
    os.unlink(well.pin("vlans"))
    finding = look(well)["pins_unusable"]
    well.done(*re.findall("`xdp-l2resp (.*?)`", finding["remedy"].replace("IFACE", "eth1")))
    assert look(well) == {}


def test_leases_that_cannot_be_read(well):
    """Nobody knows which addresses are answered; those added by hand are."""
    lease(well, 60000)
    well.done("add 198.18.10.2 dev eth1")
    os.unlink(well.pin("leases"))
    said = well.cli("doctor --json").json
    assert sorted(one["check"] for one in said["findings"]) == ["pins_unusable", "program_stale"]
    assert (said["addresses"], said["asked"]) == (1, 1)


def test_program_stale(well):
    """The pins are gone, the program isn't."""
    run("rm", "-r", f"{well.bpffs}/xdp-l2resp")
    finding = look(well)["program_stale"]
    follow(well, finding)
    assert look(well) == {}


def test_program_stale_after_a_move(well):
    """It stays on an interface that goes to another network namespace and back, with the index that was."""
    well.move_there_and_back()
    why = "was loaded for another interface index"
    assert f", {why}: attach again\n" in well.done("status eth1").out
    finding = look(well)["program_stale"]
    assert finding["detail"] == f"eth1 has our program, which {why}"
    gone = look(well)["interface_gone"]
    assert gone["detail"] == "eth1 came back with another number, as eth1, and its program is still on it, with 1 address"
    assert gone["remedy"] == finding["remedy"]
    follow(well, finding)
    assert "program_stale" not in look(well) and why not in well.done("status eth1").out


def test_skb_mode(well):
    if tuple(map(int, re.findall(r"\d+", platform.release())[:2])) < (6, 3):
        pytest.skip("this kernel can't tell whether a driver has native XDP")
    well.done("detach eth1", "attach eth1 --mode skb")
    finding = look(well)["skb_mode"]
    assert finding["severity"] == "warning"
    follow(well, finding)
    assert look(well) == {}


def test_alone(lan, scratch):
    """No BPF file system where libxdp keeps its dispatchers, ours elsewhere."""
    run("mount", "-t", "bpf", "bpf", scratch)
    inside, lan.bpffs = lan.bpffs, str(scratch)
    try:
        run("mount", "-t", "tmpfs", "none", BPFFS)
        try:
            lan.done("attach eth1")
        finally:
            run("umount", "-l", BPFFS)
        if NO_EXT in lan.rows("status")[0]["chain_reason"]:
            assert look(lan) == {}, "what nobody can put right"
        else:
            finding = look(lan)["alone"]
            assert finding["severity"] == "warning"
            follow(lan, finding)
            assert look(lan) == {}
        lan.done("detach eth1")
    finally:
        lan.bpffs = inside
        run("umount", "-l", scratch)


def test_program_before(well):
    if not well.rows("status")[0]["chain"]:
        pytest.skip("the kernel can't load dispatchers")
    well.server.run("xdp-loader", "load", "-m", "native", "-P", "10", "eth1", PASS)
    finding = look(well)["program_before"]
    assert "priority 10) runs before ours" in finding["detail"]
    assert finding["severity"] == "note" and well.cli("doctor").status == 0, "a firewall belongs there"
    well.done("attach eth1 --priority 5")
    assert look(well) == {}
    well.server.run("xdp-loader", "unload", "eth1", "--all")


def test_veth_peer(well):
    well.client.ip("link set eth0 xdpdrv off")
    assert look(well)["veth_peer"]["severity"] == "error"
    well.client.ip(f"link set eth0 xdpdrv object {PASS} section xdp")
    assert look(well) == {}


def test_veth_peer_in_skb_mode(well):
    """Answers arrive there all the same."""
    well.client.ip("link set eth0 xdpdrv off")
    finding = look(well)["veth_peer"]
    follow(well, finding)
    assert "veth_peer" not in look(well)
    with Wire(well.client, "eth0") as wire:
        assert wire.ask(arp(VIP), count=1)


def test_mac_stale(well):
    well.done(f"add 198.18.10.2 dev eth1 mac {VIP_MAC}")  # stays as it is
    well.server.ip(f"link set eth1 address {NEW_MAC}")
    finding = look(well)["mac_stale"]
    assert finding["detail"] == (f"1 address is answered with {SERVER_MAC}, and the MAC of eth1 is "
                                 f"{NEW_MAC}")
    follow(well, finding)
    assert look(well) == {}


def test_entry_damaged(well):
    well.damage("198.18.10.7")
    finding = look(well)["entry_damaged"]
    assert finding["detail"] == "the entry of 198.18.10.7 on eth1 is another address's, or none"
    follow(well, finding)
    assert look(well) == {}


def test_lease_over(well):
    lease(well, -1)
    assert look(well)["lease_over"]["detail"] == "the lease of 1 address on eth1 (slot 1) has run out"
    lease(well, 10000)
    assert look(well) == {}


def test_lease_over_is_not_asked_for(well):
    """Another host may have the address by right."""
    well.client.ip(f"address add {VIP}/32 dev eth0")
    lease(well, -1)
    assert [*look(well)] == ["lease_over"]


def test_conflict(well):
    with Wire(well.client, "eth0") as wire:
        wire.send(arp(VIP, spa=VIP), arp(VIP, spa=VIP))
        assert wait_until(lambda: well.counters().get("arp_conflict") == 2)
    finding = look(well)["conflict"]
    assert re.fullmatch(f"{CLIENT_MAC} used {VIP} on eth1, last [0-9]+ s ago, in 2 frames",
                        finding["detail"])
    follow(well, finding)
    assert look(well) == {}


def test_another_interface_of_this_host_is_no_conflict(well):
    well.server.ip("link add eth2 address 02:00:00:00:00:07 type veth peer name eth3")
    with Wire(well.client, "eth0") as wire:
        wire.send(arp(VIP, spa=VIP, sha="02:00:00:00:00:07"))
        assert wait_until(lambda: well.counters().get("arp_conflict") == 1)
    assert "conflict" not in look(well)
    assert well.rows("list")[0]["conflicts"] == 0
    well.server.ip("link del eth2")
    assert look(well)["conflict"]


def test_what_is_an_agents_is_not_to_be_deleted(well):
    well.client.ip(f"address add {VIP}/32 dev eth0")
    lease(well, 10000)
    remedy = (f"take {VIP} off the host with that MAC, or out of the Service or the policy that the agent announces "
              "it for")
    assert look(well)["other_answers"]["remedy"] == remedy
    assert look(well)["conflict"]["remedy"] == remedy
    refused = well.cli(f"del {VIP} dev eth1")
    assert refused.status == 1 and "announced by the agent" in refused.err


def test_map_nearly_full(lan):
    lan.done("attach eth1 --max-entries 100", "add 198.18.16.1-198.18.16.90 dev eth1")
    assert look(lan) == {}
    lan.done("add 198.18.16.91 dev eth1")
    finding = look(lan)["map_nearly_full"]
    assert (finding["dev"], finding["detail"]) == (None, "91 of at most 100 IPv4 addresses")
    lan.done("attach eth1 --max-entries 200")
    assert look(lan) == {}


@pytest.mark.parametrize("dev", ["lo", "eth1"])
def test_kernel_answers_arp(well, dev):
    well.server.ip(f"address add {VIP}/32 dev {dev}")
    finding = look(well)["kernel_answers"]
    assert (finding["detail"], finding["severity"]) == (
        f"{VIP} is an address of {dev}, and arp_ignore is 0 on eth1", "warning")
    well.server.sysctl("net.ipv4.conf.all.arp_ignore=1", "net.ipv4.conf.all.arp_announce=2")
    if dev == "eth1":  # the sysctl alone isn't the remedy
        assert "arp_ignore is 1" in look(well)["kernel_answers"]["detail"]
        well.server.ip(f"address del {VIP}/32 dev eth1", f"address add {VIP}/32 dev lo")
    assert look(well) == {}


def test_kernel_answers_nd(well):
    well.enable_ipv6()
    well.done(f"add {SERVER_IP6} dev eth1")
    assert look(well)["kernel_answers"]["detail"] == f"{SERVER_IP6} is an address of eth1"
    well.server.ip(f"address del {SERVER_IP6}/64 dev eth1", f"address add {SERVER_IP6}/128 dev lo")
    assert look(well) == {}


@pytest.mark.parametrize("addresses", ["kept", "flushed"])
def test_proxy_arp(well, addresses):
    """Also where the program has no address, since the agent announces none then."""
    if addresses == "flushed":
        well.done("flush dev eth1")
    well.server.sysctl("net.ipv4.conf.eth1.proxy_arp=1")
    assert look(well) == {}  # it needs forwarding too
    well.server.sysctl("net.ipv4.ip_forward=1")
    finding = look(well)["proxy_arp"]
    well.server.run("sysctl", "-w", *re.findall(r"net[\w./]+=0", finding["remedy"]))
    assert look(well) == {}


@pytest.mark.parametrize("ip, settings", [
    (VIP, ["net.ipv4.ip_forward=1"]),
    (VIP6, ["net.ipv6.conf.eth1.forwarding=1", "net.ipv6.conf.eth1.proxy_ndp=1"]),
])
def test_proxy_entry(well, ip, settings):
    well.enable_ipv6()
    if ip == VIP6:
        well.done(f"add {VIP6} dev eth1")
    well.server.ip(f"neigh add proxy {ip} dev eth1")
    assert look(well) == {}
    well.server.sysctl(*settings)
    finding = look(well)["proxy_entry"]
    command, = re.findall(r"`ip (.*?)`", finding["remedy"])
    well.server.ip(command)
    assert look(well) == {}


@pytest.mark.parametrize("ip", [VIP, VIP6])
def test_other_answers(well, ip):
    well.enable_ipv6()
    bits = 32 if ip == VIP else 128
    if ip == VIP6:
        well.done(f"add {VIP6} dev eth1")
    well.client.own(f"{ip}/{bits}", "eth0")
    finding = look(well)["other_answers"]
    assert (finding["detail"], finding["severity"]) == (
        f"{CLIENT_MAC} answers for {ip} on eth1 too", "error")
    well.client.ip(f"address del {ip}/{bits} dev eth0")
    # that it was seen stays, for ten minutes
    assert [*look(well)] == ["conflict"]
    well.done(f"del {ip} dev eth1")
    assert look(well) == {}


def test_asks_as_a_probe_would(well):
    """Nothing that a neighbour learns from: sender 0.0.0.0, the interface's own MAC."""
    with Wire(well.client, "eth0") as wire:
        look(well)
        asked = [frame for _, frame in wire.received()]
    assert asked == [arp(VIP, spa="0.0.0.0", sha=SERVER_MAC, trailer=bytes(18))]


@pytest.mark.parametrize("tags", [[], [(ETH_P_8021Q, 0)], [(ETH_P_8021Q, 100)], [(ETH_P_8021AD, 300)]])
def test_a_claim_on_another_vlan_is_none(well, tags):
    """Another tenant's address; a packet socket gets the frame without its tag."""
    with Wire(well.client, "eth0") as wire:
        process = subprocess.Popen(well.argv("doctor --json"), stdout=subprocess.PIPE, text=True)
        wire.received(1)
        wire.send(tagged(arp(VIP, spa=VIP, sha=NEW_MAC), *tags))
        found = json.loads(process.communicate(timeout=HUNG)[0])["findings"]
    untagged = not any(vid for _, vid in tags)
    assert [one["check"] for one in found] == ["other_answers"] * untagged


def bpf(command, attributes):
    """bpf(2), on x86 or arm64."""
    number = {"x86_64": 321, "aarch64": 280}[platform.machine()]
    result = libc.syscall(number, command, ctypes.create_string_buffer(attributes, 128), 128)
    assert result >= 0, os.strerror(ctypes.get_errno())
    return result


def tcx_pass(lan, command):
    """Attaches to eth1's ingress a program that returns TCX_PASS, or BPF_PROG_DETACHes it."""
    code = ctypes.create_string_buffer(struct.pack("=BBhiBBhi", 0xB7, 0, 0, 0, 0x95, 0, 0, 0))  # r0 = 0; exit
    name = ctypes.create_string_buffer(b"GPL")
    if command == PROG_ATTACH:
        lan.tcx = bpf(PROG_LOAD, struct.pack("=IIQQ", SCHED_CLS, 2, ctypes.addressof(code), ctypes.addressof(name)))
    with lan.server.entered():
        bpf(command, struct.pack("=III", socket.if_nametoindex("eth1"), lan.tcx, TCX_INGRESS))


def test_tcx_before(well):
    """Which keeps frames to a virtual MAC from the kernel, and other frames not."""
    need("ping")
    if tuple(map(int, platform.release().split(".")[:2])) < (6, 6):
        pytest.skip("this kernel has no tcx")
    virtual = "198.18.0.100"
    well.server.sysctl("net.ipv4.conf.all.arp_ignore=1", "net.ipv4.conf.all.arp_announce=2")
    well.server.ip(f"address add {virtual}/32 dev lo")
    tcx_pass(well, PROG_ATTACH)
    assert look(well) == {}
    well.done(f"add {virtual} dev eth1 mac f2:4c:c6:12:00:64")

    def pinged():
        return not well.client.run("ping", "-c", 1, "-W", 2, virtual, check=False).returncode
    assert not pinged()
    found = look(well)
    assert [*found] == ["tcx_before"] and found["tcx_before"]["severity"] == "note"
    assert "1 tcx program at the ingress of eth1" in found["tcx_before"]["detail"]
    tcx_pass(well, PROG_DETACH)
    assert look(well) == {} and pinged()


def test_asks_for_256(well):
    well.done("add 198.18.11.0/24 dev eth1")
    said = well.cli("doctor --json")
    assert (said.json["addresses"], said.json["asked"]) == (257, 256)
    assert said.err == "xdp-l2resp: note: asked the LAN for 256 of 257 addresses only\n"


@pytest.mark.parametrize("command, status, said", [
    ("doctor eth9", 1, "no interface 'eth9' in this network namespace"),
    ("doctor eth1 eth2", 2, "'eth2' is one word too many"),
])
def test_refused(lan, command, status, said):
    refused = lan.cli(command)
    assert (refused.status, refused.out) == (status, "")
    assert said in refused.err and refused.err.count("\n") == 1

