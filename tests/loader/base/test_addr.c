// SPDX-License-Identifier: GPL-2.0-or-later
/* Parsing of addresses, ranges, MACs and whole specifications; and text with their bytes in it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <arpa/inet.h>
#include <criterion/criterion.h>

#include "addr.h"
#include "err.h"
#include "spec.h"
#include "text.h"

static const struct {
	const char *text;
	int result;
	const char *first;
	const char *last;
} ranges[] = {
	{ "10.0.10.0", 0, "10.0.10.0", "10.0.10.0" },
	{ "255.255.255.254", 0, "255.255.255.254", "255.255.255.254" },
	{ "240.0.0.1", 0, "240.0.0.1", "240.0.0.1" },
	{ "10.0.10.0/24", 0, "10.0.10.0", "10.0.10.255" },
	{ "10.0.10.7/32", 0, "10.0.10.7", "10.0.10.7" },
	{ "128.0.0.0/2", 0, "128.0.0.0", "191.255.255.255" },
	{ "10.0.10.7-10.0.10.9", 0, "10.0.10.7", "10.0.10.9" },
	{ "10.0.10.7-10.0.10.7", 0, "10.0.10.7", "10.0.10.7" },
	{ "", -EINVAL, NULL, NULL },
	{ "10", -EINVAL, NULL, NULL },
	{ "10.0.10", -EINVAL, NULL, NULL },
	{ "10.0.10.256", -EINVAL, NULL, NULL },
	{ "10.0.10.0 ", -EINVAL, NULL, NULL },
	{ "10.0.10.0.0", -EINVAL, NULL, NULL },
	{ "0x0a000001", -EINVAL, NULL, NULL },
	{ "host", -EINVAL, NULL, NULL },
	{ "10.0.10.0/", -EINVAL, NULL, NULL },
	{ "10.0.10.0/33", -EINVAL, NULL, NULL },
	{ "10.0.10.0/-1", -EINVAL, NULL, NULL },
	{ "10.0.10.0/+8", -EINVAL, NULL, NULL },
	{ "10.0.10.0/24x", -EINVAL, NULL, NULL },
	{ "/24", -EINVAL, NULL, NULL },
	{ "10.0.10.1/24", -EINVAL, NULL, NULL },
	{ "10.0.10.7-", -EINVAL, NULL, NULL },
	{ "-10.0.10.7", -EINVAL, NULL, NULL },
	{ "10.0.10.7-10.0.10.8-10.0.10.9", -EINVAL, NULL, NULL },
	{ "10.0.10.0/24-10.0.11.0/24", -EINVAL, NULL, NULL },
	{ "10.0.10.9-10.0.10.7", -ERANGE, NULL, NULL },
	{ "0.0.0.0", -EADDRNOTAVAIL, NULL, NULL },
	{ "127.0.0.1", -EADDRNOTAVAIL, NULL, NULL },
	{ "224.0.0.1", -EADDRNOTAVAIL, NULL, NULL },
	{ "239.255.255.255", -EADDRNOTAVAIL, NULL, NULL },
	{ "255.255.255.255", -EADDRNOTAVAIL, NULL, NULL },
	{ "0.0.0.0/0", -EADDRNOTAVAIL, NULL, NULL },
	{ "126.0.0.0-128.0.0.0", -EADDRNOTAVAIL, NULL, NULL },
	{ "223.255.255.255-224.0.0.0", -EADDRNOTAVAIL, NULL, NULL },
	{ "255.255.255.0/24", -EADDRNOTAVAIL, NULL, NULL },
	{ "2001:db8::10", 0, "2001:db8::10", "2001:db8::10" },
	{ "2001:DB8:0::0010", 0, "2001:db8::10", "2001:db8::10" },
	{ "2001:db8::/120", 0, "2001:db8::", "2001:db8::ff" },
	{ "2001:db8::7/128", 0, "2001:db8::7", "2001:db8::7" },
	{ "2001:db8::/64", 0, "2001:db8::", "2001:db8::ffff:ffff:ffff:ffff" },
	{ "2001:db8::7-2001:db8::9", 0, "2001:db8::7", "2001:db8::9" },
	{ "2001:db8::fffe-2001:db8::1:1", 0, "2001:db8::fffe", "2001:db8::1:1" },
	{ "2001:db8::198.18.0.1", 0, "2001:db8::c612:1", "2001:db8::c612:1" },
	{ "64:ff9b::c612:1", 0, "64:ff9b::c612:1", "64:ff9b::c612:1" },
	{ "fe80::1", 0, "fe80::1", "fe80::1" },
	{ "fd00::1", 0, "fd00::1", "fd00::1" },
	{ "2000::/3", 0, "2000::", "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	{ "2001:db8", -EINVAL, NULL, NULL },
	{ "2001:db8:::1", -EINVAL, NULL, NULL },
	{ "2001:db8::10000", -EINVAL, NULL, NULL },
	{ "2001:db8::g", -EINVAL, NULL, NULL },
	{ "[2001:db8::1]", -EINVAL, NULL, NULL },
	{ "fe80::1%eth1", -EINVAL, NULL, NULL },
	{ "2001:db8::1 ", -EINVAL, NULL, NULL },
	{ "1:2:3:4:5:6:7:8:9", -EINVAL, NULL, NULL },
	{ ":", -EINVAL, NULL, NULL },
	{ "2001:db8::/129", -EINVAL, NULL, NULL },
	{ "2001:db8::/", -EINVAL, NULL, NULL },
	{ "2001:db8::1/64", -EINVAL, NULL, NULL },
	{ "2001:db8::/-1", -EINVAL, NULL, NULL },
	{ "2001:db8::1-", -EINVAL, NULL, NULL },
	{ "2001:db8::1-198.18.0.1", -EINVAL, NULL, NULL },
	{ "198.18.0.1-2001:db8::1", -EINVAL, NULL, NULL },
	{ "2001:db8::1-2001:db8::2-2001:db8::3", -EINVAL, NULL, NULL },
	{ "2001:db8::/120-2001:db8:1::/120", -EINVAL, NULL, NULL },
	{ "2001:db8::9-2001:db8::7", -ERANGE, NULL, NULL },
	{ "::", -EADDRNOTAVAIL, NULL, NULL },
	{ "::1", -EADDRNOTAVAIL, NULL, NULL },
	{ "::/0", -EADDRNOTAVAIL, NULL, NULL },
	{ "::1/128", -EADDRNOTAVAIL, NULL, NULL },
	{ "ff02::1", -EADDRNOTAVAIL, NULL, NULL },
	{ "ff00::/8", -EADDRNOTAVAIL, NULL, NULL },
	{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", -EADDRNOTAVAIL, NULL, NULL },
	{ "::ffff:198.18.0.1", -EADDRNOTAVAIL, NULL, NULL },
	{ "::ffff:c612:1", -EADDRNOTAVAIL, NULL, NULL },
	{ "::ffff:0:0/96", -EADDRNOTAVAIL, NULL, NULL },
	{ "::fffe:0:0/95", -EADDRNOTAVAIL, NULL, NULL },
	{ "fe00::-ff00::", -EADDRNOTAVAIL, NULL, NULL },
};

static struct address address_of(const char *text)
{
	struct address address = {};
	char mapped[INET6_ADDRSTRLEN];

	snprintf(mapped, sizeof(mapped), "%s%s", strchr(text, ':') ? "" : "::ffff:", text);
	cr_assert_eq(inet_pton(AF_INET6, mapped, address.bytes), 1, "%s", mapped);
	return address;
}

Test(addr, ranges)
{
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		struct addr_range range, expected;
		struct err err = {};
		int r;

		memset(&range, 0x55, sizeof(range));
		expected = range;
		if (!ranges[i].result) {
			expected.first = address_of(ranges[i].first);
			expected.last = address_of(ranges[i].last);
		}
		r = addr_range_parse(ranges[i].text, &range, &err);
		cr_expect_eq(r, ranges[i].result, "'%s': %d", ranges[i].text, r);
		cr_expect_eq(!r, !*err.text, "'%s': said '%s'", ranges[i].text, err.text);
		cr_expect(!memcmp(&range, &expected, sizeof(range)), "'%s'", ranges[i].text);
	}
}

static const struct {
	const char *first;
	const char *last;
	uint64_t size;
} sizes[] = {
	{ "198.18.0.1", "198.18.0.1", 1 },
	{ "198.18.0.0", "198.18.255.255", 65536 },
	{ "2001:db8::fffe", "2001:db8::1:1", 4 },
	{ "2001:db8::", "2001:db8::7fff:ffff:ffff:ffff", 1ULL << 63 },
	{ "2001:db8::", "2001:db8::ffff:ffff:ffff:fffd", UINT64_MAX - 1 },
	{ "2001:db8::", "2001:db8::ffff:ffff:ffff:fffe", UINT64_MAX },
	{ "2001:db8::", "2001:db8::ffff:ffff:ffff:ffff", UINT64_MAX },
	{ "2001:db8::", "2001:db8:0:1::", UINT64_MAX },
	{ "2001:db8::ffff:ffff:ffff:ffff", "2001:db8:0:1::", 2 },
	{ "2001:db8::1", "2001:db8:0:1::", UINT64_MAX },
	{ "2001:db8::2", "2001:db8:0:1::", UINT64_MAX },
	{ "2001:db8::3", "2001:db8:0:1::", UINT64_MAX - 1 },
	{ "2001:db8::", "2001:db9::", UINT64_MAX },
};

Test(addr, sizes)
{
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct addr_range range = { address_of(sizes[i].first), address_of(sizes[i].last) };

		cr_expect_eq(addr_range_size(&range), sizes[i].size, "%s-%s", sizes[i].first,
			     sizes[i].last);
	}
}

static const struct {
	const char *written;
	const char *shown;
	const char *next;
} formats[] = {
	{ "198.18.0.255", "198.18.0.255", "198.18.1.0" },
	{ "2001:0db8:0000:0000:0000:0000:0000:0010", "2001:db8::10", "2001:db8::11" },
	/* RFC 5952 4.2: no :: for one field, the longest run, the first of two */
	{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:2" },
	{ "2001:0:0:1:0:0:0:1", "2001:0:0:1::1", "2001:0:0:1::2" },
	{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1", "2001:db8::1:0:0:2" },
	{ "2001:DB8::FFFF", "2001:db8::ffff", "2001:db8::1:0" },
	{ "2001:db8::ffff:ffff:ffff:ffff", "2001:db8::ffff:ffff:ffff:ffff", "2001:db8:0:1::" },
};

Test(addr, formats_and_increments)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct address address = address_of(formats[i].written);
		char text[INET6_ADDRSTRLEN];

		cr_expect_str_eq(address_format(&address, text), formats[i].shown);
		address_increment(&address);
		cr_expect_str_eq(address_format(&address, text), formats[i].next);
	}
}

