// SPDX-License-Identifier: GPL-2.0-or-later
/* Address pools: rules of docs/pools.md, a row each. A row is a history: what there is, what is
 * decided for it once everything decided is written; then what there is instead, and so on. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <criterion/criterion.h>

#include "allocator.h"
#include "document.h"
#include "manifest.h"

#define POOL(name, spec)                                                         \
	"---\n{apiVersion: cilium.io/v2alpha1, kind: CiliumLoadBalancerIPPool, " \
	"metadata: {name: " name "}, spec: {" spec "}}\n"
#define YOUNG_POOL(name, spec)                                                                  \
	"---\n{apiVersion: cilium.io/v2alpha1, kind: CiliumLoadBalancerIPPool, "                \
	"metadata: {name: " name ", creationTimestamp: \"2026-01-02T00:00:00Z\"}, spec: {" spec \
	"}}\n"
/* @more begins with a comma, if it isn't empty */
#define SERVICE(name, metadata, spec, status)                                        \
	"---\n{apiVersion: v1, kind: Service, metadata: {name: " name metadata "}, " \
	"spec: {type: LoadBalancer" spec "}, status: {" status "}}\n"
#define LB(name)		SERVICE(name, "", "", "")
#define SPEC(name, spec)	SERVICE(name, "", ", " spec, "")
#define META(name, metadata)	SERVICE(name, ", " metadata, "", "")
#define NOTE(name, annotations) META(name, "annotations: {" annotations "}")
#define IPS(name, ips)		NOTE(name, "lbipam.cilium.io/ips: \"" ips "\"")
#define HAS(name, ip)		SERVICE(name, "", "", "loadBalancer: {ingress: [{ip: \"" ip "\"}]}")
#define SHARE(name, key, ports, spec)                                           \
	SERVICE(name, ", annotations: {lbipam.cilium.io/sharing-key: " key "}", \
		", ports: [" ports "]" spec, "")
#define LOCAL(name, ports, spec)                                             \
	SERVICE(name,                                                        \
		", annotations: {lbipam.cilium.io/sharing-key: k, "          \
		"lbipam.cilium.io/sharing-permit-different-pods: \"true\"}", \
		", ports: [" ports "], externalTrafficPolicy: Local" spec, "")
#define PORT(number) "{port: " #number "}, "

#define NOTED_POOL(name, annotations, cidr)                                                        \
	"---\n{apiVersion: cilium.io/v2alpha1, kind: CiliumLoadBalancerIPPool, "                   \
	"metadata: {name: " name ", annotations: {" annotations "}}, spec: {blocks: [{cidr: " cidr \
	"}]}}\n"

#define B24   POOL("b", "blocks: [{cidr: 10.0.11.0/24}]")
#define A24   POOL("a", "blocks: [{cidr: 10.0.10.0/24}]")
#define A_NO  POOL("a", "blocks: [{cidr: 10.0.10.0/24}], allowFirstLastIPs: \"No\"")
#define A_TWO POOL("a", "blocks: [{start: 10.0.10.1, stop: 10.0.10.2}]")
#define A_ONE POOL("a", "blocks: [{start: 10.0.10.1}]")
#define DUAL  POOL("a", "blocks: [{cidr: 10.0.10.0/24}, {cidr: \"2001:db8::/64\"}]")
#define SIX   POOL("a", "blocks: [{cidr: \"2001:db8::/64\"}]")
#define BLUE \
	POOL("a", "blocks: [{cidr: 10.0.10.0/24}], serviceSelector: {matchLabels: {color: blue}}")
#define OFF(b) POOL("a", "blocks: [{" b "}], disabled: true")
#define FULL   "out_of_ips"
#define STEPS  3

/* What is expected: "SERVICE=ADDRESS,ADDRESS:REASON" a word, in the documented order; nothing for
 * a Service that is none of ours. Then, where that is looked at, "; POOL=TOTAL/AVAILABLE/USED",
 * with
 * "!" in conflict. */
