# SPDX-License-Identifier: GPL-2.0-or-later
"""xdp-l2respd on the server of a LAN: its configuration, its manifests, its process."""
import http.client
import json
import os
import queue
import re
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from signal import SIGTERM

from lan import CLI, ROOT, Result
from wait import HUNG, Never, wait_until

AGENT = os.environ.get("XDP_L2RESPD", str(ROOT / "build/agent/xdp-l2respd"))
PORT = 9717
CPUCLOCK_SCHED = 2  # with a process id, the clock of its CPU time: clock_getcpuclockid(3)

CONFIG = """
node: node-1
source: {{directory: {manifests}, assignments: {manifests}/../assignments.json}}
lease: {{engine: none, duration: 2s, renewDeadline: 1200ms, retryPeriod: 300ms}}
bpffs: {bpffs}
"""

STEADY = "duration: 8s, renewDeadline: 6s, retryPeriod: 300ms"

POLICY = """
apiVersion: "cilium.io/v2alpha1"
kind: CiliumL2AnnouncementPolicy
metadata:
  name: policy1
spec:
  interfaces: [eth1]
  externalIPs: true
  loadBalancerIPs: true
"""

SERVICE = """
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: default}}
spec: {{externalIPs: [{ips}]}}
"""


def service(name, *ips):
    return SERVICE.format(name=name, ips=", ".join(f'"{ip}"' for ip in ips))


