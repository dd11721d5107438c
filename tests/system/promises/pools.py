# SPDX-License-Identifier: GPL-2.0-or-later
"""Pools: their versions, blocks, selectors, conflicts and counts."""
from objects import ABSENT, DIFFERS, UNSAID, Table, expression, node, pool, service, step

YOUNG = "2026-01-02T00:00:00Z"
OLD = "2026-01-01T00:00:00Z"
A24 = pool("a", "10.0.10.0/24")
A28 = pool("a", "10.0.10.0/28")
A_NO = pool("a", "10.0.10.0/24", allowFirstLastIPs="No")
A_ONE = pool("a", "10.0.10.1")
A_TWO = pool("a", "10.0.10.1-10.0.10.2")
B_ONE = pool("b", "10.0.11.1")
B24 = pool("b", "10.0.11.0/24")
SIX = pool("a", "2001:db8::/64")
DUAL = pool("a", "10.0.10.0/24", "2001:db8::/64")
BLUE = pool("a", "10.0.10.0/24", serviceSelector={"matchLabels": {"color": "blue"}})
OFF = pool("a", "10.0.10.0/24", disabled=True)
V6 = {"ipFamilies": ["IPv6"]}
S, T_, U = service("s"), service("t"), service("u")

T = Table()

T.row = "`cilium.io/v2alpha1`"
T.case("a pool of v2alpha1", pool("a", "10.0.10.0/24", api="cilium.io/v2alpha1"), S, given="s=10.0.10.0", pools="a=256/255/1")
T.case("with all fields", pool("a", "10.0.10.0/30", {"start": "10.0.11.1", "stop": "10.0.11.2"}, api="cilium.io/v2alpha1",
                               allowFirstLastIPs="No", disabled=False, serviceSelector={"matchLabels": {"color": "blue"}}),
       service("s", labels={"color": "blue"}), T_, given="s=10.0.10.1 t=:no_pool", pools="a=4/3/1")

T.row = "`cilium.io/v2`"
T.case("a pool of v2", A24, S, given="s=10.0.10.0")
T.case("beside one of v2alpha1", pool("a", "10.0.10.1", api="cilium.io/v2alpha1"), B_ONE, S, T_, U,
       given="s=10.0.10.1 t=10.0.11.1 u=:out_of_ips", pools="a=1/0/1 b=1/0/1")
T.case("they overlap as two of one version do", pool("a", "10.0.10.0/24", api="cilium.io/v2alpha1"), pool("b", "10.0.10.7"), S,
       given="s=10.0.10.0", pools="a=256/255/1 b!=1/1/0")
T.history("a version that changes moves nobody",
          step(pool("a", "10.0.10.0/24", api="cilium.io/v2alpha1"), S, service("t", ips="10.0.10.9"),
               given="s=10.0.10.0 t=10.0.10.9"),
          step(A24, S, T_, U, given="s=10.0.10.0 t=10.0.10.9 u=10.0.10.1"))
T.case("another version is taken for a slip", pool("a", "10.0.10.0/24", api="cilium.io/v1"),
       refused="there is cilium.io/v2 CiliumLoadBalancerIPPool", like=UNSAID)

T.row = "`spec.cidrs`"
T.case("refused, and named", pool("a", cidrs=[{"cidr": "10.0.10.0/24"}]), refused="no key 'cidrs'", like=DIFFERS)
T.case("also beside blocks", pool("a", "10.0.10.0/24", cidrs=[]), refused="no key 'cidrs'", like=DIFFERS)

T.row = "other unknown fields"
T.case("of the spec", pool("a", "10.0.10.0/24", serviceSelecter={}), refused="no key 'serviceSelecter'", like=DIFFERS)
T.case("of a block", pool("a", {"cdir": "10.0.10.0/24"}), refused="no key 'cdir'", like=DIFFERS)

T.row = "`spec.blocks[]` with `cidr`, or `start` and `stop`"
T.case("a /24", A24, S, given="s=10.0.10.0", pools="a=256/255/1")
T.case("a /32 is one", pool("a", "10.0.10.7/32"), S, T_, given="s=10.0.10.7 t=:out_of_ips", pools="a=1/0/1")
T.case("a /31 is two", pool("a", "10.0.10.6/31"), S, T_, U, given="s=10.0.10.6 t=10.0.10.7 u=:out_of_ips", pools="a=2/0/2")
T.case("a prefix with host bits is its network", pool("a", "10.0.10.77/24"), S, given="s=10.0.10.0", pools="a=256/255/1")
T.case("a /8", pool("a", "10.0.0.0/8"), service("s", ips="10.255.0.1"), T_, given="s=10.255.0.1 t=10.0.0.0",
       pools="a=16777216/16777214/2")
