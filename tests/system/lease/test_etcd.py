# SPDX-License-Identifier: GPL-2.0-or-later
"""The lease protocol over real etcd, one member and three."""
import base64
import shutil
import signal
import subprocess
import time

import pytest
from common import *  # pylint: disable=wildcard-import,unused-wildcard-import
from harness import DURATION, NODE, Etcd, World, free_port, openssl_files
from wait import HUNG, let_pass, stays, wait_until

pytestmark = pytest.mark.skipif(not shutil.which("etcd"), reason="etcd isn't installed")


@pytest.fixture
def world():
    with World(Etcd) as made:
        yield made


def started_together(nodes, shared):
    """Is shared() true? Where a busy machine starts one of the nodes too late, the others have all; then all start anew."""
    def again():
        for node in nodes:
            node.tell("stop")
            node.process.wait(HUNG)
            node.start()
        return shared()

    return shared() or any(again() for _ in range(10))


def test_nodes_that_start_together_share_the_addresses(world):
    nodes = [world.node(f"node-{i}", wants=60) for i in (1, 2, 3)]

    def shared():
        assert wait_until(lambda: sum(len(node.answered()) for node in nodes) == 60)
        return min(len(node.answered()) for node in nodes) >= 8

    assert started_together(nodes, shared)


@pytest.mark.full(" ", "{}")
@pytest.mark.parametrize("text", [" ", "no JSON", "{}", '{"version": 1, "state": "held", "holder": ""}'])
def test_a_claim_of_foreign_shape_counts_as_held_for_a_duration(pair, text):
    pair.first.signal(signal.SIGSTOP)
    pair.store.write_claim(1, text)
    assert wait_until(lambda: pair.second.answers(1))
    pair.first.signal(signal.SIGCONT)
    assert wait_until(lambda: pair.first.heard("LOST"))


@pytest.mark.parametrize("kind", ["node", "pulse"])
def test_half_a_heartbeat_deleted_by_hand_is_written_again(pair, kind):
    pair.store.delete_heartbeat("node-1", [kind])
    answers_all_the_while(pair, 1.5 * DURATION)
    assert [key for key in pair.store.keys() if key.endswith("/node-1")] == ["/xdp-l2resp/node/node-1", "/xdp-l2resp/pulse/node-1"]


@pytest.mark.full("node")
@pytest.mark.parametrize("kind", ["node", "pulse"])
def test_half_a_heartbeat_deleted_while_its_node_is_stopped(pair, kind):
    """Nobody takes over before the rest of it was silent for a duration; it is never answered for by both."""
    pair.first.signal(signal.SIGSTOP)
    pair.store.delete_heartbeat("node-1", [kind])
    assert wait_until(lambda: pair.second.answered() == {1, 2, 3})
    pair.first.signal(signal.SIGCONT)
    assert stays(lambda: pair.second.answered() == {1, 2, 3}, DURATION)


def test_a_store_put_back_empty_is_followed_anew(pair):
    pair.store.signal(0, signal.SIGKILL)
    shutil.rmtree(pair.directory / "etcd0")
    pair.store.start(0)
    assert wait_until(lambda: pair.first.answered() | pair.second.answered() == {1, 2, 3}, 30)
    assert wait_until(lambda: pair.store.claim(1))


def test_a_store_that_lost_the_last_writes_and_has_gone_on_since(world):
    """The node names the revision of a heartbeat that is lost, and its watch begins behind what it missed."""
    def heartbeat():
        [row] = world.store.rows("/xdp-l2resp/pulse/", "--prefix")
        return row["version"]

    node = world.node("node-1")
    assert wait_until(lambda: node.answered() == {1, 2, 3}), node.said
    world.store.signal(0, signal.SIGSTOP)
    shutil.copytree(world.directory / "etcd0", world.directory / "before")
    world.store.signal(0, signal.SIGCONT)
    before = heartbeat()
    assert wait_until(lambda: heartbeat() > before + 1), node.said
    node.signal(signal.SIGSTOP)
    lost = world.store.revision()
    world.store.signal(0, signal.SIGKILL)
    shutil.rmtree(world.directory / "etcd0")
    (world.directory / "before").rename(world.directory / "etcd0")
    world.store.start(0)
    while world.store.revision() <= lost:
        world.store.ctl("put", "x", "y")
    went_on = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    node.signal(signal.SIGCONT)
    assert wait_until(lambda: node.stamp(1) > went_on + DURATION * 1e9, 5 * DURATION), node.said


