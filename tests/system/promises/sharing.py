# SPDX-License-Identifier: GPL-2.0-or-later
"""Which Services share an address."""
from objects import ABSENT, DIFFERS, UNSAID, LB, ON_ETH1, Table, policy, pool, service, step
from pools import A24, A_NO, A_ONE, A_TWO, B_ONE, BLUE, DUAL

ANNOUNCE = policy("p", LB | ON_ETH1)
DIFFERENT_PODS = {"lbipam.cilium.io/sharing-permit-different-pods": "true"}
X, Y = {"app": "x"}, {"app": "y"}


def s(name, *ports, key="k", **more):
    return service(name, key=key, ports=list(ports), **more)


T = Table()

T.row = "`lbipam.cilium.io/sharing-key`; `io.cilium/lb-ipam-sharing-key`"
T.case("one key, other ports", A24, s("s", 80), s("t", 443), ANNOUNCE, given="s=10.0.10.0 t=10.0.10.0", pools="a=256/255/1",
       announced={"10.0.10.0 eth1"})
T.case("three of them", A24, s("s", 80), s("t", 443), s("u", 8080), given="s=10.0.10.0 t=10.0.10.0 u=10.0.10.0")
T.case("a key is any text", A24, s("s", 80, key="a/b: c"), s("t", 81, key="a/b: c"), given="s=10.0.10.0 t=10.0.10.0")
T.case("the older name of the key", A24, s("s", 80, key=None, notes={"io.cilium/lb-ipam-sharing-key": "k"}),
       s("t", 81, key=None, notes={"io.cilium/lb-ipam-sharing-key": "k"}), given="s=10.0.10.0 t=10.0.10.0")
T.case("one by the older, one by the newer name", A24, s("s", 80), s("t", 81, key=None, notes={"io.cilium/lb-ipam-sharing-key": "k"}),
       given="s=10.0.10.0 t=10.0.10.0")
T.case("the newer name goes first", A24, s("s", 80), s("t", 81, key="l", notes={"io.cilium/lb-ipam-sharing-key": "k"}),
       given="s=10.0.10.0 t=10.0.10.1")
T.case("other keys, and none", A24, s("s", 80), s("t", 81, key="l"), service("u"), given="s=10.0.10.0 t=10.0.10.1 u=10.0.10.2")
T.case("an empty key is none", A24, s("s", 80, key=""), s("t", 81, key=""), given="s=10.0.10.0 t=10.0.10.1")
T.case("without ports", A24, s("s"), s("t"), given="s=10.0.10.0 t=10.0.10.0")
T.case("a port in common: another address, of the same key", A24, s("s", 80, 81), s("t", 81), s("u", 82), s("v", 80),
       given="s=10.0.10.0 t=10.0.10.1 u=10.0.10.0 v=10.0.10.1", pools="a=256/254/2")
T.case("what can't be shared waits, where there is no more", A_ONE, s("s", 80), s("t", 80), given="s=10.0.10.1 t=:out_of_ips")
T.case("a requested address joins those of the key", A24, s("s", 80), s("t", 81, loadBalancerIP="10.0.10.9"),
       given="s=10.0.10.9 t=10.0.10.9")
T.case("also by the annotation", A24, s("s", 80, ips="10.0.10.9"), s("t", 81, ips="10.0.10.9"), given="s=10.0.10.9 t=10.0.10.9")
T.case("who asks for one of several has that one", A24, s("s", 80, ips="10.0.10.8"), s("t", 80, ips="10.0.10.9"), s("u", 81, ips="10.0.10.9"),
       given="s=10.0.10.8 t=10.0.10.9 u=10.0.10.9")
T.case("who asks for nothing has one of the set, not all", A24, s("s", 80, ips="10.0.10.8,10.0.10.9"), s("t", 81),
       given="s=10.0.10.8,10.0.10.9 t=10.0.10.8")
T.case("a requested address of an incompatible one", A24, s("s", 80, loadBalancerIP="10.0.10.9"), s("t", 80, loadBalancerIP="10.0.10.9"),
       given="s=10.0.10.9 t=:already_allocated_incompatible_service")
