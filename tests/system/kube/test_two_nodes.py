# SPDX-License-Identifier: GPL-2.0-or-later
"""What a real API server has of the reasons that take another node."""
import pytest
from conftest import service
from daemon import POLICY
from readers import of_service
from test_conditions import announced, lan, second  # noqa: F401 pylint: disable=unused-import
from test_event_reasons import readers  # noqa: F401 pylint: disable=unused-import
from test_events import by_lease, events  # noqa: F401 pylint: disable=unused-import
from test_pools import told  # noqa: F401 pylint: disable=unused-import
from wait import stays, wait_until

VIP, OTHER = "198.18.10.1", "198.18.10.2"
PREFERS = 'annotations: {xdp-l2resp.io/preferred-nodes: "kubernetes.io/hostname=node-2"}, name: web'


def test_each_reason(by_lease, second, lan, objects, readers, announced, events, told):
    """Of node-1, which leads."""
    first = by_lease

    def comes_to(reason, condition):
        assert wait_until(lambda: of_service(first)[0] == reason, 30), (of_service(first), first.log())
        assert wait_until(lambda: announced() == condition, 30), (announced(), first.log(), second.log())

    by_first = "True", "Announced", f"{VIP} announced by node-1 on eth1"
    by_second = "True", "Announced", f"{VIP} announced by node-2 on eth0"
    objects.apply(POLICY.replace("[eth1]", '["^eth"]'), service("web", VIP), service("other", OTHER))
    first.start()
    comes_to(None, by_first)
    lan.client.ip(f"address add {VIP}/15 dev eth0")
    second.start()
    readers.wait_nobody(first, "node_address", "web", VIP, "no node claims it; node-1: another node has it as its own address: node-2")
    lan.client.ip(f"address del {VIP}/15 dev eth0")
    assert wait_until(lambda: (announced() or "")[0] == "True", 30), (announced(), first.log())
    # either may have taken it
    assert wait_until(lambda: of_service(first)[0] == "other_node" or first.command("move", VIP, "node-2") is None, 30), first.log()
    comes_to("other_node", by_second)
    objects.apply(service("web", VIP).replace("name: web", PREFERS))
    comes_to("not_preferred", by_second)
    # one that says it of the name of another
    assert second.end() == 0
    comes_to(None, by_first)
    second.config.write_text(second.config.read_text().replace("node: node-2", "node: node-1"))
    before = set(events())
    second.launch()
    assert wait_until(lambda: second.command("alive").status == 0 and of_service(second)[0] == "name_taken", 30), second.log()
    assert stays(lambda: announced() == by_first and set(events()) == before, 12), (announced(), events())
