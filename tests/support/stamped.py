# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames and when the kernel took them in, however late a busy machine lets them be read."""
import socket
import struct
import time

SO_TIMESTAMPNS = 35


def wall_to_monotonic():
    """What is added to the wall clock's seconds, which may be set; read again where something else ran between both clocks."""
    while True:
        before, wall, after = time.monotonic(), time.time(), time.monotonic()
        if after - before < 0.0005:
            return before - wall


def stamp(sock):
    """What comes in from now on."""
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)


def receive(sock):
    """(CLOCK_MONOTONIC seconds, frame)"""
    frame, ancillary, _, _ = sock.recvmsg(2048, 256)
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, ns = struct.unpack("qq", data[:16])
            return seconds + ns / 1e9 + wall_to_monotonic(), frame
    return time.monotonic(), frame
