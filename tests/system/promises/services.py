# SPDX-License-Identifier: GPL-2.0-or-later
"""Services: whose they are, which families and addresses they ask for, and what they are told."""
from objects import ABSENT, DIFFERS, UNSAID, EXT, LB, ON_ETH1, Table, policy, pool, service, step
from pools import A24, A_NO, A_ONE, A_TWO, B_ONE, BLUE, DUAL, S, SIX, T_, U, YOUNG

ANNOUNCE = policy("p", LB | ON_ETH1)
EVERY = policy("p", LB | EXT | ON_ETH1)
OTHER = "example.com/other"

T = Table()

T.row = "`spec.type` LoadBalancer"
for kind in ("ClusterIP", "NodePort", "ExternalName", None):
    T.case(f"{kind or 'none'} gets nothing", A24, service("s", kind=kind), given="", pools="a=256/256/0")
T.history("of another type now: taken back", step(A_ONE, S, T_, given="s=10.0.10.1 t=:out_of_ips"),
          step(A_ONE, service("s", kind="ClusterIP"), T_, given="t=10.0.10.1"))
T.history("without pools, what others gave stays", step(service("s", has="198.18.0.1"), given=""))
T.case("in each namespace", A24, service("a/s"), service("b/s"), given="a/s=10.0.10.0 b/s=10.0.10.1")

T.row = "`spec.loadBalancerClass` unset, or one of Cilium's"
T.case("unset", A24, S, ANNOUNCE, given="s=10.0.10.0", announced={"10.0.10.0 eth1"})
T.case("io.cilium/l2-announcer", A24, service("s", loadBalancerClass="io.cilium/l2-announcer"), ANNOUNCE, given="s=10.0.10.0",
       announced={"10.0.10.0 eth1"})
T.case("another's: not even a condition", A24, service("s", loadBalancerClass=OTHER), ANNOUNCE, given="", announced=set())
T.case("another's address isn't ours to give", A_TWO, service("s", loadBalancerClass=OTHER, has="10.0.10.1"), T_, ANNOUNCE,
       given="t=10.0.10.2", announced={"10.0.10.2 eth1"}, silent={"10.0.10.1": "other_class"}, like=UNSAID)
T.case("io.cilium/bgp-control-plane isn't ours", A24, service("s", loadBalancerClass="io.cilium/bgp-control-plane"), given="",
       like=DIFFERS)
T.case("a class of another type of Service is nobody's", service("s", kind="ClusterIP", external=["198.18.0.1"]), EVERY,
       announced={"198.18.0.1 eth1"})
T.case("a class and an address by hand", service("s", loadBalancerClass=OTHER, external=["198.18.0.1"]), EVERY, announced=set(),
       silent={"198.18.0.1": "other_class"})

T.row = "`defaultLBServiceIPAM` `lbipam` or `none` (before its release `lbIPAM.requireLBClass`)"
T.case("a Service without a class isn't ours, nor its address ours to give", A_TWO, service("s", has="10.0.10.1"),
       service("t", loadBalancerClass="io.cilium/l2-announcer"), given="t=10.0.10.2", options={"classRequired": True})
T.case("nor announced", A_TWO, S, service("t", loadBalancerClass="io.cilium/l2-announcer"), ANNOUNCE, given="t=10.0.10.1",
       announced={"10.0.10.1 eth1"}, options={"classRequired": True})
T.case("others keep out, as ever", A_TWO, service("s", loadBalancerClass=OTHER), given="", options={"classRequired": True})

T.row = "`spec.ipFamilies`, `spec.ipFamilyPolicy`"
T.case("IPv4 where nothing is said", DUAL, S, given="s=10.0.10.0")
T.case("IPv4 alone isn't had from IPv6", SIX, S, given="s=:no_pool")
T.case("IPv6 alone isn't had from IPv4", A24, service("s", ipFamilies=["IPv6"]), given="s=:no_pool")
T.case("SingleStack: IPv4", DUAL, service("s", ipFamilyPolicy="SingleStack"), given="s=10.0.10.0")
T.case("SingleStack: the first of ipFamilies", DUAL, service("s", ipFamilyPolicy="SingleStack", ipFamilies=["IPv6", "IPv4"]),
       given="s=2001:db8::")
