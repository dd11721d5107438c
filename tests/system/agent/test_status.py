#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the agent shows of itself over HTTP: answers by address and Service, times, and its status page in a browser.

PICTURES=DIRECTORY keeps the page's screenshot there."""
import base64
import html
import json
import os
import re
import shutil
import subprocess
import threading
from contextlib import ExitStack, closing
from fcntl import F_DUPFD, fcntl
from http.client import HTTPConnection
from pathlib import Path
from select import select

import pytest

from daemon import POLICY, PORT, service
from endpoints import endpoint, slices
from lan import CLIENT_MAC, VIP
from test_etcd import answering, between, etcd, make_agent  # noqa: F401 pylint: disable=unused-import
from test_pools import pool
from wait import HUNG, wait_until
from wire import Wire, arp

OTHER, SHARED = "198.18.10.2", "198.18.10.3"
ASKED = 3
BOUND = 1000  # series of l2resp_answers_total
MARKUP = "<img src=x onerror=document.title=1>"
FOREIGN = f"""
apiVersion: v1
kind: Service
metadata: {{name: foreign, namespace: default}}
spec: {{type: LoadBalancer, loadBalancerClass: "{MARKUP}", ports: [{{port: 80}}]}}
"""


def answers(address, name):
    return f'l2resp_answers_total{{address="{address}",namespace="default",service="{name}"}}'


@pytest.fixture
def running(agent, lan):
    """Three Services with addresses, of which two share one, and one of others; the client has asked, and claimed one."""
    agent.config.write_text(agent.config.read_text() + "announce: {count: 0}\n")
    agent.write("all.yaml", POLICY, service("web", VIP), service("api", OTHER, SHARED), service("api-udp", SHARED), FOREIGN)
    agent.start()
    agent.wait_entries(*((ip, "eth1") for ip in (VIP, OTHER, SHARED)))
    with Wire(lan.client, "eth0") as wire:
        wire.send(*[arp(VIP)] * ASKED, arp(SHARED))
        agent.counts(answers(VIP, "web"), ASKED)
        wire.send(arp(OTHER, spa=OTHER, sha=CLIENT_MAC))
    assert wait_until(lambda: status(agent)["conflicts"])
    return agent


def status(agent):
    return json.loads(agent.http("/status.json")[1])


def test_answers_by_address(running):
    figures = running.metrics()
    series = {name: value for name, value in figures.items() if name.startswith("l2resp_answers_total")}
    shared = answers(SHARED, "api") if answers(SHARED, "api") in series else answers(SHARED, "api-udp")
    # what asks for its own address is a conflict, and no question
    assert series == {answers(VIP, "web"): ASKED, answers(OTHER, "api"): 0, shared: 1}
    assert figures["l2resp_answers_omitted"] == 0
    [build] = [name for name in figures if name.startswith("l2resp_build_info")]
    assert figures[build] == 1 and re.fullmatch(r'l2resp_build_info{version="[0-9.]+",commit="[^"]+"}', build)


def test_series_are_bounded(agent):
    ips = [f"198.18.{16 + i // 250}.{1 + i % 250}" for i in range(BOUND + 5)]
    agent.write("all.yaml", POLICY, service("web", *ips))
    agent.start()
    agent.counts("l2resp_answers_omitted", 5)
    assert sum(name.startswith("l2resp_answers_total") for name in agent.metrics()) == BOUND


def test_status(running):
    said = status(running)
    assert (said["node"], said["engine"], said["ready"], said["held"]) == ("node-1", "none", True, 3)
    assert said["session"]["state"] == "active" and said["session"]["remaining_ms"] > 0
    services = {service["service"]: service for service in said["services"]}
    [address] = services["web"]["addresses"]
    assert (address["ip"], address["interfaces"], address["answers"]) == (VIP, ["eth1"], ASKED)
    # as show has it
    shown = json.loads(running.command("show", "default/web", "--json").out)
    for one in shown, services["web"]:
        one["addresses"][0]["claim"].pop("remaining_ms")
        one["addresses"][0].pop("explain", None)
    assert shown == services["web"]
    assert f": {MARKUP}; " in services["foreign"]["why"]
    [conflict] = said["conflicts"]
    assert (conflict["ip"], conflict["dev"], conflict["mac"], conflict["count"]) == (OTHER, "eth1", CLIENT_MAC, 1)
    assert sum(said["times"]["lease_loop"]) > said["session"]["renewals"] > 0