T.case("a /64", SIX, service("s", **V6), given="s=2001:db8::", pools="a=18446744073709551616/18446744073709551615/1")
T.case("a /128 is one", pool("a", "2001:db8::7/128"), service("s", **V6), service("t", **V6),
       given="s=2001:db8::7 t=:out_of_ips", pools="a=1/0/1")
T.case("a range is from start to stop, both included", A_TWO, S, T_, U,
       given="s=10.0.10.1 t=10.0.10.2 u=:out_of_ips", pools="a=2/0/2")
T.case("a range that ends in the next /24", pool("a", "10.0.10.255-10.0.11.0"), S, T_, U,
       given="s=10.0.10.255 t=10.0.11.0 u=:out_of_ips")
T.case("a range of one", pool("a", "10.0.10.5-10.0.10.5"), S, T_, given="s=10.0.10.5 t=:out_of_ips", pools="a=1/0/1")
T.case("a range of IPv6", pool("a", "2001:db8::9-2001:db8::a"), service("s", **V6), service("t", **V6), service("u", **V6),
       given="s=2001:db8::9 t=2001:db8::a u=:out_of_ips", pools="a=2/0/2")
T.case("a start alone is one address", A_ONE, S, given="s=10.0.10.1", pools="a=1/0/1")
T.case("a start alone of IPv6", pool("a", "2001:db8::5"), service("s", **V6), given="s=2001:db8::5", pools="a=1/0/1")
T.case("all three, of both families", pool("a", "10.0.10.0/30", "2001:db8::/126", "10.0.20.100-10.0.20.200", "10.0.30.4"),
       service("s", ips="10.0.10.3"), service("t", ips="2001:db8::3"), service("u", ips="10.0.20.200"),
       service("v", ips="10.0.30.4"), given="s=10.0.10.3 t=2001:db8::3 u=10.0.20.200 v=10.0.30.4", pools="a=110/106/4")
T.case("a pool without blocks", pool("a"), S, given="s=:no_pool", pools="a=0/0/0")
T.case("no prefix", pool("a", "10.0.10.0/33"), refused="not an IP prefix")
T.case("an address where a prefix should be", pool("a", {"cidr": "10.0.10.0"}), refused="a block needs a cidr")
T.case("an empty block", pool("a", {}), refused="a block needs a cidr")
T.case("a stop alone", pool("a", {"stop": "10.0.10.1"}), refused="not a range")
T.case("a range that runs backwards", pool("a", "10.0.10.9-10.0.10.1"), refused="runs backwards")
T.case("a range from one family to the other", pool("a", "10.0.10.9-2001:db8::1"), refused="not a range")
T.case("what nobody can announce", pool("a", "ff02::/64"), refused="multicast", like=DIFFERS)
T.case("everything", pool("a", "0.0.0.0/0"), refused="can't be announced", like=DIFFERS)

T.row = "`spec.allowFirstLastIPs`"
T.case("Yes where nothing is said", pool("a", "10.0.10.0/30"), S, T_, U, given="s=10.0.10.0 t=10.0.10.1 u=10.0.10.2",
       pools="a=4/1/3")
T.case("Yes", pool("a", "10.0.10.0/30", allowFirstLastIPs="Yes"), S, given="s=10.0.10.0", pools="a=4/3/1")
T.case("No: neither the first nor the last", pool("a", "10.0.10.0/30", allowFirstLastIPs="No"), S, T_, U,
       given="s=10.0.10.1 t=10.0.10.2 u=:out_of_ips", pools="a=2/0/2")
T.case("No: a /24", A_NO, S, given="s=10.0.10.1", pools="a=254/253/1")
T.case("No: a /64", pool("a", "2001:db8::/64", allowFirstLastIPs="No"), service("s", **V6), given="s=2001:db8::1",
       pools="a=18446744073709551614/18446744073709551613/1")
T.case("No: of each prefix", pool("a", "10.0.10.0/30", "10.0.11.0/30", allowFirstLastIPs="No"), S, T_, U,
       given="s=10.0.10.1 t=10.0.10.2 u=10.0.11.1", pools="a=4/1/3")
