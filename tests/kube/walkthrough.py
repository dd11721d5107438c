#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/walkthrough.md, done: each command of the page is run on its machine, and must say what the page says.

    walkthrough.py [--write]

Shows what happens; ends at the first command that says something else. --write: puts what was said into the page instead.

An indented line "MACHINE# COMMAND" of the page is a command, the indented lines after it are what it said. What differs
from run to run (VOLATILE) isn't compared, and stays as it is in the page. Where the text before a block ends with "within
N s:", its commands are run again until they say what they must.
"""
import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path += [str(TESTS / name) for name in ("net", "agent", "lease")]
from daemon import AGENT  # noqa: E402 pylint: disable=wrong-import-position
from kube import ADMIN, REASON, Cluster  # noqa: E402 pylint: disable=wrong-import-position
from lan import CLI, PASS, ROOT, Namespace, leave_mounts, run  # noqa: E402 pylint: disable=wrong-import-position

PAGE = ROOT / "docs/walkthrough.md"
TOOLS = "etcd", "kubectl", "nginx", "nft", "tcpdump", "curl"
SLACK = 3  # a machine that is busy with other work

COMMAND = re.compile(r" {4}([a-z0-9-]+)# (.*)")
HEREDOC = re.compile(r"<<(\w+)$")
WITHIN = re.compile(r"within (\d+) s:$")
VOLATILE = (
    (r"\b198\.18\.64\.\d+\b", "CLUSTER-IP"),
    (r":3[0-2]\d{3}/TCP", ":NODE-PORT/TCP"),
    (r"\b\d+ ?(?:ms|milliseconds|s|m|m\d+s)\b", "TIME"),
    (r"@if\d+\b", "@PEER"),
    (r"(?<=, native mode, ).*", "PLACE"),  # not every kernel has dispatchers
    (r" +", " "),  # columns are as wide as what they hold
)

PATH = ":".join([str(Path(CLI).parent), str(Path(AGENT).parent), str(TESTS / "kube"), os.environ["PATH"],
                 "/usr/sbin", "/sbin"])
# a host name, and of its own: what is mounted, /etc as far as it is written to, processes
BOOT = """
hostname "$0" && mount -t tmpfs none /run && mkdir /run/etc /run/work && mount -t bpf bpf /sys/fs/bpf &&
mount -t overlay -o lowerdir=/etc,upperdir=/run/etc,workdir=/run/work none /etc && echo up && exec cat
"""
API_SERVER = "198.18.0.10"
NGINX = """
error_log /run/nginx.log;
pid /run/nginx.pid;
events {}
http { access_log off; server { listen 80; location / { return 200 "nginx on node-1 says hello\n"; } } }
"""
KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{{name: c, cluster: {{server: "{server}", certificate-authority: {ca}}}}}]
users: [{{name: u, user: {{token: {token}}}}}]
contexts: [{{name: c, context: {{cluster: c, user: u}}}}]
current-context: c
"""