static const struct row {
	const char *name;
	struct {
		const char *given;
		const char *expected;
	} steps[STEPS];
} rows[] = {
	/* blocks */
	{ "a /24, from its first address",
	  { { A24 LB("s"), "s=10.0.10.0:satisfied; a=256/255/1" } } },
	{ "first and last reserved", { { A_NO LB("s"), "s=10.0.10.1:satisfied; a=254/253/1" } } },
	{ "allowFirstLastIPs Yes",
	  { { POOL("a", "blocks: [{cidr: 10.0.10.0/30}], allowFirstLastIPs: \"Yes\"") LB("s"),
	      "s=10.0.10.0:satisfied; a=4/3/1" } } },
	{ "a /30 with two reserved is two",
	  { { POOL("a", "blocks: [{cidr: 10.0.10.0/30}], allowFirstLastIPs: \"No\"") LB("s") LB("t")
		      LB("u"),
	      "s=10.0.10.1:satisfied t=10.0.10.2:satisfied u=:out_of_ips; a=2/0/2" } } },
	{ "a /31 has none reserved",
	  { { POOL("a", "blocks: [{cidr: 10.0.10.0/31}], allowFirstLastIPs: \"No\"") LB("s")
		      LB("t"),
	      "s=10.0.10.0:satisfied t=10.0.10.1:satisfied; a=2/0/2" } } },
	{ "a /32 is one",
	  { { POOL("a", "blocks: [{cidr: 10.0.10.7/32}], allowFirstLastIPs: \"No\"") LB("s"),
	      "s=10.0.10.7:satisfied; a=1/0/1" } } },
	{ "a range has none reserved",
	  { { POOL("a", "blocks: [{start: 10.0.10.4, stop: 10.0.10.7}], allowFirstLastIPs: \"No\"")
		      LB("s"),
	      "s=10.0.10.4:satisfied; a=4/3/1" } } },
	{ "a start alone is one address", { { A_ONE LB("s"), "s=10.0.10.1:satisfied; a=1/0/1" } } },
	{ "a prefix with host bits is its network, as with Cilium",
	  { { POOL("a", "blocks: [{cidr: 10.0.10.77/24}]") LB("s"),
	      "s=10.0.10.0:satisfied; a=256/255/1" } } },
	{ "a /8",
	  { { POOL("a", "blocks: [{cidr: 10.0.0.0/8}]") IPS("s", "10.255.0.1") LB("t"),
	      "s=10.255.0.1:satisfied t=10.0.0.0:satisfied; a=16777216/16777214/2" } } },
	{ "blocks in the order of the pool",
	  { { POOL("a", "blocks: [{start: 10.0.10.9}, {start: 10.0.10.1}]") LB("s") LB("t") LB("u"),
	      "s=10.0.10.9:satisfied t=10.0.10.1:satisfied u=:out_of_ips; a=2/0/2" } } },
	{ "pools in the order of their age, then of their names",
	  { { YOUNG_POOL("a", "blocks: [{start: 10.0.10.1}]")
		      POOL("c", "blocks: [{start: 10.0.10.2}]")
			      POOL("b", "blocks: [{start: 10.0.10.3}]") LB("s") LB("t") LB("u"),
	      "s=10.0.10.3:satisfied t=10.0.10.2:satisfied u=10.0.10.1:satisfied; b=1/0/1 c=1/0/1 a=1/0/1" } } },
	{ "a pool without blocks", { { POOL("a", "blocks: []") LB("s"), "s=:no_pool; a=0/0/0" } } },
	/* families */
	{ "IPv4 where nothing is said", { { DUAL LB("s"), "s=10.0.10.0:satisfied" } } },
	{ "IPv4 alone isn't had from IPv6", { { SIX LB("s"), "s=:no_pool" } } },
	{ "a /64",
	  { { SIX SPEC("s", "ipFamilies: [IPv6]"),
	      "s=2001:db8:::satisfied; a=18446744073709551616/18446744073709551615/1" } } },
	{ "a /64 with its ends reserved",
	  { { POOL("a", "blocks: [{cidr: \"2001:db8::/64\"}], allowFirstLastIPs: \"No\"")
		      SPEC("s", "ipFamilies: [IPv6]"),
	      "s=2001:db8::1:satisfied; a=18446744073709551614/18446744073709551613/1" } } },
	{ "a /127 and a /128 have none reserved",
	  { { POOL("a", "blocks: [{cidr: \"2001:db8::/127\"}, {cidr: \"2001:db8::9/128\"}], "
			"allowFirstLastIPs: \"No\"") SPEC("s", "ipFamilies: [IPv6]")
		      SPEC("t", "ipFamilies: [IPv6]") SPEC("u", "ipFamilies: [IPv6]"),
	      "s=2001:db8:::satisfied t=2001:db8::1:satisfied u=2001:db8::9:satisfied; a=3/0/3" } } },
	{ "SingleStack: the first of ipFamilies",
	  { { DUAL SPEC("s", "ipFamilyPolicy: SingleStack, ipFamilies: [IPv6, IPv4]"),
	      "s=2001:db8:::satisfied" } } },
	{ "PreferDualStack: both",
	  { { DUAL SPEC("s", "ipFamilyPolicy: PreferDualStack"),
	      "s=10.0.10.0,2001:db8:::satisfied" } } },
	{ "PreferDualStack: those of ipFamilies, IPv4 first",
	  { { DUAL SPEC("s", "ipFamilyPolicy: PreferDualStack, ipFamilies: [IPv6]")
		      SPEC("t", "ipFamilyPolicy: PreferDualStack, ipFamilies: [IPv6, IPv4]"),
	      "s=2001:db8:::satisfied t=10.0.10.0,2001:db8::1:satisfied" } } },
	{ "RequireDualStack: both, whatever ipFamilies say",
	  { { DUAL SPEC("s", "ipFamilyPolicy: RequireDualStack, ipFamilies: [IPv4]"),
	      "s=10.0.10.0,2001:db8:::satisfied" } } },
	{ "RequireDualStack without IPv6: what there is, unsatisfied",
	  { { A24 SPEC("s", "ipFamilyPolicy: RequireDualStack"), "s=10.0.10.0:no_pool" },
	    { DUAL SPEC("s", "ipFamilyPolicy: RequireDualStack"),
	      "s=10.0.10.0,2001:db8:::satisfied" } } },
	{ "a family that isn't wanted any more is taken back",
	  { { DUAL SPEC("s", "ipFamilyPolicy: PreferDualStack"),
	      "s=10.0.10.0,2001:db8:::satisfied" },
	    { DUAL SPEC("s", "ipFamilies: [IPv6]"), "s=2001:db8:::satisfied" },
	    { DUAL SPEC("s", "ipFamilies: [IPv6]") LB("t"),
	      "s=2001:db8:::satisfied t=10.0.10.0:satisfied" } } },
	/* selectors */
	{ "a selector that matches",
	  { { BLUE META("s", "labels: {color: blue}") META("t", "labels: {color: red}") LB("u"),
	      "s=10.0.10.0:satisfied t=:no_pool u=:no_pool" } } },
	{ "by namespace",
	  { { POOL("a", "blocks: [{cidr: 10.0.10.0/24}], serviceSelector: {matchLabels: "
			"{io.kubernetes.service.namespace: n}}") META("s", "namespace: n") LB("t"),
	      "t=:no_pool s=10.0.10.0:satisfied" } } },
	{ "by name",
	  { { POOL("a", "blocks: [{cidr: 10.0.10.0/24}], serviceSelector: {matchExpressions: "
			"[{key: io.kubernetes.service.name, operator: In, values: [t]}]}") LB("s")
		      LB("t"),
	      "s=:no_pool t=10.0.10.0:satisfied" } } },
	{ "the next pool whose selector matches",
	  { { BLUE POOL("b", "blocks: [{start: 10.0.11.1}]") LB("s") LB("t"),
	      "s=10.0.11.1:satisfied t=:out_of_ips" } } },
	{ "labels that don't match any more: taken back, and another pool's instead",
	  { { BLUE POOL("b", "blocks: [{start: 10.0.11.1}]") META("s", "labels: {color: blue}"),
	      "s=10.0.10.0:satisfied" },
	    { BLUE POOL("b", "blocks: [{start: 10.0.11.1}]") LB("s"),
	      "s=10.0.11.1:satisfied; a=256/256/0 b=1/0/1" } } },
	{ "a selector that changes takes back what it doesn't match",
	  { { A24 LB("s") META("t", "labels: {color: blue}"),
	      "s=10.0.10.0:satisfied t=10.0.10.1:satisfied" },
	    { BLUE LB("s") META("t", "labels: {color: blue}"),
	      "s=:no_pool t=10.0.10.1:satisfied" } } },
	/* disabled pools */
	{ "a disabled pool gives nothing",
	  { { OFF("cidr: 10.0.10.0/24") LB("s"), "s=:no_pool; a=256/256/0" } } },
	{ "nor what is requested",
	  { { OFF("cidr: 10.0.10.0/24") IPS("s", "10.0.10.7"), "s=:no_pool" } } },
	{ "what it gave before stays",
	  { { A24 LB("s"), "s=10.0.10.0:satisfied" },
	    { OFF("cidr: 10.0.10.0/24") LB("s") LB("t"),
	      "s=10.0.10.0:satisfied t=:no_pool; a=256/255/1" },
	    { A24 LB("s") LB("t"), "s=10.0.10.0:satisfied t=10.0.10.1:satisfied" } } },
	{ "what a status says it gave stays",
	  { { OFF("cidr: 10.0.10.0/24") HAS("s", "10.0.10.9"), "s=10.0.10.9:satisfied" } } },
	/* conflicts */
	{ "of two pools that overlap, the younger isn't used",
	  { { YOUNG_POOL("a", "blocks: [{start: 10.0.10.0, stop: 10.0.10.7}]")
		      POOL("b", "blocks: [{start: 10.0.10.7, stop: 10.0.10.9}]") LB("s"),
	      "s=10.0.10.7:satisfied; b=3/2/1 a!=8/7/1" } } },
	{ "of one age, the later by name",
	  { { A24 POOL("b", "blocks: [{cidr: 10.0.0.0/16}]") IPS("s", "10.0.11.1"),
	      "s=:no_pool; a=256/256/0 b!=65536/65536/0" } } },
	{ "a pool that overlaps itself isn't used",
	  { { POOL("a", "blocks: [{cidr: 10.0.10.0/24}, {start: 10.0.10.7}]") LB("s"),
	      "s=:no_pool; a!=257/257/0" } } },
	{ "one that overlaps only a pool in conflict is used",
	  { { A24 POOL("b", "blocks: [{cidr: 10.0.10.0/23}]")
		      POOL("c", "blocks: [{start: 10.0.11.1}]") IPS("s", "10.0.11.1"),
	      "s=10.0.11.1:satisfied; a=256/256/0 b!=512/511/1 c=1/0/1" } } },
	{ "neighbours aren't a conflict",
	  { { A24 POOL("b", "blocks: [{cidr: 10.0.11.0/24}]") LB("s"),
	      "s=10.0.10.0:satisfied; a=256/255/1 b=256/256/0" } } },
	{ "what a pool gave before it came into conflict stays, and isn't given twice",
	  { { POOL("b", "blocks: [{cidr: 10.0.10.0/24}]") LB("s"), "s=10.0.10.0:satisfied" },
	    { A24 POOL("b", "blocks: [{cidr: 10.0.10.0/24}]") LB("s") LB("t"),
	      "s=10.0.10.0:satisfied t=10.0.10.1:satisfied; a=256/254/2 b!=256/254/2" },
	    { POOL("b", "blocks: [{cidr: 10.0.10.0/24}]") LB("s") LB("t"),
	      "s=10.0.10.0:satisfied t=10.0.10.1:satisfied; b=256/254/2" } } },
	/* requests */
	{ "lbipam.cilium.io/ips", { { A24 IPS("s", "10.0.10.77"), "s=10.0.10.77:satisfied" } } },
	{ "several, in their order, each once",
	  { { DUAL IPS("s", "10.0.10.9, 2001:db8::7,10.0.10.3,10.0.10.9"),
	      "s=10.0.10.9,2001:db8::7,10.0.10.3:satisfied" } } },
	{ "the older name of the annotation",
	  { { A24 NOTE("s", "io.cilium/lb-ipam-ips: \"10.0.10.7\""), "s=10.0.10.7:satisfied" } } },
	{ "the newer name goes first",
	  { { A24 NOTE("s",
		       "io.cilium/lb-ipam-ips: \"10.0.10.7\", lbipam.cilium.io/ips: \"10.0.10.8\""),
	      "s=10.0.10.8:satisfied" } } },
	{ "spec.loadBalancerIP",
	  { { A24 SPEC("s", "loadBalancerIP: 10.0.10.7"), "s=10.0.10.7:satisfied" } } },
	{ "spec.loadBalancerIP beside the annotation",
	  { { A24 SERVICE("s", ", annotations: {lbipam.cilium.io/ips: \"10.0.10.8\"}",
			  ", loadBalancerIP: 10.0.10.7", ""),
	      "s=10.0.10.7,10.0.10.8:satisfied" } } },
	{ "a request that is no address counts as none",
	  { { A24 IPS("s", "10.0.10.777"), "s=10.0.10.0:satisfied" } } },
	{ "outside of the pools", { { A24 IPS("s", "10.0.11.1"), "s=:no_pool" } } },
	{ "in a pool that doesn't select it",
	  { { BLUE IPS("s", "10.0.10.7"), "s=:pool_selector_mismatch" } } },
	{ "already another's",
	  { { A24 IPS("s", "10.0.10.7") IPS("t", "10.0.10.7"),
	      "s=10.0.10.7:satisfied t=:already_allocated" },
	    { A24 IPS("t", "10.0.10.7"), "t=10.0.10.7:satisfied" } } },
	{ "reserved", { { A_NO IPS("s", "10.0.10.0"), "s=:already_allocated" } } },
	{ "those that can be had, and why not the last that can't",
	  { { A24 IPS("s", "10.0.11.1,10.0.10.7,10.0.10.8") IPS("r", "10.0.10.8"),
	      "r=10.0.10.8:satisfied s=10.0.10.7:already_allocated" } } },
	{ "requests before those who take any",
	  { { A_TWO LB("s") IPS("t", "10.0.10.1"),
	      "s=10.0.10.2:satisfied t=10.0.10.1:satisfied" } } },
	{ "another request: the former address is taken back",
	  { { A24 IPS("s", "10.0.10.7"), "s=10.0.10.7:satisfied" },
	    { A24 IPS("s", "10.0.10.8"), "s=10.0.10.8:satisfied; a=256/255/1" } } },
	{ "a request for what it has and one more, and then for none",
	  { { A24 LB("s"), "s=10.0.10.0:satisfied" },
	    { A24 IPS("s", "10.0.10.0,10.0.10.1"), "s=10.0.10.0,10.0.10.1:satisfied" },
	    { A24 LB("s"), "s=10.0.10.0:satisfied; a=256/255/1" } } },
	{ "who asks later doesn't take what another has",
	  { { A_ONE LB("z"), "z=10.0.10.1:satisfied" },
	    { A_ONE LB("z") IPS("s", "10.0.10.1"), "s=:already_allocated z=10.0.10.1:satisfied" },
	    { A_ONE IPS("s", "10.0.10.1"), "s=10.0.10.1:satisfied" } } },
	/* order, exhaustion */
	{ "by name in one namespace",
	  { { A_ONE LB("t") LB("s"), "s=10.0.10.1:satisfied t=:" FULL } } },
	{ "the older first",
	  { { A_ONE META("s", "creationTimestamp: \"2026-01-02T00:00:00Z\"")
		      META("t", "creationTimestamp: \"2026-01-01T00:00:00Z\""),
	      "t=10.0.10.1:satisfied s=:out_of_ips" } } },
	{ "what comes free goes to who waits, in order",
	  { { A_ONE LB("s") LB("t") LB("u"), "s=10.0.10.1:satisfied t=:" FULL " u=:" FULL },
	    { A_ONE LB("t") LB("u"), "t=10.0.10.1:satisfied u=:" FULL } } },
	{ "a new one that goes before in order takes nothing from who has it",
	  { { A_ONE LB("t"), "t=10.0.10.1:satisfied" },
	    { A_ONE LB("s") LB("t"), "s=:out_of_ips t=10.0.10.1:satisfied" } } },
	{ "a pool that grows satisfies who waits, and moves nobody",
	  { { A_ONE LB("t") LB("u"), "t=10.0.10.1:satisfied u=:" FULL },
	    { A24 LB("t") LB("u"), "t=10.0.10.1:satisfied u=10.0.10.0:satisfied" } } },
	{ "a pool that shrinks takes back what isn't in it",
	  { { A24 LB("s") IPS("t", "10.0.10.9"), "s=10.0.10.0:satisfied t=10.0.10.9:satisfied" },
	    { A_TWO LB("s") IPS("t", "10.0.10.9"), "s=10.0.10.1:satisfied t=:no_pool" } } },
	{ "first and last that are reserved later stay with who has them",
	  { { A24 LB("s"), "s=10.0.10.0:satisfied; a=256/255/1" },
	    { A_NO LB("s") LB("t"), "s=10.0.10.0:satisfied t=10.0.10.1:satisfied; a=255/253/2" },
	    { A_NO LB("t") LB("u"),
	      "t=10.0.10.1:satisfied u=10.0.10.2:satisfied; a=254/252/2" } } },
	{ "a pool that goes takes all back; without any pool a new Service isn't ours",
	  { { A24 LB("s"), "s=10.0.10.0:satisfied" },
	    { LB("s") LB("t"), "s=:no_pool" },
	    { A24 LB("s") LB("t"), "s=10.0.10.0:satisfied t=10.0.10.1:satisfied" } } },
	/* whose Services */
	{ "without pools, what others gave stays", { { HAS("s", "198.18.0.1"), "" } } },
	{ "of a class that isn't ours: theirs, and their address not ours to give",
	  { { A_TWO SERVICE("s", "", ", loadBalancerClass: example.com/other",
			    "loadBalancer: {ingress: [{ip: 10.0.10.1}]}") LB("t"),
	      "t=10.0.10.2:satisfied" } } },
	{ "of our class, and without one",
	  { { A24 LB("s") SPEC("t", "loadBalancerClass: xdp-l2resp"),
	      "s=10.0.10.0:satisfied t=10.0.10.1:satisfied" } } },
	/* the agent's own annotations */
	{ "a Service names its pool",
	  { { A24 B24 NOTE("s", "xdp-l2resp.io/pool: b"), "s=10.0.11.0:satisfied" },
	    { A24 B24 NOTE("s", "xdp-l2resp.io/pool: a"), "s=10.0.10.0:satisfied" },
	    { A24 B24 NOTE("s", "xdp-l2resp.io/pool: c"), "s=:no_pool" } } },
	{ "and an address of another",
	  { { A24 B24 NOTE("s", "xdp-l2resp.io/pool: a, lbipam.cilium.io/ips: 10.0.11.7"),
	      "s=:pool_selector_mismatch" } } },
	{ "pools by priority, then those without one",
	  { { A24 NOTED_POOL("b", "xdp-l2resp.io/priority: \"20\"", "10.0.11.0/32") NOTED_POOL(
		      "c", "xdp-l2resp.io/priority: \"7\"", "10.0.12.0/32") LB("s") LB("t") LB("u"),
	      "s=10.0.12.0:satisfied t=10.0.11.0:satisfied u=10.0.10.0:satisfied" } } },
	{ "a pool that gives nothing unasked",
	  { { NOTED_POOL("a", "xdp-l2resp.io/auto-assign: \"false\"", "10.0.10.0/24") LB("s")
		      IPS("t", "10.0.10.7") NOTE("u", "xdp-l2resp.io/pool: a"),
	      "s=:no_pool t=10.0.10.7:satisfied u=10.0.10.0:satisfied" } } },
	{ "it keeps what it gave",
	  { { A24 LB("s"), "s=10.0.10.0:satisfied" },
	    { NOTED_POOL("a", "xdp-l2resp.io/auto-assign: \"false\"", "10.0.10.0/24") LB("s")
		      LB("t"),
	      "s=10.0.10.0:satisfied t=:no_pool" } } },
	{ "of another type",
	  { { A24
	      "---\n{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {type: NodePort}}\n",
	      "" } } },
	{ "of another type now: taken back",
	  { { A_ONE LB("s") LB("t"), "s=10.0.10.1:satisfied t=:" FULL },
	    { A_ONE "---\n{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {}}\n" LB("t"),
	      "t=10.0.10.1:satisfied" } } },
	/* statuses */
	{ "an address in the status is taken over",
	  { { A24 HAS("s", "10.0.10.9"), "s=10.0.10.9:satisfied" } } },
	{ "not one that is outside", { { A24 HAS("s", "10.0.11.9"), "s=10.0.10.0:satisfied" } } },
	{ "not one of a family that isn't wanted",
	  { { DUAL HAS("s", "2001:db8::9"), "s=10.0.10.0:satisfied" } } },
	{ "one in two statuses stays with the first",
	  { { A24 HAS("s", "10.0.10.9") HAS("t", "10.0.10.9"),
	      "s=10.0.10.9:satisfied t=10.0.10.0:satisfied" } } },
	{ "who has it in its status goes before who asks for it",
	  { { A24 IPS("s", "10.0.10.9") HAS("t", "10.0.10.9"),
	      "s=:already_allocated t=10.0.10.9:satisfied" } } },
	/* sharing */
	{ "one key, other ports",
	  { { A24 SHARE("s", "k", PORT(80), "") SHARE("t", "k", PORT(443), ""),
	      "s=10.0.10.0:satisfied t=10.0.10.0:satisfied; a=256/255/1" } } },
	{ "the same port",
	  { { A24 SHARE("s", "k", PORT(80) PORT(81), "") SHARE("t", "k", PORT(81), "")
		      SHARE("u", "k", PORT(82), ""),
	      "s=10.0.10.0:satisfied t=10.0.10.1:satisfied u=10.0.10.0:satisfied; a=256/254/2" } } },
	{ "the same number of another protocol, and of none, which is TCP",
	  { { A24 SHARE("s", "k", "{port: 53, protocol: TCP}", "")
		      SHARE("t", "k", "{port: 53, protocol: UDP}", "") SHARE("u", "k", PORT(53), "")
			      SHARE("v", "k", "{port: 53, protocol: SCTP}", ""),
	      "s=10.0.10.0:satisfied t=10.0.10.0:satisfied u=10.0.10.1:satisfied "
	      "v=10.0.10.0:satisfied" } } },
	{ "DNS over both protocols, whichever port is named first",
	  { { A24 SHARE("s", "k", "{port: 53, protocol: UDP}, {port: 853, protocol: TCP}", "")
		      SHARE("t", "k", "{port: 853, protocol: UDP}, {port: 53, protocol: TCP}", "")
			      SHARE("u", "k", "{port: 853, protocol: TCP}, " PORT(5300), ""),
	      "s=10.0.10.0:satisfied t=10.0.10.0:satisfied u=10.0.10.1:satisfied" } } },
	{ "who comes to have another protocol shares then",
	  { { A_ONE SHARE("s", "k", PORT(53), "") SHARE("t", "k", PORT(53), ""),
	      "s=10.0.10.1:satisfied t=:" FULL },
	    { A_ONE SHARE("s", "k", PORT(53), "") SHARE("t", "k", "{port: 53, protocol: UDP}", ""),
	      "s=10.0.10.1:satisfied t=10.0.10.1:satisfied" } } },
	{ "other keys, and none",
	  { { A24 SHARE("s", "k", PORT(80), "") SHARE("t", "l", PORT(81), "") LB("u"),
	      "s=10.0.10.0:satisfied t=10.0.10.1:satisfied u=10.0.10.2:satisfied" } } },
	{ "the older name of the key",
	  { { A24 SHARE("s", "k", PORT(80), "") NOTE("t", "io.cilium/lb-ipam-sharing-key: k"),
	      "s=10.0.10.0:satisfied t=10.0.10.0:satisfied" } } },
	{ "external traffic policies differ",
	  { { A24 SHARE("s", "k", PORT(80), ", externalTrafficPolicy: Local, selector: {app: x}")
		      SHARE("t", "k", PORT(81), ""),
	      "s=10.0.10.0:satisfied t=10.0.10.1:satisfied" } } },
	{ "Local for the same pods",
	  { { A24 SHARE("s", "k", PORT(80), ", externalTrafficPolicy: Local, selector: {app: x}")
		      SHARE("t", "k", PORT(81),
			    ", externalTrafficPolicy: Local, selector: {app: x}"),
	      "s=10.0.10.0:satisfied t=10.0.10.0:satisfied" } } },
	{ "Local for other pods, and for those that no selector names",
	  { { A24 SHARE("s", "k", PORT(80), ", externalTrafficPolicy: Local, selector: {app: x}")
		      SHARE("t", "k", PORT(81),
			    ", externalTrafficPolicy: Local, selector: {app: y}")
			      SHARE("u", "k", PORT(82), ", externalTrafficPolicy: Local")
				      SHARE("v", "k", PORT(83), ", externalTrafficPolicy: Local"),
	      "s=10.0.10.0:satisfied t=10.0.10.1:satisfied u=10.0.10.2:satisfied "
	      "v=10.0.10.3:satisfied" } } },
	{ "Local for other pods, which sharing-permit-different-pods doesn't permit here",
	  { { A24 LOCAL("s", PORT(80), ", selector: {app: x}")
		      LOCAL("t", PORT(81), ", selector: {app: y}"),
	      "s=10.0.10.0:satisfied t=10.0.10.1:satisfied" } } },
	{ "not across namespaces",
	  { { A24 META("s", "namespace: n, annotations: {lbipam.cilium.io/sharing-key: k}")
		      META("t", "namespace: m, annotations: {lbipam.cilium.io/sharing-key: k}"),
	      "t=10.0.10.0:satisfied s=10.0.10.1:satisfied" } } },
	{ "across namespaces, if both say so",
	  { { A24 META("s", "namespace: n, annotations: {lbipam.cilium.io/sharing-key: k, "
			    "lbipam.cilium.io/sharing-cross-namespace: \"x, m\"}")
		      META("t", "namespace: m, annotations: {lbipam.cilium.io/sharing-key: k, "
				"lbipam.cilium.io/sharing-cross-namespace: \"*\"}"),
	      "t=10.0.10.0:satisfied s=10.0.10.0:satisfied" } } },
	{ "across namespaces, if one says so",
	  { { A24 META("s", "namespace: n, annotations: {lbipam.cilium.io/sharing-key: k, "
			    "lbipam.cilium.io/sharing-cross-namespace: mm}")
		      META("t", "namespace: m, annotations: {lbipam.cilium.io/sharing-key: k, "
				"lbipam.cilium.io/sharing-cross-namespace: \"*\"}"),
	      "t=10.0.10.0:satisfied s=10.0.10.1:satisfied" } } },
	{ "a requested address is shared under the key",
	  { { A24 SHARE("s", "k", PORT(80), "")
		      SHARE("t", "k", PORT(81), ", loadBalancerIP: 10.0.10.9"),
	      "s=10.0.10.9:satisfied t=10.0.10.9:satisfied" } } },
	{ "a requested address of an incompatible one",
	  { { A24 SHARE("s", "k", PORT(80), ", loadBalancerIP: 10.0.10.9")
		      SHARE("t", "k", PORT(80), ", loadBalancerIP: 10.0.10.9"),
	      "s=10.0.10.9:satisfied t=:already_allocated_incompatible_service" } } },
	{ "who comes to have a port in common moves, whoever is the older",
	  { { A24 SHARE("s", "k", PORT(80), "") SHARE("t", "k", PORT(81), ""),
	      "s=10.0.10.0:satisfied t=10.0.10.0:satisfied" },
	    { A24 SHARE("s", "k", PORT(81), "") SHARE("t", "k", PORT(81), ""),
	      "s=10.0.10.1:satisfied t=10.0.10.0:satisfied" },
	    { A24 SHARE("t", "k", PORT(81), ""), "t=10.0.10.0:satisfied; a=256/255/1" } } },
	{ "an address is free when the last that shares it goes",
	  { { A_ONE SHARE("s", "k", PORT(80), "") SHARE("t", "k", PORT(81), "") LB("z"),
	      "s=10.0.10.1:satisfied t=10.0.10.1:satisfied z=:" FULL },
	    { A_ONE SHARE("t", "k", PORT(81), "") LB("z"), "t=10.0.10.1:satisfied z=:" FULL },
	    { A_ONE LB("z"), "z=10.0.10.1:satisfied" } } },
	{ "who waits shares when it may",
	  { { A_ONE SHARE("s", "k", PORT(80), "") SHARE("t", "k", PORT(80), ""),
	      "s=10.0.10.1:satisfied t=:" FULL },
	    { A_ONE SHARE("s", "k", PORT(81), "") SHARE("t", "k", PORT(80), ""),
	      "s=10.0.10.1:satisfied t=10.0.10.1:satisfied" } } },
	{ "shared in both families",
	  { { DUAL SHARE("s", "k", PORT(80), ", ipFamilyPolicy: RequireDualStack")
		      SHARE("t", "k", PORT(81), ", ipFamilies: [IPv6]"),
	      "s=10.0.10.0,2001:db8:::satisfied t=2001:db8:::satisfied" } } },
	{ "not of a pool that doesn't select it",
	  { { BLUE POOL("b", "blocks: [{start: 10.0.11.1}]") META(
		      "s", "labels: {color: blue}, annotations: {lbipam.cilium.io/sharing-key: k}")
		      META("t", "annotations: {lbipam.cilium.io/sharing-key: k}"),
	      "s=10.0.10.0:satisfied t=10.0.11.1:satisfied" } } },
};