T.case("PreferDualStack: both", DUAL, service("s", ipFamilyPolicy="PreferDualStack"), given="s=10.0.10.0,2001:db8::")
T.case("PreferDualStack: those of ipFamilies, IPv4 first", DUAL,
       service("s", ipFamilyPolicy="PreferDualStack", ipFamilies=["IPv6"]),
       service("t", ipFamilyPolicy="PreferDualStack", ipFamilies=["IPv6", "IPv4"]), given="s=2001:db8:: t=10.0.10.0,2001:db8::1")
T.case("RequireDualStack: both, whatever ipFamilies say", DUAL,
       service("s", ipFamilyPolicy="RequireDualStack", ipFamilies=["IPv4"]), given="s=10.0.10.0,2001:db8::")
T.history("RequireDualStack without IPv6: what there is, unsatisfied",
          step(A24, service("s", ipFamilyPolicy="RequireDualStack"), given="s=10.0.10.0:no_pool"),
          step(DUAL, service("s", ipFamilyPolicy="RequireDualStack"), given="s=10.0.10.0,2001:db8::"), like=DIFFERS)
T.case("RequireDualStack from two pools", A24, pool("b", "2001:db8::/64"), service("s", ipFamilyPolicy="RequireDualStack"),
       given="s=10.0.10.0,2001:db8::")
T.case("RequireDualStack where one is full", pool("a", "10.0.10.1", "2001:db8::/64"), S,
       service("t", ipFamilyPolicy="RequireDualStack"), given="s=10.0.10.1 t=2001:db8:::out_of_ips")
T.history("a family that isn't wanted any more is taken back",
          step(DUAL, service("s", ipFamilyPolicy="PreferDualStack"), given="s=10.0.10.0,2001:db8::"),
          step(DUAL, service("s", ipFamilies=["IPv6"]), given="s=2001:db8::"),
          step(DUAL, service("s", ipFamilies=["IPv6"]), T_, given="s=2001:db8:: t=10.0.10.0"))
T.history("one more family: the other stays", step(DUAL, S, given="s=10.0.10.0"),
          step(DUAL, service("s", ipFamilyPolicy="RequireDualStack"), given="s=10.0.10.0,2001:db8::"))
T.case("no family", A24, service("s", ipFamilies=["ipv4"]), refused="no IP family")
T.case("no policy", A24, service("s", ipFamilyPolicy="DualStack"), refused="no ipFamilyPolicy")

T.row = "`spec.loadBalancerIP`"
T.case("given", A24, service("s", loadBalancerIP="10.0.10.7"), given="s=10.0.10.7")
T.case("of IPv6, whatever the families", DUAL, service("s", loadBalancerIP="2001:db8::7"), given="s=2001:db8::7")
T.case("beside the annotation", A24, service("s", ips="10.0.10.8", loadBalancerIP="10.0.10.7"), given="s=10.0.10.7,10.0.10.8")
T.case("outside of the pools", A24, service("s", loadBalancerIP="10.0.11.1"), given="s=:no_pool",
       says={"s": "No pool exists with a CIDR containing '10.0.11.1'"})
T.case("an empty one is none", A24, service("s", loadBalancerIP=""), given="s=10.0.10.0")

T.row = "`lbipam.cilium.io/ips`; `io.cilium/lb-ipam-ips`"
T.case("given", A24, service("s", ips="10.0.10.77"), given="s=10.0.10.77")
T.case("the older name of the annotation", A24, service("s", notes={"io.cilium/lb-ipam-ips": "10.0.10.7"}), given="s=10.0.10.7")
T.case("the newer name goes first", A24, service("s", ips="10.0.10.8", notes={"io.cilium/lb-ipam-ips": "10.0.10.7"}),
       given="s=10.0.10.8")
T.case("several, in their order, each once", DUAL, service("s", ips="10.0.10.9, 2001:db8::7,10.0.10.3,10.0.10.9"),
       given="s=10.0.10.9,2001:db8::7,10.0.10.3")
T.case("more of a family than any Service gets unasked", A24, service("s", ips="10.0.10.1,10.0.10.2,10.0.10.3"), ANNOUNCE,
       given="s=10.0.10.1,10.0.10.2,10.0.10.3", announced={f"10.0.10.{at} eth1" for at in (1, 2, 3)})
