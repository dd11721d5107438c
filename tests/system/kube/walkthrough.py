#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/walkthrough.md, done: each command of the page is run on its machine, and must say what the page says.

    walkthrough.py [--write]

Shows what happens; ends at the first command that says something else. --write: puts what was said into the page instead.

An indented line "MACHINE# COMMAND" of the page is a command, the indented lines after it are what it said. What differs
from run to run (VOLATILE) isn't compared, and stays as it is in the page. Where the text before a block ends with "within
N s:", its commands are run again until they say what they must; --write waits as long for what it doesn't know.
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

TESTS = Path(__file__).resolve().parents[2]
sys.path.append(str(TESTS / "support"))
from daemon import AGENT  # noqa: E402 pylint: disable=wrong-import-position
from kube import ADMIN, ENDPOINT_SLICES, REASON, Cluster  # noqa: E402 pylint: disable=wrong-import-position
from lan import CLI, PASS, ROOT, Namespace, leave_mounts  # noqa: E402 pylint: disable=wrong-import-position
from pod import CACHE, image_root  # noqa: E402 pylint: disable=wrong-import-position
from wait import let_pass, slack  # noqa: E402 pylint: disable=wrong-import-position

PAGE = ROOT / "docs/walkthrough.md"
TOOLS = "etcd", "kubectl", "crun", "nginx", "nft", "tcpdump", "curl"

COMMAND = re.compile(r"""
    (?P<typed> ^\ {4} (?P<machine>[a-z0-9-]+) \#\  (?P<command>.*? (?:<<(?P<end>\w+)\n (?:.*\n)*? \ {4}(?P=end))?) \n)
    (?P<said> (?:\ {4} (?![a-z0-9-]+\#\ ) .*\n)*)""", re.MULTILINE | re.VERBOSE)
WITHIN = re.compile(r"within (\d+) s:\s*$")
VOLATILE = (
    (r"\b198\.18\.64\.\d+\b", "CLUSTER-IP"),
    (r":3[0-2]\d{3}/TCP", ":NODE-PORT/TCP"),
    (r"\b\d+ ?(?:ms|milliseconds|s|m|m\d+s)\b", "TIME"),
    (r"@if\d+\b", "@PEER"),
    (r"(?<=, native mode, ).*", "PLACE"),  # not every kernel has dispatchers
    (r"\b(DELAY|PROBE)\b", "REACHABLE"),  # just used, and not yet confirmed
    (r"(?<=\S) +", " "),  # columns are as wide as what they hold
)

# machine, its interface, the bridge, its address there
CABLES = (
    ("jumpbox", "eth0", "lan", "198.18.0.2"),
    ("server", "eth0", "lan", "198.18.0.10"),
    ("node-0", "eth0", "lan", "198.18.0.20"),
    ("node-1", "eth0", "lan", "198.18.0.21"),
    ("node-0", "eth1", "pods", "198.19.0.20"),
    ("node-1", "eth1", "pods", "198.19.0.21"),
)
# a host name, and of its own: what is mounted, /etc as far as it is written to, processes
BOOT = """
hostname "$0" && mount -t tmpfs none /run && mkdir /run/etc /run/work && mount -t bpf bpf /sys/fs/bpf &&
mount -t overlay -o lowerdir=/etc,upperdir=/run/etc,workdir=/run/work none /etc && echo up && exec cat
"""
PATH = ":".join([str(Path(CLI).parent), str(Path(AGENT).parent), str(TESTS / "system/kube"), os.environ["PATH"], "/usr/sbin", "/sbin"])
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
            super().argv("unshare", "--mount", "--uts", "--pid", "--fork", "--mount-proc", "sh", "-c", BOOT, name),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.first.stdout.readline() == "up\n", f"{name} doesn't boot"
        self.init = Path(f"/proc/{self.first.pid}/task/{self.first.pid}/children").read_text().strip()

    def argv(self, *argv):
        return ["nsenter", f"--target={self.init}", "--net", "--mount", "--uts", "--pid", "--", *map(str, argv)]

    def close(self):
        self.first.communicate()
        super().close()


