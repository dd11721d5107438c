# SPDX-License-Identifier: GPL-2.0-or-later
"""The lease protocol over Lease objects of a real kube-apiserver. Those marked smoke run without --full, too."""
import re
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
from functools import partial
from pathlib import Path

import common
import pytest
from kube import REASON, Cluster, Kubernetes
from common import *  # pylint: disable=wildcard-import,unused-wildcard-import
from harness import DURATION, NODE, RETRY, World, free_port
from wait import let_pass, slack, stays, wait_until

pytestmark = pytest.mark.skipif(bool(REASON), reason=REASON or "")

for smoke in (common.test_killed_the_other_takes_over_in_time,  # pylint: disable=no-member
              common.test_a_claim_deleted_by_hand_is_written_again_and_answered_all_the_while,
              common.test_stopped_it_is_silent_before_the_other_answers_and_stays_so):
    globals()[smoke.__name__] = pytest.mark.smoke(smoke)


@pytest.fixture(scope="module")
def cluster():
    with tempfile.TemporaryDirectory(prefix="l2resp-kube-") as directory:
        made = Cluster(Path(directory))
        yield made
        made.close()


@pytest.fixture
def world(cluster):
    with World(partial(Kubernetes, cluster)) as made:
        yield made


@pytest.mark.smoke
def test_kubectl_shows_holder_and_age_of_each_address(pair):
    lines = pair.store.cluster.kubectl("get", "lease", "-n", pair.store.namespace).stdout.splitlines()
    assert lines[0].split() == ["NAME", "HOLDER", "AGE"]
    shown = {line.split()[0]: line.split()[1] for line in lines[1:]}
    assert shown == {f"l2resp-c612000{host}": "node-1" for host in (1, 2, 3)} | {
        f"l2resp-node-{name}": name for name in ("node-1", "node-2")}


def test_the_spec_is_as_kubernetes_means_it(pair):
    before = pair.store.lease("l2resp-c6120001")["spec"]
    assert before["leaseDurationSeconds"] == DURATION and before["leaseTransitions"] == 1
    pair.first.tell("stop")
    assert wait_until(lambda: pair.second.answered() == {1, 2, 3})
    after = pair.store.lease("l2resp-c6120001")["spec"]
    assert after["holderIdentity"] == "node-2" and after["leaseTransitions"] == 2
    assert after["acquireTime"] > before["acquireTime"] and after["renewTime"] == after["acquireTime"]
    beat = pair.store.lease("l2resp-node-node-2")["spec"]
    assert beat["leaseDurationSeconds"] == DURATION
    assert wait_until(lambda: pair.store.lease("l2resp-node-node-2")["spec"]["renewTime"] > beat["renewTime"])


FOREIGN = {
    "empty": {},
    "client-go's": {"spec": {"holderIdentity": "node-1", "leaseDurationSeconds": 15, "leaseTransitions": 3,
                             "renewTime": "2024-01-01T00:00:00.000000Z"}},
    "no JSON": {"metadata": {"annotations": {"xdp-l2resp.io/record": "{"}}},
    "an array": {"metadata": {"annotations": {"xdp-l2resp.io/record": "[]"}}},
    "without a transition": {"metadata": {"annotations": {"xdp-l2resp.io/record": '{"version": 1, "state": "held"}'}},
                             "spec": {"holderIdentity": "node-1"}},
}


@pytest.mark.parametrize("shape", [pytest.param("empty", marks=pytest.mark.smoke), *list(FOREIGN)[1:]])
def test_a_claim_of_foreign_shape_counts_as_held_for_a_duration(pair, shape):
    """It has no labels either, so that the watch doesn't show it."""
    pair.first.signal(signal.SIGSTOP)
    pair.store.write_claim(1, FOREIGN[shape])
    written = time.monotonic()
    assert wait_until(lambda: pair.second.answers(1))
    assert time.monotonic() - written > DURATION * 0.95
    pair.first.signal(signal.SIGCONT)
    assert wait_until(lambda: pair.first.heard("LOST"))


