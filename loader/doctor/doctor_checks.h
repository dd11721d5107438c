/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doctor's checks. The functions' declarations, the table that runs them, the help and the
 * manual's table are generated from this list. Names are part of the CLI contract. In the printed
 * remedy IFACE and ADDR are replaced by the finding's interface and address, and HOOK by the
 * interface that the program belongs on: mostly a VLAN device's parent, else IFACE.
 *
 * EACH: run for each interface. ONCE: run once for all. ERROR: requests go unanswered, or two hosts
 * answer. WARNING: either may happen. NOTE: information; doctor doesn't fail.
 */
#ifndef XDP_L2RESP_DOCTOR_CHECKS_H
#define XDP_L2RESP_DOCTOR_CHECKS_H

#define DOCTOR_CHECKS(X)                                                                            \
	X(pins_unusable, ONCE, ERROR, "the pinned maps are incomplete, or can't be opened",         \
	  "fix the cause above")                                                                    \
	X(interface_gone, EACH, ERROR, "addresses are on an interface that is gone",                \
	  "make IFACE again and run `xdp-l2resp attach IFACE` (of a VLAN device, on its parent), "  \
	  "or run `xdp-l2resp flush dev IFACE`")                                                    \
	X(link_down, EACH, ERROR, "the interface is down, or has no carrier",                       \
	  "run `ip link set IFACE up`, and check its cable or its peer")                            \
	X(not_attached, EACH, ERROR, "addresses are on an interface without the program",           \
	  "run `xdp-l2resp attach HOOK`, or `xdp-l2resp flush dev IFACE`")                          \
	X(program_stale, EACH, ERROR, "a program runs that doesn't read the pinned addresses",      \
	  "run `xdp-l2resp attach IFACE`")                                                          \
	X(programs_left, EACH, WARNING,                                                             \
	  "several of our programs run on one interface: an attach was killed",                     \
	  "run `xdp-l2resp attach IFACE`")                                                          \
	X(skb_mode, EACH, WARNING, "skb mode, though the driver has native XDP",                    \
	  "run `xdp-l2resp detach IFACE`, then `xdp-l2resp attach IFACE --mode native`")            \
	X(alone, EACH, WARNING, "no dispatcher, though the kernel has them: no program can join",   \
	  "fix the cause above, then run `xdp-l2resp detach IFACE` and `xdp-l2resp attach IFACE`")  \
	X(program_before, EACH, NOTE, "another XDP program runs first, and may drop requests",      \
	  "check that it passes ARP and neighbour discovery, or run ours first with `xdp-l2resp "   \
	  "attach IFACE --priority N`")                                                             \
	X(tcx_before, EACH, NOTE, "a tcx program may keep frames to virtual MACs from the kernel",  \
	  "check that it returns TCX_NEXT for them (`bpftool net show dev IFACE` has its id), or "  \
	  "answer with the interface's own MAC (xdp-l2resp.io/mac: interface)")                     \
	X(veth_peer, EACH, ERROR, "native mode on a veth whose peer has no XDP program",            \
	  "put a program on the peer that returns XDP_PASS, or run `xdp-l2resp detach IFACE`, "     \
	  "then `xdp-l2resp attach IFACE --mode skb`")                                              \
	X(tags_taken, EACH, ERROR,                                                                  \
	  "VLAN tags are taken off before XDP, and VLAN devices have addresses",                    \
	  "run `ethtool -K IFACE rxvlan off` (on a veth's peer, `txvlan off`)")                     \
	X(lag_port, EACH, WARNING, "the program, or addresses, are on one port of a bond or team",  \
	  "run `xdp-l2resp flush dev IFACE` and `xdp-l2resp detach IFACE`, then put them on the "   \
	  "bond or team: while that has a program, the kernel changes none on its ports")           \
	X(group_left, EACH, WARNING, "the interface has left groups of its IPv6 addresses",         \
	  "run `xdp-l2resp attach HOOK`; if systemd-networkd manages IFACE, set "                   \
	  "KeepConfiguration=static in its .network file")                                          \
	X(mac_stale, EACH, ERROR, "addresses are answered with a MAC that the interface had once",  \
	  "run `xdp-l2resp attach HOOK`")                                                           \
	X(entry_damaged, EACH, ERROR, "what is written for an address isn't its entry",             \
	  "run `xdp-l2resp add ADDR dev IFACE`, or `xdp-l2resp del ADDR dev IFACE`")                \
	X(lease_over, EACH, ERROR, "the lease of addresses has run out",                            \
	  "start xdp-l2respd and check that it reaches its lease store; if no agent should run "    \
	  "here, run `xdp-l2resp flush dev IFACE`")                                                 \
	X(agent_unready, ONCE, ERROR, "xdp-l2respd runs here, and isn't ready",                     \
	  "fix the cause above; `xdp-l2respd show NAMESPACE/NAME` explains the state of a Service") \
	X(conflict, EACH, ERROR, "another host was seen using an address in the last 10 minutes",   \
	  "take ADDR off the host with that MAC, or run `xdp-l2resp del ADDR dev IFACE`")           \
	X(map_nearly_full, ONCE, WARNING, "the addresses take more than 90 % of their room",        \
	  "run `xdp-l2resp attach IFACE --max-entries N` with a larger N")                          \
	X(kernel_answers, EACH, WARNING,                                                            \
	  "the kernel has the address too, and answers where the program is silent",                \
	  "have ADDR on lo instead of IFACE, with `sysctl -w net.ipv4.conf.all.arp_ignore=1 "       \
	  "net.ipv4.conf.all.arp_announce=2`")                                                      \
	X(proxy_arp, EACH, WARNING, "the kernel answers ARP for what it has a route to",            \
	  "run `sysctl -w net/ipv4/conf/all/proxy_arp=0 net/ipv4/conf/IFACE/proxy_arp=0`")          \
	X(proxy_entry, EACH, WARNING, "the kernel answers for an address by a proxy entry",         \
	  "run `ip neigh del proxy ADDR dev IFACE`")                                                \
	X(other_answers, ONCE, ERROR, "another host answers for an address when it is asked",       \
	  "take ADDR off the host with that MAC, or run `xdp-l2resp del ADDR dev IFACE`")           \
	X(one_lan, ONCE, NOTE, "two interfaces of this host are on one LAN",                        \
	  "add each address on only one of them, or join them in a bond")

#endif
