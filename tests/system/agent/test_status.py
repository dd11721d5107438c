#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the agent shows of itself over HTTP: answers by address and Service, times, and its status page in a browser.

PICTURES=DIRECTORY keeps the page's screenshot there."""
import html
import json
import os
import re
import shutil
import subprocess
from http.client import HTTPConnection
from pathlib import Path

import pytest

from daemon import POLICY, PORT, service
from lan import CLIENT_MAC, VIP
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
        assert wait_until(lambda: agent.metrics()[answers(VIP, "web")] == ASKED)
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
    assert wait_until(lambda: agent.metrics().get("l2resp_answers_omitted") == 5), agent.log()
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
    assert running.http("/status.json")[0] == 200


def browser(running, scratch, *words):
    done = subprocess.run(
        running.lan.server.argv("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                                f"--user-data-dir={scratch}/browser", "--window-size=1360,1080", "--hide-scrollbars",
                                "--virtual-time-budget=6000", *words, f"http://127.0.0.1:{PORT}/"),
        capture_output=True, text=True, timeout=4 * HUNG, env=os.environ | {"HOME": str(scratch)})
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not shutil.which("chromium"), reason="chromium isn't installed")
def test_the_page_in_a_browser(running, scratch):
    text = browser(running, scratch, "--dump-dom")
    shown = html.unescape(re.sub("<[^>]*>", "|", text[text.index("<body>"):text.index("<script>")]))
    shown = re.sub(r"[|\s]*\|[|\s]*", "|", shown)
    assert re.search(r"\|node-1\|ready\|xdp-l2respd [^|]+, leases by none\|", shown)
    assert re.search(rf"\|default/web\|{re.escape(VIP)}\|node-1, this node\|eth1\|[0-9.]+ m?s\|{ASKED}\|0\.0\|", shown), shown
    # it was refreshed, since there is a rate; and markup of others is text
    assert f"another implementation: {MARKUP}; this agent's is io.cilium/l2-announcer|" in shown and "<img" not in text
    assert f"|{OTHER}|eth1|{CLIENT_MAC}|1|" in shown
    assert "|Renewals|up to 0.1 ms|" in shown
    if "PICTURES" in os.environ:
        picture = Path(os.environ["PICTURES"]) / "status-page.png"
        browser(running, scratch, f"--screenshot={picture}")


@pytest.mark.skipif(not shutil.which("chromium"), reason="chromium isn't installed")
def test_the_page_of_a_node_that_is_drained(running, scratch):
    assert running.command("drain").status == 0
    running.wait_entries()
    text = browser(running, scratch, "--dump-dom")
    assert re.search(r'id="ready" class="pill ?">drained<', text), text[:3000]
    assert "this node is drained" in html.unescape(text)
