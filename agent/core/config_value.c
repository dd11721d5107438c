// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "config.h"
#include "config_value.h"
#include "http.h"
#include "name.h"

#define MAX_PRIORITY INT32_MAX

int parse_text(const json_t *value, void *field, struct err *err)
{
	const char *text = json_string_value(value);

	if (!text || !*text)
		return err_set(err, -EINVAL, "takes a text");
	free(*(char **)field);
	*(char **)field = xstrdup(text);
	return 0;
}

/* A DNS subdomain in lower case, as Kubernetes requires of nodes: the store's records have its
 * name.
 */
int parse_node(const json_t *value, void *field, struct err *err)
{
	const char *text = json_string_value(value);

	if (!text || !*text || strlen(text) > RECORD_NODE_MAX)
		return err_set(err, -EINVAL, "takes a name of up to %d characters",
			       RECORD_NODE_MAX);
	if (!name_is_subdomain(text))
		return err_set(err, -EINVAL,
			       "takes a name in lower-case letters, digits, '-' and '.', not '%s'",
			       text);
	return parse_text(value, field, err);
}

int parse_flag(const json_t *value, void *field, struct err *err)
{
	if (!json_is_boolean(value))
		return err_set(err, -EINVAL, "takes true or false");
	*(bool *)field = json_is_true(value);
	return 0;
}

static int parse_number(const json_t *value, long long first, long long last, uint32_t *field,
			struct err *err)
{
	if (!json_is_integer(value) || json_integer_value(value) < first ||
	    json_integer_value(value) > last)
		return err_set(err, -EINVAL, "takes a number from %lld to %lld", first, last);
	*field = json_integer_value(value);
	return 0;
}

int parse_weight(const json_t *value, void *field, struct err *err)
{
	return parse_number(value, 0, 1000000, field, err);
}

int parse_count(const json_t *value, void *field, struct err *err)
{
	return parse_number(value, 0, 100, field, err);
}

int parse_rate(const json_t *value, void *field, struct err *err)
{
	return parse_number(value, 1, 1000000, field, err);
}

int parse_priority(const json_t *value, void *field, struct err *err)
{
	uint32_t priority;
	int r = parse_number(value, 0, MAX_PRIORITY, &priority, err);

	if (!r)
		*(unsigned int *)field = priority;
	return r;
}

/* A Go duration: 15s, 1200ms, 2m, 1m30s, 1.5s. */
int parse_duration(const json_t *value, void *field, struct err *err)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = { { "ms", 1e6 }, { "us", 1e3 }, { "h", 3600e9 }, { "m", 60e9 }, { "s", 1e9 } };
	const char *text = json_string_value(value), *at = text;
	double total = 0;

	while (at && *at) {
		double number;
		size_t u = 0;
		char *end;

		if (!isdigit((unsigned char)*at))
			break;
		number = strtod(at, &end);
		while (u < sizeof(units) / sizeof(units[0]) &&
		       strncmp(end, units[u].unit, strlen(units[u].unit)) != 0)
			u++;
		if (u == sizeof(units) / sizeof(units[0]))
			break;
		total += number * units[u].ns;
		at = end + strlen(units[u].unit);
	}
	if (!at || *at || at == text || total > 365.0 * 86400e9)
		return err_set(err, -EINVAL, "takes a duration such as 15s or 1200ms");
	*(uint64_t *)field = llround(total);
	return 0;
}

static int parse_choice(const json_t *value, const char *const *choices, int count, int *ret_choice,
			struct err *err)
{
	const char *text = json_string_value(value) ?: "";
	char list[128] = "";

	for (int i = 0; i < count; i++) {
		size_t used = strlen(list);

		if (!strcmp(text, choices[i])) {
			*ret_choice = i;
			return 0;
		}
		snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", choices[i]);
	}
	return err_set(err, -EINVAL, "takes one of %s", list);
}

int parse_engine(const json_t *value, void *field, struct err *err)
{
	int choice, r = parse_choice(value, store_engine_names, STORE_ENGINE_COUNT, &choice, err);

	if (!r)
		*(enum store_engine *)field = choice;
	return r;
}

int parse_conflict(const json_t *value, void *field, struct err *err)
{
	int choice, r = parse_choice(value, &conflict_answer_names[CONFLICT_DEFEND],
				     CONFLICT_ANSWER_COUNT - CONFLICT_DEFEND, &choice, err);

	if (!r)
		*(enum conflict_answer *)field = CONFLICT_DEFEND + choice;
	return r;
}

int parse_mode(const json_t *value, void *field, struct err *err)
{
	static const char *const modes[] = {
		[ATTACH_MODE_AUTO] = "auto",
		[ATTACH_MODE_NATIVE] = "native",
		[ATTACH_MODE_SKB] = "skb",
	};
	int choice, r = parse_choice(value, modes, sizeof(modes) / sizeof(modes[0]), &choice, err);

	if (!r)
		*(enum attach_mode *)field = choice;
	return r;
}

void strings_free(char **strings)
{
	for (size_t i = 0; strings && strings[i]; i++)
		free(strings[i]);
	free(strings);
}

int parse_endpoints(const json_t *value, void *field, struct err *err)
{
	char **list = xcalloc(json_array_size(value) + 1, sizeof(*list));
	const json_t *item;
	size_t i;
	bool urls = json_array_size(value);
	struct err none;
	int r = 0;

	json_array_foreach(value, i, item) urls =
		urls && !http_check_url(json_string_value(item) ?: "", "endpoint", &none);
	if (!urls)
		r = err_set(err, -EINVAL,
			    "takes a list of http:// or https:// URLs, without a user or password; "
			    "use cert and key");
	json_array_foreach(value, i, item) if (!r) r = parse_text(item, &list[i], err);
	if (r < 0) {
		strings_free(list);
		return r;
	}
	strings_free(*(char ***)field);
	*(char ***)field = list;
	return 0;
}

int parse_server(const json_t *value, void *field, struct err *err)
{
	struct err none;

	if (http_check_url(json_string_value(value) ?: "", "server", &none) < 0)
		return err_set(err, -EINVAL,
			       "takes an http:// or https:// URL, without a user or password; use "
			       "cert and key, or token");
	return parse_text(value, field, err);
}

/* ADDRESS:PORT, [ADDRESS]:PORT or localhost:PORT. */
int parse_listen(const json_t *value, void *field, struct err *err)
{
	struct listen_options *listen = field;
	const char *text = json_string_value(value) ?: "", *colon = strrchr(text, ':');
	unsigned long port;
	char host[INET6_ADDRSTRLEN + 2], *end = NULL;
	struct address address;
	struct in_addr v4;
	bool good = false;

	port = colon && isdigit((unsigned char)colon[1]) ? strtoul(colon + 1, &end, 10) : 0;
	if (end && !*end && port && port <= UINT16_MAX && colon - text < (int)sizeof(host)) {
		snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
		if (!strcmp(host, "localhost"))
			strcpy(host, "127.0.0.1");
		if (inet_pton(AF_INET, host, &v4) > 0) {
			address = address_from_v4(&v4);
			good = true;
		} else if (host[0] == '[' && colon[-1] == ']') {
			host[strlen(host) - 1] = '\0';
			good = inet_pton(AF_INET6, host + 1, address.bytes) > 0;
		}
	}
	if (!good)
		return err_set(err, -EINVAL,
			       "takes an address and a port, such as 127.0.0.1:9717 or [::1]:9717");
	listen->address = address;
	listen->port = port;
	return 0;
}