def asked_as(running, host, path):
    with running.lan.server.entered():
        connection = HTTPConnection("127.0.0.1", PORT, timeout=HUNG)
        connection.connect()
    connection.request("GET", path, headers={"Host": host})
    return connection.getresponse()


def test_pages_from_elsewhere_read_nothing(running):
    """A site whose name was made to lead to 127.0.0.1."""
    for path in "/", "/status.json", "/metrics":
        assert asked_as(running, "rebound.example:9717", path).status == 403
        for host in f"127.0.0.1:{PORT}", f"localhost:{PORT}", "[::1]", "127.0.0.1":
            assert asked_as(running, host, path).status == 200
    policy = asked_as(running, "127.0.0.1", "/").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert "http" not in re.sub("<!--.*?-->", "", running.http("/")[1]), "something is loaded from elsewhere"
    running.write("all.yaml", POLICY)
    running.answers("/status.json", 200)


class Browser:
    """Chromium, told what to do by the DevTools protocol over a pipe."""

    def __init__(self, agent, scratch):
        there, self.requests = os.pipe()
        self.answers, back = os.pipe()
        self.number, self.read = 0, b""

        def pipes():
            for wanted, found in ((3, fcntl(there, F_DUPFD, 10)), (4, fcntl(back, F_DUPFD, 10))):
                os.dup2(found, wanted)

        self.process = subprocess.Popen(
            agent.lan.server.argv("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                                  "--hide-scrollbars", f"--user-data-dir={scratch}/browser", "--remote-debugging-pipe"),
            preexec_fn=pipes, pass_fds=(3, 4), env=os.environ | {"HOME": str(scratch)}, stderr=subprocess.DEVNULL)
        os.close(there)
        os.close(back)
        page = self.do("Target.createTarget", url=f"http://127.0.0.1:{PORT}/")["targetId"]
        self.session = {"sessionId": self.do("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]}

    session = {}

    def do(self, method, **parameters):
        """Its result."""
        self.number += 1
        asked = {"id": self.number, "method": method, "params": parameters} | self.session
        os.write(self.requests, json.dumps(asked).encode() + b"\0")
        while (answer := self.message()).get("id") != self.number:
            pass
        assert "result" in answer, answer
        return answer["result"]

    def message(self):
        while b"\0" not in self.read:
            assert select([self.answers], [], [], HUNG)[0] and (more := os.read(self.answers, 1 << 20)), "the browser is silent"
            self.read += more
        first, self.read = self.read.split(b"\0", 1)
        return json.loads(first)

    def value(self, expression):
        return self.do("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value", "")

    def html(self):
        return self.value("document.body.outerHTML")

    def text(self):
        """What the page shows, with | between its parts."""
        shown = html.unescape(re.sub("<[^>]*>", "|", self.html().partition("<script>")[0]))
        return re.sub(r"[|\s]*\|[|\s]*", "|", shown)

    def shows(self, pattern):
        assert wait_until(lambda: re.search(pattern, self.text())), self.text()

    def resize(self, width, height):
        self.do("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)

    def picture(self, name):
        """Nothing without PICTURES."""
        if "PICTURES" in os.environ:
            taken = self.do("Page.captureScreenshot")["data"]
            Path(os.environ["PICTURES"], name).write_bytes(base64.b64decode(taken))

    def close(self):
        os.close(self.requests)
        os.close(self.answers)
        self.process.wait(HUNG)


@pytest.fixture
def browser(scratch):
    """Opens the page of an agent."""
    if not shutil.which("chromium"):
        pytest.skip("chromium isn't installed")
    with ExitStack() as stack:
        yield lambda agent: stack.enter_context(closing(Browser(agent, scratch)))


@pytest.mark.full
def test_the_page_in_a_browser(running, browser):
    page = browser(running)
    page.shows(r"\|node-1\|ready\|xdp-l2respd [^|]+, leases by none\|")
    # there is a rate, once it was refreshed
    page.shows(rf"\|default/web\|{re.escape(VIP)}\|node-1, this node\|eth1\|[0-9.]+ m?s\|{ASKED}\|0\.0\|")
    # markup of others is text
    page.shows(rf"another implementation: {re.escape(MARKUP)}; this agent's is io.cilium/l2-announcer\|")
    assert "<img" not in page.html()
    page.shows(rf"\|{OTHER}\|eth1\|{CLIENT_MAC}\|1\|")
    page.shows(r"\|Renewals\|up to 0.1 ms\|")


@pytest.mark.full
def test_the_page_of_a_node_that_is_drained(running, browser):
    assert running.command("drain").status == 0
    running.wait_entries()
    page = browser(running)
    page.shows(r"\|node-1\|drained\|")
    page.shows("this node is drained")
    assert re.search(r'id="ready" class="pill ?"', page.html())


# A shop on two nodes: node-2 is the preferred one of some Services, and has the only endpoint of another.
WEB, API, CHECKOUT, RESOLVER = "198.18.10.10", "198.18.10.11", "198.18.10.12", "198.18.10.53"
SHOP = f"""
{{metadata: {{name: web, namespace: shop}}, spec: {{externalIPs: ["{WEB}", "2001:db8:10::10"]}}}}
{{metadata: {{name: api, namespace: shop, annotations: {{xdp-l2resp.io/preferred-nodes: kubernetes.io/hostname=node-2}}}}, spec: {{externalIPs: [{API}]}}}}
{{metadata: {{name: checkout, namespace: shop}}, spec: {{type: LoadBalancer, externalTrafficPolicy: Local, selector: {{a: b}}, externalIPs: [{CHECKOUT}]}}}}
{{metadata: {{name: resolver, namespace: dns}}, spec: {{externalIPs: [{RESOLVER}]}}}}
{{metadata: {{name: grafana, namespace: monitoring}}, spec: {{type: LoadBalancer, ports: [{{port: 80}}]}}}}
{{metadata: {{name: preview, namespace: staging}}, spec: {{type: LoadBalancer, ports: [{{port: 80}}]}}}}
"""
FIRST = "198.18.20.1"
STRANGER = "52:54:00:0b:77:01"


@pytest.fixture
def shop(between, etcd, scratch, background):  # noqa: F811
    """node-1 of two, while clients ask and another host claims an address."""
    agents = [make_agent(between, namespace, name, scratch / name)
              for name, namespace in (("node-2", between.client), ("node-1", between.server))]
    here = "xdp-l2resp.io/preferred-nodes: kubernetes.io/hostname=node-1"
    manifests = [f"{{apiVersion: v1, kind: Service, {one[1:]}\n" for one in SHOP.strip().split("\n")]
    policy = POLICY.replace("[eth1]", '["^eth"]').replace("policy1", f"lan\n  annotations: {{{here}}}")
    try:
        for agent in agents:
            agent.write("all.yaml", policy, *manifests, pool(FIRST, FIRST),
                        slices(endpoint("node-2", ready=True), of="checkout", namespace="shop"))
            agent.start()
        second, first = agents
        wanted = {WEB, "2001:db8:10::10", RESOLVER, FIRST}
        assert wait_until(lambda: answering(first) == wanted and answering(second) == {API, CHECKOUT}, 20), first.log()
        yield first
    finally:
        for agent in agents:
            agent.close()


def asking(lan, over):
    """WEB 40 times a second, RESOLVER 10, FIRST 2; a host claims RESOLVER once a second."""
    with Wire(lan.client, "eth0") as wire:
        turn = 0
        while not over.wait(0.025):
            turn += 1
            wire.send(arp(WEB), *[arp(RESOLVER)] * (turn % 4 == 0), *[arp(FIRST)] * (turn % 20 == 0),
                      *[arp(RESOLVER, spa=RESOLVER, sha=STRANGER)] * (turn % 40 == 1))


def test_the_page_of_one_node_of_two(shop, between, browser):  # noqa: F811
    """Who else holds an address, and why this node doesn't; docs/ has the picture."""
    over = threading.Event()
    asker = threading.Thread(target=asking, args=(between, over))
    asker.start()
    try:
        page = browser(shop)
        page.shows(rf"\|shop/web\|{WEB}\|node-1, this node\|eth1\|[0-9.]+ m?s\|[0-9]+\|[1-9][0-9.]+\|")
        page.shows(rf"\|shop/api\|{API}\|node-2\|eth1\|[0-9.]+ m?s\|")
        page.shows(rf"\|shop/checkout\|{CHECKOUT}\|node-2\|[^|]+\|[^|]+\|externalTrafficPolicy is Local")
        page.shows(r"\|staging/preview\|no address\|")
        page.shows(rf"\|{RESOLVER}\|eth1\|{STRANGER}\|[0-9]+\|")
        page.resize(1360, 1030)
        page.picture("status-page.png")
        # a phone's width is enough: nothing is beside it
        page.resize(400, 800)
        assert page.value("document.documentElement.scrollWidth") == 400
    finally:
        over.set()
        asker.join()
