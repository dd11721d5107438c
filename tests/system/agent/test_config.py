#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""agent.yaml: what is refused, and where the message says it is."""
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from daemon import AGENT, POLICY, service
from lan import VIP, need

OTHER, THIRD, FOURTH = "198.18.10.2", "198.18.10.3", "198.18.10.4"

# name: text of the file, what --check says after its path
REFUSED = {
    "an unknown key": ("node: n1\nnodes: n2\n", ":2: no key 'nodes'"),
    "an unknown key below another": ("lease:\n  engine: none\n  durations: 2s\n",
                                     ":3: no key 'lease.durations'"),
    "a key given twice": ("node: n1\nnode: n2\n", ":2: 'node' is given twice"),
    "no such engine": ("lease: {engine: consul}\n", ":1: lease.engine takes one of none, etcd, kubernetes"),
    "no duration": ("lease:\n  duration: 15\n", ":2: lease.duration takes a duration such as 15s or 1200ms"),
    "no steps of 10 ms": ("lease: {duration: 1505ms, renewDeadline: 1s, retryPeriod: 500ms}\n", ": lease: "),
    "half a second too many for Kubernetes": (
        "lease: {engine: kubernetes, duration: 1500ms, renewDeadline: 1s, retryPeriod: 500ms}\n",
        ": lease: with the engine kubernetes"),
    "retryPeriod too near to renewDeadline": (
        "lease: {retryPeriod: 4500ms}\n", ": lease: "),
    "renewDeadline too near to duration": (
        "lease: {duration: 2s, renewDeadline: 1900ms, retryPeriod: 300ms}\n",
        ": lease: "),
    "etcd without endpoints": ("lease: {engine: etcd}\n", ": engine etcd needs lease.endpoints"),
    "an endpoint that is no URL": ("lease: {engine: etcd, endpoints: [etcd.example]}\n",
                                   ":1: lease.endpoints takes a list of http:// or https:// URLs"),
    "an endpoint with a password": ("lease: {engine: etcd, endpoints: ['https://x', 'https://agent:secret@y:2379']}\n",
                                    ":1: lease.endpoints takes a list of http:// or https:// URLs, without a user or password"),
    "a lease server with a user": ("lease: {engine: kubernetes, server: 'https://agent@x'}\n",
                                   ":1: lease.server takes an http:// or https:// URL, without a user or password"),
    "a source's server with a password": ("source: {kubernetes: {server: 'http://a:b@c/@'}}\n",
                                          ":1: source.kubernetes.server takes an http:// or https:// URL, without a user or password"),
    "a server that is no URL": ("source: {kubernetes: {server: 'ftp://x'}}\n", ":1: source.kubernetes.server takes an http:// or"),
    "a certificate without its key": ("lease: {cert: /x}\n", ": lease.cert and lease.key go together"),
    "two sources": ("source: {directory: /x, kubernetes: {}}\n", ": source.directory or source.kubernetes, not both"),
    "an unknown key two below": ("source:\n  kubernetes:\n    url: x\n", ":3: no key 'source.kubernetes.url'"),
    "a source's certificate without its key": (
        "source: {kubernetes: {cert: /x}}\n", ": source.kubernetes.cert and source.kubernetes.key go together"),
    "a kubeconfig and more": (
        "source: {kubernetes: {kubeconfig: /x, server: 'https://x'}}\n",
        ": with source.kubernetes.kubeconfig no other key"),
    "a node's name that is none": ("node: Node_1\n", ":1: node takes a name in lower-case letters"),
    "HTTP for everybody": ("listen: 0.0.0.0:9717\n", ": listen is no loopback address: set tls.cert, tls.key and tls.clientCA"),
    "HTTP for everybody, IPv6": ("listen: '[::]:9717'\n", ": listen is no loopback address: set tls.cert"),
    "TLS for everybody": ("listen: 0.0.0.0:9717\ntls: {cert: /x, key: /x}\n", ": tls.cert, tls.key and tls.clientCA go together"),
    "no port": ("listen: 127.0.0.1\n", ":1: listen takes an address and a port"),
    "a port that is none": ("listen: 127.0.0.1:65536\n", ":1: listen takes an address and a port"),
    "an address of IPv6 without brackets": ("listen: ::1:9717\n", ":1: listen takes an address and a port"),
    "a name to listen on": ("listen: example.org:9717\n", ":1: listen takes an address and a port"),
    "a mapping where text belongs": ("bpffs: {a: b}\n", ":1: bpffs takes a text"),
    "text where a mapping belongs": ("source: /x\n", ":1: source takes keys below it"),
    "a list": ("- node\n", ":1: not a mapping of keys"),
    "two documents": ("node: a\n---\nnode: b\n", ":3: a second document"),
    "no YAML": ("node: [\n", ":2: "),
    "a tab": ("source:\n\tdirectory: /x\n", ":2: "),
    "deeper than anybody needs": ("a: " + "[" * 100 + "]" * 100 + "\n", ":1: more than 64 levels deep"),
    "a mode that isn't one": ("attach: {mode: fast}\n", ":1: attach.mode takes one of auto, native, skb"),
    "an answer to conflicts that isn't one": ("conflict: fight\n", ":1: conflict takes one of defend, yield"),
    "a probe that is no flag": ("probe: 3\n", ":1: probe takes true or false"),
    "a token that isn't there": ("lease: {token: /nowhere/token}\n",
                                 ": lease.token: /nowhere/token: No such file or directory"),
    "a CA that isn't there": ("lease: {ca: /nowhere/ca}\n", ": lease.ca: /nowhere/ca: No such file or directory"),
    "a hurry": ("announce: {count: 3, interval: 1ms}\n", ": announce.interval is shorter than 10ms"),
}