T.case("No: a /31 and a /32 have none reserved", pool("a", "10.0.10.0/31", "10.0.11.7/32", allowFirstLastIPs="No"), S, T_, U,
       given="s=10.0.10.0 t=10.0.10.1 u=10.0.11.7", pools="a=3/0/3")
T.case("No: a /127 and a /128 have none reserved", pool("a", "2001:db8::/127", "2001:db8::9/128", allowFirstLastIPs="No"),
       service("s", **V6), service("t", **V6), service("u", **V6), given="s=2001:db8:: t=2001:db8::1 u=2001:db8::9", pools="a=3/0/3")
T.case("No: a range has none reserved", pool("a", "10.0.10.4-10.0.10.7", allowFirstLastIPs="No"), S, given="s=10.0.10.4",
       pools="a=4/3/1")
T.history("first and last that are reserved later stay with who has them",
          step(A24, S, given="s=10.0.10.0", pools="a=256/255/1"),
          step(A_NO, S, T_, given="s=10.0.10.0 t=10.0.10.1", pools="a=255/253/2"),
          step(A_NO, T_, U, given="t=10.0.10.1 u=10.0.10.2", pools="a=254/252/2"))
T.history("set free later, they can be had", step(pool("a", "10.0.10.0/30", allowFirstLastIPs="No"), S, T_, U,
                                                  given="s=10.0.10.1 t=10.0.10.2 u=:out_of_ips"),
          step(pool("a", "10.0.10.0/30"), S, T_, U, given="s=10.0.10.1 t=10.0.10.2 u=10.0.10.0", pools="a=4/1/3"))
T.case("in small letters", pool("a", "10.0.10.0/24", allowFirstLastIPs="yes"), refused='must be "Yes" or "No"')
T.case("as a truth value", pool("a", "10.0.10.0/24", allowFirstLastIPs=True), refused="must be a string")

T.row = "`spec.serviceSelector`"
T.case("none: every Service", A24, service("s", labels={"color": "blue"}), service("n/t"), given="s=10.0.10.0 n/t=10.0.10.1")
T.case("an empty one: every Service", pool("a", "10.0.10.0/24", serviceSelector={}), S, given="s=10.0.10.0")
T.case("matchLabels", BLUE, service("s", labels={"color": "blue"}), service("t", labels={"color": "red"}), U,
       given="s=10.0.10.0 t=:no_pool u=:no_pool")
T.case("matchLabels are ANDed", pool("a", "10.0.10.0/24", serviceSelector={"matchLabels": {"color": "blue", "tier": "front"}}),
       service("s", labels={"color": "blue"}), service("t", labels={"color": "blue", "tier": "front"}),
       given="s=:no_pool t=10.0.10.0")
T.case("In", pool("a", "10.0.10.0/24", serviceSelector=expression("color", "In", "blue", "cyan")),
       service("s", labels={"color": "cyan"}), service("t", labels={"color": "red"}), U, given="s=10.0.10.0 t=:no_pool u=:no_pool")
T.case("NotIn", pool("a", "10.0.10.0/24", serviceSelector=expression("color", "NotIn", "blue")),
       service("s", labels={"color": "blue"}), service("t", labels={"color": "red"}), U,
       given="s=:no_pool t=10.0.10.0 u=10.0.10.1")
T.case("Exists", pool("a", "10.0.10.0/24", serviceSelector=expression("color", "Exists")),
       service("s", labels={"color": ""}), T_, given="s=10.0.10.0 t=:no_pool")
T.case("DoesNotExist", pool("a", "10.0.10.0/24", serviceSelector=expression("color", "DoesNotExist")),
       service("s", labels={"color": ""}), T_, given="s=:no_pool t=10.0.10.0")
T.case("what it selects is named, in kubectl's notation", pool("a", "10.0.10.0/24", serviceSelector={"matchExpressions": [
       {"key": "a", "operator": "In", "values": ["x", "y"]}, {"key": "b", "operator": "NotIn", "values": ["z"]},
       {"key": "c", "operator": "Exists"}, {"key": "d", "operator": "DoesNotExist"}]}), S, given="s=:no_pool",
       says={"s": "(pool 'a' selects a in (x, y),b!=z,c,!d)"}, like=UNSAID)
