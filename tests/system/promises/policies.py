# SPDX-License-Identifier: GPL-2.0-or-later
"""CiliumL2AnnouncementPolicy: which addresses are announced, on which devices, by which node."""
from objects import DIFFERS, UNSAID, EXT, LB, ON_ETH1, Table, endpoints, expression, node, policy, service

# Addresses tell where they are from: .1x are external, .2x the load balancer's.
WEB_EXTERNAL, WEB_BALANCER = "198.18.10.11", "198.18.10.21"
API_EXTERNAL, API_BALANCER = "198.18.10.12", "198.18.10.22"
V6_EXTERNAL, V6_BALANCER = "2001:db8::13", "2001:db8::23"
CLASS_OURS, CLASS_OTHERS = "198.18.10.14", "198.18.10.15"
EXTERNAL = (WEB_EXTERNAL, API_EXTERNAL, V6_EXTERNAL, CLASS_OURS)
BALANCER = (WEB_BALANCER, API_BALANCER, V6_BALANCER)
ALL_DEVICES = ("eth1", "eth2", "wan0", "br0")  # decide.c has more, which can't be had

SERVICES = (
    service("default/web", labels={"color": "blue", "tier": "front"}, external=[WEB_EXTERNAL], has=WEB_BALANCER),
    service("prod/api", labels={"color": "red"}, external=[API_EXTERNAL], has=API_BALANCER, loadBalancerClass=None),
    service("v6", labels={"family": "6"}, external=[V6_EXTERNAL], has=V6_BALANCER),
    service("ours", labels={"class": "given"}, external=[CLASS_OURS], loadBalancerClass="io.cilium/l2-announcer"),
    service("others", labels={"class": "given"}, external=[CLASS_OTHERS], loadBalancerClass="example.com/other"),
    service("bare", kind="ClusterIP", clusterIP="198.18.10.99"),
)
LABELS = {"kubernetes.io/hostname": "node-1", "rack": "a", "node-role.kubernetes.io/worker": ""}
WORLD = (node(LABELS), *SERVICES)
BOTH = EXT | LB
EXCLUDE = "node.kubernetes.io/exclude-from-external-load-balancers"


def on(addresses, devices=("eth1",)):
    return {f"{address} {dev}" for address in addresses for dev in devices}


WEB, API, V6, OURS = on([WEB_EXTERNAL]), on([API_EXTERNAL]), on([V6_EXTERNAL]), on([CLASS_OURS])
ALL = WEB | API | V6 | OURS


def labels(**pairs):
    return {"matchLabels": pairs}


T = Table()


def rows(of, make, cases, like=None):
    """@cases: name: (what is given of the policy's spec, what is announced then)."""
    T.row = of
    for name, (given, announced) in cases.items():
        T.case(name, *WORLD, policy("p", make(given)), announced=announced, **({"like": like} if like else {}))


def refused(of, make, cases):
    T.row = of
    for name, (given, text) in cases.items():
        T.case(name, policy("p", make(given)), refused=text)


def select_services(selector):
    return {"serviceSelector": selector} | EXT | ON_ETH1


def select_nodes(selector):
    return {"nodeSelector": selector} | EXT | ON_ETH1


def select_devices(*interfaces):
    return {"interfaces": list(interfaces)} | EXT