# name: text of the file
TAKEN = {
    "nothing": "",
    "only a comment": "# nothing\n",
    "an @ that is no user's": "lease: {engine: etcd, endpoints: ['https://x/@'], cert: /dev/null, key: /dev/null}\n",
    "2s/1200ms/300ms": "lease: {duration: 2s, renewDeadline: 1200ms, retryPeriod: 300ms}\n",
    "2s/1.2s/0.3s": "lease: {duration: 2s, renewDeadline: 1.2s, retryPeriod: 0.3s}\n",
    "all of it": """
node: node-1
source:
  directory: {manifests}
  assignments: {manifests}/../assignments.json
loadBalancerClass: io.cilium/l2-announcer
lease: {engine: none, duration: 15s, renewDeadline: 5s, retryPeriod: 2s, weight: 100, preempt: false}
conflict: yield
probe: true
announce: {count: 3, interval: 1100ms, refresh: 0s}
attach: {mode: auto, priority: 20}
listen: 127.0.0.1:9717
bpffs: /sys/fs/bpf
""",
}


@pytest.mark.parametrize("text, said", REFUSED.values(), ids=REFUSED)
def test_refused(agent, text, said):
    agent.config.write_text(text)
    done = agent.command("--config", agent.config, "--check")
    assert done.status == 78
    assert f"{agent.config}{said}" in done.err, done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize("text", TAKEN.values(), ids=TAKEN)
def test_taken(agent, text):
    agent.config.write_text(text.replace("{manifests}", str(agent.manifests)))
    assert agent.command("--config", agent.config, "--check").status == 0


def test_a_host_whose_name_is_no_nodes(agent, monkeypatch):
    monkeypatch.setenv("NODE_NAME", "web_1")
    agent.config.write_text(agent.config.read_text().replace("node: node-1\n", ""))
    for words in (), ("--check",):
        done = agent.command("--config", agent.config, *words)
        assert (done.status, done.err) == (78, f"xdp-l2respd: {agent.config}: the name of this host or pod, 'web_1', is no node's name: set `node`\n")


def test_an_absent_file(agent):
    done = agent.command("--config", "/nowhere/agent.yaml", "--check")
    assert (done.status, done.err) == (78, "xdp-l2respd: /nowhere/agent.yaml: No such file or directory\n")


