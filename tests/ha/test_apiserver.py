#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Takeovers over the Lease objects of a real kube-apiserver."""
import signal
import sys

import kube
import pytest
import test_takeover
from cluster import DURATION, RETRY, SLACK, STORE_IP, VIP
from lan import wait_until

pytestmark = pytest.mark.skipif(bool(kube.REASON), reason=kube.REASON or "")

for name in "killed", "stopped_and_gone_on", "cut_off_from_the_store", "ended_in_order", "moved", "restarted_within_the_lease":
    setattr(sys.modules[__name__], f"test_{name}", getattr(test_takeover, f"test_{name}"))


class Store(kube.Kubernetes):
    """An API server in the store's namespace, for agents."""

    @property
    def lease(self):
        return (f"engine: kubernetes, server: {self.cluster.urls[0]}, namespace: {self.namespace}, "
                f"token: {self.token}, ca: {self.cluster.tls['ca']}.crt")


@pytest.fixture
def etcd(cluster):
    """Takes etcd's place."""
    made = kube.Cluster(cluster.directory, address=STORE_IP, network=cluster.store)
    try:
        yield Store(made, cluster.directory)
    finally:
        made.close()


def test_a_frozen_server_silences_and_it_heals(pair, etcd):
    etcd.signal(0, signal.SIGSTOP)
    assert wait_until(lambda: not pair.first.held(), DURATION * SLACK), pair.logs()
    etcd.signal(0, signal.SIGCONT)
    assert wait_until(lambda: pair.first.held() | pair.second.held() == {VIP}, (DURATION + RETRY) * 2 * SLACK)