T.case("a requested address of another key", A24, s("s", 80, ips="10.0.10.9"), s("t", 81, key="l", ips="10.0.10.9"),
       given="s=10.0.10.9 t=:already_allocated_incompatible_service", says={"t": "Reason: another sharing key"})
T.case("a requested address of one without a key", A24, service("s", ips="10.0.10.9"), s("t", 81, ips="10.0.10.9"),
       given="s=10.0.10.9 t=:already_allocated_incompatible_service")
T.case("in both families", DUAL, s("s", 80, ipFamilyPolicy="RequireDualStack"), s("t", 81, ipFamilyPolicy="RequireDualStack"),
       given="s=10.0.10.0,2001:db8:: t=10.0.10.0,2001:db8::")
T.case("in one of two families", DUAL, s("s", 80, ipFamilyPolicy="RequireDualStack"), s("t", 81, ipFamilies=["IPv6"]),
       given="s=10.0.10.0,2001:db8:: t=2001:db8::")
T.case("not of a pool that doesn't select it", BLUE, B_ONE, s("s", labels={"color": "blue"}), s("t"), given="s=10.0.10.0 t=10.0.11.1",
       like=DIFFERS)
T.case("not a reserved one", A_NO, s("s", 80, ips="10.0.10.0"), s("t", 81), given="s=:already_allocated t=10.0.10.1", like=DIFFERS)
T.history("who comes has the key's address, also where a lower one is free",
          step(A24, service("r"), s("s", 80), given="r=10.0.10.0 s=10.0.10.1"),
          step(A24, s("s", 80), s("t", 81), given="s=10.0.10.1 t=10.0.10.1"))
T.history("removed and added again: the same one", step(A24, s("s", 80), s("t", 81), given="s=10.0.10.0 t=10.0.10.0"),
          step(A24, s("s", 80), given="s=10.0.10.0"), step(A24, s("s", 80), s("t", 81), given="s=10.0.10.0 t=10.0.10.0"))
T.history("who comes to have a port in common moves, whoever is the older",
          step(A24, s("s", 80), s("t", 81), given="s=10.0.10.0 t=10.0.10.0"),
          step(A24, s("s", 81), s("t", 81), given="s=10.0.10.1 t=10.0.10.0"),
          step(A24, s("t", 81), given="t=10.0.10.0", pools="a=256/255/1"), like=UNSAID)
T.history("a port more that nobody has", step(A24, s("s", 80), s("t", 81), given="s=10.0.10.0 t=10.0.10.0"),
          step(A24, s("s", 80), s("t", 81, 82), given="s=10.0.10.0 t=10.0.10.0"))
T.history("another key: another address", step(A24, s("s", 80), s("t", 81), given="s=10.0.10.0 t=10.0.10.0"),
          step(A24, s("s", 80), s("t", 81, key="l"), given="s=10.0.10.0 t=10.0.10.1"))
T.history("no key any more", step(A24, s("s", 80), s("t", 81), given="s=10.0.10.0 t=10.0.10.0"),
          step(A24, s("s", 80), s("t", 81, key=None), given="s=10.0.10.0 t=10.0.10.1"))
T.history("an address is free when the last that shares it goes",
          step(A_ONE, s("s", 80), s("t", 81), service("z"), given="s=10.0.10.1 t=10.0.10.1 z=:out_of_ips"),
          step(A_ONE, s("t", 81), service("z"), given="t=10.0.10.1 z=:out_of_ips"), step(A_ONE, service("z"), given="z=10.0.10.1"))
T.history("who waits shares when it may", step(A_ONE, s("s", 80), s("t", 80), given="s=10.0.10.1 t=:out_of_ips"),
          step(A_ONE, s("s", 81), s("t", 80), given="s=10.0.10.1 t=10.0.10.1"))
T.case("a key that is no text", A24, s("s", 80, key=7), refused="must be a string")

