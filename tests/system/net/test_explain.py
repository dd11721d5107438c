#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""explain says what the driver's hook would do with a request right now, and changes nothing."""
import json
import re
import struct
from pathlib import Path

import pytest

from lan import CLI, SERVER_MAC, VIP, VIP_MAC, like
from wire import Wire, arp

VIP6 = "2001:db8::10"
OTHER_MAC = "00:00:5e:00:53:01"  # of the host that explain makes up
NOT_OWNED, NOT_OWNED6 = "198.18.10.200", "2001:db8::200"


def explain(lan, words):
    """verdict, reason, and the names of the checks: those that failed in capitals."""
    said = lan.rows(f"explain {words}")
    names = " ".join(one["name"] if one["ok"] else one["name"].upper() for one in said["checks"])
    return said["verdict"], said["reason"], names


PASSED = "interface program sender"

# addresses are added by hand; what is asked; the verdict, its reason, and the checks
ROWS = [
    (f"{VIP} dev eth1", "answer", "arp_answered", f"{PASSED} entry lease conflict reply"),
    (f"{VIP} dev eth1 from 0.0.0.0", "answer", "arp_answered",
     f"{PASSED} entry lease conflict reply"),
    (f"{VIP} dev eth1 vlan 0", "answer", "arp_answered",
     "interface program vlan sender entry lease conflict reply"),
    (f"{VIP} dev eth1 vlan 7", "silent", "arp_other_vlan", "interface program VLAN"),
    (f"{VIP} dev eth1 from 224.0.0.1", "silent", "arp_bad_sender_ip", "interface program SENDER"),
    (f"{VIP} dev eth1 from {VIP}", "silent", "arp_conflict",
     f"{PASSED} entry lease CONFLICT"),
    (f"{NOT_OWNED} dev eth1", "silent", "arp_not_owned", f"{PASSED} ENTRY"),
    (f"{VIP6} dev eth1", "answer", "nd_answered", f"{PASSED} entry lease conflict reply"),
    (f"{VIP6} dev eth1 from ::", "answer", "nd_answered", f"{PASSED} entry lease conflict reply"),
    (f"{VIP6} dev eth1 vlan 7", "silent", "nd_other_vlan", "interface program VLAN"),
    (f"{VIP6} dev eth1 from ff02::1", "silent", "nd_bad_sender_ip", "interface program SENDER"),
    (f"{VIP6} dev eth1 from {VIP6}", "silent", "nd_conflict", f"{PASSED} entry lease CONFLICT"),
    (f"{NOT_OWNED6} dev eth1", "silent", "nd_not_owned", f"{PASSED} ENTRY"),
]


def test_verdicts(lan):
    """A row a request; and nothing that stats or list show moves by any of them."""
    lan.done("attach eth1", f"add {VIP} dev eth1", f"add {VIP6} dev eth1")
    before = lan.rows("stats"), lan.rows("list"), lan.pins()
    for words, *said in ROWS:
        assert explain(lan, words) == tuple(said), words
    assert (lan.rows("stats"), lan.rows("list"), lan.pins()) == before


def test_reply(lan):
    """Field by field, and the same as on the wire."""
    lan.done("attach eth1", f"add {VIP} dev eth1 mac {VIP_MAC}")
    said = lan.rows(f"explain {VIP} dev eth1 from 198.18.10.7")
    assert like(said, {"ip": VIP, "dev": "eth1", "verdict": "answer", "reason": "arp_answered",
                       "checks": list, "reply": {
                           "length": 60,
                           "eth": {"dst": OTHER_MAC, "src": VIP_MAC, "vlan": []},
                           "arp": {"op": 2, "sha": VIP_MAC, "spa": VIP, "tha": OTHER_MAC,
                                   "tpa": "198.18.10.7"}}})


