// SPDX-License-Identifier: GPL-2.0-or-later
/* What users write for addresses, ranges, MACs and whole specifications. */
#include <errno.h>
#include <string.h>
#include <criterion/criterion.h>

#include "addr.h"
#include "spec.h"

static const struct {
	const char *text;
	int result;
	struct addr_range range;
} ranges[] = {
	{ "10.0.10.0", 0, { 0x0a000a00, 0x0a000a00 } },
	{ "255.255.255.254", 0, { 0xfffffffe, 0xfffffffe } },
	{ "240.0.0.1", 0, { 0xf0000001, 0xf0000001 } },
	{ "10.0.10.0/24", 0, { 0x0a000a00, 0x0a000aff } },
	{ "10.0.10.7/32", 0, { 0x0a000a07, 0x0a000a07 } },
	{ "128.0.0.0/2", 0, { 0x80000000, 0xbfffffff } },
	{ "10.0.10.7-10.0.10.9", 0, { 0x0a000a07, 0x0a000a09 } },
	{ "10.0.10.7-10.0.10.7", 0, { 0x0a000a07, 0x0a000a07 } },
	{ "", -EINVAL, {} },
	{ "10", -EINVAL, {} },
	{ "10.0.10", -EINVAL, {} },
	{ "10.0.10.256", -EINVAL, {} },
	{ "10.0.10.0 ", -EINVAL, {} },
	{ "10.0.10.0.0", -EINVAL, {} },
	{ "0x0a000001", -EINVAL, {} },
	{ "host", -EINVAL, {} },
	{ "10.0.10.0/", -EINVAL, {} },
	{ "10.0.10.0/33", -EINVAL, {} },
	{ "10.0.10.0/-1", -EINVAL, {} },
	{ "10.0.10.0/+8", -EINVAL, {} },
	{ "10.0.10.0/24x", -EINVAL, {} },
	{ "/24", -EINVAL, {} },
	{ "10.0.10.1/24", -EINVAL, {} },
	{ "10.0.10.7-", -EINVAL, {} },
	{ "-10.0.10.7", -EINVAL, {} },
	{ "10.0.10.7-10.0.10.8-10.0.10.9", -EINVAL, {} },
	{ "10.0.10.0/24-10.0.11.0/24", -EINVAL, {} },
	{ "10.0.10.9-10.0.10.7", -ERANGE, {} },
	{ "0.0.0.0", -EADDRNOTAVAIL, {} },
	{ "127.0.0.1", -EADDRNOTAVAIL, {} },
	{ "224.0.0.1", -EADDRNOTAVAIL, {} },
	{ "239.255.255.255", -EADDRNOTAVAIL, {} },
	{ "255.255.255.255", -EADDRNOTAVAIL, {} },
	{ "0.0.0.0/0", -EADDRNOTAVAIL, {} },
	{ "126.0.0.0-128.0.0.0", -EADDRNOTAVAIL, {} },
	{ "223.255.255.255-224.0.0.0", -EADDRNOTAVAIL, {} },
	{ "255.255.255.0/24", -EADDRNOTAVAIL, {} },
};

Test(addr, ranges)
{
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		struct addr_range range = { 1, 2 };
		struct err err = {};
		int r = addr_range_parse(ranges[i].text, &range, &err);

		cr_expect_eq(r, ranges[i].result, "'%s': %d", ranges[i].text, r);
		cr_expect_eq(!r, !*err.text, "'%s': said '%s'", ranges[i].text, err.text);
		cr_expect_eq(range.first, r ? 1 : ranges[i].range.first, "'%s'", ranges[i].text);
		cr_expect_eq(range.last, r ? 2 : ranges[i].range.last, "'%s'", ranges[i].text);
	}
}