SERVICE_SELECTOR = "`spec.serviceSelector`, matchLabels and matchExpressions"
NAMED = "io.kubernetes.service."
rows(SERVICE_SELECTOR, select_services, {
    "empty: all Services": ({}, ALL),
    "null: all Services": (None, ALL),
    "matchLabels": (labels(color="blue"), WEB),
    "matchLabels of another value": (labels(color="green"), set()),
    "matchLabels are ANDed": (labels(color="blue", tier="front"), WEB),
    "matchLabels are ANDed: one differs": (labels(color="blue", tier="back"), set()),
    "a value is compared letter by letter": (labels(color="Blue"), set()),
    "In": (expression("color", "In", "blue", "green"), WEB),
    "In, several values": (expression("color", "In", "blue", "red"), WEB | API),
    "In: a Service without the key isn't in it": (expression("tier", "In", "front"), WEB),
    "NotIn": (expression("color", "NotIn", "blue"), API | V6 | OURS),
    "NotIn: a Service without the key matches": (expression("tier", "NotIn", "front"), API | V6 | OURS),
    "Exists": (expression("color", "Exists"), WEB | API),
    "DoesNotExist": (expression("color", "DoesNotExist"), V6 | OURS),
    "matchLabels and matchExpressions are ANDed": (labels(color="blue") | expression("tier", "DoesNotExist"), set()),
    "expressions are ANDed": ({"matchExpressions": [{"key": "color", "operator": "Exists"},
                                                    {"key": "tier", "operator": "DoesNotExist"}]}, API),
    "by namespace": (labels(**{NAMED + "namespace": "prod"}), API),
    "a Service without a namespace is in default": (labels(**{NAMED + "namespace": "default"}), WEB | V6 | OURS),
    "by name": (labels(**{NAMED + "name": "web"}), WEB),
    "by name, in an expression": (expression(NAMED + "name", "In", "web", "api"), WEB | API),
    "all but a namespace": (expression(NAMED + "namespace", "NotIn", "default"), API),
    "by name and label": (labels(**{NAMED + "name": "web", "color": "red"}), set()),
})
T.case("none: all Services", *WORLD, policy("p", EXT | ON_ETH1), announced=ALL)
refused(SERVICE_SELECTOR, select_services, {
    "In without values": (expression("color", "In"), "In needs values"),
    "NotIn without values": (expression("color", "NotIn"), "NotIn needs values"),
    "Exists with values": (expression("color", "Exists", "x"), "Exists takes no values"),
    "DoesNotExist with values": (expression("color", "DoesNotExist", "x"), "DoesNotExist takes no values"),
    "an operator that isn't known": (expression("color", "Gt", "1"), "no operator 'Gt'"),
    "an expression without a key": ({"matchExpressions": [{"operator": "Exists"}]}, "needs a key and an operator"),
    "an expression without an operator": ({"matchExpressions": [{"key": "color"}]}, "needs a key and an operator"),
    "a key that no label has": (labels(**{"a b": "c"}), "can't be a label's key"),
    "a value that no label has": (labels(a="-"), "can't be a label's value"),
    "a number as a value": (labels(a=1), "quote it"),
    "a list where a mapping should be": ([{"color": "blue"}], "serviceSelector must be"),
})

rows("`spec.nodeSelector`", select_nodes, {
    "empty: every node": ({}, ALL),
    "null: every node": (None, ALL),
    "by label": (labels(rack="a"), ALL),
    "of another value": (labels(rack="b"), set()),
    "by two labels": (labels(**{"rack": "a", "kubernetes.io/hostname": "node-1"}), ALL),
    "control planes left out": (expression("node-role.kubernetes.io/control-plane", "DoesNotExist"), ALL),
    "control planes alone": (expression("node-role.kubernetes.io/control-plane", "Exists"), set()),
    "a label with an empty value exists": (expression("node-role.kubernetes.io/worker", "Exists"), ALL),
    "In": (expression("kubernetes.io/hostname", "In", "node-1", "node-2"), ALL),
    "NotIn": (expression("kubernetes.io/hostname", "NotIn", "node-1"), set()),
    "NotIn: without the label": (expression("zone", "NotIn", "far"), ALL),
})
T.case("without a Node object the host name is its only label", *SERVICES, policy("p", select_nodes(labels(rack="a"))), announced=set(),
       silent=dict.fromkeys(BALANCER, "address_kind") | dict.fromkeys(EXTERNAL, "node_selector") | {CLASS_OTHERS: "other_class"})
T.case("which it has", *SERVICES, policy("p", select_nodes(labels(**{"kubernetes.io/hostname": "node-1"}))), announced=ALL)

