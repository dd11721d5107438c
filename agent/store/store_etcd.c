// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "cleanup.h"
#include "etcd.h"
#include "store_etcd.h"

void etcd_trouble(struct store_etcd *etcd, size_t endpoint, const char *why)
{
	store_trouble(&etcd->base, "etcd", etcd->endpoints[endpoint], why);
}

const char *etcd_trouble_text(const struct http_result *result, char text[HTTP_TROUBLE_MAX])
{
	return http_trouble(result, "error", "isn't etcd's", text);
}

/* @json, or all in that array one after the other. */
static char *body_text(const json_t *json)
{
	char *body = NULL;
	const json_t *one;
	size_t size, i;
	FILE *out = xopen_memstream(&body, &size);

	if (!json_is_array(json))
		json_dumpf(json, out, JSON_COMPACT);
	json_array_foreach(json, i, one)
	{
		json_dumpf(one, out, JSON_COMPACT);
		fputc('\n', out);
	}
	xclose_memstream(out, &body);
	return body;
}

struct http_call *etcd_post(struct store_etcd *etcd, size_t endpoint, const char *path,
			    const json_t *json, http_done_fn *done, http_line_fn *line,
			    void *userdata)
{
	_cleanup_free_ char *body = body_text(json);
	char url[1024];

	snprintf(url, sizeof(url), "%s%s", etcd->endpoints[endpoint], path);
	return http_send(etcd->http, &(struct http_request){ .url = url,
							     .body = body,
							     .timeout_ns = etcd->timeout_ns,
							     .done = done,
							     .line = line,
							     .userdata = userdata });
}

static void etcd_free(struct store *store)
{
	struct store_etcd *etcd = (struct store_etcd *)store;

	etcd_txn_close(etcd);
	etcd_stream_close(&etcd->view);
	etcd_stream_close(&etcd->pulses);
	etcd_mark_close(etcd);
	store_base_close(&etcd->base);
	http_free(etcd->http);
	for (size_t i = 0; i < etcd->endpoint_count; i++)
		free(etcd->endpoints[i]);
	free(etcd->endpoints);
	free(etcd);
}

static void cleanup_etcd(struct store_etcd **etcd)
{
	if (*etcd)
		etcd_free(&(*etcd)->base.store);
}

static int endpoints_copy(struct store_etcd *etcd, const char *const *endpoints, struct err *err)
{
	size_t count = 0;

	while (endpoints && endpoints[count])
		count++;
	if (!count)
		return err_set(err, -EINVAL, "the lease engine etcd needs endpoints");
	etcd->endpoints = xcalloc(count, sizeof(*etcd->endpoints));
	for (size_t i = 0; i < count; i++) {
		size_t length = strlen(endpoints[i]);
		int r = http_check_url(endpoints[i], "endpoint", err);

		if (r < 0)
			return r;
		while (endpoints[i][length - 1] == '/')
			length--;
		etcd->endpoints[etcd->endpoint_count++] = xstrndup(endpoints[i], length);
	}
	return 0;
}

int store_etcd_new(sd_event *event, const struct lease_config *config, uint64_t timeout_ns,
		   const struct store_events *events, void *userdata, struct store **ret_store,
		   struct err *err)
{
	_cleanup_(cleanup_etcd) struct store_etcd *etcd = xcalloc(1, sizeof(*etcd));
	const struct http_tls tls = { config->ca, config->cert, config->key };
	int r;

	etcd->base.store.free = etcd_free;
	etcd->base.send = etcd_send;
	etcd->base.lags = etcd_lags;
	etcd->timeout_ns = timeout_ns;
	node_name_copy(etcd->node, config->node);
	etcd_own_init(&etcd->own, etcd->node, &config->timing);
	r = store_base_init(&etcd->base, event, config->timing.retry_period_ns, events, userdata,
			    err);
	r = r ?: endpoints_copy(etcd, config->endpoints, err);
	r = r ?: http_new(event, &tls, &etcd->http, err);
	if (r < 0)
		return r;
	r = etcd_txn_init(etcd, event);
	if (r >= 0)
		r = etcd_follow_init(etcd);
	if (r >= 0)
		r = etcd_pulses_init(etcd);
	if (r >= 0)
		r = etcd_mark_init(etcd);
	if (r < 0)
		return err_set(err, r, "the event loop: %s", strerror(-r));
	*ret_store = &TAKE_PTR(etcd)->base.store;
	return 0;
}
