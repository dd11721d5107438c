# SPDX-License-Identifier: GPL-2.0-or-later
"""Every reason why an address isn't announced, and all who tell it: they have the same words.

A reason that is new in agent/base/reason.h needs a row here, and the tests that the row names need one that provokes it."""
import json
from dataclasses import dataclass

from lan import VIP

NORMAL, NOTE, FAULT = "normal", "note", "fault"
# who provokes it, and asks all readers on the node
ALONE = "test_reasons.py"
STORE = "test_reasons_etcd.py"
SERVER = "an API server is needed: tests/system/kube"
LOG = "it is over as soon as it is there: the log has it"


@dataclass
class Reason:
    by: str
    level: str = NORMAL
    # the condition of a Service that has no other address; None: it has none, or what the holder says
    condition: str = "False"
    event: bool = True  # NotAnnounced
    log: str = ""  # what the log has besides "given up"


NOT_ANNOUNCED = "{subject}: not announced: {why}\n"
REASONS = {
    "no_service": Reason(LOG),
    "other_class": Reason(ALONE, condition=None, event=False),
    # of a directory: nobody writes conditions and Events
    "pools_wait": Reason(ALONE, condition=None, event=False),
    "no_pool": Reason(ALONE),
    "pool_exhausted": Reason(ALONE, log="{subject}: pools give it nothing: "),
    "request_refused": Reason(ALONE, log="{subject}: pools give it nothing: "),
    "no_policy": Reason(ALONE),
    "service_selector": Reason(ALONE),
    "address_kind": Reason(ALONE),
    "node_selector": Reason(ALONE),
    "no_interface": Reason(ALONE, FAULT, log=NOT_ANNOUNCED),
    "excluded_node": Reason(ALONE, NOTE, log=NOT_ANNOUNCED),
    "node_deleted": Reason(SERVER, NOTE, log=NOT_ANNOUNCED),
    "network_unavailable": Reason(ALONE, NOTE, log=NOT_ANNOUNCED),
    "out_of_service": Reason(ALONE, NOTE, log=NOT_ANNOUNCED),
    "endpoints_unknown": Reason(SERVER, FAULT),
    "no_local_endpoint": Reason(ALONE),
    "link_down": Reason(ALONE, FAULT, log=NOT_ANNOUNCED),
    "not_attached": Reason(ALONE, FAULT),
    "attach_refused": Reason(ALONE, FAULT, log="eth1: another XDP program"),
    "kernel_answers": Reason(ALONE, FAULT, log=NOT_ANNOUNCED),
    # a moment, but where the store isn't reached
    "not_probed": Reason(STORE, condition="Unknown", event=False),
    "other_host": Reason(ALONE, FAULT, log="not claiming it, next probe in"),
    "drained": Reason(ALONE, FAULT),
    "stopped": Reason(LOG),
    # the agent that has the name speaks
    "name_taken": Reason(STORE, FAULT, condition=None, event=False, log="lease: "),
    "newer_version": Reason(STORE, FAULT, condition=None, event=False, log="lease: newer version: "),
    "store_unreachable": Reason(ALONE, FAULT, condition="Unknown", event=False, log="lease: "),
    # the holder says that it announces it
    "not_preferred": Reason(STORE, condition="True", event=False),
    "other_node": Reason(STORE, condition="True", event=False),
    "newer_claim": Reason(STORE),
    "moved": Reason(LOG),
    "claim_changed": Reason(LOG),
    "session_ended": Reason(LOG),
    "left_over": Reason(LOG),
    "node_address": Reason(STORE, log="{subject} isn't claimed: node-2 has it as its own address\n"),
    "long_leases": Reason(STORE, FAULT, log="addresses without a record wait "),
    "not_claimed": Reason(STORE),
    "map_full": Reason(ALONE, FAULT),
    "by_hand": Reason(ALONE),
}


def reasons(**having):
    """Their names, of those whose rows have these values."""
    return {name for name, row in REASONS.items() if all(getattr(row, key) == value for key, value in having.items())}


@dataclass
class Told:
    """What readers are to say of default/web, which has one address, or was refused one."""
    why: str  # how it begins
    subject: str = VIP  # the address; the Service where it has none
    held: bool = False  # this node has the claim all the same
    holder: str = None  # who has it; None: nobody
    known: bool = True  # is it known who has it?
    alone: bool = False  # there is no store that would know of other nodes
    whole: bool = False  # it is so of the whole node
    unready: str = ""  # what isn't in order besides


