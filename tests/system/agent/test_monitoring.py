#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""deploy/monitoring with a Prometheus that scrapes two agents over TLS while they fail and recover.

PICTURES=DIRECTORY draws the dashboard's panels there, from a longer run."""
import json
import os
import re
import shutil
import threading
import time
import urllib.parse
import urllib.request
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP

import pytest

from daemon import PORT
from harness import openssl_files
from lan import CLIENT_IP, CLIENT_MAC, ROOT, SERVER_IP, SERVER_MAC, VIP, VIP_MAC, run
from test_etcd import ADDRESSES, answering, between, etcd, make_agent, shared  # noqa: F401
from test_pools import balanced, pool
from wait import HUNG, wait_until
from wire import Wire, arp

FOLDER = ROOT / "deploy/monitoring"
QUESTIONS = "http://127.0.0.1:9090/api/v1/"
PICTURES = os.environ.get("PICTURES")
BALANCED = 6  # Services with an address of the pool
PHASE = 20 if PICTURES else 2  # scrapes, one a second
NOT_FAULTS = {"drained", "name_taken", "newer_version", "store_unreachable"}  # the first is wanted, the others have alerts of their own

pytestmark = pytest.mark.skipif(not all(map(shutil.which, ("prometheus", "promtool", "etcd"))),
                                reason="prometheus or etcd isn't installed")

CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{folder}/rules.yaml]
scrape_configs:
- job_name: l2resp
  scheme: https
  honor_labels: true
  tls_config: {{ca_file: {ca}.crt, cert_file: {client}.crt, key_file: {client}.key, server_name: {name}}}
  static_configs: [{{targets: ["{first}", "{second}"]}}]
"""


def write_rules(folder):
    """As the comment of prometheusrule.yaml says."""
    rules = run("sed", "1,/^spec:/d; s/^  //", FOLDER / "prometheusrule.yaml").stdout
    (folder / "rules.yaml").write_text(rules)


def panels():
    """(title, [(expression, legend)]), as Grafana asks for all nodes."""
    for panel in json.loads((FOLDER / "dashboard.json").read_text())["panels"]:
        yield panel["title"], [
            (target["expr"].replace("$__rate_interval", "4s").replace("$instance", ".*"), target["legendFormat"])
            for target in panel["targets"]]


class Prometheus:
    def __init__(self, lan, process):
        self.lan, self.process = lan, process

    def ask(self, path, **query):
        with self.lan.server.entered():
            with urllib.request.urlopen(f"{QUESTIONS}{path}?{urllib.parse.urlencode(query)}", timeout=HUNG) as answer:
                return json.load(answer)["data"]

    def value(self, expression):
        return self.ask("query", query=expression)["result"]

    def alert(self, name):
        """What the alert's expression finds now, without its `for`."""
        [rule] = [rule for rule in self.rules() if rule["name"] == name]
        return self.value(rule["query"])

    def rules(self):
        return [rule for group in self.ask("rules")["groups"] for rule in group["rules"]]

    def up(self):
        try:
            return len(self.value("up == 1")) == 2
        except OSError:
            return False

    def phase(self):
        """Goes on for some more scrapes."""
        begin = time.time()
        assert wait_until(lambda: len(self.value(f"timestamp(up) > {begin + PHASE}")) == 2, HUNG + PHASE)


class Asker:
    """Requests from both ends, a few a second of each address, until the test ends."""

    def __init__(self, lan):
        self.ended = threading.Event()
        self.wires = [(Wire(lan.client, "eth0"), CLIENT_IP, CLIENT_MAC), (Wire(lan.server, "eth1"), SERVER_IP, SERVER_MAC)]
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def work(self):
        while not self.ended.wait(0.2):
            for wire, ip, mac in self.wires:
                wire.send(*(arp(address, spa=ip, sha=mac) for address in ADDRESSES if "." in address))

    def close(self):
        self.ended.set()
        self.thread.join()
        for wire, *_ in self.wires:
            wire.socket.close()


