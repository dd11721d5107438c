#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Another user was first on a BPF file system that everybody may write to, as `mount -t bpf` makes it; what moves away comes back; who
starts a program with standard files closed, or with a limit on the size of files, gets an error, and no socket the output."""
import errno
import os
import shutil
import signal
import socket
import subprocess
import time

import pytest

from daemon import AGENT, POLICY, PORT, service
from fault import faulty
from lan import CLI, VIP, run
from test_state import BALANCED, POOL
from wait import HUNG, let_pass, wait_until
from wire import Wire, arp, arp_reply

NOBODY = 65534


@pytest.fixture
def directory(lan):
    path = f"{lan.bpffs}/xdp-l2resp"
    yield path
    if os.path.islink(path):
        os.unlink(path)
    shutil.rmtree(path, ignore_errors=True)


def refused(lan, path, why):
    """At once, and not after minutes of one whole CPU."""
    try:
        said = lan.cli(f"add {VIP} dev eth1", timeout=HUNG)
    except subprocess.TimeoutExpired:
        pytest.fail("it goes on for ever")
    assert said.status and f"{path}{why}" in said.err, said.err


def test_a_link_to_nowhere(lan, directory):
    os.symlink("nowhere", directory)
    refused(lan, directory, " is a symbolic link, not a directory; remove it")


def test_anothers_directory(lan, directory):
    """Who could keep it locked, and rename what is in it."""
    os.mkdir(directory)
    os.chown(directory, NOBODY, NOBODY)
    refused(lan, directory, f" belongs to user {NOBODY}; remove it")


def test_an_interface_that_was_elsewhere(running, lan):
    """The program that it brings back has the index that it had: it is attached anew."""
    lan.move_there_and_back()
    with Wire(lan.client, "eth0") as wire:
        assert wait_until(lambda: arp_reply(VIP) in wire.ask(arp(VIP)), 20), running.log()
    running.wait_ready()


CLOSED = "0<&- 1>&- 2>&-"


def test_a_bundle_where_others_may_write(lan, scratch):
    """They can guess its name: what they linked to stays as it is."""
    ours = scratch / "ours"
    ours.write_text("ours")
    for seconds in range(60):
        (scratch / time.strftime("xdp-l2resp-support-%Y%m%d-%H%M%S.tar.gz", time.localtime(time.time() + seconds))).symlink_to(ours)
    done = lan.cli("support", cwd=scratch)
    assert done.status == 1 and "File exists" in done.err, done
    assert ours.read_text() == "ours"


@pytest.mark.parametrize("command", ["list", "status", "stats", "doctor", f"explain {VIP} dev eth1", f"announce {VIP} dev eth1 --count 1"])
def test_output_that_is_closed(lan, command):
    lan.done("attach eth1", f"add {VIP} dev eth1")
    done = subprocess.run(["sh", "-c", 'exec "$@" 1>&-', "sh", *lan.argv(command)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "xdp-l2resp: writing the output: Bad file descriptor\n")


def test_an_agent_with_all_standard_files_closed(agent):
    agent.write("all.yaml", POLICY, service("web", VIP))
    agent.start("sh", "-c", f'exec "$@" {CLOSED}', "sh")
    agent.wait_entries((VIP, "eth1"))
    assert [os.readlink(f"/proc/{agent.process.pid}/fd/{number}") for number in range(3)] == 3 * ["/dev/null"]


NO_SIZE = ["bash", "-c", 'exec 2> >(exec cat >&2); ulimit -f 0; exec "$@"', "bash"]  # its log goes through a pipe


@pytest.mark.parametrize("command", ["save {}/saved", "list"])
def test_a_limit_on_the_size_of_files(lan, scratch, command):
    """A sentence and no half a file, not the end by SIGXFSZ."""
    lan.done("attach eth1", f"add {VIP} dev eth1")
    with open(scratch / "out", "w", encoding="utf-8") as out:
        done = subprocess.run(lan.server.argv(*NO_SIZE, *lan.words(command.format(scratch))), stdout=out, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and done.stderr.startswith("xdp-l2resp: ") and "File too large\n" in done.stderr, done
    assert not [path for path in scratch.iterdir() if path.name.startswith("saved")]


def test_an_agent_with_a_limit_on_the_size_of_files(agent):
    """It can't keep what it assigns, and announces the rest."""
    agent.write("all.yaml", POLICY, POOL, BALANCED, service("web", VIP))
    agent.start(*NO_SIZE)
    agent.says("assignments.json: File too large\n")
    agent.wait_entries((VIP, "eth1"))