T.row = "53/TCP and 53/UDP of one key share"
T.case("they do", A24, s("s", "53/TCP"), s("t", "53/UDP"), given="s=10.0.10.0 t=10.0.10.0")
T.case("none is TCP", A24, s("s", 53), s("t", "53/UDP"), s("u", "53/TCP"), given="s=10.0.10.0 t=10.0.10.0 u=10.0.10.1")
T.case("SCTP is a third", A24, s("s", "53/TCP"), s("t", "53/UDP"), s("u", "53/SCTP"), s("v", "53/SCTP"),
       given="s=10.0.10.0 t=10.0.10.0 u=10.0.10.0 v=10.0.10.1")
T.case("80 and 443 over QUIC", A24, s("s", "80/TCP", "443/TCP"), s("t", "443/UDP"), given="s=10.0.10.0 t=10.0.10.0")
T.case("whichever port is named first", A24, s("s", "53/UDP", "853/TCP"), s("t", "853/UDP", "53/TCP"), s("u", "853/TCP", 5300),
       given="s=10.0.10.0 t=10.0.10.0 u=10.0.10.1")
T.case("one Service with both", A24, s("s", "53/TCP", "53/UDP"), s("t", "53/UDP"), given="s=10.0.10.0 t=10.0.10.1")
T.history("who comes to have another protocol shares then", step(A_ONE, s("s", 53), s("t", 53), given="s=10.0.10.1 t=:out_of_ips"),
          step(A_ONE, s("s", 53), s("t", "53/UDP"), given="s=10.0.10.1 t=10.0.10.1"))
T.case("no protocol", A24, s("s", "80/tcp"), refused="no protocol 'tcp'")
T.case("no port", A24, s("s", 65536), refused="from 1 to 65535")

T.row = "`lbipam.cilium.io/sharing-cross-namespace`; `io.cilium/lb-ipam-sharing-cross-namespace`"
T.case("without it: not across namespaces", A24, s("n/s", 80), s("m/t", 81), given="m/t=10.0.10.0 n/s=10.0.10.1")
T.case("both say so", A24, s("n/s", 80, across="m"), s("m/t", 81, across="n"), given="m/t=10.0.10.0 n/s=10.0.10.0")
T.case("one says so", A24, s("n/s", 80, across="m"), s("m/t", 81), given="m/t=10.0.10.0 n/s=10.0.10.1")
T.case("to all", A24, s("n/s", 80, across="*"), s("m/t", 81, across="*"), s("l/u", 82, across="*"),
       given="l/u=10.0.10.0 m/t=10.0.10.0 n/s=10.0.10.0")
T.case("one to all, one by name", A24, s("n/s", 80, across="x, m"), s("m/t", 81, across="*"), given="m/t=10.0.10.0 n/s=10.0.10.0")
T.case("one says another", A24, s("n/s", 80, across="mm"), s("m/t", 81, across="*"), given="m/t=10.0.10.0 n/s=10.0.10.1")
T.case("a star among names", A24, s("n/s", 80, across="x,*"), s("m/t", 81, across="n"), given="m/t=10.0.10.0 n/s=10.0.10.0",
       like=UNSAID)
T.case("names are compared letter by letter", A24, s("n/s", 80, across="M"), s("m/t", 81, across="n"), given="m/t=10.0.10.0 n/s=10.0.10.1")
T.case("the older name", A24, s("n/s", 80, notes={"io.cilium/lb-ipam-sharing-cross-namespace": "m"}), s("m/t", 81, across="n"),
       given="m/t=10.0.10.0 n/s=10.0.10.0")
T.case("one's own namespace needs none", A24, s("n/s", 80, across="m"), s("n/t", 81), given="n/s=10.0.10.0 n/t=10.0.10.0")
T.case("each with each: one that a third doesn't permit", A24, s("l/s", 80, across="*"), s("m/t", 81, across="l"), s("n/u", 82, across="*"),
       given="l/s=10.0.10.0 m/t=10.0.10.0 n/u=10.0.10.1")