static const struct {
	const char *text;
	int result;
	const char *written; /* out again */
} macs[] = {
	{ "02:00:00:00:00:0a", 0, "02:00:00:00:00:0a" },
	{ "02:00:00:00:00:0A", 0, "02:00:00:00:00:0a" },
	{ "00:00:5E:00:01:07", 0, "00:00:5e:00:01:07" },
	{ "a1-B2-c3-D4-e5-F6", -EADDRNOTAVAIL, NULL },
	{ "a2-B2-c3-D4-e5-F6", 0, "a2:b2:c3:d4:e5:f6" },
	{ "a2B2.c3D4.e5F6", 0, "a2:b2:c3:d4:e5:f6" },
	{ "", -EINVAL, NULL },
	{ "02:00:00:00:00", -EINVAL, NULL },
	{ "02:00:00:00:00:0a:0b", -EINVAL, NULL },
	{ "2:0:0:0:0:a", -EINVAL, NULL },
	{ "02-00-00-00-00-0a", 0, "02:00:00:00:00:0a" },
	{ "0200.0000.000A", 0, "02:00:00:00:00:0a" },
	{ "02:00:00-00:00:0a", -EINVAL, NULL },
	{ "02-00-00-00-00-0", -EINVAL, NULL },
	{ "02-00-00-00-00-0a-", -EINVAL, NULL },
	{ "02000.000.000a", -EINVAL, NULL },
	{ "0200.0000.000a.", -EINVAL, NULL },
	{ "0200.0000", -EINVAL, NULL },
	{ "0200:0000:000a", -EINVAL, NULL },
	{ "02.00.00.00.00.0a", -EINVAL, NULL },
	{ "02000000000a", -EINVAL, NULL },
	{ "-01005e.0000.0001", -EINVAL, NULL },
	{ "0100.5e00.0001", -EADDRNOTAVAIL, NULL },
	{ "02:00:00:00:00:0g", -EINVAL, NULL },
	{ "02:00:00:00:00: a", -EINVAL, NULL },
	{ "02:00:00:00:00:0a ", -EINVAL, NULL },
	{ "-2:00:00:00:00:0a", -EINVAL, NULL },
	{ "0x:00:00:00:00:0a", -EINVAL, NULL },
	{ "00:00:00:00:00:00", -EADDRNOTAVAIL, NULL },
	{ "01:00:5e:00:00:01", -EADDRNOTAVAIL, NULL },
	{ "ff:ff:ff:ff:ff:ff", -EADDRNOTAVAIL, NULL },
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
			cr_expect_str_eq(mac_format(mac, text), macs[i].written);
	}
}

