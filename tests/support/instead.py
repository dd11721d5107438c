# SPDX-License-Identifier: GPL-2.0-or-later
"""What isn't a map, at the path of a pinned one."""
import ctypes
import os

from lan import PASS, run

BPF_XDP = 37  # enum bpf_attach_type
LOOPBACK = 1

libbpf = ctypes.CDLL("libbpf.so.1", use_errno=True)


def pin_program(path):
    run("bpftool", "prog", "load", PASS, path, "type", "xdp")


def pin_link(path):
    """Of a program on the caller's loopback, until the pin is removed."""
    pin_program(path)
    prog = libbpf.bpf_obj_get(os.fsencode(path))
    os.unlink(path)
    link = libbpf.bpf_link_create(prog, LOOPBACK, BPF_XDP, None)
    try:
        assert link >= 0 and libbpf.bpf_obj_pin(link, os.fsencode(path)) == 0, os.strerror(ctypes.get_errno())
    finally:
        for descriptor in prog, link:
            if descriptor >= 0:
                os.close(descriptor)


def remove(path):
    (os.rmdir if os.path.isdir(path) and not os.path.islink(path) else os.unlink)(path)


# what it is called: what makes it at a path
INSTEAD = {
    "a pinned program": pin_program,
    "a pinned link": pin_link,
    "a directory": os.mkdir,
    "a symbolic link": lambda path: os.symlink("nowhere", path),
}
