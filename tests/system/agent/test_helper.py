#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""The helper that attaches has CAP_SYS_ADMIN; the agent has not, works on while the helper does, and ends with it."""
import ctypes
import errno
import os
import re
import signal
import socket
import struct
from pathlib import Path

import pytest

from daemon import POLICY, service
from lan import ROOT, VIP, need
from fault import killed_growth
from wait import HUNG, let_pass, stays, wait_until
from wire import Wire, arp, arp_reply

OTHER = "198.18.10.2"
EVERYWHERE = POLICY.replace("[eth1]", '["^eth"]')
BITS = {"net_admin": 12, "net_raw": 13, "sys_admin": 21, "perfmon": 38, "bpf": 39}
PIDFD_OPEN, PIDFD_GETFD = 434, 438
SEQPACKET = "0005"
CHECK, ATTACH, GROW, NO_TASK = range(4)
NO_MODE, NO_PRIORITY, NO_INTERFACE = 3, 1 << 31, 1 << 30

libc = ctypes.CDLL(None, use_errno=True)


def status(pid):
    return dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)


@pytest.fixture
def answering(agent):
    """Attached to whatever is called eth*."""
    agent.outlast_a_restart()
    agent.write("all.yaml", EVERYWHERE, service("web", VIP))
    agent.start()
    agent.wait_entries((VIP, "eth1"))
    return agent


def test_with_the_units_capabilities_alone(agent, lan):
    need("setpriv")
    unit = (ROOT / "deploy/xdp-l2respd.service").read_text()
    named = re.search(r"^CapabilityBoundingSet=(.*)$", unit, re.MULTILINE)[1].lower().replace("cap_", "").split()
    assert set(named) == BITS.keys()
    agent.write("all.yaml", POLICY, service("web", VIP))
    with Wire(lan.client, "eth0") as wire:
        agent.start("setpriv", "--bounding-set=-all," + ",".join(f"+{name}" for name in named))
        assert len(wire.received(2)) >= 2, "announcements"
        agent.wait_entries((VIP, "eth1"))
        assert wire.answered(arp(VIP), arp_reply(VIP))
    for pid, missing in (agent.process.pid, "sys_admin"), (agent.helper(), "net_raw"):
        held = sum(1 << bit for name, bit in BITS.items() if name != missing)
        said = status(pid)
        assert [int(said[name], 16) for name in ("CapEff", "CapPrm", "CapInh", "CapAmb")] == [held, held, 0, 0]
        assert said["NoNewPrivs"] == "1"
    agent.wait_ready()
    assert agent.command("drain").status == 0
    agent.wait_entries()