INTERFACES = "`spec.interfaces`"
rows(INTERFACES, lambda given: select_devices(*given), {
    "empty: all suitable devices": ([], on(EXTERNAL, ALL_DEVICES)),
    "a name": (["^eth1$"], ALL),
    "a regular expression": (["^eth[0-9]+"], on(EXTERNAL, ["eth1", "eth2"])),
    "it isn't anchored": (["an"], on(EXTERNAL, ["wan0"])),
    "several are ORed": (["eth1", "^wan"], on(EXTERNAL, ["eth1", "wan0"])),
    "two that match one device count once": (["eth1", "^eth1$"], ALL),
    "none matches": (["^ens"], set()),
    "one that matches is enough": (["^ens", "^enp", "eth1"], ALL),
    "everything": ([".*"], on(EXTERNAL, ALL_DEVICES)),
    "the loopback isn't had by name": (["^lo$"], set()),
    "a bridge is": (["^br0$"], on(EXTERNAL, ["br0"])),
    "alternatives": (["^(eth1|wan0)$"], on(EXTERNAL, ["eth1", "wan0"])),
    "Go's named classes": (["^eth[[:digit:]]$"], on(EXTERNAL, ["eth1", "eth2"])),
    "Go's Perl classes": ([r"^eth\d$", r"^\w+0$"], on(EXTERNAL, ALL_DEVICES)),
    "a negated class": (["^[^ew]"], on(EXTERNAL, ["br0"])),
    "any case": (["(?i)^ETH1$"], ALL),
    "case counts": (["^ETH1$"], set()),
    "a group that isn't captured": (["^(?:eth|wan)[01]$"], on(EXTERNAL, ["eth1", "wan0"])),
    "a group with a name": (["^(?P<kind>eth)1$"], ALL),
    "not greedy": (["^e.*?1$"], ALL),
    "a repetition": (["^[a-z]{3}[12]$"], on(EXTERNAL, ["eth1", "eth2"])),
    "the text's beginning and end": ([r"\Aeth1\z"], ALL),
    "a word's boundary": ([r"\beth1\b"], ALL),
    "quoted": ([r"\Qeth1\E"], ALL),
    "a dot that is one": ([r"eth1\."], set()),
})
T.case("none: all suitable devices", *WORLD, policy("p", EXT), announced=on(EXTERNAL, ALL_DEVICES))
T.case("a bridge's port isn't had by name, nor with all", *WORLD, policy("p", select_devices("^veth9$")), announced=set(),
       silent=dict.fromkeys(BALANCER, "address_kind") | dict.fromkeys(EXTERNAL, "no_interface") | {CLASS_OTHERS: "other_class"},
       like=DIFFERS)
refused(INTERFACES, lambda given: select_devices(given), {
    "no regular expression": ("eth(", "is no regular expression"),
    "a class that isn't closed": ("eth[0-9", "is no regular expression"),
    "nothing to repeat": ("*eth", "is no regular expression"),
    "a backreference": (r"(e)\1", "has a backreference"),
    "a backreference by name": ("(?P<a>e)(?P=a)", "has a backreference"),
    "look-ahead": ("eth(?=1)", "has look-ahead"),
    "look-behind": ("(?<=eth)1", "has look-behind"),
    "an atomic group": ("(?>eth)1", "has an atomic group"),
    "recursion": ("(e(?R)?)", "has recursion"),
    "a number": (1, "must be"),
})

T.row = "`spec.externalIPs`, `spec.loadBalancerIPs`, false by default"
for name, spec, announced in (
        ("both are false where nothing is said", {}, set()),
        ("both false", {"externalIPs": False, "loadBalancerIPs": False}, set()),
        ("externalIPs alone", EXT, on(EXTERNAL)),
        ("loadBalancerIPs alone", LB, on(BALANCER)),
        ("both", BOTH, on(EXTERNAL + BALANCER)),
        ("one false, one true", {"externalIPs": False, "loadBalancerIPs": True}, on(BALANCER)),
        ("null is nothing said", {"externalIPs": None, "loadBalancerIPs": True}, on(BALANCER))):
    T.case(name, *WORLD, policy("p", spec | ON_ETH1), announced=announced)
