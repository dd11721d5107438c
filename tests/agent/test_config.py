#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""agent.yaml: what is refused, and where the message says it is."""
import pytest

# name: text of the file, what --check says after its path
REFUSED = {
    "an unknown key": ("node: n1\nnodes: n2\n", ":2: no key 'nodes'"),
    "an unknown key below another": ("lease:\n  engine: none\n  durations: 2s\n",
                                     ":3: no key 'lease.durations'"),
    "a key given twice": ("node: n1\nnode: n2\n", ":2: 'node' is given twice"),
    "no such engine": ("lease: {engine: consul}\n", ":1: lease.engine takes one of none, etcd, kubernetes"),
    "no duration": ("lease:\n  duration: 15\n", ":2: lease.duration takes a duration such as 15s or 1200ms"),
    "half a second too many": ("lease: {duration: 1500ms}\n", ": lease: "),
    "retryPeriod too near to renewDeadline": (
        "lease: {retryPeriod: 4500ms}\n", ": lease: "),
    "renewDeadline too near to duration": (
        "lease: {duration: 2s, renewDeadline: 1900ms, retryPeriod: 300ms}\n",
        ": lease: "),
    "etcd without endpoints": ("lease: {engine: etcd}\n", ": engine etcd needs lease.endpoints"),
    "a certificate without its key": ("lease: {cert: /x}\n", ": lease.cert and lease.key go together"),
    "a node's name that is none": ("node: Node_1\n", ":1: node takes a name in lower-case letters"),
    "HTTP for everybody": ("listen: 0.0.0.0:9717\n", ":1: listen takes a loopback address"),
    "no port": ("listen: 127.0.0.1\n", ":1: listen takes a loopback address"),
    "a mapping where text belongs": ("bpffs: {a: b}\n", ":1: bpffs takes a text"),
    "text where a mapping belongs": ("source: /x\n", ":1: source takes keys below it"),
    "a list": ("- node\n", ":1: not a mapping of keys"),
    "two documents": ("node: a\n---\nnode: b\n", ":3: a second document"),
    "no YAML": ("node: [\n", ":2: "),
    "a tab": ("source:\n\tdirectory: /x\n", ":2: "),
    "deeper than anybody needs": ("a: " + "[" * 100 + "]" * 100 + "\n", ":1: more than 64 levels deep"),
    "a mode that isn't one": ("attach: {mode: fast}\n", ":1: attach.mode takes one of auto, native, skb"),
    "what isn't there yet": ("conflict: yield\n", ":1: conflict takes one of defend"),
    "nor this": ("probe: true\n", ":1: probe takes false, in this version"),
    "a hurry": ("announce: {count: 3, interval: 1ms}\n", ": announce.interval is shorter than 10ms"),
}

# name: text of the file
TAKEN = {
    "nothing": "",
    "only a comment": "# nothing\n",
    "2s/1200ms/300ms": "lease: {duration: 2s, renewDeadline: 1200ms, retryPeriod: 300ms}\n",
    "2s/1.2s/0.3s": "lease: {duration: 2s, renewDeadline: 1.2s, retryPeriod: 0.3s}\n",
    "all of it": """
node: node-1
source:
  directory: {manifests}
loadBalancerClass: io.cilium/l2-announcer
lease: {engine: none, duration: 15s, renewDeadline: 5s, retryPeriod: 2s, weight: 100, preempt: false}
conflict: defend
probe: false
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
    assert done.status == 1
    assert f"{agent.config}{said}" in done.err, done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize("text", TAKEN.values(), ids=TAKEN)
def test_taken(agent, text):
    agent.config.write_text(text.replace("{manifests}", str(agent.manifests)))
    assert agent.command("--config", agent.config, "--check").status == 0


def test_an_absent_file(agent):
    done = agent.command("--config", "/nowhere/agent.yaml", "--check")
    assert (done.status, done.err) == (1, "<3>/nowhere/agent.yaml: No such file or directory\n")


def test_check_and_dry_run_touch_nothing(agent, lan):
    before = lan.state()
    assert agent.command("--config", agent.config, "--check").status == 0
    assert agent.command("--config", agent.config, "--dry-run").status == 0
    assert lan.state() == before == {"interfaces": before["interfaces"]}