T.case("labels and expressions are ANDed",
       pool("a", "10.0.10.0/24", serviceSelector={"matchLabels": {"color": "blue"}} | expression("tier", "DoesNotExist")),
       service("s", labels={"color": "blue"}), service("t", labels={"color": "blue", "tier": "x"}), given="s=10.0.10.0 t=:no_pool")
T.case("by namespace", pool("a", "10.0.10.0/24", serviceSelector={"matchLabels": {"io.kubernetes.service.namespace": "n"}}),
       service("n/s"), T_, given="t=:no_pool n/s=10.0.10.0")
T.case("by name", pool("a", "10.0.10.0/24", serviceSelector=expression("io.kubernetes.service.name", "In", "t")), S, T_,
       given="s=:no_pool t=10.0.10.0")
T.case("each pool its Services", BLUE, pool("b", "10.0.11.0/24", serviceSelector={"matchLabels": {"color": "red"}}),
       service("s", labels={"color": "red"}), service("t", labels={"color": "blue"}), U,
       given="s=10.0.11.0 t=10.0.10.0 u=:no_pool")
T.case("the next pool whose selector matches", BLUE, B_ONE, S, T_, given="s=10.0.11.1 t=:out_of_ips")
T.case("who is selected by several has any of them", BLUE, B_ONE, service("s", labels={"color": "blue"}, ips="10.0.11.1"),
       service("t", labels={"color": "blue"}), given="s=10.0.11.1 t=10.0.10.0")
T.history("labels that don't match any more: taken back, and another pool's instead",
          step(BLUE, B_ONE, service("s", labels={"color": "blue"}), given="s=10.0.10.0"),
          step(BLUE, B_ONE, S, given="s=10.0.11.1", pools="a=256/256/0 b=1/0/1"))
T.history("labels that come to match", step(BLUE, S, given="s=:no_pool"),
          step(BLUE, service("s", labels={"color": "blue"}), given="s=10.0.10.0"))
T.history("a selector that changes takes back what it doesn't match",
          step(A24, S, service("t", labels={"color": "blue"}), given="s=10.0.10.0 t=10.0.10.1"),
          step(BLUE, S, service("t", labels={"color": "blue"}), given="s=:no_pool t=10.0.10.1"))
T.case("an operator that isn't known", pool("a", "10.0.10.0/24", serviceSelector=expression("color", "Is", "blue")),
       refused="no operator 'Is'")
T.case("In without values", pool("a", "10.0.10.0/24", serviceSelector=expression("color", "In")), refused="In needs values")

T.row = "`spec.disabled`"
T.case("gives nothing", OFF, S, given="s=:no_pool", pools="a=256/256/0")
T.case("nor what is requested", OFF, service("s", ips="10.0.10.7"), given="s=:no_pool")
T.case("another pool does", OFF, B_ONE, S, given="s=10.0.11.1")
T.case("false is as nothing said", pool("a", "10.0.10.0/24", disabled=False), S, given="s=10.0.10.0")
T.history("what it gave before stays", step(A24, S, given="s=10.0.10.0"),
          step(OFF, S, T_, given="s=10.0.10.0 t=:no_pool", pools="a=256/255/1"),
          step(A24, S, T_, given="s=10.0.10.0 t=10.0.10.1"))
T.history("given back, it can't be had again", step(A24, S, given="s=10.0.10.0"), step(OFF, given="", pools="a=256/256/0"),
          step(OFF, S, given="s=:no_pool"))
T.history("no new sharer", step(A24, service("s", key="k", ports=[80]), given="s=10.0.10.0"),
          step(OFF, service("s", key="k", ports=[80]), service("t", key="k", ports=[81]), given="s=10.0.10.0 t=:no_pool"),
          like=UNSAID)
T.case("after a restart what a status has stays", OFF, service("s", has="10.0.10.9"), given="s=10.0.10.9", like=DIFFERS)
T.case("a pool that would do is named", OFF, S, given="s=:no_pool", says={"s": "pool 'a' would, but is disabled"}, like=DIFFERS)

T.row = "overlapping pools: no address is allocated from the one added last"
T.case("the younger gives nothing", pool("a", "10.0.10.0-10.0.10.7", born=YOUNG), pool("b", "10.0.10.7-10.0.10.9", born=OLD), S,
       given="s=10.0.10.7", pools="b=3/2/1 a!=8/7/1", says={"a": "'b'"})
