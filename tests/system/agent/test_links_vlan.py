#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""The agent and VLAN devices, where the kernel has them."""

from daemon import POLICY, service
from lan import SERVER_MAC, VIP
from vlan import LOFT_ROWS, ROW, UPSTAIRS, ask, make_above, site, vlans  # noqa: F401
from wait import stays, wait_until


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
