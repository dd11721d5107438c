#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""The Debian packages under systemd: installed, upgraded while requests come in, and xdp-l2resp.service over a reboot, with the
addresses that were saved. In this order."""
import os
import re
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
from cluster import VIP
from daemon import POLICY, service
from lan import ROOT
from machine import Machine
from wait import let_pass, wait_until

BY_HAND = "198.18.10.77"
SAVED = "/etc/xdp-l2resp/addresses"
BUILT = os.environ.get("PACKAGES")  # a directory of packages that were built before
INSTALLS_WITHIN = 400  # seconds: the processor is emulated


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """Those of the last commit, and the same as an older version, which is what an upgrade begins with."""
    directory = Path(BUILT or tmp_path_factory.mktemp("packages"))
    if not BUILT:
        if not re.search(r'^VERSION_ID="1[23]"', Path("/etc/os-release").read_text(), re.MULTILINE):
            pytest.skip("neither Debian 12 nor 13")
        tarball = subprocess.run([ROOT / "packaging/tarball", directory], check=True, capture_output=True, text=True).stdout.strip()
        subprocess.run([ROOT / "packaging/build-debian", tarball, directory], check=True, capture_output=True)
    made = tmp_path_factory.mktemp("made")
    for name in "xdp-l2resp", "xdp-l2respd":
        [package] = directory.glob(f"{name}_*.deb")
        shutil.copy(package, made / f"new-{name}.deb")
        tree = made / name
        subprocess.run(["dpkg-deb", "-R", package, tree], check=True)
        control = tree / "DEBIAN/control"
        control.write_text(re.sub(r"\d+\.\d+\.\d+-1~deb", "0.0.1-1~deb", control.read_text()))
        subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, made / f"old-{name}.deb"], check=True, capture_output=True)
        shutil.rmtree(tree)
    return made


@contextmanager
def booted(cluster, packages, number):
    made = Machine(cluster, number, os.environ.get("VM_KERNEL", "6.12"), lambda directory: shutil.copytree(packages, directory / "srv"))
    try:
        # the host's own programs, and what keeps packages from starting anything
        made.done("rm -f /usr/sbin/policy-rc.d")
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def machine(cluster, packages):
    with booted(cluster, packages, 9) as made:
        yield made


def installed(machine, which):
    return machine.done(f"DEBIAN_FRONTEND=noninteractive dpkg -i /srv/{which}-*.deb", seconds=INSTALLS_WITHIN)


def state(machine, unit, *names):
    said = machine.done(f"systemctl show {unit} -p {','.join(names)}")
    return dict(line.split("=", 1) for line in said.splitlines())


def answered(asker, address):
    assert wait_until(lambda: any(frame.ip == address for frame in asker.frames()), 60)


def test_installed_and_waiting(machine):
    """Enabled, and not started without a configuration; nothing failed either."""
    installed(machine, "old")
    for unit in "xdp-l2respd", "xdp-l2resp":
        assert machine.done(f"systemctl is-enabled {unit}").strip() == "enabled"
        assert state(machine, unit, "ActiveState", "Result")["ActiveState"] == "inactive"
    assert state(machine, "xdp-l2respd", "ConditionResult")["ConditionResult"] == "no"
    assert machine.command("systemctl is-enabled xdp-l2resp-save.timer")[1].strip() == "disabled"
    assert machine.done("systemctl --failed --no-legend --plain").strip() == ""
    said = machine.done("systemd-analyze verify /lib/systemd/system/xdp-l2resp*.service /lib/systemd/system/xdp-l2resp*.timer 2>&1 "
                        "| grep xdp-l2resp || :")
    assert said == ""


def test_configured(machine, cluster):
    """The agent announces its address, the other unit attaches for those added by hand."""
    machine.write("/etc/xdp-l2resp/manifests/all.yaml", "---\n".join([POLICY, service("web", VIP)]))
    machine.done("cp /usr/share/doc/xdp-l2respd/examples/agent.yaml /etc/xdp-l2resp/",
                 "echo 'INTERFACES=\"eth1\"' >/etc/default/xdp-l2resp",
                 "systemctl start xdp-l2resp xdp-l2respd", f"xdp-l2resp add {BY_HAND} dev eth1")
    asker = cluster.ask(VIP, BY_HAND, period=0.01)
    answered(asker, VIP)
    answered(asker, BY_HAND)
    asker.close()
    assert state(machine, "xdp-l2resp", "ActiveState", "SubState") == {"ActiveState": "active", "SubState": "exited"}


def test_upgrade_leaves_no_request_unanswered(machine, cluster):
    """Both programs are others afterwards, and no request went unanswered."""
    [before] = machine.rows("status")
    pid = state(machine, "xdp-l2respd", "MainPID")
    asker = cluster.ask(VIP, BY_HAND)
    answered(asker, VIP)
    answered(asker, BY_HAND)
    installed(machine, "new")
    let_pass(1, "it goes on answering")
    asker.close()
    missed = asker.missed()
    print(f"upgraded during {len(asker.frames())} answers, {len(missed)} missed")
    assert not missed and not asker.twice()
    assert asker.answerers(VIP) == asker.answerers(BY_HAND) == [machine.mac]
    [after] = machine.rows("status")
    assert before["prog_id"] != after["prog_id"] and state(machine, "xdp-l2respd", "MainPID") != pid
    assert state(machine, "xdp-l2respd", "ActiveState")["ActiveState"] == "active"


def test_saved(machine):
    """Never without being asked; then by the timer, and by a stop."""
    assert machine.command(f"cat {SAVED}")[0]
    machine.done("systemctl stop xdp-l2respd", "systemctl enable --now xdp-l2resp-save.timer", "systemctl start xdp-l2resp-save")
    assert f"{BY_HAND} dev eth1\n" in machine.done(f"cat {SAVED}")
    assert state(machine, "xdp-l2resp-save.timer", "ActiveState")["ActiveState"] == "active"
    machine.done("xdp-l2resp add 198.18.10.78 dev eth1", "systemctl stop xdp-l2resp")
    assert "198.18.10.78 dev eth1\n" in machine.done(f"cat {SAVED}")
    assert machine.rows("status")[0]["mode"] == "none"
    # and not once the program is off: an empty map is no reason to forget
    machine.done("xdp-l2resp flush --all")
    assert machine.command("systemctl start xdp-l2resp-save")[0]
    assert f"{BY_HAND} dev eth1\n" in machine.done(f"cat {SAVED}")


def test_reboot(machine, cluster, packages):
    """What was saved answers again, once the interface is there."""
    saved = machine.done(f"cat {SAVED}")
    machine.close()
    with booted(cluster, packages, 8) as again:
        installed(again, "new")
        again.write(SAVED, saved)
        again.done("echo 'INTERFACES=\"eth1\"' >/etc/default/xdp-l2resp", "systemctl stop xdp-l2resp",
                   "ip link set eth1 down", "ip link set eth1 name late1", "systemctl start --no-block xdp-l2resp")
        assert wait_until(lambda: int(state(again, "xdp-l2resp", "NRestarts")["NRestarts"]) > 0, 30)
        again.done("ip link set late1 name eth1", "ip link set eth1 up")
        assert wait_until(lambda: state(again, "xdp-l2resp", "ActiveState")["ActiveState"] == "active", 60), \
            again.done("journalctl --no-pager -u xdp-l2resp")
        asker = cluster.ask(BY_HAND, period=0.01)
        answered(asker, BY_HAND)
        asker.close()
        assert asker.answerers(BY_HAND) == [again.mac]
        assert {row["ip"] for row in again.rows("list")} == {BY_HAND, "198.18.10.78"}
        # a removal takes program and pins along
        again.done("dpkg --purge xdp-l2respd xdp-l2resp", seconds=INSTALLS_WITHIN)
        assert again.command("ls -d /sys/fs/bpf/xdp-l2resp /etc/xdp-l2resp /etc/default/xdp-l2resp")[1].count("No such file") == 3
        assert "xdp" not in again.done("ip link show eth1")
