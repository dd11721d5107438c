# SPDX-License-Identifier: GPL-2.0-or-later
"""Kubernetes objects, and cases made of them: in as few words as a table needs."""
from dataclasses import dataclass, field

ON_ETH1 = {"interfaces": ["^eth1$"]}
EXT = {"externalIPs": True}
LB = {"loadBalancerIPs": True}

# What Cilium does: the same, something else, nothing of the kind, as docs/compatibility.md says; or it promises nothing.
SAME, DIFFERS, ABSENT, UNSAID = "same", "differs", "not there", "unsaid"


def made(**fields):
    """Those that aren't None."""
    return {key: value for key, value in fields.items() if value is not None}


def metadata(name, labels=None, notes=None, born=None):
    namespace, _, name = name.rpartition("/")
    return made(name=name, namespace=namespace or None, labels=labels, annotations=notes, creationTimestamp=born)


def block(text):
    if "/" in text:
        return {"cidr": text}
    return dict(zip(("start", "stop"), text.split("-")))


def pool(name, *blocks, born=None, notes=None, api="cilium.io/v2", **spec):
    """Blocks: "10.0.10.0/24", "10.0.10.1-10.0.10.9", "10.0.10.1"; or as they are written."""
    return {"apiVersion": api, "kind": "CiliumLoadBalancerIPPool", "metadata": metadata(name, notes=notes, born=born),
            "spec": {"blocks": [block(one) if isinstance(one, str) else one for one in blocks]} | spec}


def port(given):
    """80, "53/UDP"; or as it is written."""
    if isinstance(given, str):
        number, _, protocol = given.partition("/")
        return {"port": int(number), "protocol": protocol}
    return {"port": given} if isinstance(given, int) else given


# pylint: disable-next=too-many-arguments
def service(name, *, labels=None, notes=None, born=None, key=None, across=None, ips=None, ports=None, local=None, has=None,
            external=None, kind="LoadBalancer", **spec):
    """@key, @across and @ips: annotations. @local: externalTrafficPolicy Local, for these pods. @has: status's addresses."""
    annotations = made(**{"lbipam.cilium.io/sharing-key": key, "lbipam.cilium.io/sharing-cross-namespace": across,
                          "lbipam.cilium.io/ips": ips}) | (notes or {})
    given = made(type=kind, ports=None if ports is None else [port(one) for one in ports], externalIPs=external,
                 externalTrafficPolicy=None if local is None else "Local", selector=local or None)
    ingress = [{"ip": ip} for ip in has.split()] if has else None
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata(name, labels, annotations or None, born),
            "spec": given | spec} | made(status=ingress and {"loadBalancer": {"ingress": ingress}})


def policy(name, spec, notes=None, api="cilium.io/v2alpha1"):
    return {"apiVersion": api, "kind": "CiliumL2AnnouncementPolicy", "metadata": metadata(name, notes=notes), "spec": spec}


def node(labels=None, spec=None, conditions=(), addresses=()):
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata("node-1", labels=labels), "spec": spec or {},
            "status": {"conditions": [{"type": key, "status": value} for key, value in conditions],
                       "addresses": [{"type": "InternalIP", "address": one} for one in addresses]}}


def endpoints(of, *nodes, **conditions):
    """The EndpointSlice of Service @of, with a ready endpoint on each of @nodes."""
    return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": f"{of}-1", "labels": {"kubernetes.io/service-name": of}}, "addressType": "IPv4",
            "endpoints": [made(addresses=["198.18.64.1"], nodeName=one, conditions={"ready": True} | conditions) for one in nodes]}


def expression(key, operator, *values):
    return {"matchExpressions": [made(key=key, operator=operator, values=list(values) or None)]}


@dataclass(frozen=True)
class Step:
    """Objects, and what is decided for them. Only what isn't None is compared."""
    objects: tuple
    given: str = None  # "SERVICE=ADDRESS,...[:REASON]" a word, of all Services that are ours
    pools: str = None  # "POOL[!]=TOTAL/AVAILABLE/USED" a word, ! in conflict
    announced: set = None  # "ADDRESS DEVICE"
    silent: dict = None  # address: reason
    says: dict = field(default_factory=dict)  # of a Service or pool: a part of its condition's message
    refused: str = None  # a part of the message
    notes: list = None  # a part of each


def step(*objects, **expected):
    return Step(objects, **expected)


@dataclass(frozen=True)
class Case:
    row: str  # of docs/compatibility.md: its first cell
    name: str
    steps: tuple
    like: str = SAME
    options: dict = field(default_factory=dict)


class Table(list):
    """Cases of one row of docs/compatibility.md after the other."""

    def __init__(self):
        super().__init__()
        self.row = None

    def history(self, name, *steps, like=SAME, **options):
        self.append(Case(self.row, name, steps, like, options))

    def case(self, name, *objects, like=SAME, options=None, **expected):
        self.history(name, step(*objects, **expected), like=like, **(options or {}))
