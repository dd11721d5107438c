# SPDX-License-Identifier: GPL-2.0-or-later
"""How tests wait: for what they assert, or for time that must pass. Nothing else here sleeps; tests/lint/luck checks that."""
import os
import time

HUNG = 120  # seconds; what hasn't ended by then hangs
BUSIEST = 6  # so many times as long, and no more


def slack():
    """What takes a second on an idle machine takes no more than so many here: three, and as many times more as tasks wait
    for each processor. A guest doesn't see what its host does, and is told of it."""
    load = os.getloadavg()[0] / os.cpu_count()
    return 3 * min(max(1, load, float(os.environ.get("XDP_L2RESP_HOST_LOAD", 1))), BUSIEST)


class Never:
    """A false value that says, in the message of a failed assertion, what was seen instead."""

    def __init__(self, what):
        self.what = what

    def __bool__(self):
        return False

    def __repr__(self):
        return f"<{self.what}>"


def wait_until(condition, seconds=10, poll=0.01):
    """The first true value of condition(), or a false one when time is up. @seconds: what an idle machine takes at most. One look
    uses up a quarter at most: where the machine stood still, what is waited for did, too, and has the rest of the time.
    Looks every @poll seconds; less often if looking takes long, so that it leaves what is waited for a processor."""
    began = asked = looked = time.monotonic()
    passed = 0
    while not (value := condition()):
        now = time.monotonic()
        most = seconds * slack()
        passed += min(now - looked, most / 4)
        if passed >= most:
            return Never(f"not within {now - began:.1f} s; the last value was {value!r}")
        time.sleep(max(poll, min(now - asked, 0.1)))
        looked, asked = now, time.monotonic()
    return value


def stays(condition, seconds, poll=0.1):
    """Is condition() true now, and for @seconds from now on?"""
    began = time.monotonic()
    while value := condition():
        if time.monotonic() >= began + seconds:
            return value
        time.sleep(poll)
    return Never(f"no longer so after {time.monotonic() - began:.2f} s: {value!r}")


def just_after(value, act):
    """Calls act() just after value() changed, until what it returns is true, and returns that. For what the next change may
    disturb if it comes early: a renewal that is confirmed before a claim that somebody deleted is written again ends that claim's
    answers for as long."""
    for _ in range(20):
        before = value()
        assert wait_until(lambda last=before: value() != last), "no change"
        if done := act():
            return done
    assert False, "disturbed each time"


def is_linear(cost, many, rounds=3):
    """Does cost(n), in seconds of CPU time, grow with n and not with its square? Four times as many then take four times as
    long, and not 16 times, on a machine of any speed. The least of some rounds, since interrupts count, too."""
    most = few = float("inf")
    for _ in range(rounds):
        few, most = min(few, cost(many // 4)), min(most, cost(many))
        print(f"# {many}: {most:.3f} s of CPU, a quarter of them: {few:.3f} s")
        if most < 8 * few:
            return True
    return Never(f"{many} took {most:.3f} s of CPU, a quarter of them {few:.3f} s")


def let_pass(seconds, why):  # pylint: disable=unused-argument
    """Returns after @seconds, or later: for time that has to pass, never for something that has to happen. @why is for
    the reader."""
    time.sleep(seconds)