def test_root_keeps_no_more(answering):
    """Started by hand: with all that root has."""
    for pid, missing in (answering.process.pid, "sys_admin"), (answering.helper(), "net_raw"):
        held = sum(1 << bit for name, bit in BITS.items() if name != missing)
        said = status(pid)
        assert [int(said[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")] == [held, held, held, 0]


@pytest.mark.parametrize("number, left", [(signal.SIGTERM, 0), (signal.SIGUSR1, 1), (signal.SIGKILL, 1)])
def test_the_helper_ends_with_the_agent(answering, number, left):
    helper = answering.helper()
    answering.end(number)
    assert wait_until(lambda: not Path(f"/proc/{helper}").exists()), "a zombie is there, too"
    assert len(answering.entries()) == left


def test_a_helper_at_work_ends_too(answering):
    helper = answering.helper()
    os.kill(helper, signal.SIGSTOP)
    answering.end(signal.SIGKILL)
    assert wait_until(lambda: not Path(f"/proc/{helper}").exists())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_helper_that_is_stopped_ends_too(answering, number):
    """Nobody waits for it: a restart within the lease may follow."""
    os.kill(answering.helper(), signal.SIGSTOP)
    assert answering.end(number) == 0


def test_the_agent_ends_with_the_helper(answering, lan):
    """It leaves everything to the next one."""
    os.kill(answering.helper(), signal.SIGKILL)
    assert answering.process.wait(HUNG) == 1
    answering.says("the attach helper has ended (signal 9); exiting, to be restarted")
    assert len(answering.entries()) == 1
    answering.start()
    assert answering.metrics()["l2resp_announcements_total"] == 0, "nothing was taken over"
    with Wire(lan.client, "eth0") as wire:
        assert wire.ask(arp(VIP), count=1) == [arp_reply(VIP)]


def test_signals_to_all_are_the_agents_alone(answering):
    """As a service manager sends them."""
    helper = answering.helper()
    for number in signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP:
        os.kill(helper, number)
    assert stays(lambda: answering.helper() == helper and answering.ready(), 0.5)


def test_all_goes_on_while_the_helper_works(answering, lan):
    """Stopped, for one that waits for the verifier: nothing is claimed on the new interface before it is attached."""
    agent, helper = answering, answering.helper()
    os.kill(helper, signal.SIGSTOP)
    try:
        lan.server.ip(f"link add eth2 type veth peer name eth2 netns {lan.client.name}", "link set eth2 up")
        lan.client.ip("link set eth2 up")
        assert wait_until(lambda: not agent.ready()) and "eth2: the program isn't attached yet" in agent.http("/readyz")[1]
        agent.write("all.yaml", EVERYWHERE, service("web", VIP, OTHER))
        agent.wait_entries((VIP, "eth1"), (OTHER, "eth1"))
        let_pass(3, "longer than the lease")
        with Wire(lan.client, "eth0") as wire:
            # it announces one of them yet
            assert all(wire.answered(arp(ip), arp_reply(ip)) for ip in (VIP, OTHER))
        assert status(helper)["State"][0] == "T"
    finally:
        os.kill(helper, signal.SIGCONT)
    agent.wait_entries(*((ip, dev) for ip in (VIP, OTHER) for dev in ("eth1", "eth2")))
    agent.wait_ready()


def test_a_growth_that_was_killed_is_finished(answering, lan, scratch):
    """Before an entry is written: the program reads another map yet."""
    killed_growth(lan, scratch)
    answering.write("all.yaml", EVERYWHERE, service("web", OTHER))
    assert wait_until(lambda: (OTHER, "eth1") in answering.entries()), answering.log()
    with Wire(lan.client, "eth0") as wire:
        # beside its announcements
        assert wire.answered(arp(OTHER), arp_reply(OTHER)) and arp_reply(VIP) not in wire.ask(arp(VIP))


def unix_type(inode):
    """As /proc/net/unix has it."""
    rows = (line.split() for line in Path("/proc/net/unix").read_text().splitlines())
    return next((row[4] for row in rows if row[6] == inode), None)


def socket_of(agent):
    """The agent's end of the socket pair, which root can get at."""
    links = {int(fd.name): os.readlink(fd) for fd in Path(f"/proc/{agent.process.pid}/fd").iterdir()}
    with agent.lan.server.entered():
        [number] = [fd for fd, link in links.items()
                    if link.startswith("socket:") and unix_type(link[8:-1]) == SEQPACKET]
    process = libc.syscall(PIDFD_OPEN, agent.process.pid, 0)
    taken = libc.syscall(PIDFD_GETFD, process, number, 0)
    os.close(process)
    assert taken >= 0, os.strerror(ctypes.get_errno())
    return socket.socket(fileno=taken)


@pytest.mark.parametrize("wrong, error", [
    ((NO_TASK, 2, 0, 20, 0, 0), errno.EINVAL),
    ((CHECK, 2, NO_MODE, 20, 0, 0), errno.EINVAL),
    ((ATTACH, 2, 0, NO_PRIORITY, 0, 0), errno.EINVAL),
    ((ATTACH, NO_INTERFACE, 0, 20, 0, 0), errno.ENODEV),
    ((GROW, 0, 0, 20, 8_000_000, 0), errno.ERANGE),
    ((GROW, 0, 0, 20, 0, (1 << 20) + 1), errno.ERANGE),
])
def test_what_it_does_not_do(answering, wrong, error):
    answering.signal(signal.SIGSTOP)  # it would read the answer
    try:
        with socket_of(answering) as asking:
            asking.send(struct.pack("IIIIII", *wrong))
            assert struct.unpack_from("IIi", asking.recv(4096)) == (*wrong[:2], -error)
    finally:
        answering.signal(signal.SIGCONT)


def test_a_message_of_another_size_ends_it(answering):
    with socket_of(answering) as asking:
        asking.send(b"attach lo")
    assert answering.process.wait(HUNG) == 1
    answering.says("the attach helper has ended (status 0)")