def test_a_patched_holder_counts_as_held_for_a_duration(pair):
    """The former one may answer: its session isn't over, though the claim says another node's name."""
    pair.first.signal(signal.SIGSTOP)
    pair.store.cluster.api("PATCH", f"{pair.store.path}/{pair.store.claim_name(1)}", {"spec": {"holderIdentity": "node-2"}},
                           kind="application/merge-patch+json")
    written = time.monotonic()
    assert wait_until(lambda: pair.second.answers(1))
    assert time.monotonic() - written > DURATION * 0.95
    pair.first.signal(signal.SIGCONT)
    assert wait_until(lambda: pair.first.heard("LOST"))


def test_times_in_records_are_read_by_nobody(pair):
    for name in "l2resp-c6120001", "l2resp-node-node-1", "l2resp-node-node-2":
        for when in "1999-01-01T00:00:00.000000Z", "2199-01-01T00:00:00.000000Z":
            pair.store.cluster.api("PATCH", f"{pair.store.path}/{name}", {"spec": {
                "renewTime": when, "acquireTime": when}}, kind="application/merge-patch+json")
            let_pass(0.2, "writes of the agents come in between")
    answers_all_the_while(pair, DURATION)


def test_leases_of_others_are_left_alone(pair):
    other = {"spec": {"holderIdentity": "x"}}
    names = ["kube-scheduler", "cilium-l2announce-default-web", "l2resp-x", "l2resp-node", "l2resp-c61200zz",
             "l2resp-00000000000000000000ffffc6120001"]
    for name in names:
        pair.store.cluster.api("POST", pair.store.path, other | {"metadata": {"name": name}})
    before = [pair.store.lease(name) for name in names]
    answers_all_the_while(pair, 1.5 * DURATION)
    assert [pair.store.lease(name) for name in names] == before


def test_a_server_that_is_killed_and_comes_back_within_the_lease(pair):
    """Slower to start than the lease is long: silence, then the addresses are answered again."""
    pair.store.signal(0, signal.SIGKILL)
    assert wait_until(lambda: not pair.first.answered() and not pair.second.answered())
    pair.store.start(0)
    assert wait_until(lambda: pair.first.answered() | pair.second.answered() == {1, 2, 3}, 60)


def test_a_frozen_etcd_silences_the_holder_and_it_heals(pair):
    pair.store.cluster.etcd.signal(0, signal.SIGSTOP)
    assert wait_until(lambda: not pair.first.answered())
    assert stays(lambda: not pair.second.answered(), DURATION)
    pair.store.cluster.etcd.signal(0, signal.SIGCONT)
    assert wait_until(lambda: pair.first.answered() | pair.second.answered() == {1, 2, 3}, 60)


def test_frozen_for_a_moment_nothing_goes_unanswered(pair):
    pair.store.signal(0, signal.SIGSTOP)
    let_pass(RETRY, "the moment that it is frozen for")
    pair.store.signal(0, signal.SIGCONT)
    answers_all_the_while(pair, DURATION)


def test_a_compacted_history_is_listed_again(pair):
    cluster = pair.store.cluster
    seen = cluster.api("GET", pair.store.path)["metadata"]["resourceVersion"]
    pair.second.signal(signal.SIGSTOP)
    let_pass(2 * RETRY, "the other node writes what the stopped one doesn't see")
    pair.store.signal(0, signal.SIGKILL)
    pair.store.start(0)
    cluster.wait()
    # the new server's cache begins after what node-2 saw last
    said = cluster.api("GET", f"{pair.store.path}?watch=1&resourceVersion={seen}&timeoutSeconds=5")
    assert said["object"]["code"] == 410
    pair.second.signal(signal.SIGCONT)
    pair.first.signal(signal.SIGKILL)
    assert wait_until(lambda: pair.second.answered() == {1, 2, 3}, 30), pair.second.said


def test_many_addresses_come_in_pages(world):
    """A claim that a node must know of, behind more Lease objects than a page holds."""
    for number in range(600):
        world.store.cluster.api("POST", world.store.path, {"metadata": {"name": f"before-{number}"}})
    world.store.write_claim(1, {})
    node = world.node("node-1")
    assert wait_until(lambda: node.answered() == {1, 2, 3}), node.said


def test_a_token_that_is_refused_is_said_and_a_new_one_is_taken_up(world):
    world.store.token.write_text("stale")
    node = world.node("node-1")
    assert wait_until(lambda: node.heard("Unauthorized")), node.said
    assert not node.heard("STATE active")
    world.store.token.write_text("node-token")
    assert wait_until(lambda: node.answered() == {1, 2, 3}), node.said


