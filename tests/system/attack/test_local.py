#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Another user was first on a BPF file system that everybody may write to, as `mount -t bpf` makes it; and what moves away comes back."""
import os
import shutil
import subprocess

import pytest

from lan import VIP
from wait import HUNG, wait_until
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
    refused(lan, directory, ": Not a directory")


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