static const struct {
	const char *text;
	int result;
} macs[] = {
	{ "02:00:00:00:00:0a", 0 },
	{ "02:00:00:00:00:0A", 0 },
	{ "00:00:5e:00:01:07", 0 },
	{ "", -EINVAL },
	{ "02:00:00:00:00", -EINVAL },
	{ "02:00:00:00:00:0a:0b", -EINVAL },
	{ "2:0:0:0:0:a", -EINVAL },
	{ "02-00-00-00-00-0a", -EINVAL },
	{ "02:00:00:00:00:0g", -EINVAL },
	{ "02:00:00:00:00: a", -EINVAL },
	{ "02:00:00:00:00:0a ", -EINVAL },
	{ "-2:00:00:00:00:0a", -EINVAL },
	{ "0x:00:00:00:00:0a", -EINVAL },
	{ "00:00:00:00:00:00", -EADDRNOTAVAIL },
	{ "01:00:5e:00:00:01", -EADDRNOTAVAIL },
	{ "ff:ff:ff:ff:ff:ff", -EADDRNOTAVAIL },
};

Test(addr, macs)
{
	for (size_t i = 0; i < sizeof(macs) / sizeof(macs[0]); i++) {
		uint8_t mac[6] = { 9, 9, 9, 9, 9, 9 }, before[6] = { 9, 9, 9, 9, 9, 9 };
		char text[MAC_TEXT_SIZE];
		struct err err = {};
		int r = mac_parse(macs[i].text, mac, &err);

		cr_expect_eq(r, macs[i].result, "'%s': %d", macs[i].text, r);
		if (r)
			cr_expect(!memcmp(mac, before, 6), "'%s' changed the MAC", macs[i].text);
		else
			cr_expect_eq(strcasecmp(mac_format(mac, text), macs[i].text), 0, "%s",
				     text);
	}
}

static const struct {
	const char *words[7];
	int result;
} specs[] = {
	{ { "10.0.0.1", "dev", "eth1" }, 0 },
	{ { "10.0.0.0/30", "dev", "eth1", "mac", "02:00:00:00:00:01" }, 0 },
	{ { NULL }, -EINVAL },
	{ { "10.0.0.1" }, -EINVAL },
	{ { "10.0.0.1", "dev" }, -EINVAL },
	{ { "10.0.0.1", "eth1" }, -EINVAL },
	{ { "10.0.0.1", "via", "eth1" }, -EINVAL },
	{ { "10.0.0.1", "dev", "eth1", "mac" }, -EINVAL },
	{ { "10.0.0.1", "dev", "eth1", "lladdr", "02:00:00:00:00:01" }, -EINVAL },
	{ { "10.0.0.1", "dev", "eth1", "mac", "02:00:00:00:00:01", "x" }, -EINVAL },
	{ { "10.0.0.1", "dev", "eth1", "mac", "01:00:00:00:00:01" }, -EADDRNOTAVAIL },
	{ { "224.0.0.1", "dev", "eth1" }, -EADDRNOTAVAIL },
};

Test(spec, words)
{
	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
		struct err err = {};
		struct spec spec;
		int count = 0, r;

		while (specs[i].words[count])
			count++;
		r = spec_parse(count, (char **)specs[i].words, &spec, &err);
		cr_expect_eq(r, specs[i].result, "row %zu: %d '%s'", i, r, err.text);
		cr_expect_eq(!r, !*err.text, "row %zu: said '%s'", i, err.text);
	}
}

Test(spec, a_list_grows_no_longer_than_the_room)
{
	struct link link = { .ifindex = 3, .mac = { 2, 0, 0, 0, 0, 1 } };
	struct spec_list list = {};
	struct spec spec = { .range = { 0x0a000000, 0x0a0000ff } };
	struct err err = {};

	cr_assert_eq(spec_list_append(&list, &spec, &link, 0, 300, &err), 0);
	cr_expect_eq(list.count, 256);
	cr_expect_eq(spec_list_append(&list, &spec, &link, 0, 300, &err), -ENOSPC);
	cr_expect_eq(list.count, 256);
	spec.range = (struct addr_range){ 1, UINT32_MAX };
	cr_expect_eq(spec_list_append(&list, &spec, &link, 0, 300, &err), -ENOSPC);
	spec_list_free(&list);
}
