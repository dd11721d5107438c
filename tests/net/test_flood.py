#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Live frames as fast as one CPU makes them, for one address: every request is answered."""
import json
import os

from lan import CLIENT_IP, FLOOD, SERVER_MAC, VIP, Lan

SECONDS = 10


def test_flood_is_answered_to_the_last_request():
    with Lan(client_program=None) as lan:
        lan.done("attach eth1 --mode native", f"add {VIP} dev eth1")
        cpu = min(os.sched_getaffinity(0))
        flood = json.loads(lan.client.run(FLOOD, "eth0", CLIENT_IP, VIP, SERVER_MAC, SECONDS,
                                          cpu).stdout)
        assert flood["seconds"] >= SECONDS and flood["sent"] >= 1 << 17
        # sent, met the program, was answered, came back right: one number
        assert flood["wrong"] == 0
        assert flood["right"] == flood["sent"]
        assert lan.counters() == {"arp_answered": flood["sent"]}
        assert lan.responses_sent() == flood["sent"]