def test_a_token_that_goes_stale_silences_and_a_new_one_heals(pair):
    token = pair.store.token.read_text()
    pair.store.token.write_text("stale")
    assert wait_until(lambda: not pair.first.answered() and not pair.second.answered())
    pair.store.token.write_text(token)
    assert wait_until(lambda: pair.first.answered() | pair.second.answered() == {1, 2, 3})


def test_what_the_role_does_not_permit_is_said(world):
    world.store.namespace = "default"
    node = world.node("node-1")
    assert wait_until(lambda: node.heard('leases.coordination.k8s.io is forbidden: User "node" cannot list')), node.said
    assert not node.heard("STATE active")


def test_a_client_certificate_in_place_of_a_token(world):
    files = world.store.cluster.tls
    node = world.node("node-1", "-c", files["client"] + ".crt", "-k", files["client"] + ".key",
                      via=world.store.node_options(token=False))
    assert wait_until(lambda: node.answered() == {1, 2, 3}), node.said


EXPIRING = """[ca]
default_ca = a
[a]
dir = {0}
database = {0}/index
new_certs_dir = {0}
rand_serial = yes
default_md = sha256
policy = b
unique_subject = no
[b]
commonName = supplied
"""


def expiring(files, directory, seconds):
    """The path of a certificate for client's key that expires after @seconds, and when that is."""
    end = int(time.time()) + seconds
    (directory / "index").touch()
    (directory / "conf").write_text(EXPIRING.format(directory))
    subprocess.run(["openssl", "ca", "-batch", "-notext", "-config", directory / "conf", "-cert", files["ca"] + ".crt", "-keyfile",
                    files["ca"] + ".key", "-in", files["client"] + ".csr", "-out", directory / "short.crt", "-startdate",
                    "20200101000000Z", "-enddate", time.strftime("%Y%m%d%H%M%SZ", time.gmtime(end))], check=True, capture_output=True)
    return directory / "short.crt", end


def test_a_client_certificate_that_expires_after_it_was_renewed(world):
    """The server answers 401 over the connections of before, and leaves them open."""
    files = world.store.cluster.tls
    path, end = expiring(files, world.directory, 10)
    node = world.node("node-1", "-c", path, "-k", files["client"] + ".key", via=world.store.node_options(token=False))
    assert wait_until(lambda: node.answered() == {1, 2, 3}), node.said
    (world.directory / "new").write_text(Path(files["client"] + ".crt").read_text())
    (world.directory / "new").rename(path)
    let_pass(end + DURATION - time.time(), "what was renewed before lasts as long")
    assert wait_until(lambda: node.answered() == {1, 2, 3}), node.said
    assert stays(lambda: node.answered() == {1, 2, 3}, DURATION), node.said


@pytest.mark.parametrize("who, authority, said", [
    ("stranger", "ca", "kubernetes at https://"), ("expired", "ca", "kubernetes at https://"),
    ("client", "stranger", "SSL certificate problem")])
def test_wrong_certificates_are_said_and_nothing_is_held(world, who, authority, said):
    files = world.store.cluster.tls
    node = world.node("node-1", "-c", files[who] + ".crt", "-k", files[who] + ".key",
                      via=world.store.node_options(ca=authority, token=False))
    assert wait_until(lambda: node.heard(said)), node.said
    assert stays(lambda: not node.answered() and not node.heard("STATE active"), 1)


def test_a_server_that_refuses_connections_is_said(world):
    node = world.node("node-1", via=["-K", f"https://127.0.0.1:{free_port()}"])
    assert wait_until(lambda: node.heard("Failed to connect to 127.0.0.1")), node.said


def test_a_server_that_takes_connections_and_says_nothing_is_given_up(world):
    with socket.create_server(("127.0.0.1", 0)) as server:
        node = world.node("node-1", via=["-K", f"http://127.0.0.1:{server.getsockname()[1]}"])
        assert wait_until(lambda: node.heard("timed out after ")), node.said
        after = re.search(r"timed out after (\d+) milliseconds", " ".join(node.said))
        assert 600 <= int(after[1]) < 700 * slack(), node.said