T.case("a host name in the status is no address", {**service("s"), "status": {"loadBalancer": {"ingress": [{"hostname": "lb.example"}]}}},
       policy("p", BOTH), announced=set(), silent={})
T.case("a ClusterIP isn't announced", service("s", kind="ClusterIP", clusterIP="198.18.10.99"), policy("p", BOTH), announced=set(), silent={})
T.case("externalIPs of whichever type", *(service(f"s{at}", kind=kind, external=[f"198.18.10.{at}"]) for at, kind in
                                         enumerate(("ClusterIP", "NodePort", "LoadBalancer"), 1)), policy("p", EXT | ON_ETH1),
       announced=on([f"198.18.10.{at}" for at in (1, 2, 3)]))
T.case("as text", policy("p", {"externalIPs": "yes"}), refused="must be true or false")
T.case("what nobody can announce is left out", service("s", external=["224.0.0.1", "127.0.0.1", "ff02::1", "nonsense", WEB_EXTERNAL]),
       policy("p", EXT | ON_ETH1), announced=WEB, notes=["224.0.0.1", "127.0.0.1", "ff02::1", "nonsense"])

T.row = "unknown fields"
T.case("of the spec", policy("p", {"serviceSelecter": {}}), refused="no key 'serviceSelecter'", like=DIFFERS)
T.case("of a selector", policy("p", select_services({"matchLabel": {"a": "b"}})), refused="no key 'matchLabel'", like=DIFFERS)
T.case("of an expression", policy("p", select_services({"matchExpressions": [{"key": "a", "operator": "Exists", "vaules": []}]})),
       refused="no key 'vaules'", like=DIFFERS)
T.case("another version", policy("p", EXT, api="cilium.io/v2"), refused="there is cilium.io/v2alpha1 CiliumL2AnnouncementPolicy",
       like=UNSAID)

T.row = "several policies for a Service"
T.case("they add up", *WORLD, policy("p", select_services(labels(color="blue"))), policy("q", LB | {"interfaces": ["wan0"]}),
       announced=WEB | on(BALANCER, ["wan0"]))
T.case("the union of their interfaces", *WORLD, policy("p", select_devices("eth1")), policy("q", select_devices("eth2")),
       announced=on(EXTERNAL, ["eth1", "eth2"]))
T.case("what two announce is announced once", *WORLD, policy("p", EXT | ON_ETH1), policy("q", EXT | ON_ETH1), announced=ALL)
T.case("one for each field", *WORLD, policy("p", EXT | ON_ETH1), policy("q", LB | {"interfaces": ["eth2"]}),
       announced=ALL | on(BALANCER, ["eth2"]))
T.case("one that selects nothing takes nothing away", *WORLD, policy("p", EXT | ON_ETH1), policy("q", select_services(labels(a="b"))),
       announced=ALL)
T.case("one of another node adds nothing", *WORLD, policy("p", EXT | ON_ETH1),
       policy("q", {"nodeSelector": labels(rack="b")} | BOTH), announced=ALL)
T.case("Services that have one address", *WORLD, service("second", external=[WEB_EXTERNAL]), policy("p", EXT | ON_ETH1), announced=ALL)
T.case("no policy", *WORLD, announced=set())

T.row = "IPv6, by neighbour advertisements"
T.case("an external address", *WORLD, policy("p", select_services(labels(family="6"))), announced=V6)
T.case("the load balancer's", *WORLD, policy("p", {"serviceSelector": labels(family="6")} | LB | ON_ETH1), announced=on([V6_BALANCER]))
T.case("beside IPv4 of one Service", service("s", external=["198.18.10.1", "2001:db8::1"]), policy("p", EXT | ON_ETH1),
       announced=on(["198.18.10.1", "2001:db8::1"]))

