// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "cleanup.h"
#include "local_address.h"

/* the kernel's own bound on a message of a dump (NLMSG_GOODSIZE grows to it) */
#define MESSAGE_SIZE 32768

void local_address_table_free(struct local_address_table *table)
{
	free(table->rows);
	*table = (struct local_address_table){};
}

static int table_add(struct local_address_table *table, const struct local_address *row)
{
	struct local_address *rows = reallocarray(table->rows, table->count + 1, sizeof(*rows));

	if (!rows)
		return MNL_CB_ERROR;
	table->rows = rows;
	rows[table->count++] = *row;
	return MNL_CB_OK;
}

/* False for what is no address of IPv4 or IPv6. */
static bool take_address(const struct nlattr *attribute, struct address *ret_address)
{
	static const struct address mapped = { .bytes = { [10] = 0xff, 0xff } };
	uint16_t length = mnl_attr_get_payload_len(attribute);

	if (length != 4 && length != sizeof(ret_address->bytes))
		return false;
	*ret_address = mapped;
	memcpy(ret_address->bytes + sizeof(ret_address->bytes) - length,
	       mnl_attr_get_payload(attribute), length);
	return true;
}

static int address_cb(const struct nlmsghdr *message, void *table)
{
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(message);
	struct local_address row = { .ifindex = info->ifa_index,
				     .host_scope = info->ifa_scope == RT_SCOPE_HOST };
	const struct nlattr *attribute;
	bool local = false, found = false;

	mnl_attr_for_each(attribute, message, sizeof(*info))
	{
		uint16_t type = mnl_attr_get_type(attribute);

		/* with a peer, IFA_ADDRESS is the peer's */
		if (type != IFA_LOCAL && (type != IFA_ADDRESS || local))
			continue;
		local = type == IFA_LOCAL;
		found |= take_address(attribute, &row.address);
	}
	return found ? table_add(table, &row) : MNL_CB_OK;
}

static int neighbour_cb(const struct nlmsghdr *message, void *table)
{
	const struct ndmsg *info = mnl_nlmsg_get_payload(message);
	struct local_address row = { .ifindex = info->ndm_ifindex, .proxy = true };
	const struct nlattr *attribute;
	bool found = false;

	mnl_attr_for_each(attribute, message, sizeof(*info))
	{
		if (mnl_attr_get_type(attribute) == NDA_DST)
			found = take_address(attribute, &row.address);
	}
	return found && info->ndm_flags & NTF_PROXY ? table_add(table, &row) : MNL_CB_OK;
}

static void cleanup_mnl_socket(struct mnl_socket **socket)
{
	if (*socket)
		mnl_socket_close(*socket);
}

/* Of RTM_GETNEIGH, the proxy entries. */
static int dump(uint16_t type, size_t info_size, mnl_cb_t callback,
		struct local_address_table *table)
{
	_cleanup_(cleanup_mnl_socket) struct mnl_socket *socket = mnl_socket_open(NETLINK_ROUTE);
	_cleanup_free_ char *buffer = malloc(MESSAGE_SIZE);
	struct nlmsghdr *header;
	ssize_t length;
	int r = MNL_CB_OK;
	void *info;

	if (!socket || !buffer || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return negative_errno();
	header = mnl_nlmsg_put_header(buffer);
	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header->nlmsg_seq = 1;
	info = mnl_nlmsg_put_extra_header(header, info_size);
	if (type == RTM_GETNEIGH)
		((struct ndmsg *)info)->ndm_flags = NTF_PROXY;
	if (mnl_socket_sendto(socket, header, header->nlmsg_len) < 0)
		return negative_errno();
	while (r > MNL_CB_STOP) {
		length = mnl_socket_recvfrom(socket, buffer, MESSAGE_SIZE);
		if (length < 0)
			return negative_errno();
		r = mnl_cb_run(buffer, length, 1, mnl_socket_get_portid(socket), callback, table);
	}
	return r < 0 ? negative_errno() : 0;
}

int local_address_read_all(struct local_address_table *ret_table, struct err *err)
{
	struct local_address_table table = {};
	int r = dump(RTM_GETADDR, sizeof(struct ifaddrmsg), address_cb, &table);

	if (!r)
		r = dump(RTM_GETNEIGH, sizeof(struct ndmsg), neighbour_cb, &table);
	if (r < 0) {
		local_address_table_free(&table);
		return err_set(err, r, "asking for this host's own addresses: %s", strerror(-r));
	}
	*ret_table = table;
	return 0;
}
