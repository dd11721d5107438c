#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Asks who has some addresses, every PERIOD seconds, and writes down who answered and when.

    asker.py DEV SPA FILE PERIOD ADDR...

Each request is from a MAC of its own, which has the request's number. Whatever answers, this program or a
kernel, sends its reply to that MAC, so that each reply is known to belong to one request. FILE gets a line for
each frame: the kernel's receive time in CLOCK_MONOTONIC seconds, "reply" or "announce", the address, the MAC,
the request's number. Ends when its standard input does.
"""
import os
import select
import socket
import struct
import sys
import time
from contextlib import suppress

from stamped import receive, stamp

ETH_P_ARP = 0x0806
SO_RCVBUFFORCE = 33
ARP = struct.Struct("!6s6sHHHBBH6s4s6s4s")
NUMBER = struct.Struct("!I")
MARK = bytes.fromhex("02a5")  # how the MACs of requests begin: locally administered


def request(spa, tpa, number):
    mac = MARK + NUMBER.pack(number)
    return ARP.pack(b"\xff" * 6, mac, ETH_P_ARP, 1, 0x0800, 6, 4, 1, mac, spa, bytes(6), tpa)


def note(at, frame, out):
    if len(frame) < ARP.size:
        return
    _, src, _, hrd, _, _, _, op, sha, spa, tha, tpa = ARP.unpack_from(frame)
    if src.startswith(MARK) or hrd != 1:
        return
    if op == 2 and tha.startswith(MARK):
        kind, number = "reply", NUMBER.unpack_from(tha, len(MARK))[0]
    elif spa == tpa:
        kind, number = "announce", op
    else:
        return
    out.write(f"{at:.6f} {kind} {socket.inet_ntoa(spa)} {sha.hex(':')} {number}\n")


def main():
    dev, spa, path, period, *addresses = sys.argv[1:]
    period = float(period)
    spa = socket.inet_aton(spa)
    targets = [socket.inet_aton(address) for address in addresses]
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    wire.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
    stamp(wire)
    wire.bind((dev, ETH_P_ARP))
    number, due = 0, time.monotonic()
    # a client is a host of its own: what keeps this one busy is no gap in its requests
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    with open(path, "w", buffering=1 << 16, encoding="ascii") as out:
        while True:
            ready = select.select([wire, sys.stdin], [], [], max(0, due - time.monotonic()))[0]
            if sys.stdin in ready:
                break
            while wire in ready:
                note(*receive(wire), out)
                ready = select.select([wire], [], [], 0)[0]
            if time.monotonic() >= due:
                wire.send(request(spa, targets[number % len(targets)], number))
                number += 1
                due = max(due + period, time.monotonic() - 20 * period)
                if not number % max(1, round(0.05 / period)):
                    out.flush()


main()
