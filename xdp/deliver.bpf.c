// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The kernel marks a frame that isn't sent to the device's own MAC as another host's, even if the
 * interface's filter accepts it, and IP drops it. This tc program, on the ingress of an interface
 * with virtual MACs, marks frames for these as this host's. It doesn't change the frame, and lets
 * other programs run.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include "filters.bpf.h"
#include "virtual_mac.h"

SEC("tc")
int l2resp_deliver(struct __sk_buff *skb)
{
	const struct ethhdr *eth = (void *)(long)skb->data;
	struct filter_key key = { .ifindex = skb->ifindex };

	if (skb->pkt_type != PACKET_OTHERHOST || (void *)(eth + 1) > (void *)(long)skb->data_end ||
	    !mac_is_virtual(eth->h_dest))
		return TC_ACT_UNSPEC;
	__builtin_memcpy(key.mac, eth->h_dest, sizeof(key.mac));
	if (bpf_map_lookup_elem(&filters, &key))
		bpf_skb_change_type(skb, PACKET_HOST);
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "Dual BSD/GPL";