class Notified:
    """A service manager's end of sd_notify: read at once, since a sender waits for a full one."""

    def __init__(self, path):
        Path(path).unlink(missing_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.messages = queue.SimpleQueue()
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        while message := self.socket.recv(4096).decode():
            self.messages.put(message)

    def wait(self, wanted, seconds=HUNG):
        deadline = time.monotonic() + seconds
        try:
            while wanted not in self.messages.get(timeout=max(0, deadline - time.monotonic())):
                pass
        except queue.Empty:
            return False
        return True

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.reader.join()
        self.socket.close()


class CommandLine:
    """The CLI in the namespace `server`, on the pins in `bpffs`: what an Agent asks of a LAN, for either end."""

    def __init__(self, server, bpffs):
        self.server, self.bpffs = server, bpffs

    def cli(self, command):
        done = subprocess.run(self.server.argv(CLI, "--bpffs", self.bpffs, *command.split()),
                              capture_output=True, text=True, check=False)
        return Result(done.returncode, done.stdout, done.stderr)

    def done(self, command):
        """A command that must succeed."""
        result = self.cli(command)
        assert result.status == 0, result.err
        return result


class Agent:
    def __init__(self, lan, scratch):
        self.lan = lan
        self.manifests = scratch / "manifests"
        self.config = scratch / "agent.yaml"
        self.log_path = scratch / "log"
        self.manifests.mkdir()
        self.config.write_text(CONFIG.format(manifests=self.manifests, bpffs=lan.bpffs))
        self.process = None
        self.notified = None

    def outlast_a_restart(self):
        """Configures a lease that does, on a busy machine too."""
        self.config.write_text(re.sub("duration: .*?(?=})", STEADY, self.config.read_text()))

    def write(self, name, *documents):
        """A manifest file, put in place at once."""
        made = self.manifests / f".{name}"
        made.write_text("---\n".join(documents))
        made.rename(self.manifests / name)

    def argv(self, *words):
        return self.lan.server.argv(AGENT, *words)

    def command(self, *words):
        done = subprocess.run(self.argv(*words), capture_output=True, text=True)
        return Result(done.returncode, done.stdout, done.stderr)

    def start(self, *prefix):
        """Runs it, as the last words of a command if there is one, until it says READY=1."""
        self.launch(*prefix)
        self.wait_notified("READY=1")

    def launch(self, *prefix):
        path = f"{self.config.parent}/notify"
        if self.notified:
            self.notified.close()
        self.notified = Notified(path)
        with open(self.log_path, "a") as log:
            self.process = subprocess.Popen(
                self.lan.server.argv(*prefix, AGENT, "--config", self.config),
                stderr=log, env=os.environ | {"NOTIFY_SOCKET": path})

    def wait_notified(self, wanted):
        assert self.notified.wait(wanted), f"no {wanted}: {self.log()}"

    def helper(self):
        """The process id of the one that attaches."""
        pid = self.process.pid
        [child] = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(child)

    def signal(self, number):
        os.kill(self.process.pid, number)

    def end(self, number=SIGTERM, seconds=HUNG):
        """Its exit status."""
        self.signal(number)
        status = self.process.wait(seconds)
        self.process = None
        return status

    def close(self):
        if self.process:
            self.process.kill()
            self.process.wait()
        if self.notified:
            self.notified.close()
        assert "Sanitizer: " not in self.log(), self.log()

    def log(self):
        return self.log_path.read_text() if self.log_path.exists() else ""

    def http(self, path):
        """(status, body) on the loopback port."""
        with self.lan.server.entered():
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{PORT}{path}", timeout=HUNG) as answer:
                    return answer.status, answer.read().decode()
            except urllib.error.HTTPError as error:
                return error.code, error.read().decode()
            except http.client.IncompleteRead as cut:
                raise ConnectionError("the agent ended amid its answer") from cut

    def metrics(self):
        """Figures without labels, by name."""
        rows = (line.rsplit(maxsplit=1) for line in self.http("/metrics")[1].splitlines())
        return {row[0]: float(row[1]) for row in rows if row and row[0][0] != "#"}

    def renewals(self):
        """How many of its session's were confirmed."""
        return self.metrics()["l2resp_lease_renewals_total"]

    def cpu_seconds(self):
        return time.clock_gettime(~self.process.pid << 3 | CPUCLOCK_SCHED)

    def ready(self):
        return self.http("/readyz")[0] == 200

    def until(self, condition, seconds=10, poll=0.01):
        """Waits for what the agent reaches by itself, and returns it. Where it doesn't, its log may tell why."""
        value = wait_until(condition, seconds, poll)
        assert value, f"{value!r}\n{self.log()}"
        return value

    def says(self, *texts, seconds=10, times=1):
        """In its log."""
        for text in texts:
            self.until(lambda: self.log().count(text) >= times or Never(f"{text!r} wasn't said"), seconds)

    def answers(self, path, status, body=None, seconds=10):
        def is_so(got):
            return got[0] == status and body in (None, got[1])
        self.until(lambda: is_so(got := self.http(path)) or Never(f"{path}: {got}"), seconds)

    def wait_ready(self, seconds=10):
        self.answers("/readyz", 200, seconds=seconds)

    def move(self, address, node, moved):
        """The command says when it is so; moved() may show it a moment later."""
        done = self.command("move", address, node)
        assert done.status == 0, done.err + self.log()
        self.until(moved)

    def counts(self, name, value, seconds=10):
        """In its metrics."""
        self.until(lambda: (got := self.metrics().get(name)) == value or Never(f"{name} is {got}, not {value}"), seconds)

    def shows(self, text, words="show default/web", seconds=10):
        """What a command prints."""
        self.until(lambda: text in (got := self.command(*words.split())).out or Never(got), seconds)

    def entries(self):
        """The map's entries as `list` shows them, by (address, device)."""
        rows = json.loads(self.lan.done("list --json").out)
        return {(row["ip"], row["dev"]): row for row in rows}

    def wait_entries(self, *wanted, seconds=10):
        """Until just these (address, device) are there. While the agent puts removed pins back, one after the other, `list`
        may find that some are missing."""
        def there():
            done = self.lan.cli("list --json")
            found = done.status == 0 and {(row["ip"], row["dev"]) for row in json.loads(done.out)}
            return found == set(wanted) or Never(f"there is {found}, not {wanted}")
        self.until(there, seconds)