/* What is written of a Service, where the test stands for the API server. */
struct written {
	struct service *service; /* NULL: it is gone */
	char name[64];
	char namespace[64];
	struct address_list addresses;
	bool ours;
	char reason[64];
};

struct world {
	struct allocator *allocator;
	struct manifest manifest;
	struct written list[16];
	size_t count;
};

static const struct service_class class = { "xdp-l2resp", false };
static const struct service_class required = { "xdp-l2resp", true };

static void note(const char *text, void *data)
{
}

static int take(const struct yaml_document *document, void *data, struct err *err)
{
	const struct place place = { "given", document };

	return manifest_add(data, &place, document->root, note, NULL, err);
}

static struct written *find(struct world *world, const char *namespace, const char *name)
{
	for (size_t i = 0; i < world->count; i++)
		if (!strcmp(world->list[i].namespace, namespace) &&
		    !strcmp(world->list[i].name, name))
			return &world->list[i];
	return NULL;
}

/* Makes the world what @given says; what is written of a Service stays while it is there. */
static void give(struct world *world, const char *name, const char *given)
{
	struct manifest manifest = {};
	struct err err;
	int r = yaml_parse("given", given, strlen(given), take, &manifest, &err);

	cr_assert_eq(r, 0, "%s: %s", name, err.text);
	for (size_t i = 0; i < world->count; i++)
		world->list[i].service = NULL;
	for (size_t i = 0; i < manifest.service_count; i++) {
		struct service *service = manifest.services[i];
		struct written *written = find(world, service->namespace, service->name);

		if (!written) {
			written = &world->list[world->count++];
			*written = (struct written){};
			snprintf(written->name, sizeof(written->name), "%s", service->name);
			snprintf(written->namespace, sizeof(written->namespace), "%s",
				 service->namespace);
			for (size_t j = 0; j < service->load_balancer.count; j++)
				address_list_add(&written->addresses,
						 &service->load_balancer.list[j]);
		}
		written->service = service;
		allocator_set_service(world->allocator, service, &written->addresses);
	}
	for (size_t i = 0; i < world->count; i++) {
		struct written *gone = &world->list[i];

		if (gone->service)
			continue;
		allocator_remove_service(world->allocator,
					 &(struct service){ .namespace = gone->namespace,
							    .name = gone->name });
		address_list_free(&gone->addresses);
		*gone = world->list[--world->count];
		i--;
	}
	allocator_set_pools(world->allocator, manifest.pools, manifest.pool_count);
	manifest_free(&world->manifest);
	world->manifest = manifest;
}