def test_a_compacted_history_is_listed_again(pair):
    pair.second.signal(signal.SIGSTOP)
    pair.store.ctl("compact", str(pair.store.revision()))
    pair.second.signal(signal.SIGCONT)
    pair.first.signal(signal.SIGKILL)
    assert wait_until(lambda: pair.second.answered() == {1, 2, 3})


def test_an_endpoint_that_refuses_is_passed_over(world):
    node = world.node("node-1", via=world.store.node_options([f"http://127.0.0.1:{free_port()}", *world.store.urls]))
    assert wait_until(lambda: node.answered() == {1, 2, 3}), node.said


@pytest.mark.full
def test_one_of_many_nodes_marks_for_all(world):
    """Renewals carry no mark, which all nodes would see; if the node that writes it is gone, another goes on."""
    def renewals():
        return sum(row["version"] for row in world.store.rows("/xdp-l2resp/pulse/", "--prefix"))

    def mark():
        return world.store.rows("/xdp-l2resp/mark")[0]

    def marks():
        return base64.b64decode(mark()["value"]).decode()

    count = 24
    nodes = {f"node-{i}": world.node(f"node-{i}", "-q", "-D", 12000, wants=count) for i in range(count)}
    assert wait_until(lambda: sum(node.held() for node in nodes.values()) == count, 60)
    marked, renewed = mark()["version"], renewals()
    assert wait_until(lambda: renewals() > renewed + 5 * count, 60, 0.5)
    assert mark()["version"] - marked < (renewals() - renewed) / 2
    nodes.pop(marks()).signal(signal.SIGKILL)
    assert wait_until(lambda: marks() in nodes, 60)
    assert wait_until(lambda: sum(node.held() for node in nodes.values()) == count, 60)
    assert not any(node.heard("renewed in time") for node in nodes.values())


def takes_over(world, count):
    """node-1, which holds @count addresses, is killed: how many writes it takes node-2 to have all."""
    first = world.node("node-1", "-q", wants=count)
    assert wait_until(lambda: first.held() == count, 60), first.said
    second = world.node("node-2", "-q", wants=count)
    assert wait_until(lambda: second.heard("STATE active"), 60), second.said
    let_pass(2 * DURATION, "what it found fresh in the store it doesn't rely on for as long")
    before = world.store.revision()
    first.signal(signal.SIGKILL)
    assert wait_until(second.held, 10 * DURATION), second.said
    begun = time.monotonic()
    assert wait_until(lambda: second.held() == count, 60), second.said
    print(f"# all {count} within {time.monotonic() - begun:.3f} s of the first")
    return world.store.revision() - before


@pytest.mark.full
def test_many_addresses_are_taken_over_together(world):
    """In 0.2 s on an idle machine, which one write each would make 3.3 s. A busy one's time says nothing."""
    assert takes_over(world, 5000) < 1000


@pytest.mark.full
def test_a_store_that_takes_smaller_transactions():
    with World(lambda directory: Etcd(directory, options=("--max-txn-ops", "5"))) as world:
        takes_over(world, 300)
        assert not world.nodes[1].heard("too many operations")


def test_claims_that_others_took_meanwhile_do_not_stop_the_rest(world):
    """Both find all free at the same moment: what one has the other doesn't get, and neither loses time."""
    nodes = [world.node(f"node-{i}", "-q", wants=2000) for i in (1, 2)]

    def each_has_some():
        assert wait_until(lambda: sum(node.held() for node in nodes) == 2000)
        return all(node.held() for node in nodes)

    assert started_together(nodes, each_has_some)


def test_a_node_that_wants_nothing_costs_the_store_nothing(world):
    node = world.node("node-1", "-D", 500, wants=0)
    assert wait_until(lambda: node.heard("STATE idle"), 3), node.said
    assert not world.store.keys() and not node.heard("the lease store answers")
    node.tell("want 1")
    assert wait_until(lambda: node.answers(1)), node.said
    node.tell("unwant 1")
    # it stays for a while, to remove what it gave up
    assert wait_until(lambda: world.store.keys() == ["/xdp-l2resp/node/node-1", "/xdp-l2resp/pulse/node-1"] and
                      world.store.get("/xdp-l2resp/node/node-1")["state"] == "ended", 20), world.store.keys()
    before = world.store.revision()
    let_pass(1, "two durations, in which a session would be renewed")
    assert world.store.revision() == before