T.history("permission withdrawn: who withdrew it moves", step(A24, s("n/s", 80, across="*"), s("m/t", 81, across="*"),
                                                             given="m/t=10.0.10.0 n/s=10.0.10.0"),
          step(A24, s("n/s", 80, across="*"), s("m/t", 81), given="m/t=10.0.10.1 n/s=10.0.10.0"))
T.case("a port in common all the same", A24, s("n/s", 80, across="*"), s("m/t", 80, across="*"), given="m/t=10.0.10.0 n/s=10.0.10.1")

T.row = "sharing with `externalTrafficPolicy: Local`: the same selector"
T.case("external traffic policies differ", A24, s("s", 80, local=X), s("t", 81), given="s=10.0.10.0 t=10.0.10.1")
T.case("Cluster, said by one", A24, s("s", 80, externalTrafficPolicy="Cluster"), s("t", 81), given="s=10.0.10.0 t=10.0.10.0")
T.case("Cluster for other pods", A24, s("s", 80, selector=X), s("t", 81, selector=Y), given="s=10.0.10.0 t=10.0.10.0")
T.case("Local for the same pods", A24, s("s", 80, local=X), s("t", 81, local=X), given="s=10.0.10.0 t=10.0.10.0")
T.case("in another order", A24, s("s", 80, local=X | {"b": "1"}), s("t", 81, local={"b": "1"} | X), given="s=10.0.10.0 t=10.0.10.0")
T.case("Local for other pods", A24, s("s", 80, local=X), s("t", 81, local=Y), given="s=10.0.10.0 t=10.0.10.1")
T.case("for some of these pods", A24, s("s", 80, local=X), s("t", 81, local=X | {"b": "1"}), given="s=10.0.10.0 t=10.0.10.1")
T.case("Local in another namespace, where the same selector selects other pods", A_TWO,
       s("n/s", 80, local=X, across="*", ips="10.0.10.1"), s("m/t", 81, local=X, across="*", ips="10.0.10.1"),
       given="m/t=10.0.10.1 n/s=:already_allocated_incompatible_service",
       says={"n/s": "external traffic policy Local in another namespace"}, like=DIFFERS)
T.case("Local without a selector shares with nobody", A24, s("s", 80, local={}), s("t", 81, local={}), s("u", 82, local=X),
       given="s=10.0.10.0 t=10.0.10.1 u=10.0.10.2")
T.history("who becomes Local moves", step(A24, s("s", 80, selector=X), s("t", 81, selector=X), given="s=10.0.10.0 t=10.0.10.0"),
          step(A24, s("s", 80, selector=X), s("t", 81, local=X), given="s=10.0.10.0 t=10.0.10.1"))
T.case("the reason is told", A_TWO, s("s", 80, local=X, ips="10.0.10.1"), s("t", 81, local=Y, ips="10.0.10.1"),
       given="s=10.0.10.1 t=:already_allocated_incompatible_service", says={"t": "external traffic policy Local for other pods"})
T.case("no such policy", A24, s("s", 80, externalTrafficPolicy="local"), refused="no externalTrafficPolicy")

T.row = "`lbipam.cilium.io/sharing-permit-different-pods`"
T.case("they don't share, and it is named", A24, s("s", 80, local=X, notes=DIFFERENT_PODS), s("t", 81, local=Y, notes=DIFFERENT_PODS),
       given="s=10.0.10.0 t=10.0.10.1", notes=["sharing-permit-different-pods (not supported: they don't share)"] * 2, like=ABSENT)
T.case("for the same pods it says nothing", A24, s("s", 80, local=X, notes=DIFFERENT_PODS), s("t", 81, local=X, notes=DIFFERENT_PODS),
       given="s=10.0.10.0 t=10.0.10.0", like=ABSENT)
T.case("without a selector Cilium doesn't share either", pool("a", "10.0.10.1"), s("s", 80, local={}, notes=DIFFERENT_PODS),
       s("t", 81, local={}, notes=DIFFERENT_PODS), given="s=10.0.10.1 t=:out_of_ips", like=ABSENT)