static bool same(const struct address_list *a, const struct address_list *b)
{
	return a->count == b->count &&
	       (!a->count || !memcmp(a->list, b->list, a->count * sizeof(*a->list)));
}

/* No address is ever written for two Services that can't share it. Where others gave it, or two
 * statuses had it to begin with, that is not of our making. */
static void check_written(const struct world *world, const char *name)
{
	for (size_t i = 0; i < world->count; i++)
		for (size_t j = 0; j < i; j++)
			for (size_t k = 0; k < world->list[i].addresses.count; k++)
				cr_expect(
					!address_list_has(&world->list[j].addresses,
							  &world->list[i].addresses.list[k]) ||
						!service_sharing_conflict(world->list[i].service,
									  world->list[j].service) ||
						strstr(name, "two statuses"),
					"%s: %s and %s", name, world->list[i].name,
					world->list[j].name);
}

/* Decides and writes until there is nothing to write. */
static void settle(struct world *world, const char *name)
{
	const struct verdict *const *verdicts;
	size_t count;
	bool again = true;

	for (int round = 0; again; round++) {
		cr_assert_lt(round, 4, "%s: no end", name);
		again = false;
		verdicts = allocator_settle(world->allocator, &count);
		for (size_t i = 0; i < count; i++) {
			const struct verdict *verdict = verdicts[i];
			struct written *written =
				find(world, verdict->service->namespace, verdict->service->name);

			if (!verdict->ours && !written->ours)
				continue;
			written->ours = verdict->ours;
			snprintf(written->reason, sizeof(written->reason), "%s",
				 verdict->ours ? verdict->reason : "");
			cr_expect(!verdict->ours ||
				  verdict->satisfied == !strcmp(verdict->reason, "satisfied"));
			if (same(&written->addresses, &verdict->addresses))
				continue;
			again = true;
			address_list_free(&written->addresses);
			for (size_t j = 0; j < verdict->addresses.count; j++)
				address_list_add(&written->addresses, &verdict->addresses.list[j]);
			check_written(world, name);
		}
		for (size_t i = 0; i < world->count && again; i++)
			allocator_set_service(world->allocator, world->list[i].service,
					      &world->list[i].addresses);
	}
}