def test_reply_to_solicitation(lan):
    lan.done("attach eth1", f"add {VIP6} dev eth1")
    said = lan.rows(f"explain {VIP6} dev eth1 from 2001:db8::7")["reply"]
    assert like(said, {"length": 86, "eth": {"dst": OTHER_MAC, "src": SERVER_MAC, "vlan": []},
                       "na": {"source": VIP6, "destination": "2001:db8::7", "target": VIP6,
                              "solicited": True, "override": True, "mac": SERVER_MAC}})
    said = lan.rows(f"explain {VIP6} dev eth1 from ::")["reply"]
    assert said["na"]["destination"] == "ff02::1" and not said["na"]["solicited"]


def test_unattached(lan):
    """With pins and without."""
    for command in None, f"add {VIP} dev eth1", "attach eth1":
        if command:
            lan.done(command)
        verdict = ("silent", "not_attached", "interface PROGRAM")
        assert command == "attach eth1" or explain(lan, f"{VIP} dev eth1") == verdict
    assert explain(lan, f"{VIP} dev eth1")[0] == "answer"
    lan.done("detach eth1")
    assert explain(lan, f"{VIP} dev eth1") == verdict


def test_deleted_and_down(lan):
    """It is what the maps say at the moment of asking."""
    lan.done("attach eth1", f"add {VIP} dev eth1", f"del {VIP} dev eth1")
    assert explain(lan, f"{VIP} dev eth1")[1] == "arp_not_owned"
    lan.client.ip("link set eth0 down")
    assert explain(lan, f"{VIP} dev eth1")[:2] == ("silent", "no_carrier")
    lan.server.ip("link set eth1 down")
    assert explain(lan, f"{VIP} dev eth1") == ("silent", "interface_down", "INTERFACE")


def test_vlan(lan):
    """A veth stands in for a VLAN device, which this kernel lacks: the data path knows numbers."""
    lan.server.ip("link add eth2 type veth peer name eth3", "link set eth2 up", "link set eth3 up")
    lan.done("attach eth1", f"add {VIP} dev eth2 mac {VIP_MAC}")
    assert explain(lan, f"{VIP} dev eth2")[1] == "not_attached"
    parent, device = [json.loads(lan.server.run("ip", "-j", "link", "show", name).stdout)[0]["ifindex"]
                      for name in ("eth1", "eth2")]
    lan.server.run("bpftool", "map", "update", "pinned", lan.pin("vlans"),
                   "key", *parent.to_bytes(4, "little"), 0x81, 0x00, 100, 0,
                   "value", *device.to_bytes(4, "little"))
    names = "interface program vlan sender entry lease conflict reply"
    for words in f"{VIP} dev eth2", f"{VIP} dev eth1 vlan 100":
        assert explain(lan, words) == ("answer", "arp_answered", names)
        assert like(lan.rows(f"explain {words}")["reply"],
                    {"length": 60, "eth": {"src": VIP_MAC, "vlan": [100]}, "arp": {"spa": VIP}})
    assert explain(lan, f"{VIP} dev eth1")[1] == "arp_not_owned"
    assert explain(lan, f"{VIP} dev eth1 vlan 101")[1] == "arp_other_vlan"


def test_lease_over(lan):
    """An entry with the lease slot of an agent that never renewed."""
    lan.done("attach eth1", f"add {VIP} dev eth1")
    entry = lan.server.run("bpftool", "-j", "map", "dump", "pinned", lan.pin("responder_v4"))
    row = json.loads(entry.stdout)[0]
    row["value"][15] = "0x09"  # head.lease
    lan.server.run("bpftool", "map", "update", "pinned", lan.pin("responder_v4"), "key",
                   *row["key"], "value", *row["value"])
    assert explain(lan, f"{VIP} dev eth1") == (
        "silent", "arp_lease_over", f"{PASSED} entry LEASE")


def test_follows_the_program(lan):
    """It is loaded for the question: over the pins of now, and nothing is pinned for it."""
    lan.done("attach eth1", f"add {VIP} dev eth1")
    pins = lan.pins().keys()
    lan.done("add 198.19.0.0/24 dev eth1")  # more than a map has room for when it is made
    assert explain(lan, f"{VIP} dev eth1")[0] == "answer"
    lan.done(f"del {VIP} dev eth1")
    assert explain(lan, f"{VIP} dev eth1")[1] == "arp_not_owned"
    assert lan.pins().keys() == pins
    lan.done("detach --all", "flush --all")
    assert lan.pins() == {}


