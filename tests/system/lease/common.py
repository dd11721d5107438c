# SPDX-License-Identifier: GPL-2.0-or-later
"""What the lease protocol does over any store: the tests that each engine's file takes over, with its own `world`."""
import signal
import time

import pytest
from harness import DURATION, RETRY
from wait import just_after, let_pass, stays, wait_until


@pytest.fixture
def pair(world):
    """node-1 answers for all three addresses, node-2 wants them too."""
    first = world.node("node-1")
    assert wait_until(lambda: first.answered() == {1, 2, 3}), first.said
    second = world.node("node-2")
    assert wait_until(lambda: second.heard("STATE active")), second.said
    let_pass(DURATION, "what it found fresh in the store it doesn't rely on for as long")
    world.first, world.second = first, second
    world.forget_silence()
    return world


def after_a_renewal(pair, change, host):
    """Changes records by hand, node-1's claim of @host among them, until it has written that again and no renewal came between."""
    def change_one():
        assert wait_until(lambda: pair.first.answered() == {1, 2, 3})
        pair.forget_silence()
        change()
        assert wait_until(lambda: (pair.store.claim(host) or {}).get("holder") == "node-1")
        return not pair.longest

    just_after(lambda: pair.first.stamp(1), change_one)


def answers_all_the_while(pair, seconds):
    """node-1 does, for all three, from the fixture's end on; or the machine stood still for so long that a lease may run out."""
    assert (stays(lambda: pair.first.answered() == {1, 2, 3} and not pair.longest, seconds)
            or pair.stood_still > DURATION / 2), pair.longest


def test_the_first_claims_wait_a_full_duration_in_an_empty_store(world):
    began = time.monotonic()
    node = world.node("node-1")
    assert wait_until(lambda: node.answered() == {1, 2, 3})
    assert time.monotonic() - began > DURATION * 0.95


def test_an_address_wanted_later_is_answered_at_once(pair):
    pair.first.tell("want 77")
    assert wait_until(lambda: pair.first.answers(77), 0.3)


def test_killed_the_other_takes_over_in_time(pair):
    pair.first.signal(signal.SIGKILL)
    assert wait_until(lambda: pair.second.answered() == {1, 2, 3}, (DURATION + RETRY + 0.3))


def test_stopped_it_is_silent_before_the_other_answers_and_stays_so(pair):
    pair.first.signal(signal.SIGSTOP)
    assert wait_until(lambda: pair.second.answered() == {1, 2, 3})
    pair.first.signal(signal.SIGCONT)
    assert wait_until(lambda: pair.first.heard("LOST"))
    assert stays(lambda: pair.second.answered() == {1, 2, 3}, 1)


def test_ended_in_order_the_other_answers_within_300_ms(pair):
    pair.first.tell("stop")
    assert wait_until(lambda: pair.second.answered() == {1, 2, 3}, 0.3)
    assert pair.first.process.wait(5) == 0


def test_drained_the_other_answers_within_300_ms_and_nothing_comes_back(pair):
    pair.first.tell("drain")
    assert wait_until(lambda: pair.second.answered() == {1, 2, 3}, 0.3)
    pair.second.tell("unwant 1")
    assert stays(lambda: not pair.first.answered(), DURATION)
    pair.first.tell("undrain")
    assert wait_until(lambda: pair.first.answered() == {1})


def test_unwanted_is_released_with_an_empty_holder(pair):
    pair.second.tell("unwant 2")
    pair.first.tell("unwant 2")
    assert wait_until(lambda: pair.store.claim(2)["holder"] == "")
    assert pair.store.claim(2)["state"] == "free"


def test_killed_and_started_again_within_the_lease_nothing_goes_unanswered(pair):
    pair.first.signal(signal.SIGKILL)
    pair.first.start()
    answers_all_the_while(pair, 2 * DURATION)


def test_a_claim_deleted_by_hand_is_written_again_and_answered_all_the_while(pair):
    after_a_renewal(pair, lambda: pair.store.delete_claim(1), 1)
    answers_all_the_while(pair, 1.5 * DURATION)


def test_a_heartbeat_deleted_by_hand_is_written_again(pair):
    pair.store.delete_heartbeat("node-1")
    answers_all_the_while(pair, 1.5 * DURATION)