T.case("of several pools", A24, B_ONE, service("s", ips="10.0.11.1,10.0.10.1"), given="s=10.0.11.1,10.0.10.1")
T.case("another spelling of it", DUAL, service("s", ips="2001:DB8:0:0::7"), given="s=2001:db8::7")
T.case("what is no address counts as absent", A24, service("s", ips="10.0.10.777"), given="s=10.0.10.0", notes=["10.0.10.777"])
T.case("also beside one that is", A24, service("s", ips="10.0.10.777,10.0.10.7"), given="s=10.0.10.7", notes=["10.0.10.777"])
T.case("an empty one is none", A24, service("s", ips=""), given="s=10.0.10.0")
T.case("outside of the pools", A24, service("s", ips="10.0.11.1"), given="s=:no_pool")
T.case("in a pool that doesn't select it", BLUE, service("s", ips="10.0.10.7"), given="s=:pool_selector_mismatch")
T.case("in a pool that selects it", BLUE, service("s", ips="10.0.10.7", labels={"color": "blue"}), given="s=10.0.10.7")
T.history("already another's", step(A24, service("s", ips="10.0.10.7"), service("t", ips="10.0.10.7"),
                                    given="s=10.0.10.7 t=:already_allocated"),
          step(A24, service("t", ips="10.0.10.7"), given="t=10.0.10.7"))
T.case("a reserved one", A_NO, service("s", ips="10.0.10.0"), service("t", ips="10.0.10.255"),
       given="s=:already_allocated t=:already_allocated", like=DIFFERS)
T.case("those that can be had, and why not the last that can't", A24, service("s", ips="10.0.11.1,10.0.10.7,10.0.10.8"),
       service("r", ips="10.0.10.8"), given="r=10.0.10.8 s=10.0.10.7:already_allocated", like=UNSAID)
T.case("requests before those who take any", A_TWO, S, service("t", ips="10.0.10.1"), given="s=10.0.10.2 t=10.0.10.1", like=UNSAID)
T.history("another request: the former address is taken back", step(A24, service("s", ips="10.0.10.7"), given="s=10.0.10.7"),
          step(A24, service("s", ips="10.0.10.8"), given="s=10.0.10.8", pools="a=256/255/1"))
T.history("what can't be had costs what it had", step(A24, S, given="s=10.0.10.0"),
          step(A24, service("s", ips="10.0.11.8"), given="s=:no_pool", pools="a=256/256/0"),
          like=UNSAID)
T.history("a request for what it has and one more, and then for none", step(A24, S, given="s=10.0.10.0"),
          step(A24, service("s", ips="10.0.10.0,10.0.10.1"), given="s=10.0.10.0,10.0.10.1"),
          step(A24, S, given="s=10.0.10.0", pools="a=256/255/1"), like=DIFFERS)
T.history("who asks later doesn't take what another has", step(A_ONE, service("z"), given="z=10.0.10.1"),
          step(A_ONE, service("z"), service("s", ips="10.0.10.1"), given="s=:already_allocated z=10.0.10.1"),
          step(A_ONE, service("s", ips="10.0.10.1"), given="s=10.0.10.1"))
T.case("of the older, where two ask", A24, service("s", ips="10.0.10.7", born=YOUNG), service("t", ips="10.0.10.7"),
       given="t=10.0.10.7 s=:already_allocated")

T.row = "addresses in a Service's status stay over a restart"
T.case("of one", A24, service("s", has="10.0.10.9"), given="s=10.0.10.9")
T.case("of both families", DUAL, service("s", has="10.0.10.9 2001:db8::9", ipFamilyPolicy="RequireDualStack"),
       given="s=10.0.10.9,2001:db8::9")
T.case("not one that is outside", A24, service("s", has="10.0.11.9"), given="s=10.0.10.0")
T.case("not one of a family that isn't wanted", DUAL, service("s", has="2001:db8::9"), given="s=10.0.10.0")
T.case("not one beside what is requested", A24, service("s", has="10.0.10.9", ips="10.0.10.7"), given="s=10.0.10.7")
T.case("one in two statuses stays with the first", A24, service("s", has="10.0.10.9"), service("t", has="10.0.10.9"),
       given="s=10.0.10.9 t=10.0.10.0", like=UNSAID)
T.case("who has it in its status goes before who asks for it", A24, service("s", ips="10.0.10.9"), service("t", has="10.0.10.9"),
       given="s=:already_allocated t=10.0.10.9", like=UNSAID)
