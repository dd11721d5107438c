#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""The agent and VLAN devices, where the kernel has them."""
import json

from daemon import POLICY, service
from lan import SERVER_MAC, VIP
from vlan import ETH_P_8021Q, LOFT_ROWS, ROW, UPSTAIRS, TaggedWire, ask, make_above, site, tagged, vlans  # noqa: F401
from wait import stays, wait_until
from wire import announcement

VIRTUAL = "f2:4c:c6:12:0a:01"  # of VIP


def test_vlan_devices(agent, site):  # noqa: F811
    """Selected by name, answered for through the parent; made anew; its rows go with its addresses."""
    agent.write("all.yaml", POLICY.replace("[eth1]", "[^upstairs$, ^eth1.9$]"), service("web", VIP))
    agent.start()
    agent.wait_entries((VIP, "upstairs"), (VIP, "eth1.9"), seconds=10)
    assert vlans(site) == ROW | LOFT_ROWS
    assert [row["mode"] for row in site.rows("status eth1")] == ["native"]
    assert ask(site, "upstairs") == SERVER_MAC
    assert ask(site, "eth1.9") == SERVER_MAC
    assert "arp_answered" in site.done(f"explain {VIP} dev upstairs").out, "by its parent's program"
    site.server.ip("link del upstairs")
    agent.wait_entries((VIP, "eth1.9"), seconds=10)
    site.server.ip(UPSTAIRS.format("eth1"), "link set upstairs up")
    agent.wait_entries((VIP, "upstairs"), (VIP, "eth1.9"), seconds=10)
    assert ask(site, "upstairs") == SERVER_MAC
    agent.write("all.yaml", POLICY.replace("[eth1]", "[^eth1.9$]"), service("web", VIP))
    agent.wait_entries((VIP, "eth1.9"), seconds=10)
    assert wait_until(lambda: vlans(site) == LOFT_ROWS), vlans(site)
    # it looks at its interfaces every 5 s; this is none of them any more
    assert stays(lambda: vlans(site) == LOFT_ROWS, 6)
    assert agent.end() == 0
    assert wait_until(lambda: vlans(site) == {})


def test_above_a_bridge(agent, site):  # noqa: F811
    """Whose program wouldn't see the tag: the VLAN device itself gets one."""
    make_above(site, "bridge")
    agent.write("all.yaml", POLICY.replace("[eth1]", "[^floor$, ^den$]"), service("web", VIP))
    agent.start()
    agent.wait_entries((VIP, "floor"), (VIP, "den"), seconds=10)
    assert {row["dev"]: row["mode"] for row in site.rows("status")} == {"floor": "skb", "attic": "skb", "den": "none"}
    assert ask(site, "upstairs") == ask(site, "eth1.9") == SERVER_MAC
    assert {row["dev"]: row["responses_sent"] for row in site.rows("list")} == {"floor": 1, "den": 1}
    # attached while floor has a program
    agent.write("all.yaml", POLICY.replace("[eth1]", "[^floor$, ^den$, ^roof$]"), service("web", VIP))
    agent.wait_entries((VIP, "floor"), (VIP, "den"), (VIP, "roof"), seconds=10)
    assert {row["dev"]: row["mode"] for row in site.rows("status")} == {
        "roof": "skb", "floor": "skb", "attic": "skb", "den": "none"}


def test_announced_again_after_a_failover(agent, site):  # noqa: F811
    """The bond's other port is another port of the switch, too; virtual MACs are no source but in announcements."""
    make_above(site, "bond")
    site.server.ip(f"link add eth2 type veth peer name eth2 netns {site.client.name}", "link set eth2 master roof")
    site.client.ip("link set eth2 up")
    agent.config.write_text(agent.config.read_text() + json.dumps({"announce": {"count": 1, "refresh": "0s"}})[1:-1] + "\n")
    agent.write("all.yaml", POLICY.replace("[eth1]", "[^floor$, ^roof$]").replace(
        "name: policy1", "name: policy1\n  annotations: {xdp-l2resp.io/mac: virtual}"), service("web", VIP))
    agent.start()
    agent.wait_entries((VIP, "floor"), (VIP, "roof"), seconds=10)
    assert wait_until(lambda: agent.metrics()["l2resp_announcements_total"] == 2)
    with TaggedWire(site.client, "eth2") as wire:
        site.server.ip("link set roof type bond active_slave eth2")
        untagged = announcement(VIP, mac=VIRTUAL)
        seen = wire.arps(4)
    assert set(untagged + [tagged(frame, (ETH_P_8021Q, 100)) for frame in untagged]) <= set(seen), seen
