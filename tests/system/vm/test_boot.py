#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""xdp-l2resp.service and its timer, under systemd: what a stop, a failed start and a save leave."""
import pytest
from wait import wait_until

CONFIG = "/etc/default/xdp-l2resp"
SAVED = "/etc/xdp-l2resp/addresses"
UNIT = "xdp-l2resp"
LINE = "198.18.10.77 dev eth1\n"


def interfaces(machine, names):
    machine.write(CONFIG, f'INTERFACES="{names}"\n')


def shown(machine, name):
    return machine.done(f"systemctl show --value -p {name} {UNIT}").strip()


@pytest.fixture(autouse=True)
def started(machine):
    machine.write(SAVED, LINE)
    interfaces(machine, "eth1")
    machine.done(f"systemctl start {UNIT}")
    assert machine.rows("status eth1")[0]["entries"] == 1
    yield
    machine.done(f"systemctl stop {UNIT}", f"systemctl disable --no-reload {UNIT}-save.timer", f"rm -rf {SAVED}", "xdp-l2resp detach --all",
                 "xdp-l2resp flush --all", "ip link del v0 2>/dev/null || :")


def stopped(machine):
    """Nothing is attached after a stop, and the unit didn't fail."""
    machine.done(f"systemctl stop {UNIT}")
    assert {row["mode"] for row in machine.rows("status")} == {"none"} and shown(machine, "ActiveState") == "inactive"


@pytest.mark.parametrize("names", ["", "nosuch1", "eth1 nosuch1"])
def test_stop_after_a_change_of_interfaces(machine, names):
    interfaces(machine, names)
    stopped(machine)


def test_stop_after_a_reload(machine):
    machine.done("ip link add v0 type veth peer name v1")
    interfaces(machine, "v0")
    machine.done(f"systemctl reload {UNIT}")
    assert [row["mode"] for row in machine.rows("status")] == ["native", "native"]
    stopped(machine)


@pytest.mark.parametrize("then", [f"systemctl reload {UNIT}", "true"], ids=["by a package", "from source"])
def test_stop_after_an_upgrade(machine, then):
    """From a version that kept no record of interfaces. Packages reload the unit."""
    machine.done("rm -r /run/xdp-l2resp", then)
    stopped(machine)


def test_stop_leaves_what_others_attached(machine):
    machine.done("ip link add v0 type veth peer name v1")
    interfaces(machine, "v0")
    machine.done(f"systemctl restart {UNIT}", "xdp-l2resp attach eth1", f"systemctl stop {UNIT}")
    assert {row["dev"]: row["mode"] for row in machine.rows("status") if row["mode"] != "none"} == {"eth1": "native"}


def test_blank_interfaces(machine):
    """A usage error: no retry."""
    interfaces(machine, " ")
    assert machine.command(f"systemctl reload {UNIT}")[0]
    assert machine.command(f"systemctl restart {UNIT}")[0]
    assert (shown(machine, "ActiveState"), shown(machine, "NRestarts")) == ("failed", "0")
    assert machine.done(f"journalctl --sync; journalctl -q -u {UNIT} | grep -c 'an interface is missing'") == "2\n"


def test_stop_where_one_is_detached(machine):
    machine.done("ip link add v0 type veth peer name v1")
    interfaces(machine, "eth1 v0")
    machine.done(f"systemctl restart {UNIT}", "xdp-l2resp detach v0")
    stopped(machine)


def test_stop_when_save_fails(machine):
    machine.done(f"systemctl enable --no-reload {UNIT}-save.timer", f"rm {SAVED}", f"mkdir {SAVED}")
    stopped(machine)


def test_save_keeps_the_owner(machine):
    machine.done(f"chown 1:2 {SAVED}", f"chmod 640 {SAVED}", "xdp-l2resp add 198.18.10.78 dev eth1", f"systemctl start {UNIT}-save")
    assert machine.done(f"stat -c %u:%g:%a {SAVED}; wc -l <{SAVED}") == "1:2:640\n3\n"
    machine.done("xdp-l2resp flush --all", f"systemctl restart {UNIT}")
    assert machine.rows("status eth1")[0]["entries"] == 2


def test_save_follows_no_link_of_others(machine):
    """As the kernel doesn't, where everybody may write."""
    machine.done("sysctl -qw fs.protected_symlinks=1", "mkdir -m 1777 /run/open", "echo ours >/run/ours",
                 "setpriv --reuid 65534 ln -s /run/ours /run/open/addresses")
    status, said = machine.command("xdp-l2resp save /run/open/addresses")
    assert (status, said) == (1, "xdp-l2resp: /run/open/addresses: Permission denied\n")
    assert machine.done("cat /run/ours") == "ours\n"


def test_a_wrong_line(machine):
    """A retry now and then; the program stays attached, and is there once the line is right."""
    new_lines = f"journalctl -q --no-pager --cursor-file=/run/cursor -o short-unix -u {UNIT}"
    machine.done(f"{new_lines} >/dev/null")
    machine.write(SAVED, LINE + "198.18.10.300 dev eth1\n")
    assert machine.command(f"systemctl restart {UNIT}")[0]
    assert wait_until(lambda: int(shown(machine, "NRestarts")) > 0, 60)
    lines = machine.done("journalctl --sync", f"{new_lines} | grep -E 'Failed with result|Scheduled restart' | head -2")
    failed, again = (float(line.split()[0]) for line in lines.splitlines())
    assert again - failed > 4  # seconds
    assert machine.rows("status eth1")[0]["mode"] == "native"
    machine.write(SAVED, LINE)
    assert wait_until(lambda: shown(machine, "ActiveState") == "active", 60)
    stopped(machine)