@pytest.fixture
def watched(between, etcd, scratch, background):  # noqa: F811
    files = openssl_files(scratch, SERVER_IP)
    agents = [make_agent(between, namespace, name, scratch / name)
              for name, namespace in (("node-1", between.server), ("node-2", between.client))]
    asker = Asker(between)
    try:
        for agent in agents:
            agent.config.write_text(agent.config.read_text() + f"""
listen: 0.0.0.0:{PORT}
tls: {{cert: {files['server']}.crt, key: {files['server']}.key, clientCA: {files['ca']}.crt}}
""")
            agent.write("pools.yaml", pool(), *(balanced(f"lb{i}") for i in range(BALANCED)))
            agent.start()
        write_rules(scratch)
        (scratch / "prometheus.yaml").write_text(CONFIG.format(
            folder=scratch, ca=files["ca"], client=files["client"], name=SERVER_IP, first=f"{SERVER_IP}:{PORT}",
            second=f"{CLIENT_IP}:{PORT}"))
        log = (scratch / "prometheus.log").open("w")
        prometheus = Prometheus(between, background(
            between.server.argv("prometheus", f"--config.file={scratch}/prometheus.yaml", f"--storage.tsdb.path={scratch}/tsdb",
                                "--web.listen-address=127.0.0.1:9090"), stdout=log, stderr=log))
        assert wait_until(prometheus.up, HUNG), (scratch / "prometheus.log").read_text()
        yield prometheus, agents
    finally:
        asker.close()
        for agent in agents:
            agent.close()


def names(expression):
    return set(re.findall(r"\b(?:l2resp|process)_\w+", expression))


def test_alerts_fire(scratch):
    """promtool's unit tests."""
    write_rules(scratch)
    shutil.copy(FOLDER / "alerts_test.yaml", scratch)
    run("promtool", "check", "rules", scratch / "rules.yaml")
    run("promtool", "test", "rules", scratch / "alerts_test.yaml")
    alerts = set(re.findall(r"alert: (\w+)", (scratch / "rules.yaml").read_text()))
    assert alerts == set(re.findall(r"alertname: (\w+)", (FOLDER / "alerts_test.yaml").read_text()))


def test_every_fault_has_an_alert():
    listed = re.findall(r"X\(\w+, (\w+), FAULT,", (ROOT / "agent/base/reason.h").read_text())
    rules = (FOLDER / "prometheusrule.yaml").read_text()
    [blocked] = re.findall(r'L2respAddressesBlocked\n.*reason=~"(.*)"', rules)
    assert set(blocked.split("|")) == set(listed) - NOT_FAULTS


def whole_run(prometheus, begin):
    """{title: [(legend, series)]} of all panels, none of which is empty."""
    known = set(prometheus.ask("label/__name__/values"))
    for rule in prometheus.rules():
        assert rule["health"] == "ok" and names(rule["query"]) <= known, rule
    found = {}
    for title, targets in panels():
        for expression, legend in targets:
            series = prometheus.ask("query_range", query=expression, start=begin, end=time.time(), step=1)["result"]
            assert series and names(expression) <= known, f"{title}: {expression}"
            found.setdefault(title, []).append((legend, series))
    return found


@pytest.mark.full
def test_watched(watched, etcd, between):  # noqa: F811
    prometheus, (first, second) = watched
    begin, events = time.time(), []
    prometheus.phase()
    assert not prometheus.alert("L2respTwoHolders")
    events.append((time.time(), "node-1 is killed"))
    first.end(SIGKILL)
    assert wait_until(lambda: prometheus.alert("L2respAgentDown"))
    assert wait_until(lambda: len(prometheus.value("l2resp_answers_total")) == len(ADDRESSES) + BALANCED)
    prometheus.phase()
    events.append((time.time(), "node-1 is started"))
    first.start()
    assert wait_until(lambda: not prometheus.alert("L2respAgentDown"))
    prometheus.phase()
    events.append((time.time(), "a manifest is wrong, and a host claims an address"))
    second.write("broken.yaml", "kind: [")
    for host, dev in (between.client, "eth0"), (between.server, "eth1"):
        with Wire(host, dev) as wire:
            wire.send(arp(VIP, spa=VIP, sha=VIP_MAC))
    for alert in "L2respManifestBroken", "L2respConflict":
        assert wait_until(lambda: prometheus.alert(alert)), alert
    prometheus.phase()
    (second.manifests / "broken.yaml").unlink()
    events.append((time.time(), "the store is silent"))
    etcd.send_signal(SIGSTOP)
    for alert in "L2respStoreUnreachable", "L2respNoSession":
        assert wait_until(lambda: len(prometheus.alert(alert)) == 2), alert
    prometheus.phase()
    events.append((time.time(), "it goes on"))
    etcd.send_signal(SIGCONT)
    for alert in "L2respStoreUnreachable", "L2respNoSession", "L2respManifestBroken", "L2respTwoHolders":
        assert wait_until(lambda: not prometheus.alert(alert)), alert
    prometheus.phase()
    found = whole_run(prometheus, begin)
    if PICTURES:
        from panels import draw
        units = {panel["title"]: panel["fieldConfig"]["defaults"]["unit"] for panel in json.loads((FOLDER / "dashboard.json").read_text())["panels"]}
        draw(Path(PICTURES) / "monitoring.svg", begin, found, units, events)