@pytest.mark.parametrize("reader, begins", [("journal", "<3>"), ("another", "xdp-l2respd: ")])
def test_what_the_journal_reads_has_a_priority(agent, scratch, reader, begins):
    """And what goes elsewhere than to the journal hasn't, also beneath a service."""
    stream = scratch / "journal"
    stream.touch()
    seen = os.stat(stream)
    with open(stream if reader == "journal" else scratch / "another", "w+") as err:
        subprocess.run(agent.argv("--config", "/nowhere", "--check"), stderr=err,
                       env=os.environ | {"JOURNAL_STREAM": f"{seen.st_dev}:{seen.st_ino}"})
        err.seek(0)
        assert err.read() == f"{begins}/nowhere: No such file or directory\n"


def test_as_a_service_it_says_that_it_is_the_configuration(agent, lan):
    """By its exit status, on which the unit doesn't start it again; what else fails has another."""
    right = agent.config.read_text()
    for key, status, said in ("nodes: n2\n", 78, ":6: no key 'nodes'"), ("", 1, "/nowhere: No such file"):
        agent.config.write_text(right.replace("engine: none", "engine: etcd, endpoints: [http://x], ca: /nowhere") + key)
        done = agent.command("--config", agent.config)
        assert done.status == status and said in done.err and len(done.err.splitlines()) == 1, done
    agent.config.unlink()
    assert agent.command("--config", agent.config).status == 78


def test_check_and_dry_run_touch_nothing(agent, lan):
    before = lan.state()
    assert agent.command("--config", agent.config, "--check").status == 0
    assert agent.command("--config", agent.config, "--dry-run").status == 0
    assert lan.state() == before == {"interfaces": before["interfaces"]}


def plan(agent, *words):
    done = agent.command("--config", agent.config, "--dry-run", *words)
    assert done.status == 0, done.err
    return done


def test_dry_run_says_what_the_agent_would_do(agent, lan):
    """From nothing, and against what is there; an address that is local isn't announced, one by hand stays."""
    agent.write("all.yaml", POLICY, service("web", VIP, OTHER))
    lan.server.ip(f"address add {OTHER}/32 dev lo")
    first, second, third = plan(agent).out.splitlines()
    assert (first, second) == ("attach eth1", f"add {VIP} dev eth1, for default/web")
    assert third.startswith(f"none {OTHER} dev eth1, for default/web; not: the kernel would answer for it as well: on eth1, ")
    lan.server.ip(f"address del {OTHER}/32 dev lo")
    agent.start()
    agent.wait_entries((VIP, "eth1"), (OTHER, "eth1"))
    agent.end(signal.SIGUSR1)
    lan.done(f"add {THIRD} dev eth1")
    before = lan.state()
    agent.write("all.yaml", POLICY, service("web", VIP, THIRD, FOURTH))
    agent.config.write_text(agent.config.read_text().replace("engine: none", "engine: etcd, endpoints: [http://x]")
                            + "probe: true\n")
    assert plan(agent).out.splitlines() == [
        f"keep {VIP} dev eth1, for default/web",
        f"leave {THIRD} dev eth1, for default/web",
        f"add {FOURTH} dev eth1, for default/web, once nobody answers for it and its lease is held",
        f"delete {OTHER} dev eth1, which no policy selects"]
    assert [(row["action"], row["ip"]) for row in plan(agent, "--json").json] == [
        ("keep", VIP), ("leave", THIRD), ("add", FOURTH), ("delete", OTHER)]
    assert lan.state() == before


def test_dry_run_without_privileges(agent, lan):
    """It says what it can't know."""
    need("setpriv")
    agent.write("all.yaml", POLICY, service("web", VIP))
    agent.start()
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        shutil.copytree(agent.manifests, f"{folder}/manifests")
        config = Path(folder, "agent.yaml")
        config.write_text(agent.config.read_text().replace(str(agent.manifests), f"{folder}/manifests"))
        done = lan.server.run("setpriv", "--reuid", 65534, "--clear-groups", shutil.copy(AGENT, folder),
                              "--config", config, "--dry-run")
    assert done.stdout == f"add {VIP} dev eth1, for default/web\n"
    assert "not compared with what is there" in done.stderr