T.case("of one age, the later by name", A24, pool("b", "10.0.0.0/16"), service("s", ips="10.0.11.1"), given="s=:no_pool",
       pools="a=256/256/0 b!=65536/65536/0", says={"s": "pool 'b' would, but is in conflict"}, like=DIFFERS)
T.case("of IPv6", SIX, pool("b", "2001:db8::7"), service("s", **V6), given="s=2001:db8::", pools="b!=1/1/0 a=18446744073709551616/"
       "18446744073709551615/1")
T.case("an overlap by one address", pool("a", "10.0.10.0-10.0.10.7"), pool("b", "10.0.10.7-10.0.10.9"), given="",
       pools="a=8/8/0 b!=3/3/0")
T.case("with itself", pool("a", "10.0.10.0/24", "10.0.10.7"), S, given="s=:no_pool", pools="a!=257/257/0")
T.case("one that overlaps only a pool in conflict is used", A24, pool("b", "10.0.10.0/23"), pool("c", "10.0.11.1"),
       service("s", ips="10.0.11.1"), given="s=10.0.11.1", pools="a=256/256/0 b!=512/511/1 c=1/0/1")
T.case("neighbours aren't a conflict", A24, B24, S, given="s=10.0.10.0", pools="a=256/255/1 b=256/256/0")
T.case("selectors that exclude each other are a conflict all the same", BLUE,
       pool("b", "10.0.10.0/24", serviceSelector={"matchLabels": {"color": "red"}}), service("s", labels={"color": "red"}),
       given="s=:no_pool", pools="a=256/256/0 b!=256/256/0")
T.case("one that is disabled is in conflict, too", OFF, pool("b", "10.0.10.7"), S, given="s=:no_pool", pools="a=256/256/0 b!=1/1/0",
       like=UNSAID)
T.history("the older gone: the younger is used", step(A24, pool("b", "10.0.10.0/25"), S, given="s=10.0.10.0", pools="a=256/255/1 b!=128/127/1"),
          step(pool("b", "10.0.10.0/25"), S, T_, given="s=10.0.10.0 t=10.0.10.1", pools="b=128/126/2"))
T.history("the older made smaller: the younger is used", step(A24, pool("b", "10.0.10.128"), service("s", ips="10.0.10.128"),
                                                              given="s=10.0.10.128", pools="a=256/255/1 b!=1/0/1"),
          step(pool("a", "10.0.10.0/25"), pool("b", "10.0.10.128"), service("s", ips="10.0.10.128"), given="s=10.0.10.128",
               pools="a=128/128/0 b=1/0/1"))
T.history("what a pool gave before it came into conflict stays, and isn't given twice",
          step(pool("b", "10.0.10.0/24"), S, given="s=10.0.10.0"),
          step(A24, pool("b", "10.0.10.0/24"), S, T_, given="s=10.0.10.0 t=10.0.10.1", pools="a=256/254/2 b!=256/254/2"),
          step(pool("b", "10.0.10.0/24"), S, T_, given="s=10.0.10.0 t=10.0.10.1", pools="b=256/254/2"), like=DIFFERS)

T.row = "conditions `cilium.io/PoolConflict`, `IPsTotal`, `IPsAvailable`, `IPsUsed`, with observedGeneration"
T.case("none used", A24, given="", pools="a=256/256/0")
T.case("what is shared is used once", A24, service("s", key="k", ports=[80]), service("t", key="k", ports=[81]),
       given="s=10.0.10.0 t=10.0.10.0", pools="a=256/255/1")
T.case("both families count", pool("a", "10.0.10.0/30", "2001:db8::/126"), service("s", ipFamilyPolicy="RequireDualStack"),
       given="s=10.0.10.0,2001:db8::", pools="a=8/6/2")
T.history("what is given back isn't used", step(A24, S, T_, given="s=10.0.10.0 t=10.0.10.1", pools="a=256/254/2"),
          step(A24, T_, given="t=10.0.10.1", pools="a=256/255/1"), step(A24, given="", pools="a=256/256/0"))
T.case("in conflict, with the ranges", A24, pool("b", "10.0.10.7"), given="", pools="a=256/256/0 b!=1/1/0",
       says={"b": "Pool conflicts since range '10.0.10.7 - 10.0.10.7' overlaps range '10.0.10.0 - 10.0.10.255' from IP Pool 'a'"})

