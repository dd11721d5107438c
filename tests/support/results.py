# SPDX-License-Identifier: GPL-2.0-or-later
"""What each statement came to on this kernel, left as JSON for tests/system/chain/table."""
import json
import os
import platform
from pathlib import Path

GUEST = Path("/run/vm/session")  # tests/system/vm/run's
UML = Path("/run/uml/init")  # tests/system/vm/uml's
STATEMENTS = "statements"  # what --collect-only leaves: all that there are


def series():
    return ".".join(os.uname().release.split(".")[:2])


def release():
    """Whose programs and libraries these are, unless Debian 12's."""
    system = platform.freedesktop_os_release()
    name = f"{system['NAME'].split()[0]} {system.get('VERSION_ID', '')}"
    return "" if name == "Debian 12" else f", {name}"


def kernel():
    """The table's column: "host 6.18", "VM 6.1", "UML 6.1", "VM 6.1, 4 of 12 CPUs", "host 6.18, Debian 13"."""
    if not GUEST.exists():
        return f"{'UML' if UML.exists() else 'host'} {series()}{release()}"
    online, possible = os.sysconf("SC_NPROCESSORS_ONLN"), os.sysconf("SC_NPROCESSORS_CONF")
    arch = " arm64" if os.uname().machine == "aarch64" else ""
    count = f"{online} of {possible}" if online < possible else online
    return f"VM {series()}{arch}{'' if possible == 1 else f', {count} CPUs'}{release()}"


def column(item):
    """Of a test's own: that of the NIC which it is about, or the kernel's."""
    nic = getattr(item, "callspec", None) and item.callspec.params.get("nic")
    return f"{nic} on {series()}" if nic else kernel()


# tests/system/vm/suites runs everything on one of the emulated kernels
BY_A_FULL_RUN = f"{'on 6.12' if kernel() == 'VM 6.1' else 'here'} by a full run"


class Results:
    """A pytest plugin. One file a test module, so that modules may run in processes of their own."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.statements = {}  # test: the column of the table, the statement
        self.verdicts = {}  # (column, module): {statement: [verdict, ...]}

    @classmethod
    def register(cls, config):
        directory = os.environ.get("CHAIN_RESULTS")
        if directory:
            config.pluginmanager.register(cls(directory), "chain-results")

    def pytest_collection_finish(self, session):
        for item in session.items:
            marker = item.get_closest_marker("statement")
            # what is skipped before it begins leaves no verdict
            if marker and not item.get_closest_marker("skip"):
                # "{}" stands for the test's parameter
                variant = item.callspec.id if hasattr(item, "callspec") else ""
                self.statements[item.nodeid] = column(item), marker.args[0].format(variant)

        if session.config.option.collectonly:
            said = sorted({statement for _, statement in self.statements.values()})
            (self.directory / STATEMENTS).write_text(json.dumps(said))

    def pytest_runtest_logreport(self, report):
        where, statement = self.statements.get(report.nodeid, (None, None))
        if not statement or not (report.when == "call" or report.failed or report.skipped):
            return
        if report.skipped:
            verdict = "n/a: " + report.longrepr[2].removeprefix("Skipped: ")
        else:
            # a test may say what it came to
            shown = dict(report.user_properties).get("shown", "pass")
            verdict = shown if report.passed else "fail"
        module = Path(report.nodeid.split("::")[0]).stem
        verdicts = self.verdicts.setdefault((where, module), {}).setdefault(statement, [])
        verdicts.append(verdict)
        # what a test that passed left to others
        verdicts += [f"n/a: {value}" for name, value in report.user_properties if name == "left"]

    def pytest_sessionfinish(self):
        for (name, module), verdicts in self.verdicts.items():
            where = self.directory / name
            where.mkdir(parents=True, exist_ok=True)
            (where / f"{module}.json").write_text(json.dumps(verdicts, indent=1) + "\n")
