#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/troubleshooting.md: a newcomer whose policy is wrong finds the cause by one command, and sees what the page shows."""
import re

from daemon import POLICY, SERVICE, service
from endpoints import LABEL, endpoint, node, slices
from lan import ROOT, VIP
from test_local import web
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
NOT_READY = web(), slices(endpoint("node-1", ready=False))
# heading of the page: the word that is wrong, or missing, and the manifests
WRONG = {
    "The policy isn't there": ("CiliumL2AnnouncementPolicy", WEB),
    "The policy's kind is misspelt": ("CiliumL2AnouncementPolicy", POLICY.replace("Announcement", "Anouncement"), WEB),
    "A field of the policy is misspelt": ("'serviceSelecter'", spec("serviceSelecter: {matchLabels: {app: web}}"), LABELLED),
    "`serviceSelector` has another label than the Service": ("app=wbe", spec("serviceSelector: {matchLabels: {app: wbe}}"), LABELLED),
    "`externalIPs` or `loadBalancerIPs` isn't true": ("externalIPs: true", POLICY.replace("externalIPs: true", "externalIPs: false"), WEB),
    "`nodeSelector` selects other nodes": ("rack=a", spec("nodeSelector: {matchLabels: {rack: a}}"), WEB),
    "`interfaces` match no device": ("^enp.*", POLICY.replace("[eth1]", '["^enp.*"]'), WEB),
    "`loadBalancerClass` belongs to another program": ("example.com/other", POLICY,
                                         WEB.replace("spec: {", "spec: {loadBalancerClass: example.com/other, ")),
    "The pools wait": ("IPPol;", pool(name="other").replace("IPPool", "IPPol"), POLICY, pool(), balanced("web")),
    "No pool serves the Service": ("app=dns", POLICY,
                                   pool().replace("spec: {", "spec: {serviceSelector: {matchLabels: {app: dns}}, "), balanced("web")),
    "The pool is full": ("pool 'lan'", POLICY, pool(last=FIRST), balanced("other"), balanced("web")),
    "The Service asks for an address that another has": (
        FIRST, POLICY, pool(), *(balanced(name).replace("spec: {", ASKS.format(ip=FIRST)) for name in ("other", "web"))),
    "`externalTrafficPolicy` is Local, and no pod is ready": ("no node has one", POLICY, *NOT_READY),
    "The node is excluded": (LABEL, POLICY, WEB, node({LABEL: ""})),
}


def test_the_page_has_them():
    assert len(WRONG) > 10 and set(WRONG) <= set(SHOWN), set(WRONG) ^ set(SHOWN)


def test_one_command_tells_the_cause(agent):
    """For each in turn: the agent sees the former one's manifests replaced."""
    agent.start()
    for symptom, (word, *manifests) in WRONG.items():
        for former in agent.manifests.glob("*.yaml"):
            former.unlink()
        assert wait_until(lambda: "no Service has an address" in agent.command("status").out), symptom
        for number, manifest in enumerate(manifests):
            agent.write(f"{number}.yaml", manifest)

        def told():
            return agent.command("status").out.replace(str(agent.manifests), "/etc/xdp-l2resp/manifests").splitlines()

        shown = [line[4:] for line in SHOWN[symptom].splitlines()]
        assert wait_until(lambda shown=shown, told=told: set(shown) <= set(told())), f"{symptom}: {told()}"
        assert word in " ".join(shown) and "default/web" in " ".join(told()), symptom