static const struct {
	const char *words[SPEC_MAX_WORDS + 2];
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
	{ { "2001:db8::1", "dev", "eth1" }, 0 },
	{ { "2001:db8::1", "dev", "eth1", "override", "off" }, 0 },
	{ { "2001:db8::1", "dev", "eth1", "mac", "02:00:00:00:00:01", "override", "off" }, 0 },
	{ { "2001:db8::1", "dev", "eth1", "override", "off", "mac", "02:00:00:00:00:01" },
	  -EINVAL },
	{ { "2001:db8::1", "dev", "eth1", "override" }, -EINVAL },
	{ { "2001:db8::1", "dev", "eth1", "override", "no" }, -EINVAL },
	{ { "2001:db8::1", "dev", "eth1", "override", "off", "x" }, -EINVAL },
	{ { "10.0.0.1", "dev", "eth1", "override", "off" }, -EINVAL },
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

static void range_set(struct spec *spec, const char *text)
{
	struct err err;

	cr_assert_eq(addr_range_parse(text, &spec->range, &err), 0, "%s", err.text);
}

Test(spec, a_list_grows_no_longer_than_both_maps_hold)
{
	static const char *const both_full[] = { "10.0.0.0/24", "10.0.1.0/24", "2001:db8::/120" };
	struct link link = { .ifindex = 3, .mac = { 2, 0, 0, 0, 0, 1 } };
	struct spec_list list = {};
	struct spec spec = {};
	struct err err = {};
	int r = 0;

	/* repetitions are left out before the list is four maps long */
	range_set(&spec, "10.0.0.0/24");
	for (int i = 0; i < 20; i++)
		cr_assert_eq(spec_list_append(&list, &spec, &link, 0, 300, &err), 0);
	cr_expect_leq(list.count, 1200);
	for (int i = 0; i < 3; i++) {
		range_set(&spec, both_full[i]);
		cr_assert_eq(spec_list_append(&list, &spec, &link, 0, 300, &err), 0);
	}
	range_set(&spec, "10.0.0.0/24");
	for (int i = 0; i < 3 && !r; i++)
		r = spec_list_append(&list, &spec, &link, 0, 300, &err);
	cr_expect_eq(r, -ENOSPC);
	cr_expect_eq(list.count, 768);
	cr_expect(strstr(err.text, "768"), "%s", err.text);
	range_set(&spec, "0.0.0.1-126.255.255.255");
	cr_expect_eq(spec_list_append(&list, &spec, &link, 0, 300, &err), -ENOSPC);
	range_set(&spec, "2001:db8::/64");
	cr_expect_eq(spec_list_append(&list, &spec, &link, 0, 300, &err), -ENOSPC);
	cr_expect(strstr(err.text, "2^64"), "%s", err.text);
	cr_expect_eq(list.count, 768);
	spec_list_free(&list);
}

static const struct {
	const char *text;
	const char *json;
} texts[] = {
	{ "", "" },
	{ "eth1", "eth1" },
	{ "\xc3\xa9th \xe2\x82\xac \xf0\x9f\x99\x82", "\xc3\xa9th \xe2\x82\xac \xf0\x9f\x99\x82" },
	{ "\xff", "\\xff" },
	{ "\xc3\xa9\xff\xc3\xa9", "\xc3\xa9\\xff\xc3\xa9" },
	{ "cut \xe2\x82", "cut \\xe2\\x82" },
	{ "\xc0\xaf overlong", "\\xc0\\xaf overlong" },
	{ "\xed\xa0\x80 surrogate", "\\xed\\xa0\\x80 surrogate" },
	{ "\x80\x80\x80", "\\x80\\x80\\x80" },
};

Test(text, any_bytes_become_a_json_string)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		json_t *json = text_json(texts[i].text);

		cr_expect_str_eq(json_string_value(json) ?: "(none)", texts[i].json, "row %zu", i);
		json_decref(json);
	}
}

Test(text, what_does_not_fit_is_cut_between_characters)
{
	static const char *const characters[] = { "a", "\xc3\xa9", "\xe2\x82\xac",
						  "\xf0\x9f\x99\x82" };

	for (size_t i = 0; i < sizeof(characters) / sizeof(characters[0]); i++) {
		size_t size = strlen(characters[i]);

		/* the character ends at each place around the end of the room */
		for (size_t ahead = sizeof(((struct err *)0)->text) - 8;
		     ahead < sizeof(((struct err *)0)->text) + 2; ahead++) {
			bool fits = ahead + size < sizeof(((struct err *)0)->text);
			struct err err;
			json_t *json;

			err_write(&err, "%0*d%s", (int)ahead, 0, characters[i]);
			cr_expect_eq(strlen(err.text),
				     fits			? ahead + size
				     : ahead < sizeof(err.text) ? ahead
								: sizeof(err.text) - 1,
				     "character %zu after %zu bytes", i, ahead);
			json = json_string(err.text);
			cr_expect(json, "character %zu after %zu bytes", i, ahead);
			json_decref(json);
		}
	}
}