def test_in_a_cluster_the_service_account_is_enough(world):
    """The files of a pod are in a tmpfs over /run that only this node's mount namespace has."""
    account = "/run/secrets/kubernetes.io/serviceaccount"
    port = world.store.cluster.ports[0]
    script = world.directory / "pod"
    script.write_text(f"""#!/bin/sh
set -e
cp {world.store.cluster.tls["ca"]}.crt {world.directory}/pod-ca
mount -t tmpfs tmpfs /run
mkdir -p {account}
cp {world.directory}/pod-ca {account}/ca.crt
cp {world.store.token} {account}/token
printf %s {world.store.namespace} >{account}/namespace
exec env KUBERNETES_SERVICE_HOST=127.0.0.1 KUBERNETES_SERVICE_PORT={port} {NODE} "$@"
""")
    script.chmod(0o755)
    node = world.node("node-1", via=["-K", "in-cluster"], program=["unshare", "-m", script])
    assert wait_until(lambda: node.answered() == {1, 2, 3}), node.said


@pytest.mark.parametrize("options, said", [
    (["-K", "in-cluster"], "KUBERNETES_SERVICE_HOST and _PORT aren't set"),
    (["-K", "ftp://x"], "ftp://x is no http:// or https:// server"),
    (["-K", "https://127.0.0.1:1", "-T", "/nonexistent"], "/nonexistent: No such file"),
    (["-K", "https://127.0.0.1:1", "-a", "/nonexistent"], "/nonexistent: No such file"),
    (["-K", "https://127.0.0.1:1", "-n", "n" * 242], "is too long"),
])
def test_what_cannot_work_is_an_error_at_once(tmp_path, options, said):
    node = subprocess.run([NODE, "-n", "x", "-i", "0" * 32, "-t", tmp_path / "x", *options], capture_output=True,
                          text=True, check=False, env={})
    assert node.returncode == 1 and said in node.stderr


def test_a_deleted_lease_is_not_made_again_by_a_write_that_names_its_version(world):
    """What the engine rests on: so a PATCH does, and a PUT would not."""
    def write(method, kind, version):
        lease = {"metadata": {"name": "x", "resourceVersion": version}, "spec": {"holderIdentity": "y"}}
        try:
            return world.store.cluster.api(method, f"{world.store.path}/x", lease, kind=kind)
        except urllib.error.HTTPError as error:
            return error.code

    api, path = world.store.cluster.api, world.store.path
    first = api("POST", path, {"metadata": {"name": "x"}})["metadata"]["resourceVersion"]
    second = write("PATCH", "application/merge-patch+json", first)["metadata"]["resourceVersion"]
    assert write("PATCH", "application/merge-patch+json", first) == 409
    api("DELETE", f"{path}/x")
    assert write("PATCH", "application/merge-patch+json", second) == 404
    assert write("PUT", "application/json", second)["metadata"]["creationTimestamp"]


@pytest.fixture
def two():
    """Two API servers of one etcd, a node at each."""
    with tempfile.TemporaryDirectory(prefix="l2resp-kube-") as directory:
        cluster = Cluster(Path(directory), servers=2)
        try:
            with World(partial(Kubernetes, cluster)) as made:
                made.first = made.node("node-1")
                assert wait_until(lambda: made.first.answered() == {1, 2, 3}), made.first.said
                made.second = made.node("node-2", via=made.store.node_options(server=1))
                assert wait_until(lambda: made.second.heard("STATE active")), made.second.said
                let_pass(DURATION, "what it found fresh in the store it doesn't rely on for as long")
                yield made
        finally:
            cluster.close()


def test_two_api_servers_one_is_frozen(two):
    two.store.signal(0, signal.SIGSTOP)
    assert wait_until(lambda: two.second.answered() == {1, 2, 3})
    two.store.signal(0, signal.SIGCONT)
    assert stays(lambda: two.second.answered() == {1, 2, 3}, DURATION)


def test_two_api_servers_the_store_is_put_back(two):
    """To what it was before the nodes wrote: revisions go back, and what was seen is gone."""
    saved = two.directory / "saved"
    two.store.cluster.save(saved)
    two.first.signal(signal.SIGSTOP)
    assert wait_until(lambda: two.second.answered() == {1, 2, 3})
    two.store.cluster.restore(saved)
    assert wait_until(lambda: two.second.answered() == {1, 2, 3}, 60), two.second.said[-20:]
    two.first.signal(signal.SIGCONT)
    assert stays(lambda: two.first.answered() | two.second.answered() == {1, 2, 3}, DURATION)