def unready(lan):
    found = lan.cli("doctor --json").json["findings"]
    return [one["detail"] for one in found if one["check"] == "agent_unready"]


def of_service(agent):
    """(reason, why) of default/web, as `show` has them; a Service may not be known yet."""
    done = agent.command("show", "default/web", "--json")
    shown = done.json if done.status == 0 else {"addresses": [], "reason": None, "why": None}
    told = shown["addresses"][0] if shown["addresses"] else shown
    return told["reason"], told["why"] or ""


def row_of(rows):
    [row] = [row for row in rows if row["service"] == "web"]
    return row["addresses"][0] if row["addresses"] else row


def page_says(agent, reason, why):
    page = json.loads(agent.http("/status.json")[1])
    assert page["reasons"] == {reason: 1}
    told = row_of(page["services"])
    assert (told["reason"], told["why"]) == (reason, why)


def status_says(agent, node, reason, why, told):
    """Also without a name, as `show`."""
    shown = agent.command("status", "--json").json
    row = row_of(shown["services"])
    assert row["reason"] == reason and {"reason": reason, "count": 1, "why": f"{told.subject}: {why}"} in shown["reasons"]
    assert shown["drained"] == (reason == "drained")
    status = agent.command("status")
    assert status.out == agent.command("show").out and f"     1  {reason}, e.g. {told.subject}: {why}\n" in status.out
    [line] = [line for line in status.out.splitlines() if line.startswith("default/web ")]
    assert line.split()[-1] == reason and ("not known" in line) == (not told.known)
    if told.subject == VIP:
        holder = node if told.held else told.holder
        assert (row["known"], row["holder"]) == (told.known, holder)
    return shown


def who_holds_says(agent, reason, why, told):
    asked = agent.command("who-holds", VIP)
    out = f"; not here: {reason}: {why}\n"
    if asked.status:
        # it isn't known here whether another node has it, and that is said in the first place
        begin = told.unready or why
        assert asked.err.startswith(f"xdp-l2respd: {VIP}: {begin}") and (not told.known or told.alone)
    elif reason == "other_node":
        assert asked.out == f"{VIP}: {told.holder}\n"
    elif told.held:
        assert asked.out.startswith(f"{VIP}: node-1, this node, ") and asked.out.endswith(out)
    else:
        assert asked.out.startswith(f"{VIP}: {told.holder or 'nobody'}") and asked.out.endswith(out)


def ready_says(agent, level, why, told):
    """/readyz and doctor; returns why it isn't ready."""
    if told.unready:
        status, body = agent.http("/readyz")
        body = body.rstrip("\n")
        assert status == 503 and body.startswith(told.unready) and unready(agent.lan) == [f"xdp-l2respd isn't ready: {body}"]
        return body
    if level == FAULT:
        body = why if told.whole else f"{told.subject}: {why}"
        agent.answers("/readyz", 503, f"{body}\n")
        assert unready(agent.lan) == [f"xdp-l2respd isn't ready: {body}"]
        return body
    note = f"; {told.subject}: {why}" if level == NOTE else ""
    agent.answers("/readyz", 200, f"ok{note}\n")
    assert unready(agent.lan) == []
    return None


def says(agent, reason, told, node="node-1"):
    """show, status, who-holds, /readyz, doctor, metrics, the status page, and the log."""
    row = REASONS[reason]
    why = of_service(agent)[1]
    assert why.startswith(told.why)
    line = f"  not announced by {node}: {reason}: {why}\n" if told.subject == VIP else f"pools give it nothing: {reason}: {why}\n"
    agent.shows(line)
    shown = status_says(agent, node, reason, why, told)
    if told.subject == VIP:
        who_holds_says(agent, reason, why, told)
    assert shown["why"] == ready_says(agent, row.level, why, told) or row.level == NOTE
    assert shown["ready"] == (row.level != FAULT and not told.unready)
    counts = {key: value for key, value in agent.metrics().items() if key.startswith("l2resp_addresses_blocked{")}
    assert {key: value for key, value in counts.items() if value} == {f'l2resp_addresses_blocked{{reason="{reason}"}}': 1}
    page_says(agent, reason, why)
    agent.says(row.log.format(subject=told.subject, why=why))