def test_an_agent_that_may_have_no_thread(agent):
    """As in a cgroup with pids.max: it ends with a sentence, and doesn't wait for a thread that never was."""
    with faulty(f"thread:2:{errno.EAGAIN}"):
        agent.launch()
    assert agent.process.wait(HUNG) == 1
    agent.says("starting the lease thread: Resource temporarily unavailable\n")


def test_an_agent_that_may_have_one_thread(agent):
    """That is the one with the leases; who reads the log late loses lines."""
    agent.write("all.yaml", POLICY, service("web", VIP))
    with faulty(f"thread:1:{errno.EAGAIN}"):
        agent.start()
    agent.says("lines of the log that nobody reads are lost: Resource temporarily unavailable\n")
    agent.wait_entries((VIP, "eth1"))


@pytest.mark.parametrize("free", [0, 1])
def test_no_file_descriptor_for_a_connection(running, lan, free):
    """What waits for one takes no processor, and is answered when there is one again."""
    def opened():
        return {int(name) for name in os.listdir(f"/proc/{running.process.pid}/fd")}

    least = min(min({*range(1024)} - opened()) for _ in range(20))  # it has some for a moment only
    run("prlimit", "--pid", str(running.process.pid), f"--nofile={least + free}:1024")
    with lan.server.entered():
        waiting = [socket.create_connection(("127.0.0.1", PORT)) for _ in range(3)]
    before = running.cpu_seconds()
    let_pass(2, "what its processor time is measured over")
    assert running.cpu_seconds() - before < 1, running.log()
    assert running.log().count("no file descriptor is left for a connection") == 1
    for connection in waiting:
        connection.close()
    run("prlimit", "--pid", str(running.process.pid), "--nofile=1024:1024")
    with lan.server.entered(), socket.create_connection(("127.0.0.1", PORT), 20) as connection:
        connection.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert connection.recv(12).endswith(b" 200"), running.log()


NO_CHILDREN = ["bash", "-c", 'trap "" CHLD; exec "$@"', "bash"]  # who started it ignores how children end


def test_children_are_ignored(lan):
    """What the commands in a bundle ended with is told nevertheless."""
    done = subprocess.run(["sh", "-c", '"$@" | tar -xzO --wildcards "*/errors.txt"', "sh", *lan.server.argv(*NO_CHILDREN, *lan.words("support -"))],
                          capture_output=True, text=True)
    assert "status.json: exit status 0\n" in done.stdout, done


def test_an_agent_that_ignores_children(agent):
    """How its helper ended is told nevertheless."""
    agent.start(*NO_CHILDREN)
    os.kill(agent.helper(), signal.SIGKILL)
    assert agent.process.wait(HUNG) == 1
    agent.says("the attach helper has ended (signal 9)")


STRICT = ["sh", "-c", 'umask 0777; exec setpriv --bounding-set=-dac_override,-dac_read_search "$@"', "sh"]


def test_a_umask_that_leaves_no_rights(lan):
    """What a command makes it can open again, without the capability to open everything."""
    for command in "attach eth1", f"add {VIP} dev eth1", "list", "flush --all":
        done = subprocess.run(lan.server.argv(*STRICT, *lan.words(command)), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_an_agent_with_a_umask_that_leaves_no_rights(agent):
    agent.write("all.yaml", POLICY, POOL, BALANCED, service("web", VIP))
    agent.start(*STRICT)
    agent.wait_ready()
    assert agent.end() == 0
    agent.start(*STRICT)
    agent.wait_ready()


@pytest.mark.parametrize("program", [CLI, AGENT])
def test_a_limit_on_the_stack(program):
    """A sentence, not a signal."""
    done = subprocess.run(["bash", "-c", 'ulimit -s 200; exec "$@"', "bash", program, "help"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, f"{os.path.basename(program)}: the stack is limited to 200 KiB; run `ulimit -s 256` first\n")