static int compare_written(const void *a, const void *b)
{
	return service_compare_age(((const struct written *)a)->service,
				   ((const struct written *)b)->service);
}

/* In the words of the rows. */
static void describe(struct world *world, char *text, size_t size)
{
	struct written sorted[16];
	char ip[INET6_ADDRSTRLEN];
	size_t length = 0;

	memcpy(sorted, world->list, sizeof(sorted));
	qsort(sorted, world->count, sizeof(*sorted), compare_written);
	*text = '\0';
	for (size_t i = 0; i < world->count; i++) {
		if (!sorted[i].ours)
			continue;
		length += snprintf(text + length, size - length, "%s%s=", length ? " " : "",
				   sorted[i].name);
		for (size_t j = 0; j < sorted[i].addresses.count; j++)
			length += snprintf(text + length, size - length, "%s%s", j ? "," : "",
					   address_format(&sorted[i].addresses.list[j], ip));
		length += snprintf(text + length, size - length, ":%s", sorted[i].reason);
	}
}

static void describe_number(unsigned __int128 number, char text[40])
{
	char *at = text + 39;
	char digits[40];

	at = digits + sizeof(digits) - 1;
	*at = '\0';
	do
		*--at = '0' + (int)(number % 10);
	while (number /= 10);
	memcpy(text, at, digits + sizeof(digits) - at);
}

