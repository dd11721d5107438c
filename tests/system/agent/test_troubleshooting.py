#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/troubleshooting.md: a newcomer whose policy is wrong finds the cause by one command, and sees what the page shows."""
import re

import pytest

from daemon import POLICY, SERVICE, service
from lan import ROOT, VIP
from test_pools import FIRST, balanced, pool
from wait import wait_until

PAGE = (ROOT / "docs/troubleshooting.md").read_text()
# heading: what the page shows below it
SHOWN = {title: block for title, block in re.findall(
    r"^### (.*?)\n.*?^    # xdp-l2respd status\n(.*?)(?=^[^ \n])", PAGE + "\nEND\n", re.MULTILINE | re.DOTALL)}

WEB = service("web", VIP)
LABELLED = SERVICE.replace("namespace: default", "namespace: default, labels: {{app: web}}").format(name="web", ips=f'"{VIP}"')


def spec(text):
    return POLICY.replace("spec:\n", f"spec:\n  {text}\n")


ASKS = 'spec: {{loadBalancerIP: "{ip}", '
# heading of the page: the manifests
WRONG = {
    "The policy isn't there": (WEB,),
    "The policy's kind or a field is misspelt": (POLICY.replace("Announcement", "Anouncement"), WEB),
    "`serviceSelector` has another label than the Service": (spec("serviceSelector: {matchLabels: {app: wbe}}"), LABELLED),
    "`externalIPs` or `loadBalancerIPs` isn't true": (POLICY.replace("externalIPs: true", "externalIPs: false"), WEB),
    "`nodeSelector` selects other nodes": (spec("nodeSelector: {matchLabels: {rack: a}}"), WEB),
    "`interfaces` match no device": (POLICY.replace("[eth1]", '["^enp.*"]'), WEB),
    "`loadBalancerClass` is another's": (POLICY, WEB.replace("spec: {", "spec: {loadBalancerClass: example.com/other, ")),
    "No pool serves the Service": (POLICY, pool().replace("spec: {", "spec: {serviceSelector: {matchLabels: {app: dns}}, "),
                                   balanced("web")),
    "The pool is full": (POLICY, pool(last=FIRST), balanced("other"), balanced("web")),
    "The Service asks for an address that another has": (
        POLICY, pool(), *(balanced(name).replace("spec: {", ASKS.format(ip=FIRST)) for name in ("other", "web"))),
}


def test_the_page_has_the_ten():
    assert len(WRONG) == 10 and set(WRONG) <= set(SHOWN), set(WRONG) ^ set(SHOWN)


@pytest.mark.parametrize("symptom", WRONG)
def test_one_command_tells_the_cause(agent, symptom):
    for number, manifest in enumerate(WRONG[symptom]):
        agent.write(f"{number}.yaml", manifest)
    agent.start()
    assert wait_until(lambda: "default/web" in agent.command("status").out)

    def told():
        return agent.command("status").out.replace(str(agent.manifests), "/etc/xdp-l2resp/manifests").splitlines()

    shown = [line[4:] for line in SHOWN[symptom].splitlines()]
    assert wait_until(lambda: set(shown) <= set(told())), told()
