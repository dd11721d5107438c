# SPDX-License-Identifier: GPL-2.0-or-later
"""xdp-l2respd show: what becomes of one Service, for a person and as JSON."""
import json
import os
import shutil
import subprocess
import tarfile

import pytest

from daemon import AGENT, POLICY, service
from fault import PROG_LOAD, environment
from lan import VIP, VIP6, need
from test_pools import FIRST, balanced, pool

OTHER = POLICY.replace("policy1", "policy2").replace("spec:", "spec:\n  serviceSelector: {matchLabels: {none: such}}")


def test_a_service_that_is_announced(agent, lan):
    agent.write("all.yaml", POLICY, OTHER, service("web", VIP, VIP6))
    agent.start()
    agent.wait_entries((VIP, "eth1"), (VIP6, "eth1"))
    shown = agent.command("show", "default/web")
    assert shown.status == 0, shown.err
    lines = shown.out.splitlines()
    assert lines[:3] == ["default/web", "policies on this node: policy1", f"{VIP} (externalIPs)"]
    assert lines[3].startswith("  lease l2resp-c6120a01, holder: node-1, this node, for another ")
    verdict = f"{VIP} dev eth1: answer (arp_answered)"
    assert lines[4:6] == ["  interfaces: eth1", f"  xdp-l2resp explain {verdict}"]
    assert lan.done(f"explain {VIP} dev eth1").out.startswith(f"{verdict}\n")
    told = json.loads(agent.command("show", "default/web", "--json").out)
    assert told.keys() == {"namespace", "service", "node", "bpffs", "policies", "reason", "why", "addresses",
                           "external_traffic_policy", "as_cluster"}
    assert told["addresses"][0].keys() == {
        "ip", "field", "lease", "reason", "why", "interfaces", "claim", "virtual_mac", "preferred", "answers", "explain"}
    assert told["policies"] == ["policy1"] and told["node"] == "node-1" and told["reason"] is None
    assert [one["explain"] for one in told["addresses"]] == [
        [{"dev": "eth1", "verdict": "answer", "reason": reason}] for reason in ("arp_answered", "nd_answered")]
    assert [(one["ip"], one["claim"]["holder"], one["interfaces"]) for one in told["addresses"]] == [
        (VIP, "node-1", ["eth1"]), (VIP6, "node-1", ["eth1"])]


def test_many_addresses(agent, tmp_path):
    """The kernel takes its time to verify the program that is asked: once, not for each address."""
    some = [f"198.18.20.{i}" for i in range(1, 11)]
    agent.write("all.yaml", POLICY, service("one", VIP), service("many", *some))
    agent.start()
    agent.wait_entries(*((ip, "eth1") for ip in (VIP, *some)))

    def loads(name):
        log = tmp_path / name
        shown = subprocess.run(agent.argv("show", f"default/{name}", "--json"), env=environment("bpf:0:0", log),
                               capture_output=True, text=True)
        assert shown.returncode == 0, shown.stderr
        assert {one["explain"][0]["reason"] for one in json.loads(shown.stdout)["addresses"]} == {"arp_answered"}
        return [line.split()[2] for line in log.read_text().splitlines()].count(str(PROG_LOAD))

    assert loads("many") == loads("one") > 0


def test_completion_knows_names(agent):
    """What shells complete with: Services, addresses and nodes, of the agent that runs."""
    assert agent.command("__complete", "show", "").out == ""
    agent.write("all.yaml", POLICY, service("web", VIP, VIP6))
    agent.start()
    agent.wait_entries((VIP, "eth1"), (VIP6, "eth1"))
    for words, offered in {("show", "def"): "default/web\tService\n", ("show", "x"): "",
                           ("who-holds", ""): f"{VIP}\taddress\n{VIP6}\taddress\n", ("move", VIP, ""): "node-1\tnode\n",
                           ("alive", ""): "", ("--config", ""): ":file\n"}.items():
        assert agent.command("__complete", *words).out == offered, words


def bundle(lan, path):
    """What `xdp-l2resp support` wrote: name: content."""
    lan.done(f"support {path}")
    with tarfile.open(path) as archive:
        return {member.name.partition("/")[2]: archive.extractfile(member).read().decode() for member in archive}


def test_support(agent, lan, tmp_path):
    """All that a bug report needs, and nothing of the configuration."""
    alone = bundle(lan, tmp_path / "alone.tar.gz")
    assert not [name for name in alone if name.startswith("agent/")] and "agent: none answers\n" in alone["errors.txt"]
    agent.write("all.yaml", POLICY, service("web", VIP))
    agent.start()
    agent.wait_entries((VIP, "eth1"))
    files = bundle(lan, tmp_path / "all.tar.gz")
    own = {"versions.json", "maps.json", "status.json", "list.json", "stats.json", "doctor.json", "links.txt", "addresses.txt",
           "programs.txt", "errors.txt"}
    assert files.keys() == own | {f"agent/{name}" for name in ("readyz.txt", "status.json", "metrics.txt", "names.json", "service-0.json")}
    told = {name: json.loads(text) for name, text in files.items() if name.endswith(".json")}
    assert [row["ip"] for row in told["list.json"]] == [VIP] and [row["dev"] for row in told["status.json"]] == ["eth1"]
    assert {"responder_v4", "leases"} <= {row["name"] for row in told["maps.json"]}
    assert told["agent/service-0.json"]["addresses"][0]["ip"] == VIP
    assert "eth1" in files["links.txt"] and "l2resp_addresses_selected" in files["agent/metrics.txt"]
    assert (tmp_path / "all.tar.gz").stat().st_mode & 0o777 == 0o600
    assert str(agent.config) not in "".join(files.values())
    full = lan.cli("support /dev/full")
    assert (full.status, full.err) == (1, "xdp-l2resp: writing /dev/full: No space left on device\n")