@pytest.mark.full
def test_records_of_what_nobody_wants_and_of_nodes_that_are_gone_are_removed(world):
    first, second = (world.node(f"node-{i}", "-q", wants=wants) for i, wants in ((1, 400), (2, 1)))
    assert wait_until(lambda: first.held() + second.held() == 400), first.said
    for host in range(2, 401):
        first.tell(f"unwant {host}")
    kept = ["/xdp-l2resp/claim/198.18.0.1", "/xdp-l2resp/node/node-1", "/xdp-l2resp/pulse/node-1"]
    assert wait_until(lambda: sorted(world.store.keys()) == sorted(
        [*kept, "/xdp-l2resp/node/node-2", "/xdp-l2resp/pulse/node-2"]), 60), world.store.keys()
    second.signal(signal.SIGKILL)
    assert wait_until(lambda: world.store.keys() == kept, 60), world.store.keys()
    # and what was removed is taken again, at once where its absence was seen for long
    first.tell("want 2")
    assert wait_until(lambda: first.answers(2), 1), first.said


@pytest.fixture
def trio():
    """Three members, two nodes; the first node asks the members in order, the other backwards."""
    with World(lambda directory: Etcd(directory, members=3)) as made:
        made.first = made.node("node-1")
        assert wait_until(lambda: made.first.answered() == {1, 2, 3})
        made.second = made.node("node-2", via=made.store.node_options(made.store.urls[::-1]))
        assert wait_until(lambda: made.second.heard("STATE active"))
        yield made


def heals(world):
    return wait_until(lambda: world.first.answered() | world.second.answered() == {1, 2, 3}, 30)


@pytest.mark.full
def test_leader_lost(trio):
    leader = trio.store.leader()
    trio.store.signal(leader, signal.SIGKILL)
    let_pass(2 * DURATION, "stamps of before are over then")
    assert heals(trio)
    trio.store.start(leader)


def test_quorum_lost_and_back(trio):
    for number in 1, 2:
        trio.store.signal(number, signal.SIGKILL)
    assert wait_until(lambda: not trio.first.answered() and not trio.second.answered())
    for number in 1, 2:
        trio.store.start(number)
    assert heals(trio)


@pytest.mark.full
def test_the_member_that_a_node_talks_to_is_cut_off(trio):
    follower = next(number for number in (0, 1, 2) if number != trio.store.leader())
    trio.store.signal(follower, signal.SIGSTOP)
    let_pass(3 * DURATION, "stamps of before are over then")
    assert heals(trio)
    trio.store.signal(follower, signal.SIGCONT)


@pytest.fixture
def secure():
    with World(lambda directory: Etcd(directory, tls=openssl_files(directory))) as made:
        yield made


def tls_options(world, who, authority="ca"):
    files = world.store.tls
    return ["-a", files[authority] + ".crt", "-c", files[who] + ".crt", "-k", files[who] + ".key"]


def test_tls_with_the_right_certificates(secure):
    node = secure.node("node-1", *tls_options(secure, "client"))
    assert wait_until(lambda: node.answered() == {1, 2, 3}), node.said


@pytest.mark.full("expired-ca", "client-stranger")
@pytest.mark.parametrize("who, authority", [("stranger", "ca"), ("expired", "ca"), ("client", "stranger")])
def test_tls_with_wrong_certificates_is_said_and_nothing_is_held(secure, who, authority):
    node = secure.node("node-1", *tls_options(secure, who, authority))
    assert wait_until(lambda: node.heard("LOG etcd at https://")), node.said
    assert stays(lambda: not node.answered() and not node.heard("STATE active"), 1)


def test_a_certificate_file_that_is_absent_is_an_error(secure):
    node = subprocess.run([NODE, "-n", "x", "-i", "0" * 32, "-t", secure.directory / "x", "-e", "https://127.0.0.1:1",
                           "-c", "/nonexistent"], capture_output=True, text=True, check=False)
    assert node.returncode == 1 and "/nonexistent: No such file" in node.stderr


def test_without_a_store_all_is_held_and_silent_when_stopped(world):
    node = world.node("node-1", "-N")
    assert wait_until(lambda: node.answered() == {1, 2, 3}, 0.3)
    node.signal(signal.SIGSTOP)
    assert wait_until(lambda: not node.answered(), DURATION)
    node.signal(signal.SIGCONT)
    assert wait_until(lambda: node.answered() == {1, 2, 3})
    node.tell("unwant 2")
    assert wait_until(lambda: node.answered() == {1, 3})
    node.signal(signal.SIGKILL)
    world.forget_silence()
    node.start()
    assert wait_until(lambda: node.answered() == {1, 2, 3})