T.row = "which address is allocated"
T.case("the lowest", A24, S, T_, U, given="s=10.0.10.0 t=10.0.10.1 u=10.0.10.2", like=DIFFERS)
T.case("blocks in the order of the pool", pool("a", "10.0.10.9", "10.0.10.1"), S, T_, U,
       given="s=10.0.10.9 t=10.0.10.1 u=:out_of_ips", like=DIFFERS)
T.case("pools in the order of their age, then of their names", pool("a", "10.0.10.1", born=YOUNG), pool("c", "10.0.10.2"),
       pool("b", "10.0.10.3"), S, T_, U, given="s=10.0.10.3 t=10.0.10.2 u=10.0.10.1", like=DIFFERS)
T.case("Services by name", A_ONE, T_, S, given="s=10.0.10.1 t=:out_of_ips", like=DIFFERS)
T.case("and by namespace before that", A_ONE, service("b/s"), service("a/t"), given="a/t=10.0.10.1 b/s=:out_of_ips", like=DIFFERS)
T.case("the older before that", A_ONE, service("s", born=YOUNG), service("t", born=OLD), given="t=10.0.10.1 s=:out_of_ips", like=DIFFERS)
T.history("a hole is filled", step(A24, S, T_, U, given="s=10.0.10.0 t=10.0.10.1 u=10.0.10.2"),
          step(A24, S, U, service("v"), given="s=10.0.10.0 u=10.0.10.2 v=10.0.10.1"), like=DIFFERS)
T.case("all of one pool, then of the next", A_TWO, B_ONE, S, T_, U, service("v"),
       given="s=10.0.10.1 t=10.0.10.2 u=10.0.11.1 v=:out_of_ips")
T.history("what comes free goes to who waits, in order",
          step(A_ONE, S, T_, U, given="s=10.0.10.1 t=:out_of_ips u=:out_of_ips"),
          step(A_ONE, T_, U, given="t=10.0.10.1 u=:out_of_ips"))
T.history("a new one that goes before in order takes nothing from who has it", step(A_ONE, T_, given="t=10.0.10.1"),
          step(A_ONE, S, T_, given="s=:out_of_ips t=10.0.10.1"))

T.row = "a pool's prefix widened, a selector changed: addresses stay"
T.history("widened", step(A28, S, service("t", ips="10.0.10.9"), given="s=10.0.10.0 t=10.0.10.9", pools="a=16/14/2"),
          step(A24, S, T_, given="s=10.0.10.0 t=10.0.10.9", pools="a=256/254/2"))
T.history("narrowed, where it holds them still", step(A24, S, service("t", ips="10.0.10.9"), given="s=10.0.10.0 t=10.0.10.9"),
          step(A28, S, T_, given="s=10.0.10.0 t=10.0.10.9", pools="a=16/14/2"))
T.history("narrowed, where it doesn't: taken back", step(A24, S, service("t", ips="10.0.10.9"), given="s=10.0.10.0 t=10.0.10.9"),
          step(A_TWO, S, service("t", ips="10.0.10.9"), given="s=10.0.10.1 t=:no_pool"))
T.history("a prefix made a range", step(A24, S, T_, given="s=10.0.10.0 t=10.0.10.1"),
          step(pool("a", "10.0.10.0-10.0.10.99"), S, T_, given="s=10.0.10.0 t=10.0.10.1", pools="a=100/98/2"))
T.history("a block added before the others", step(pool("a", "10.0.10.8/30"), S, given="s=10.0.10.8"),
          step(pool("a", "10.0.9.0/30", "10.0.10.8/30"), S, T_, given="s=10.0.10.8 t=10.0.9.0"))
T.history("a selector that selects it still", step(A24, service("s", labels={"color": "blue"}), given="s=10.0.10.0"),
          step(BLUE, service("s", labels={"color": "blue"}), given="s=10.0.10.0"),
          step(pool("a", "10.0.10.0/24", serviceSelector=expression("color", "In", "red", "blue")),
               service("s", labels={"color": "blue"}), given="s=10.0.10.0"))
T.history("a pool that grows satisfies who waits, and moves nobody",
          step(A_ONE, T_, U, given="t=10.0.10.1 u=:out_of_ips"), step(A24, T_, U, given="t=10.0.10.1 u=10.0.10.0"))
T.history("a new pool before it moves nobody", step(B_ONE, S, given="s=10.0.11.1"),
          step(A24, B_ONE, S, T_, given="s=10.0.11.1 t=10.0.10.0"))