class Machine(Namespace):
    """A namespace of each kind but the user's. Its first process ends with this one, and the others with that."""

    def __init__(self, name):
        super().__init__(name)
        self.first = subprocess.Popen(
            super().argv("unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", BOOT, name),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.first.stdout.readline() == "up\n"
        self.init = Path(f"/proc/{self.first.pid}/task/{self.first.pid}/children").read_text().strip()

    def argv(self, *argv):
        return ["nsenter", f"--target={self.init}", "--net", "--mount", "--uts", "--pid", "--", *map(str, argv)]

    def close(self):
        self.first.communicate()
        super().close()


class World:
    """What the page says is there before its first command."""

    def __init__(self, directory):
        self.directory = directory
        with ExitStack() as stack:
            self.machines = {name: Machine(name) for name in ("switch", "jumpbox", "server", "node-0", "node-1", "web")}
            for machine in self.machines.values():
                stack.callback(machine.close)
            self.wire()
            self.cluster = Cluster(directory, address=API_SERVER, network=self.machines["server"])
            stack.callback(self.cluster.close)
            (directory / "kubeconfig").write_text(KUBECONFIG.format(
                server=self.cluster.urls[0], ca=self.cluster.tls["ca"] + ".crt", token=ADMIN))
            (directory / "nginx.conf").write_text(NGINX)
            shutil.copytree(ROOT / "deploy", directory / "deploy")
            self.machines["web"].run("nginx", "-c", directory / "nginx.conf")
            self.close = stack.pop_all().close

    def wire(self):
        """The LAN is bridge lan, eth0 of all; eth1 of the nodes is another, for pods. nginx's pod has a cable to node-1."""
        switch, jumpbox, node0, node1, web = (
            self.machines[name] for name in ("switch", "jumpbox", "node-0", "node-1", "web"))
        switch.ip(*[f"link add {name} up type bridge mcast_snooping 0" for name in ("lan", "pods")])
        for host, (name, dev, bridge) in {
                2: ("jumpbox", "eth0", "lan"), 10: ("server", "eth0", "lan"), 20: ("node-0", "eth0", "lan"),
                21: ("node-1", "eth0", "lan"), 120: ("node-0", "eth1", "pods"), 121: ("node-1", "eth1", "pods")}.items():
            # XDP on the port too, since what a veth's XDP_TX sends arrives at such a one only
            switch.ip(f"link add port{host} type veth peer name {dev} address 02:00:00:00:00:{host:02x} netns {name}",
                      f"link set port{host} master {bridge} up xdpdrv object {PASS} section xdp")
            self.machines[name].ip(
                f"address add 198.{18 if bridge == 'lan' else 19}.0.{host % 100}/24 dev {dev}", f"link set {dev} up")
        node1.ip("link add pod0 type veth peer name eth0 netns web", "address add 198.19.1.1/24 dev pod0", "link set pod0 up")
        web.ip("address add 198.19.1.2/24 dev eth0", "link set eth0 up", "route add default via 198.19.1.1")
        node0.ip("route add 198.19.1.0/24 via 198.19.0.21")
        jumpbox.ip("route add 198.18.20.0/24 dev eth0")
        for node in node0, node1:
            node.sysctl("net.ipv4.ip_forward=1")

    def do(self, machine, command):
        """What it says on both outputs. What it leaves running may go on saying something."""
        with tempfile.TemporaryFile("w+") as output:
            subprocess.run(self.machines[machine].argv("bash", "-c", f"cd {self.directory}\n{command}"),
                           stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False, timeout=60,
                           env=os.environ | {"PATH": PATH, "HOME": str(self.directory), "LC_ALL": "C",
                                             "KUBECONFIG": f"{self.directory}/kubeconfig"})
            output.seek(0)
            return output.read()


def stable(text):
    for pattern, name in VOLATILE:
        text = re.sub(pattern, name, text)
    return text


class Page:
    def __init__(self, text):
        self.lines, self.at = text.splitlines(), 0

    def next(self, wanted=lambda line: True):
        """The next line if there is one and it is wanted."""
        if self.at == len(self.lines) or not wanted(self.lines[self.at]):
            return None
        self.at += 1
        return self.lines[self.at - 1]


def tell(world, text, write=False, show=print):
    """The page as it is now. Fails, unless @write, at the first command that says something else."""
    page, told, within = Page(text), [], None

    def keep(*lines):
        told.extend(lines)
        show(*lines, sep="\n", flush=True)

    while (line := page.next()) is not None:
        keep(line)
        found = COMMAND.fullmatch(line)
        if not found:
            if line:
                within = WITHIN.search(line)
            continue
        machine, command = found.groups()
        if ends := HEREDOC.search(command):
            while not command.endswith(f"\n{ends[1]}"):
                keep(page.next())
                command += "\n" + told[-1][4:]
        wanted = []
        while (line := page.next(lambda line: line.startswith("    ") and not COMMAND.fullmatch(line))) is not None:
            wanted.append(line)
        deadline = time.monotonic() + (int(within[1]) * (1 if write else SLACK) if within else 0)
        while True:
            said = [f"    {line}".rstrip() for line in world.do(machine, command).splitlines()]
            same = stable("\n".join(said)) == stable("\n".join(wanted))
            if same or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        assert same or write, f"{PAGE.name}: {machine}# {command}\n" + "\n".join(
            difflib.unified_diff(wanted, said, "the page", "this run", lineterm="", n=99))
        if said or wanted:
            keep(*(wanted if same else said))
    return "\n".join(told) + "\n"


def main():
    write = sys.argv[1:] == ["--write"]
    if sys.argv[1:] and not write:
        sys.exit("usage: walkthrough.py [--write]")
    if REASON:
        sys.exit(f"walkthrough.py: {REASON}")
    leave_mounts()
    with tempfile.TemporaryDirectory(prefix="l2resp-walk-") as directory:
        world = World(Path(directory))
        try:
            now = tell(world, PAGE.read_text(), write)
        except AssertionError as difference:
            sys.exit(f"\n{difference}")
        finally:
            world.close()
    if write:
        PAGE.write_text(now)


if __name__ == "__main__":
    main()