T.row = "Services with `loadBalancerClass` `io.cilium/l2-announcer`, or without one"
T.case("Cilium's own, not another's", *WORLD, policy("p", select_services(labels(**{"class": "given"}))), announced=OURS,
       silent=dict.fromkeys(BALANCER + (WEB_EXTERNAL, API_EXTERNAL, V6_EXTERNAL), "service_selector") | {CLASS_OTHERS: "other_class"})
T.case("without one", *WORLD, policy("p", select_services(labels(color="red"))), announced=API)
for name in ("io.cilium/bgp-control-plane", "io.cilium/node"):
    T.case(name, service("s", external=[WEB_EXTERNAL], loadBalancerClass=name), policy("p", EXT), announced=set(),
           silent={WEB_EXTERNAL: "other_class"})


def local(*slices, spec=None, **more):
    given = {"selector": {"app": "x"}} if spec is None else spec
    return (service("s", external=[WEB_EXTERNAL], externalTrafficPolicy="Local", **given, **more), *slices, policy("p", EXT | ON_ETH1))


NOWHERE = {WEB_EXTERNAL: "no_local_endpoint"}
T.row = "`externalTrafficPolicy: Local`"
for name, objects, announced, silent in (
        ("an endpoint here", local(endpoints("s", "node-1", "node-2")), WEB, {}),
        ("elsewhere", local(endpoints("s", "node-2")), set(), NOWHERE),
        ("nowhere", local(endpoints("s")), set(), NOWHERE),
        ("not ready", local(endpoints("s", "node-1", ready=False)), set(), NOWHERE),
        ("serving, and terminating", local(endpoints("s", "node-1", ready=False, serving=True, terminating=True)), set(), NOWHERE),
        ("not ready, which may be announced", local(endpoints("s", "node-1", ready=False), publishNotReadyAddresses=True), WEB, {}),
        ("no EndpointSlice: as Cluster", local(), WEB, {}),
        ("no selector, and none here: as Cluster", local(endpoints("s", "node-2"), spec={}), WEB, {}),
        ("an endpoint without a node: as Cluster", local(endpoints("s", None)), WEB, {}),
        ("another Service's endpoint", local(endpoints("s", "node-2"), endpoints("t", "node-1")), set(), NOWHERE)):
    T.case(name, *objects, announced=announced, silent=silent, like=DIFFERS)
T.case("Cluster: endpoints don't count", service("s", external=[WEB_EXTERNAL]), endpoints("s", "node-2"), policy("p", EXT | ON_ETH1),
       announced=WEB, like=UNSAID)

T.row = "nodes that are excluded (label, taint, NetworkUnavailable)"
TAINT = {"taints": [{"key": "node.kubernetes.io/out-of-service", "effect": "NoExecute", "value": "nodeshutdown"}]}
CORDON = {"unschedulable": True, "taints": [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}]}
for name, this, reason in (
        ("the label", node({EXCLUDE: ""}), "excluded_node"),
        ("the label, whatever its value", node({EXCLUDE: "false"}), "excluded_node"),
        ("NetworkUnavailable", node(conditions=[("NetworkUnavailable", "True")]), "network_unavailable"),
        ("out of service", node(spec=TAINT), "out_of_service")):
    T.case(name, this, *SERVICES, policy("p", EXT | ON_ETH1), announced=set(), like=DIFFERS,
           silent=dict.fromkeys(EXTERNAL, reason) | dict.fromkeys(BALANCER, "address_kind") | {CLASS_OTHERS: "other_class"})
T.case("the label, with announce.ignoreExclusion", node({EXCLUDE: ""}), *SERVICES, policy("p", EXT | ON_ETH1), announced=ALL,
       options={"ignoreExclusion": True})
for name, this in (
        ("NetworkUnavailable that is false", node(conditions=[("NetworkUnavailable", "False")])),
        ("NotReady", node(conditions=[("Ready", "False")])),
        ("cordoned", node(spec=CORDON)),
        ("another taint", node(spec={"taints": [{"key": "a", "effect": "NoExecute"}]}))):
    T.case(f"{name}: announces", this, *SERVICES, policy("p", EXT | ON_ETH1), announced=ALL)
