# SPDX-License-Identifier: GPL-2.0-or-later
"""keepalived as a node of the tests' LAN: VRRP decides who has the address, the kernel answers for it."""
import json
import os
import subprocess
from signal import SIGKILL, SIGTERM

from cluster import VIP, Host
from wait import HUNG, wait_until

CONFIG = """
vrrp_instance vip {{
    interface eth1
    version 3
    state BACKUP
    nopreempt
    virtual_router_id 51
    priority 100
    advert_int {advert_int}
    virtual_ipaddress {{
        {vip}/32
    }}
}}
"""


class Keepalived:
    """The process, with what a test does to an agent. A fault is that of all of its processes, as of a service's."""

    def __init__(self, node, directory, advert_int):
        self.node, self.directory, self.process = node, directory, None
        directory.mkdir()
        self.config = directory / "keepalived.conf"
        self.config.write_text(CONFIG.format(advert_int=advert_int, vip=VIP))

    def start(self):
        with open(self.directory / "log", "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                self.node.server.argv("keepalived", "--dont-fork", "--vrrp", "--no-syslog", "--log-console",
                                      "--use-file", self.config, "--pid", self.directory / "pid",
                                      "--vrrp_pid", self.directory / "vrrp.pid"),
                stdout=log, stderr=log, start_new_session=True)
        pid = self.directory / "vrrp.pid"
        assert wait_until(pid.exists), self.log()

    def signal(self, number):
        os.killpg(self.process.pid, number)

    def end(self, number=SIGTERM):
        """To the parent if it is to end in order."""
        (self.process.send_signal if number == SIGTERM else self.signal)(number)
        self.process.wait(HUNG)
        self.process = None
        for pid in self.directory.glob("*pid"):
            pid.unlink()

    def log(self):
        return (self.directory / "log").read_text()

    def close(self):
        if self.process:
            self.end(SIGKILL)


class Node(Host):
    def __init__(self, cluster, number, advert_int):
        super().__init__(cluster, number)
        self.agent = Keepalived(self, cluster.directory / f"node{number}", advert_int)
        cluster.nodes.append(self)

    def connect(self):
        super().connect()
        self.server.ip(f"address add 198.18.0.{100 + self.number}/15 dev eth1")

    def held(self):
        rows = json.loads(self.server.run("ip", "-j", "address", "show", "dev", "eth1").stdout)
        return {address["local"] for row in rows for address in row["addr_info"]}

    def close(self):
        self.agent.close()
        self.server.close()


def pair(cluster, advert_int):
    nodes = [Node(cluster, number, advert_int) for number in (1, 2)]
    for node in nodes:
        node.agent.start()
    return nodes