def another_build(path):
    """The CLI with one instruction of its XDP program written in another way: w0 = XDP_PASS as r0 = XDP_PASS."""
    whole = bytearray(Path(CLI).read_bytes())
    for at in (match.start() for match in re.finditer(b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x01\x00\xf7\x00", whole)):
        sections, = struct.unpack_from("<Q", whole, at + 40)
        size, count, names = struct.unpack_from("<HHH", whole, at + 58)
        headers = [struct.unpack_from("<IIQQQQ", whole, at + sections + i * size) for i in range(count)]
        for name, _, _, _, offset, length in headers:
            text = at + headers[names][4] + name
            if whole[text:whole.index(0, text)] == b"xdp.frags":
                one = whole.index(b"\xb4\0\0\0\x02\0\0\0", at + offset, at + offset + length)
                whole[one] = 0xb7
    assert whole != Path(CLI).read_bytes()
    path.write_bytes(whole)
    path.chmod(0o755)


def test_says_that_another_build_is_attached(lan, scratch):
    def program():
        return lan.rows(f"explain {VIP} dev eth1")["checks"][1]["detail"]

    other = scratch / "xdp-l2resp"
    another_build(other)
    lan.done("attach eth1", f"add {VIP} dev eth1")
    assert "another build" not in program()
    lan.server.run(other, "--bpffs", lan.bpffs, "attach", "eth1")
    assert "another build" in program()
    assert explain(lan, f"{VIP} dev eth1")[0] == "answer"
    lan.done("attach eth1")
    assert "another build" not in program()


def test_as_on_the_wire(lan):
    """What explain says, the next request gets."""
    lan.done("attach eth1", f"add {VIP} dev eth1 mac {VIP_MAC}")
    with Wire(lan.client, "eth0") as wire:
        for address in VIP, NOT_OWNED:
            answers = explain(lan, f"{address} dev eth1")[0] == "answer"
            assert bool(wire.ask(arp(address), count=int(answers))) == answers


BAD = [
    ("explain", 2, "an address is missing"),
    (f"explain {VIP} eth1", 2, "'eth1' is not understood; 'dev' belongs there"),
    ("explain nonsense dev eth1", 2, "nonsense"),
    ("explain 198.18.10.0/24 dev eth1", 2, "one address at a time"),
    (f"explain {VIP} dev eth1 from", 2, "'from' needs an address"),
    (f"explain {VIP} dev eth1 from {VIP6}", 2, "no address of that family"),
    (f"explain {VIP6} dev eth1 from {VIP}", 2, "no address of that family"),
    (f"explain {VIP} dev eth1 vlan 4095", 2, "no VLAN from 0 to 4094"),
    (f"explain {VIP} dev eth1 vlan -1", 2, None),
    (f"explain {VIP} dev eth1 vlan 1 vlan 2", 2, "twice"),
    (f"explain {VIP} dev eth1 more", 2, "one word too many"),
    (f"explain {VIP} dev nosuch", 1, "nosuch"),
    ("explain 224.0.0.1 dev eth1", 1, "224.0.0.1"),
]


@pytest.mark.parametrize("command, status, words", BAD)
def test_bad_input(lan, command, status, words):
    said = lan.cli(command)
    assert said.status == status and said.out == "" and said.err.count("\n") == 1
    assert said.err.startswith("xdp-l2resp: ") and (words or "") in said.err


def test_text(lan):
    lan.done("attach eth1", f"add {VIP} dev eth1")
    lines = lan.done(f"explain {VIP} dev eth1").out.splitlines()
    assert lines[0] == f"{VIP} dev eth1: answer (arp_answered)"
    assert [line.split()[:2] for line in lines[1:]] == [
        ["ok", name] for name in f"{PASSED} entry lease conflict reply".split()]