T.case("and before who comes first in order", A_ONE, S, service("t", has="10.0.10.1"), given="s=:out_of_ips t=10.0.10.1")
T.case("of a pool that doesn't select it: taken back", BLUE, service("s", has="10.0.10.9"), given="s=:no_pool")
T.case("shared, by several under two addresses", A24, *(service(name, key="k", ports=[port], has=ip) for name, port, ip in (
       ("s", 80, "10.0.10.5"), ("t", 80, "10.0.10.6"), ("u", 81, "10.0.10.6"), ("v", 82, "10.0.10.5"))),
       given="s=10.0.10.5 t=10.0.10.6 u=10.0.10.6 v=10.0.10.5")

T.row = "condition `cilium.io/IPAMRequestSatisfied` with reasons"
T.case("satisfied, without a message", A24, S, given="s=10.0.10.0", says={"s": ""})
T.case("no_pool: none selects it", BLUE, S, given="s=:no_pool",
       says={"s": "There are no enabled CiliumLoadBalancerIPPools that match this service (pool 'a' selects color=blue)"})
T.case("no_pool: none is of the family", A24, service("s", ipFamilies=["IPv6"]), given="s=:no_pool",
       says={"s": "There are no enabled CiliumLoadBalancerIPPools that match this service"})
T.case("no_pool: requested", A24, service("s", ips="10.0.11.7"), given="s=:no_pool",
       says={"s": "No pool exists with a CIDR containing '10.0.11.7'"})
T.case("out_of_ips", A_ONE, S, T_, U, given="s=10.0.10.1 t=:out_of_ips u=:out_of_ips", says={"u": "ran out of allocatable IPs (pool 'a' is full)"})
T.case("pool_selector_mismatch", BLUE, service("s", ips="10.0.10.7"), given="s=:pool_selector_mismatch",
       says={"s": "The pool with the CIDR containing '10.0.10.7', doesn't select this service"})
T.case("already_allocated", A_ONE, service("s", ips="10.0.10.1"), service("t", ips="10.0.10.1"),
       given="s=10.0.10.1 t=:already_allocated", says={"t": "The IP '10.0.10.1' is already allocated to another service"})
T.case("already_allocated_incompatible_service", A_ONE, service("s", key="k", ports=[80], ips="10.0.10.1"),
       service("t", key="k", ports=[80], ips="10.0.10.1"), given="s=10.0.10.1 t=:already_allocated_incompatible_service",
       says={"t": "already allocated to an incompatible service. Reason: the same port and protocol"})
T.history("it becomes true", step(A_ONE, S, T_, given="s=10.0.10.1 t=:out_of_ips"),
          step(A_TWO, S, T_, given="s=10.0.10.1 t=10.0.10.2", says={"t": ""}))
T.history("and false", step(A_TWO, S, T_, given="s=10.0.10.1 t=10.0.10.2"), step(A_ONE, S, T_, given="s=10.0.10.1 t=:out_of_ips"))

T.row = "other annotations of `lbipam.cilium.io/`"
T.case("named, and ignored", A24, service("s", notes={"lbipam.cilium.io/ip": "10.0.10.7", "lbipam.cilium.io/sharing-keys": "k"}),
       given="s=10.0.10.0", notes=["annotations that are ignored: lbipam.cilium.io/ip, lbipam.cilium.io/sharing-keys"], like=DIFFERS)
T.case("those that are known aren't named", A24, service("s", ips="10.0.10.7", key="k", across="*"), given="s=10.0.10.7", notes=[])

T.row = "`service.cilium.io/type`, `.../forwarding-mode`, `.../lb-l7` and others"
T.case("change nothing", A24, service("s", notes={"service.cilium.io/type": "NodePort", "service.cilium.io/lb-l7": "enabled",
                                                  "service.cilium.io/forwarding-mode": "dsr"}), ANNOUNCE, given="s=10.0.10.0",
       announced={"10.0.10.0 eth1"}, notes=[], like=ABSENT)

T.row = "Node IPAM, `io.cilium/node`"
T.case("is another's", A24, service("s", loadBalancerClass="io.cilium/node"), ANNOUNCE, given="", announced=set(), like=ABSENT)
T.case("also its status", A24, service("s", loadBalancerClass="io.cilium/node", has="198.18.0.9"), ANNOUNCE, given="", announced=set(),
       silent={"198.18.0.9": "other_class"}, like=ABSENT)
