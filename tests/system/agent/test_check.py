#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""--check: what a start would refuse, by the same code, and what is probably not meant."""
import json
import os
import subprocess

import pytest

from daemon import POLICY, service
from lan import VIP
from test_pools import pool

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: it
contexts: [{name: it, context: {cluster: it, user: me}}]
clusters: [{name: it, cluster: {server: "https://127.0.0.1:1"%s}}]
users: [{name: me, user: {%s}}]
"""


def source(agent, text):
    lines = agent.config.read_text().splitlines()
    agent.config.write_text("\n".join(f"source: {text}" if line.startswith("source:") else line for line in lines))


def from_kubeconfig(agent, text=None):
    path = agent.config.parent / "kubeconfig"
    if text:
        path.write_text(text)
    source(agent, f"{{kubernetes: {{kubeconfig: {path if text else '/root/nope'}}}}}")


def engine(agent, text):
    agent.config.write_text(agent.config.read_text().replace("engine: none", text).replace("duration: 2s", "duration: 8s"))


def in_cluster(agent):
    source(agent, "{kubernetes: {}}")


def no_bpffs(agent):
    agent.config.write_text(agent.config.read_text().replace(f"bpffs: {agent.lan.bpffs}", "bpffs: /tmp"))


def a_key_of_another_user(agent):
    key = agent.config.parent / "key"
    key.touch(0o600)
    os.chown(key, 65534, -1)
    engine(agent, f"engine: etcd, endpoints: [https://x], cert: {key}, key: {key}")


# name: how it comes about, what is said of it
REFUSED = {
    "a kubeconfig that isn't there": (from_kubeconfig, "/root/nope: No such file or directory"),
    "a kubeconfig's CA": (lambda agent: from_kubeconfig(agent, KUBECONFIG % (", certificate-authority: /nowhere/ca", "token: x")),
                          "/nowhere/ca: No such file or directory"),
    "a kubeconfig's token": (lambda agent: from_kubeconfig(agent, KUBECONFIG % ("", "tokenFile: /nowhere/token")),
                             "/nowhere/token: No such file or directory"),
    "a plugin that logs in": (lambda agent: from_kubeconfig(agent, KUBECONFIG % ("", "exec: {command: aws}")),
                              "exec isn't known here; a token or a certificate is"),
    "a proxy": (lambda agent: from_kubeconfig(agent, KUBECONFIG % (", proxy-url: 'http://x'", "token: x")),
                "proxy-url isn't known here; the server must be reached directly"),
    "another name of the server": (lambda agent: from_kubeconfig(agent, KUBECONFIG % (", tls-server-name: x", "token: x")),
                                   "tls-server-name isn't known here; its certificate must be for its own name"),
    "in-cluster, which this isn't": (in_cluster, "KUBERNETES_SERVICE_HOST"),
    "a CA of etcd": (lambda agent: engine(agent, "engine: etcd, endpoints: [https://x], ca: /nowhere/ca"),
                     "/nowhere/ca: No such file or directory"),
    "a key of another user's": (a_key_of_another_user, "key: Permission denied"),
    "a lease server that is none": (lambda agent: engine(agent, "engine: kubernetes, server: ftp://x"),
                                    "lease.server takes an http:// or https:// URL"),
    "no BPF file system": (no_bpffs, "no BPF file system at /tmp; mount one with: mount -t bpf bpf /tmp"),
}


@pytest.mark.parametrize("made, said", REFUSED.values(), ids=REFUSED)
def test_what_a_start_would_refuse(agent, lan, made, said):
    made(agent)
    before = lan.state()
    for mode in "--check", "--dry-run":
        done = agent.command("--config", agent.config, mode)
        assert (done.status, done.out) == (78, "") and said in done.err and len(done.err.splitlines()) == 1, done
        done = agent.command("--config", agent.config, mode, "--json")
        assert said in json.loads(done.err)["error"] and done.status == 78, done
    assert lan.state() == before
    started = agent.command("--config", agent.config)
    assert started.status and said in started.err, started


def test_a_bpf_file_system_that_is_read_only(agent, scratch):
    mounted = scratch / "bpf"
    mounted.mkdir()
    subprocess.run(["mount", "-t", "bpf", "-o", "ro", "none", mounted], check=True)
    try:
        agent.config.write_text(agent.config.read_text().replace(agent.lan.bpffs, str(mounted)))
        done = agent.command("--config", agent.config, "--check")
        assert (done.status, done.err) == (78, f"xdp-l2respd: the BPF file system at {mounted} is mounted read-only; run `mount -o "
                                               f"remount,rw {mounted}`\n")
    finally:
        subprocess.run(["umount", mounted], check=True)


BLUE = POLICY.replace("policy1", "blue").replace("spec:", "spec:\n  serviceSelector: {matchLabels: {color: blue}}")
UNUSED = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"
# name: manifests, what is warned of
WARNED = {
    "all is well": ((POLICY, service("web", VIP)), []),
    "a kind that isn't used": ((POLICY, service("web", VIP), UNUSED), ["skipped v1 ConfigMap, which isn't used here"]),
    "no policy": ((service("web", VIP),), [
        f"default/web: {VIP}: no node announces it: there is no CiliumL2AnnouncementPolicy"]),
    "a Service that no policy selects": ((BLUE, service("web", VIP)), [
        f"default/web: {VIP}: no node announces it: no policy's serviceSelector matches the Service's labels: policy blue "
        "selects color=blue; labels of default/web: none",
        "policy blue selects nothing on node-1: no policy's serviceSelector matches the Service's labels: policy blue selects "
        "color=blue; labels of default/web: none"]),
    "interfaces that aren't there": ((POLICY.replace("[eth1]", '["^enp.*"]'), service("web", VIP)), [
        "policy policy1 selects nothing on node-1: the policies' interfaces match no device of this node: policy policy1 has "
        "^enp.*; suitable devices here: eth1"]),
    "another node's policy": ((POLICY, POLICY.replace("policy1", "far").replace(
        "spec:", "spec:\n  nodeSelector: {matchLabels: {kubernetes.io/hostname: node-9}}"), service("web", VIP)), [
        "policy far selects nothing on node-1: the policies that select the Service don't select this node: policy far selects "
        "kubernetes.io/hostname=node-9; node-1 has no Node object here, so no label but kubernetes.io/hostname"]),
    "no Service": ((POLICY,), ["policy policy1 selects nothing on node-1: no Service has an address"]),
    "a Service that pools give nothing": ((POLICY, pool(), service("web", VIP).replace(
        "spec: {", 'spec: {type: LoadBalancer, loadBalancerIP: "198.18.99.1", ports: [{port: 80}], ')), [
        "default/web: pools give it nothing: No pool exists with a CIDR containing '198.18.99.1'"]),
}


@pytest.mark.parametrize("manifests, lines", WARNED.values(), ids=WARNED)
def test_what_is_probably_not_meant(agent, manifests, lines):
    agent.write("all.yaml", *manifests)
    done = agent.command("--config", agent.config, "--check")
    assert done.status == 0 and done.out.endswith(f", warnings: {len(lines)}\n"), done
    said = done.err.splitlines()
    assert len(said) == len(lines) and all(want in got for want, got in zip(lines, said)), said
    assert agent.command("--config", agent.config, "--check", "--json").json["warnings"] == len(lines)


def test_a_wrong_manifest_as_json(agent):
    agent.write("all.yaml", POLICY + "\nnonsense: [")
    done = agent.command("--config", agent.config, "--check", "--json")
    *lines, last = done.err.splitlines()
    assert done.status == 1 and done.json["broken"] == 1 and "all.yaml:" in lines[0] and json.loads(last)["error"]