static void describe_pools(const struct world *world, char *text, size_t size)
{
	struct pool_status status;
	char total[40], available[40];
	size_t length = 0;

	for (size_t i = 0; allocator_pool_status(world->allocator, i, &status); i++) {
		describe_number(status.total, total);
		describe_number(status.available, available);
		length +=
			snprintf(text + length, size - length, "%s%s%s=%s/%s/%llu",
				 length ? " " : "; ", status.pool->name, status.conflict ? "!" : "",
				 total, available, (unsigned long long)status.used);
		cr_expect_eq(status.conflict, !!*status.message);
	}
}

static void world_free(struct world *world)
{
	for (size_t i = 0; i < world->count; i++)
		address_list_free(&world->list[i].addresses);
	manifest_free(&world->manifest);
	allocator_free(world->allocator);
}

static void run(const struct row *row, const struct service_class *served)
{
	struct world world = { .allocator = allocator_new(served) };
	char text[1024];

	for (size_t i = 0; i < STEPS && row->steps[i].given; i++) {
		give(&world, row->name, row->steps[i].given);
		settle(&world, row->name);
		describe(&world, text, sizeof(text));
		if (strchr(row->steps[i].expected, ';'))
			describe_pools(&world, text + strlen(text), sizeof(text) - strlen(text));
		cr_expect_str_eq(text, row->steps[i].expected, "%s, step %zu: '%s'", row->name,
				 i + 1, text);
	}
	world_free(&world);
}

