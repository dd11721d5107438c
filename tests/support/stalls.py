# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine that stands still for seconds lets leases run out and timers pass: what fails then is no news about the product.
A test that fails in whose course that happened is run again; one that fails without it has failed. So has one whose end
fails: that is where the harness says that two answered, which no such time excuses."""
import threading
import time

from _pytest.runner import CallInfo, runtestprotocol

AGAIN = 2  # at most
LATE = 1  # second; how much later than asked for a sleep ends where the machine stood still
LOOK = 0.1


class Stalls:
    """A pytest plugin."""

    def __init__(self):
        self.longest = 0
        self.watcher = None

    def watch(self):
        while True:
            before = time.monotonic()
            time.sleep(LOOK)
            self.longest = max(self.longest, time.monotonic() - before - LOOK)

    def pytest_runtest_protocol(self, item, nextitem):
        if not self.watcher:  # the mounts of what starts it are its own by now
            self.watcher = threading.Thread(target=self.watch, daemon=True)
            self.watcher.start()
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for left in range(AGAIN, -1, -1):
            self.longest = 0
            reports = runtestprotocol(item, nextitem=nextitem, log=False)
            *before, end = reports
            if not left or self.longest < LATE or end.failed or not any(report.failed for report in before):
                break
            print(f"# {item.name} failed, and the machine stood still for {self.longest:.1f} s: once more", flush=True)
            # what several tests share is made anew, too: it may be what failed
            CallInfo.from_call(lambda: item.session._setupstate.teardown_exact(None), "teardown")  # pylint: disable=protected-access
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True
