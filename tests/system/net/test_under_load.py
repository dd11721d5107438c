#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands while live frames ask for one address: each request is answered, and counted once."""
import json
import os
import subprocess

import pytest

from lan import CLIENT_IP, FLOOD, SERVER_MAC, VIP, Lan
from test_queues import asked_and_answered
from wait import wait_until

LEAST = 1 << 17  # requests, however long they take
LONGER = 60  # than any of the commands take; the flood is ended when they are done

# name: what is done meanwhile
MEANWHILE = {
    "attached again": ["attach eth1"] * 6,
    "the map grows": [f"add 198.19.0.0/{length} dev eth1" for length in range(24, 16, -1)],
    "other addresses come and go": ["add 198.19.0.0/21 dev eth1", "del 198.19.0.0/21 dev eth1"] * 4,
    "the same is added again": [f"add {VIP} dev eth1", f"add {VIP}-198.18.10.9 dev eth1"] * 4,
    "read": ["list --json", "stats", "status"] * 5,
}


@pytest.mark.parametrize("commands", MEANWHILE.values(), ids=MEANWHILE)
def test_answered_and_counted(background, commands):
    with Lan(client_program=None) as lan:
        lan.done("attach eth1 --mode native", f"add {VIP} dev eth1")
        cpu = min(os.sched_getaffinity(0))
        flood = background(lan.client.argv(FLOOD, "eth0", CLIENT_IP, VIP, SERVER_MAC, LONGER,
                                           cpu), stdout=subprocess.PIPE, text=True)
        assert wait_until(lan.counters), "no flood"
        for command in commands:
            lan.done(command)
        assert flood.poll() is None, "the commands took longer than the flood"
        assert wait_until(lambda: lan.counters()["arp_answered"] > LEAST, LONGER / 2), lan.counters()
        flood.terminate()
        counts = json.loads(flood.communicate()[0])
        asked, answered = asked_and_answered(lan, counts)
        assert counts["wrong"] == 0
        assert answered == asked > LEAST
        assert lan.counters() == {"arp_answered": asked}
        assert lan.responses_sent() == asked