Test(allocator, rows)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		run(&rows[i], &class);
}

Test(allocator, class_required)
{
	static const struct row row = {
		"a Service without a class isn't ours, nor its address ours to give",
		{ { A_TWO HAS("s", "10.0.10.1") SPEC("t", "loadBalancerClass: xdp-l2resp"),
		    "t=10.0.10.2:satisfied" } }
	};

	run(&row, &required);
}

/* Objects that are refused, and what is said; a note isn't a refusal. */
static const struct {
	const char *given;
	const char *said;
} refused[] = {
	{ NOTED_POOL("a", "xdp-l2resp.io/priority: high", "10.0.10.0/24"), "takes a number" },
	{ NOTED_POOL("a", "xdp-l2resp.io/priority: \"-1\"", "10.0.10.0/24"), "takes a number" },
	{ NOTED_POOL("a", "xdp-l2resp.io/auto-assign: \"no\"", "10.0.10.0/24"), "takes one of" },
	{ POOL("a", "blocks: [{cidr: 10.0.10.0/33}]"), "not an IP prefix" },
	{ POOL("a", "blocks: [{cidr: 10.0.10.0}]"), "a block needs a cidr" },
	{ POOL("a", "blocks: [{cidr: ten/8}]"), "not an IP prefix" },
	{ POOL("a", "blocks: [{cidr: 10.0.10.0/8x}]"), "not an IP prefix" },
	{ POOL("a", "blocks: [{cidr: 0.0.0.0/0}]"), "can't be announced" },
	{ POOL("a", "blocks: [{cidr: \"ff02::/64\"}]"), "multicast" },
	{ POOL("a", "blocks: [{}]"), "a block needs a cidr" },
	{ POOL("a", "blocks: [{stop: 10.0.10.1}]"), "not a range" },
	{ POOL("a", "blocks: [{start: 10.0.10.9, stop: 10.0.10.1}]"), "runs backwards" },
	{ POOL("a", "blocks: [{start: 10.0.10.9, stop: \"2001:db8::1\"}]"), "not a range" },
	{ POOL("a", "blocks: [{cdir: 10.0.10.0/24}]"), "no key 'cdir'" },
	{ POOL("a", "blocks: [10.0.10.0/24]"), "list of mappings" },
	{ POOL("a", "blocks: {cidr: 10.0.10.0/24}"), "must be a list" },
	{ POOL("a", "cidrs: [{cidr: 10.0.10.0/24}]"), "no key 'cidrs'" },
	{ POOL("a", "serviceSelecter: {}"), "no key 'serviceSelecter'" },
	{ POOL("a", "disabled: \"yes\""), "disabled must be true or false" },
	{ POOL("a", "allowFirstLastIPs: \"yes\""), "must be \"Yes\" or \"No\"" },
	{ POOL("a", "allowFirstLastIPs: true"), "must be a string" },
	{ SPEC("s", "ipFamilyPolicy: DualStack"), "no ipFamilyPolicy" },
	{ SPEC("s", "ipFamilies: [ipv4]"), "no IP family" },
	{ SPEC("s", "ports: [{port: 0}]"), "from 1 to 65535" },
	{ SPEC("s", "ports: [{port: 65536}]"), "from 1 to 65535" },
	{ SPEC("s", "ports: [{name: http}]"), "from 1 to 65535" },
	{ SPEC("s", "ports: [80]"), "list of mappings" },
	{ SPEC("s", "ports: [{port: 80, protocol: tcp}]"), "no protocol 'tcp'" },
	{ SPEC("s", "ports: [{port: 80, protocol: 6}]"), "protocol must be a string" },
	{ SPEC("s", "externalTrafficPolicy: local"), "no externalTrafficPolicy" },
	{ NOTE("s", "lbipam.cilium.io/sharing-key: 7"), "must be a string" },
};

Test(allocator, refused)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		const char *given = refused[i].given;
		struct manifest manifest = {};
		struct err err = {};
		int r = yaml_parse("given", given, strlen(given), take, &manifest, &err);

		cr_expect_lt(r, 0, "'%s'", given);
		cr_expect(strstr(err.text, refused[i].said), "'%s': %s", given, err.text);
		cr_expect(!strncmp(err.text, "given:2: ", 9), "%s", err.text);
		manifest_free(&manifest);
	}
}

/* Why two Services don't share, in the words of the condition and the log; "": they do. */
static const struct {
	const char *given;
	const char *why;
} conflicts[] = {
	{ SHARE("s", "k", PORT(80), "") SHARE("t", "l", PORT(81), ""), "another sharing key" },
	{ SHARE("s", "k", PORT(80), "") SHARE("t", "k", "{port: 80, protocol: UDP}", ""), "" },
	{ SHARE("s", "k", PORT(80), "") SHARE("t", "k", PORT(79) PORT(80), ""),
	  "the same port and protocol" },
	{ SHARE("s", "k", PORT(80), "") LOCAL("t", PORT(81), ""),
	  "another external traffic policy" },
	{ LOCAL("s", PORT(80), ", selector: {app: x}") LOCAL("t", PORT(81), ""),
	  "external traffic policy Local, and one has no selector" },
	{ LOCAL("s", PORT(80), "") LOCAL("t", PORT(81), ""),
	  "external traffic policy Local, and one has no selector" },
	{ LOCAL("s", PORT(80), ", selector: {app: x}") LOCAL("t", PORT(81), ", selector: {app: y}"),
	  "external traffic policy Local for other pods" },
};

Test(allocator, why_two_do_not_share)
{
	for (size_t i = 0; i < sizeof(conflicts) / sizeof(conflicts[0]); i++) {
		const char *given = conflicts[i].given, *why;
		struct manifest manifest = {};
		struct err err = {};

		cr_assert_eq(yaml_parse("given", given, strlen(given), take, &manifest, &err), 0);
		for (size_t first = 0; first < 2; first++) {
			why = service_sharing_conflict(manifest.services[first],
						       manifest.services[!first]);
			cr_expect_str_eq(why ?: "", conflicts[i].why, "%s", given);
		}
		manifest_free(&manifest);
	}
}

