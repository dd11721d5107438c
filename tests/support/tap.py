# SPDX-License-Identifier: GPL-2.0-or-later
"""Test results as the Test Anything Protocol, for meson."""
import io

from _pytest._io import TerminalWriter


class Tap:
    """A pytest plugin; it takes the place of the terminal's."""

    def __init__(self):
        self.count = 0
        self.reports = []

    def line(self, passed, name, directive="", details=""):
        self.count += 1
        name = name.replace("#", "no. ")
        print(f"{'ok' if passed else 'not ok'} {self.count} - {name}{directive}", flush=True)
        for text in str(details).splitlines():
            print(f"# {text}", flush=True)

    def pytest_collectreport(self, report):
        if report.failed:
            self.line(False, f"collecting {report.nodeid}", details=report.longrepr)

    def pytest_runtest_logreport(self, report):
        """One report for each of set-up, call and teardown: the test is what the worst says."""
        self.reports.append(report)
        if report.when != "teardown":
            return
        reports, self.reports = self.reports, []
        name = report.nodeid.split("::", 1)[-1]
        failed = [one for one in reports if one.failed]
        skipped = [one for one in reports if one.skipped]
        if failed:
            self.line(False, name, details="\n".join(one.longreprtext for one in failed))
        elif skipped:
            reason = skipped[0].longrepr[2].removeprefix("Skipped: ")
            self.line(True, name, directive=f" # SKIP {reason}")
        else:
            self.line(True, name)

    def pytest_sessionfinish(self):
        print(f"1..{self.count}", flush=True)


class Colours:
    """What pytest, from version 8 on, asks the terminal's plugin for when it compares values."""
    _tw = TerminalWriter(io.StringIO())


def register(config):
    """Takes the terminal's place, where nobody asked for that one; once for all directories whose tests run."""
    if config.pluginmanager.hasplugin("terminal") or config.pluginmanager.hasplugin("tap"):
        return
    # which the terminal plugin would have set
    config.option.verbose = 0
    config.option.tbstyle = "short"
    config.pluginmanager.register(Tap(), "tap")
    config.pluginmanager.register(Colours(), "terminalreporter")