def test_all_records_deleted_by_hand(pair):
    after_a_renewal(pair, pair.store.delete_all, 1)
    answers_all_the_while(pair, 1.5 * DURATION)


def test_all_records_deleted_while_the_holder_is_stopped(pair):
    pair.first.signal(signal.SIGSTOP)
    pair.store.delete_all()
    assert wait_until(lambda: pair.second.answered() == {1, 2, 3})
    pair.first.signal(signal.SIGCONT)
    assert stays(lambda: pair.second.answered() == {1, 2, 3}, DURATION)


def test_a_holder_emptied_by_hand_is_no_release(pair):
    after_a_renewal(pair, lambda: pair.store.empty_holder(1), 1)
    answers_all_the_while(pair, 1.5 * DURATION)


def test_a_record_of_a_newer_version_is_left_alone(world):
    world.store.write_newer(1)
    node = world.node("node-1")
    assert wait_until(lambda: node.answered() == {2, 3})
    assert stays(lambda: node.answered() == {2, 3}, 2 * DURATION)
    assert world.store.claim(1)["version"] == 2


@pytest.mark.parametrize("identity", ["f" * 32, None], ids=["another id", "the same id"])
def test_two_agents_of_one_name_the_second_is_refused_until_the_first_is_silent(pair, identity):
    twin = pair.node("node-1", identity=identity, host="copy")
    assert wait_until(lambda: twin.heard("STATE name taken"))
    assert stays(lambda: not twin.answered() and pair.first.answered() == {1, 2, 3}, 1.5 * DURATION)
    pair.first.signal(signal.SIGKILL)
    assert wait_until(lambda: twin.heard("STATE active"))


def test_moved_by_hand_and_back(pair):
    pair.second.tell("move 1 node-2")
    assert wait_until(lambda: pair.second.answered() == {1}), pair.second.said

    def moved_back():
        """Refused while the answer to the swap that won it is still on its way."""
        pair.second.tell("move 1 node-1")
        return wait_until(lambda: pair.first.answered() == {1, 2, 3}, 1)

    assert wait_until(moved_back), pair.second.said
    pair.first.tell("move 1 node-9")
    assert wait_until(lambda: pair.first.heard("ERROR node-9 isn't alive"))


def test_a_move_to_a_node_that_does_not_want_it_changes_nothing(pair):
    pair.second.tell("unwant 3")
    pair.first.tell("move 3 node-2")
    assert wait_until(lambda: pair.store.claim(3)["wish"] == "node-2")
    answers_all_the_while(pair, DURATION)


def test_a_last_resort_yields_to_others_and_takes_back_what_nobody_wants(pair):
    pair.first.tell("last 1")
    assert wait_until(lambda: pair.second.answers(1))
    pair.second.tell("unwant 2")
    pair.first.tell("last 2")
    assert wait_until(lambda: pair.first.heard("LOST 198.18.0.2"))
    assert wait_until(lambda: pair.first.answers(2))


def test_preemption_brings_a_late_node_its_share(world):
    first = world.node("node-1", wants=40)
    assert wait_until(lambda: len(first.answered()) == 40)
    second = world.node("node-2", "-p", wants=40)
    assert wait_until(lambda: len(second.answered()) >= 10 and len(first.answered()) >= 10)
    assert wait_until(lambda: not first.answered() & second.answered()
                 and len(first.answered() | second.answered()) == 40)


def test_a_frozen_store_silences_the_holder_and_it_heals(pair):
    pair.store.signal(0, signal.SIGSTOP)
    assert wait_until(lambda: not pair.first.answered())
    assert stays(lambda: not pair.second.answered(), DURATION)
    pair.store.signal(0, signal.SIGCONT)
    assert wait_until(lambda: pair.first.answered() | pair.second.answered() == {1, 2, 3})


def test_a_store_that_restarts(pair):
    pair.store.signal(0, signal.SIGKILL)
    pair.store.start(0)
    let_pass(DURATION, "stamps of before are over then")
    assert wait_until(lambda: pair.first.answered() | pair.second.answered() == {1, 2, 3}, 15)