T.history("the pool's address moves to another pool", step(A24, S, given="s=10.0.10.0"),
          step(pool("c", "10.0.10.0/28"), S, given="s=10.0.10.0", pools="c=16/15/1"))

T.row = "a pool that is deleted: its addresses are withdrawn from Services"
T.history("of two", step(A24, B_ONE, S, given="s=10.0.10.0"), step(B_ONE, S, given="s=10.0.11.1"))
T.history("the last; without any a new Service isn't ours", step(A24, S, given="s=10.0.10.0"),
          step(S, T_, given="s=:no_pool"), step(A24, S, T_, given="s=10.0.10.0 t=10.0.10.1"))

T.row = "choosing a pool by name or by priority; a pool that isn't used unless requested"
T.history("a Service names its pool", step(A24, B24, service("s", notes={"xdp-l2resp.io/pool": "b"}), given="s=10.0.11.0"),
          step(A24, B24, service("s", notes={"xdp-l2resp.io/pool": "a"}), given="s=10.0.10.0"),
          step(A24, B24, service("s", notes={"xdp-l2resp.io/pool": "c"}), given="s=:no_pool"), like=ABSENT)
T.case("and an address of another", A24, B24, service("s", ips="10.0.11.7", notes={"xdp-l2resp.io/pool": "a"}),
       given="s=:pool_selector_mismatch", like=ABSENT)
T.case("pools by priority, then those without one", A24, pool("b", "10.0.11.0/32", notes={"xdp-l2resp.io/priority": "20"}),
       pool("c", "10.0.12.0/32", notes={"xdp-l2resp.io/priority": "7"}), S, T_, U,
       given="s=10.0.12.0 t=10.0.11.0 u=10.0.10.0", like=ABSENT)
T.case("a pool that gives nothing unasked", pool("a", "10.0.10.0/24", notes={"xdp-l2resp.io/auto-assign": "false"}), S,
       service("t", ips="10.0.10.7"), service("u", notes={"xdp-l2resp.io/pool": "a"}),
       given="s=:no_pool t=10.0.10.7 u=10.0.10.0", says={"s": "only for Services that name it"}, like=ABSENT)
T.history("it keeps what it gave", step(A24, S, given="s=10.0.10.0"),
          step(pool("a", "10.0.10.0/24", notes={"xdp-l2resp.io/auto-assign": "false"}), S, T_, given="s=10.0.10.0 t=:no_pool"),
          like=ABSENT)

T.row = "addresses that nodes have as their own"
OWN = node(addresses=["10.0.10.0"])
T.case("none is given", A24, node(addresses=["10.0.10.2", "10.0.10.0", "10.0.11.0"]), S, T_, given="s=10.0.10.1 t=10.0.10.3",
       pools="a=254/252/2", like=ABSENT)
T.history("nor to who asks for it", step(A24, OWN, service("s", ips="10.0.10.0"), given="s=:already_allocated", pools="a=255/255/0"),
          step(A24, service("s", ips="10.0.10.0"), given="s=10.0.10.0", pools="a=256/255/1"), like=ABSENT)
T.history("who had it before keeps it, and nobody comes to share it",
          step(A24, service("s", key="k", ports=[80]), given="s=10.0.10.0", pools="a=256/255/1"),
          step(A24, OWN, service("s", key="k", ports=[80]), service("t", key="k", ports=[81]), given="s=10.0.10.0 t=10.0.10.1",
               pools="a=256/254/2"),
          step(A24, OWN, service("t", key="k", ports=[81]), given="t=10.0.10.1", pools="a=255/254/1"), like=ABSENT)
T.history("it is given when the node is gone", step(A_ONE, node(addresses=["10.0.10.1"]), S, given="s=:out_of_ips", pools="a=0/0/0"),
          step(A_ONE, S, given="s=10.0.10.1", pools="a=1/0/1"),
          step(A_ONE, node(addresses=["10.0.10.1"]), S, given="s=10.0.10.1", pools="a=1/0/1"), like=ABSENT)
T.case("one in the status is taken over, too", A24, node(addresses=["10.0.10.9"]), service("s", has="10.0.10.9"),
       given="s=10.0.10.9", like=ABSENT)
T.case("one that can't be given anyhow counts once", A_NO, OWN, S, given="s=10.0.10.1", pools="a=254/253/1", like=ABSENT)
T.case("a name is no address", A24, node(addresses=["node-1.example", "10.0.10.0/32"]), S, given="s=10.0.10.0", like=ABSENT)