def test_an_interface_that_is_silent(agent, lan):
    lan.server.run("ip", "link", "add", "eth10", "up", "type", "veth", "peer", "name", "peer")
    agent.write("all.yaml", POLICY, service("web", VIP))
    agent.start()
    agent.wait_entries((VIP, "eth1"))
    agent.shows(f"  xdp-l2resp explain {VIP} dev eth10: silent (no_carrier)\n")
    told = json.loads(agent.command("show", "default/web", "--json").out)
    assert told["addresses"][0]["explain"] == [{"dev": "eth1", "verdict": "answer", "reason": "arp_answered"},
                                               {"dev": "eth10", "verdict": "silent", "reason": "no_carrier"}]


def test_one_that_pools_give_nothing(agent):
    agent.write("all.yaml", POLICY, pool(last=FIRST), balanced("api"), balanced("web"),
                balanced("far").replace("spec: {", 'spec: {loadBalancerIP: "198.18.99.1", '),
                balanced("same").replace("spec: {", f'spec: {{loadBalancerIP: "{FIRST}", '))
    agent.start()
    agent.wait_entries((FIRST, "eth1"))
    for name, reason, why in (
            ("far", "no_pool", "no pool in use serves the Service: No pool exists with a CIDR containing '198.18.99.1'"),
            ("api", "pool_exhausted", "the pools that serve the Service have no free address: All enabled "
                                      "CiliumLoadBalancerIPPools that match this service ran out of allocatable IPs (pool 'lan' is full)")):
        agent.shows(f"pools give it nothing: {reason}: {why}\nno address\n", f"show default/{name}")
        told = agent.command("show", f"default/{name}", "--json").json
        assert (told["reason"], told["why"]) == (reason, why)
    assert "pools give" not in agent.command("show", "default/same").out


def test_one_that_is_not(agent):
    agent.write("all.yaml", OTHER, pool(), balanced("web"), balanced("none").replace("LoadBalancer", "ClusterIP"))
    agent.start()
    shown = agent.command("show", "default/web").out
    assert "policies on this node: none" in shown and f"{FIRST} (loadBalancer)" in shown
    assert "holder: not known here\n" in shown
    assert ("  not announced by node-1: service_selector: no policy's serviceSelector matches the Service's labels: "
            "policy policy2 selects none=such; labels of default/web: none\n") in shown
    assert "  interfaces: none" in shown and "explain" not in shown
    agent.shows("no address", "show default/none")


@pytest.mark.parametrize("command", [
    "show default/web", f"who-holds {VIP}", "alive", "ready", "drain", "resume", "--check", "--dry-run", "--help", "--version"])
def test_a_full_disk(agent, command):
    agent.write("all.yaml", POLICY, service("web", VIP))
    agent.start()
    agent.wait_entries((VIP, "eth1"))
    with open("/dev/full", "w") as full:
        done = subprocess.run(agent.argv("--config", agent.config, *command.split()), stdout=full,
                              stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (1, "xdp-l2respd: writing the output: No space left on device\n")


def test_help(agent):
    assert agent.command("help").out == agent.command("--help").out != ""
    assert agent.command("help").status == 0


def test_what_is_wrong_is_named(agent):
    """Also as JSON."""
    text = "no command 'statu' (did you mean 'status'?); see 'xdp-l2respd --help'"
    done = agent.command("statu")
    assert (done.status, done.err) == (2, f"xdp-l2respd: {text}\n")
    assert json.loads(agent.command("statu", "--json").err) == {"error": text}
    for words, text in (("--nonsense",), "no option '--nonsense'"), (("-xv",), "no option '-x'"), (("--check=x",), "no argument is taken by '--check=x'"), \
            (("--stay",), "--stay belongs to the command drain"):
        assert agent.command(*words).err == f"xdp-l2respd: {text}; see 'xdp-l2respd --help'\n"
        assert json.loads(agent.command("--json", *words).err) == {"error": f"{text}; see 'xdp-l2respd --help'"}
    assert agent.command("fly").err == "xdp-l2respd: no command 'fly'; see 'xdp-l2respd --help'\n"
    assert json.loads(agent.command("status", "--json").err) == {"error": "no agent runs in this network namespace"}


@pytest.mark.parametrize("command", ["--help", "status"])
def test_a_closed_pipe(agent, command):
    """Nothing is said, and the status is 1."""
    agent.start()
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(agent.argv(command), stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")


def test_whoever_may_not_is_told_to_be_root(agent):
    need("setpriv")
    agent.config.chmod(0o644)
    program = shutil.copy(AGENT, agent.config.parent)
    done = agent.lan.server.run("setpriv", "--reuid", 65534, "--clear-groups", program, "--config", agent.config, check=False)
    assert done.returncode == 1 and done.stderr.endswith("; run it as root\n"), done


def test_one_that_is_unknown(agent):
    agent.start()
    for name in "default/web", "web", "default/", "":
        shown = agent.command("show", name)
        assert shown.status == 1 and f"no Service '{name}' is known; it takes NAMESPACE/NAME" in shown.err
    assert agent.command("show", "a", "b").status == 2