class World:
    """What the page says is there before its first command."""

    def __init__(self, directory):
        self.directory, self.machines = directory, {}
        image_root(Path(AGENT).parents[1])  # before anybody waits for an agent that runs out of it
        with ExitStack() as stack:
            for name in "switch", "jumpbox", "server", "node-0", "node-1", "pod":
                self.machines[name] = Machine(name)
                stack.callback(self.machines[name].close)
            self.wire(*self.machines.values())
            cluster = Cluster(directory, address="198.18.0.10", network=self.machines["server"])
            stack.callback(cluster.close)
            cluster.apply(ENDPOINT_SLICES.read_text())
            # as kubelets register themselves
            cluster.apply("---\n".join(f"apiVersion: v1\nkind: Node\nmetadata: {{name: {name}}}\n" for name in ("node-0", "node-1")))
            (directory / "kubeconfig").write_text(KUBECONFIG.format(
                server=cluster.urls[0], ca=cluster.tls["ca"] + ".crt", token=ADMIN))
            (directory / "nginx.conf").write_text(NGINX)
            shutil.copytree(ROOT / "deploy", directory / "deploy")
            self.machines["pod"].run("nginx", "-c", directory / "nginx.conf")
            self.ends = stack.pop_all()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ends.close()

    def wire(self, switch, jumpbox, _, node0, node1, pod):
        switch.ip(*[f"link add {name} up type bridge mcast_snooping 0" for name in ("lan", "pods")])
        for name, dev, bridge, address in CABLES:
            port, number = f"{bridge}-{name}", int(address.rpartition(".")[2])
            # XDP on the port too, since what a veth's XDP_TX sends arrives at such a one only
            switch.ip(f"link add {port} type veth peer name {dev} address 02:00:00:00:0{dev[3]}:{number:02} netns {name}",
                      f"link set {port} master {bridge} up xdpdrv object {PASS} section xdp")
            self.machines[name].ip(f"address add {address}/24 dev {dev}", f"link set {dev} up")
        node1.ip("link add pod0 type veth peer name eth0 netns pod", "address add 198.19.1.1/24 dev pod0", "link set pod0 up")
        pod.ip("address add 198.19.1.2/24 dev eth0", "link set eth0 up", "route add default via 198.19.1.1")
        node0.ip("route add 198.19.1.0/24 via 198.19.0.21")
        jumpbox.ip("route add 198.18.20.0/24 dev eth0")
        for node in node0, node1:
            # proxied answers at once, not after 0.8 s or less, as the asker may ask again after 1 s
            node.sysctl("net.ipv4.ip_forward=1", "net.ipv4.neigh.eth0.proxy_delay=0")

    def do(self, machine, command):
        """What it says, indented. What it leaves running may go on saying something."""
        with tempfile.TemporaryFile("w+") as output:
            subprocess.run(self.machines[machine].argv("bash", "-c", f"cd {self.directory}\n{command}"),
                           stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False, timeout=300,
                           env=os.environ | {"PATH": PATH, "XDG_CACHE_HOME": str(CACHE.parent), "HOME": str(self.directory), "LC_ALL": "C",
                                             "KUBECONFIG": f"{self.directory}/kubeconfig"})
            output.seek(0)
            return "".join(f"    {line}".rstrip() + "\n" for line in output)


def stable(text):
    for pattern, name in VOLATILE:
        text = re.sub(pattern, name, text)
    return text


def difference(wanted, said):
    return "\n".join(difflib.unified_diff(wanted.splitlines(), said.splitlines(), "the page", "this run", lineterm="", n=99))


def tell(world, text, write=False):
    """The page as it is now. Fails, unless @write, at the first command that says something else."""
    told, at, within = "", 0, None
    for found in COMMAND.finditer(text):
        before, at = text[at:found.start()], found.end()
        if before:
            within = WITHIN.search(before)
        print(before, found["typed"], sep="", end="", flush=True)
        command, wanted = re.sub(r"\n {4}", "\n", found["command"]), found["said"]
        deadline = time.monotonic() + (int(within[1]) * (1 if write else slack()) if within else 0)
        while stable(said := world.do(found["machine"], command)) != stable(wanted) and time.monotonic() < deadline:
            let_pass(0.1, "it may say so in a moment")
        if stable(said) == stable(wanted):
            said = wanted
        assert write or said == wanted, f"{found['typed']}{difference(wanted, said)}"
        print(said, end="", flush=True)
        told += before + found["typed"] + said
    print(text[at:], end="")
    return told + text[at:]


def main():
    write = sys.argv[1:] == ["--write"]
    if sys.argv[1:] and not write:
        print("usage: walkthrough.py [--write]", file=sys.stderr)
        sys.exit(2)
    if REASON:
        sys.exit(f"walkthrough.py: {REASON}")
    leave_mounts()
    try:
        with tempfile.TemporaryDirectory(prefix="l2resp-walk-") as directory, World(Path(directory)) as world:
            page = tell(world, PAGE.read_text(), write)
    except (AssertionError, KeyboardInterrupt) as end:
        sys.exit(f"\n{end}")
    if write:
        PAGE.write_text(page)
    print(f"==> {'Written' if write else 'As it is'} in {PAGE.relative_to(ROOT)}.")


if __name__ == "__main__":
    main()
