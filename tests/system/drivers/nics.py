# SPDX-License-Identifier: GPL-2.0-or-later
"""The emulated NICs, each with a client's beside it: what qemu is told, and what tells them in the guest."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Nic:
    device: str  # qemu's name, and properties
    module: str  # its driver in Linux
    queues: int = 0  # of a tap device on the host, joined with the client's by a bridge; 0: by a hub in qemu


NICS = {
    # its slot is for it alone, and those of its virtual functions, so it comes first
    "igb": Nic("igb,addr=0x3", "igb"),
    "virtio_net": Nic("virtio-net-pci", "virtio_net"),
    "virtio_net, 4 queue pairs": Nic("virtio-net-pci,mq=on,vectors=10", "virtio_net", queues=4),
    "vmxnet3": Nic("vmxnet3", "vmxnet3"),
    "e1000e": Nic("e1000e", "e1000e"),
    "virtio_net, host's GRO": Nic("virtio-net-pci,ctrl_guest_offloads=off", "virtio_net", queues=1),
}


def number(name):
    return list(NICS).index(name)


def macs(name):
    """By which the guest finds the two: the server's, the client's."""
    return [f"02:00:00:00:{0x10 + number(name):02x}:{end:02x}" for end in (1, 2)]


def taps(name):
    """The same on the host, where there are any."""
    return [f"server{number(name)}", f"client{number(name)}"]


def backends(name):
    if not NICS[name].queues:
        return [f"hubport,hubid={number(name)}"] * 2
    server, client = (f"tap,ifname={tap},script=no,downscript=no" for tap in taps(name))
    return [f"{server},queues={NICS[name].queues}", client]


def qemu_words(name):
    """Both NICs, as qemu's options."""
    words = []
    for end, device, backend, mac in zip("sc", (NICS[name].device, "virtio-net-pci"), backends(name), macs(name)):
        words += ["-netdev", f"{backend},id={end}{number(name)}",
                  "-device", f"{device},netdev={end}{number(name)},mac={mac}"]
    return words