/* What is said of a Service that is accepted. */
static const struct {
	const char *given;
	const char *said;
} noted[] = {
	{ IPS("s", "10.0.10.7"), "" },
	{ NOTE("s", "lbipam.cilium.io/sharing-key: k, io.cilium/lb-ipam-ips: 10.0.10.7, a/b: c"),
	  "" },
	{ NOTE("s", "lbipam.cilium.io/ip: 10.0.10.7, lbipam.cilium.io/sharing-keys: k"),
	  "given:2: annotations that are ignored: lbipam.cilium.io/ip, "
	  "lbipam.cilium.io/sharing-keys" },
	{ NOTE("s", "kube-vip.io/loadbalancerIPs: 10.0.10.7"),
	  "given:2: annotations that are ignored: kube-vip.io/loadbalancerIPs; see "
	  "docs/migration.md" },
	{ NOTE("s", "xdp-l2resp.io/pool: a, xdp-l2resp.io/mac: virtual"), "" },
	{ NOTE("s", "xdp-l2resp.io/preferred-node: a"),
	  "given:2: annotations that are ignored: xdp-l2resp.io/preferred-node" },
	{ LOCAL("s", PORT(80), ""),
	  "given:2: annotations that are ignored: lbipam.cilium.io/sharing-permit-different-pods "
	  "(not supported: they don't share)" },
};

static void keep_note(const char *text, void *data)
{
	struct err *said = data;
	size_t used = strlen(said->text);

	snprintf(said->text + used, sizeof(said->text) - used, "%s", text);
}

static int take_noting(const struct yaml_document *document, void *data, struct err *err)
{
	const struct place place = { "given", document };
	struct manifest manifest = {};
	int r = manifest_add(&manifest, &place, document->root, keep_note, data, err);

	manifest_free(&manifest);
	return r;
}

Test(allocator, noted)
{
	for (size_t i = 0; i < sizeof(noted) / sizeof(noted[0]); i++) {
		const char *given = noted[i].given;
		struct err err = {}, said = {};

		cr_assert_eq(yaml_parse("given", given, strlen(given), take_noting, &said, &err), 0,
			     "%s", err.text);
		cr_expect_str_eq(said.text, noted[i].said, "%s", given);
	}
}

/* As many Services as a large cluster has: what a change of one costs, in microseconds. */
#define MANY   5000
#define ROUNDS 500

static struct service *make_service(size_t at, uint32_t port)
{
	struct service *service = xcalloc(1, sizeof(*service));

	*service = (struct service){ .references = 1,
				     .namespace = xstrdup("default"),
				     .name = xasprintf("service-%zu", at),
				     .created = xstrdup(""),
				     .wants_load_balancer = true,
				     .v4 = true,
				     .v6 = true,
				     .ports = xmalloc(sizeof(port)),
				     .port_count = 1 };
	service->ports[0] = port;
	labels_set(&service->labels, "io.kubernetes.service.namespace", "default");
	labels_set(&service->labels, "io.kubernetes.service.name", service->name);
	labels_set(&service->labels, "app", service->name);
	return service;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

static int compare_times(const void *a, const void *b)
{
	const double *left = a, *right = b;

	return *left < *right ? -1 : *left > *right;
}

/* Sets Service @at, or removes it, and decides. Returns the microseconds. */
static double change(struct allocator *allocator, size_t at, uint32_t port)
{
	struct service *service = make_service(at, port);
	const struct address_list none = {};
	double start = now(), took;
	size_t count;

	if (port)
		allocator_set_service(allocator, service, &none);
	else
		allocator_remove_service(allocator, service);
	allocator_settle(allocator, &count);
	took = now() - start;
	service_unref(service);
	return took;
}

/* Medians of a change, and of a removal and a new one, with @given as pools. */
static void measure(const char *name, const char *given)
{
	struct allocator *allocator = allocator_new(&class);
	double changes[ROUNDS], moves[ROUNDS], start = now();
	const struct address_list none = {};
	struct manifest manifest = {};
	struct err err;
	size_t count;

	cr_assert_eq(yaml_parse("given", given, strlen(given), take, &manifest, &err), 0);
	allocator_set_pools(allocator, manifest.pools, manifest.pool_count);
	for (size_t i = 0; i < MANY; i++) {
		struct service *service = make_service(i, 80);

		allocator_set_service(allocator, service, &none);
		service_unref(service);
	}
	allocator_settle(allocator, &count);
	fprintf(stderr, "# %s: %d Services in %.0f us", name, MANY, now() - start);
	for (size_t i = 0; i < ROUNDS; i++) {
		changes[i] = change(allocator, i * 7919 % MANY, 80 + i);
		moves[i] = change(allocator, i * 6701 % MANY, 0);
		moves[i] += change(allocator, i * 6701 % MANY, 80);
	}
	qsort(changes, ROUNDS, sizeof(*changes), compare_times);
	qsort(moves, ROUNDS, sizeof(*moves), compare_times);
	fprintf(stderr, ", a change %.1f us, a removal and a new one %.1f us\n",
		changes[ROUNDS / 2], moves[ROUNDS / 2]);
	cr_expect_lt(changes[ROUNDS / 2], 1000);
	/* who waits is asked again; this much under the sanitizers and beside others */
	cr_expect_lt(moves[ROUNDS / 2], 10000);
	manifest_free(&manifest);
	allocator_free(allocator);
}

Test(allocator, a_change_of_one_of_many_takes_less_than_a_millisecond)
{
	measure("/8 and /64", POOL("a", "blocks: [{cidr: 10.0.0.0/8}, {cidr: \"2001:db8::/64\"}]"));
	measure("a thousand wait", POOL("a", "blocks: [{start: 10.0.0.0, stop: 10.0.15.159}, "
					     "{cidr: \"2001:db8::/64\"}]"));
}

/* Services of one key, each with @ports of every SETSth number and protocol, and with the highest
 * of all, which is in every one. Returns the microseconds that they cost. */
#define SETS 9

static double share_many(size_t services, size_t ports)
{
	struct allocator *allocator = allocator_new(&class);
	const char *given = POOL("a", "blocks: [{cidr: 10.0.0.0/8}]");
	const struct address_list none = {};
	struct manifest manifest = {};
	struct err err;
	double start;
	size_t count;

	cr_assert_eq(yaml_parse("given", given, strlen(given), take, &manifest, &err), 0);
	allocator_set_pools(allocator, manifest.pools, manifest.pool_count);
	for (size_t i = 0; i < services; i++) {
		struct service *service = make_service(i, 80);

		service->v6 = false;
		service->sharing_key = xstrdup("k");
		service->ports = xreallocarray(service->ports, ports + 1, sizeof(*service->ports));
		for (size_t j = 0; j < ports; j++)
			service->ports[j] = j * SETS + i % SETS + 1;
		service->ports[ports] = SERVICE_PORT(2, UINT16_MAX);
		service->port_count = ports + 1;
		allocator_set_service(allocator, service, &none);
		service_unref(service);
	}
	start = now();
	cr_assert_eq(allocator_settle(allocator, &count)[services - 1]->addresses.count, 1);
	start = now() - start;
	manifest_free(&manifest);
	allocator_free(allocator);
	return start;
}

Test(allocator, ports_of_a_tenant_cost_little)
{
	double took = share_many(20, 20000);

	fprintf(stderr, "# 20 Services of one key with 20,000 ports each: %.0f us\n", took);
	/* a comparison of each with each takes more than ten seconds */
	cr_expect_lt(took, 1e6);
}
