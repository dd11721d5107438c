# SPDX-License-Identifier: GPL-2.0-or-later
"""An agent's renewals as the data path's map of stamps shows them, whatever the agent itself could say."""
import ctypes
import os
import struct
import threading
import time

BPF_MAP_LOOKUP_ELEM, BPF_OBJ_GET, NR_BPF = 1, 7, 321 if os.uname().machine == "x86_64" else 280
SLOTS = 256
LOOK = 0.002
VALUE_SIZE = 8  # a stamp is its deadline

libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attributes):
    done = libc.syscall(NR_BPF, command, attributes, len(attributes))
    if done < 0:
        raise OSError(ctypes.get_errno(), f"bpf {command}")
    return done


class Renewals(threading.Thread):
    """Follows the stamp of the lease slot that moves: when it was seen to move, and to which deadline."""

    def __init__(self, pin, duration):
        super().__init__()
        path = ctypes.create_string_buffer(pin.encode())
        self.map = bpf(BPF_OBJ_GET, struct.pack("QII", ctypes.addressof(path), 0, 0))
        self.ahead = duration - max(0.05, duration / 20)
        self.moves, self.over = [], threading.Event()
        self.busy = 0  # the longest that the machine kept this thread waiting

    def deadline(self, slot):
        key = ctypes.c_uint32(slot)
        value = ctypes.create_string_buffer(VALUE_SIZE)
        bpf(BPF_MAP_LOOKUP_ELEM, struct.pack("IIQQQ", self.map, 0, ctypes.addressof(key), ctypes.addressof(value), 0))
        return struct.unpack("=Q", value.raw)[0] / 1e9

    def __enter__(self):
        now = time.clock_gettime(time.CLOCK_BOOTTIME)
        [self.slot] = [slot for slot in range(1, SLOTS) if self.deadline(slot) > now]
        self.last = self.deadline(self.slot)
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()
        os.close(self.map)

    def run(self):
        looked = time.monotonic()
        while not self.over.wait(LOOK):
            looked, before = time.monotonic(), looked
            self.busy = max(self.busy, looked - before - LOOK)
            deadline = self.deadline(self.slot)
            if deadline != self.last:
                self.last = deadline
                self.moves.append((time.clock_gettime(time.CLOCK_BOOTTIME), deadline))

    def heartbeats(self):
        """When the confirmed ones were sent."""
        return [deadline - self.ahead for _, deadline in self.moves]

    def gap(self):
        """The longest time from one heartbeat to the next."""
        sent = self.heartbeats()
        return max(later - earlier for earlier, later in zip(sent, sent[1:]))

    def latency(self):
        """The longest time from a heartbeat to its stamp."""
        return max(seen - deadline + self.ahead for seen, deadline in self.moves)
