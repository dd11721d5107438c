# SPDX-License-Identifier: GPL-2.0-or-later
"""ARP frames, and a packet socket to send and see these or others."""
import errno
import select
import socket
import struct
import time

from lan import CLIENT_IP, CLIENT_MAC, SERVER_MAC
from stamped import receive, stamp
from wait import HUNG, wait_until

BROADCAST = "ff:ff:ff:ff:ff:ff"
ZERO_MAC = "00:00:00:00:00:00"
REQUEST, REPLY = 1, 2

ETH_P_ARP, ETH_P_IPV6 = 0x0806, 0x86DD
SO_RCVBUFFORCE = 33  # a burst of replies is kept until it is read
LAYOUT = struct.Struct("!6s6sHHHBBH6s4s6s4s")


def mac_bytes(text):
    return bytes.fromhex(text.replace(":", ""))


def mac_text(octets):
    return octets.hex(":")


def arp(tpa, spa=CLIENT_IP, sha=CLIENT_MAC, tha=ZERO_MAC, op=REQUEST, dst=BROADCAST, src=None,
        hrd=1, trailer=b""):
    """A frame; by default the client's broadcast request for tpa. src is sha unless given."""
    return LAYOUT.pack(mac_bytes(dst), mac_bytes(src or sha), ETH_P_ARP, hrd, 0x0800, 6, 4, op,
                       mac_bytes(sha), socket.inet_aton(spa), mac_bytes(tha),
                       socket.inet_aton(tpa)) + trailer


def arp_reply(spa, sha=SERVER_MAC, tpa=CLIENT_IP, tha=CLIENT_MAC, trailer=b""):
    """The answer that the client's request for spa must get."""
    return arp(tpa, spa=spa, sha=sha, tha=tha, op=REPLY, dst=tha, trailer=trailer)


class Wire:
    """Frames of a device in a namespace: those of a protocol that came in, and those we send."""

    def __init__(self, namespace, dev, protocol=ETH_P_ARP):
        with namespace.entered():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
        stamp(self.socket)
        self.socket.bind((dev, protocol))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *frames):
        for frame in frames:
            assert wait_until(lambda: self.sent(frame), poll=0.001)  # pylint: disable=cell-var-from-loop

    def sent(self, frame):
        """False if the device's ring is full: it took nothing."""
        try:
            return self.socket.send(frame) > 0
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            return False

    def received(self, count=None, quiet=0.15, seconds=HUNG):
        """(time, frame) of what came in: `count` of them, and until `quiet` seconds bring no more.

        Without count, the quiet alone ends it: that is how silence is seen, and nothing else.
        """
        frames = []
        deadline = time.monotonic() + seconds
        while True:
            wait = quiet if count is None or len(frames) >= count else deadline - time.monotonic()
            if not select.select([self.socket], [], [], max(wait, 0))[0]:
                return frames
            frames.append(receive(self.socket))

    def ask(self, *frames, count=None):
        """What comes back for frames."""
        self.send(*frames)
        return [frame for _, frame in self.received(count)]

    def answered(self, frame, reply):
        """Does the reply come to the frame, sent once or several times, among whatever else comes?"""
        return wait_until(lambda: reply in self.ask(frame))


def announcement(address, mac=SERVER_MAC):
    """Both forms: a request whose target is nobody yet, a reply whose target is the MAC itself."""
    return [arp(address, spa=address, sha=mac), arp(address, spa=address, sha=mac, tha=mac, op=REPLY)]
