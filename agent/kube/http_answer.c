// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <curl/curl.h>

#include "alloc.h"
#include "http.h"
#include "json.h"

int http_check_url(const char *url, const char *what, struct err *err)
{
	const char *host = strstr(url, "://");

	if ((strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) ||
	    strlen(url) > HTTP_URL_MAX)
		return err_set(err, -EINVAL, "%s is no http:// or https:// %s", url, what);
	host += strlen("://");
	if (memchr(host, '@', strcspn(host, "/?#")))
		return err_set(err, -EINVAL,
			       "a user or password in the URL of the %s isn't supported; use a "
			       "certificate or a token",
			       what);
	return 0;
}

char *http_escape(const char *text)
{
	char *escaped = curl_easy_escape(NULL, text, 0);

	if (!escaped)
		alloc_fail();
	return escaped;
}

json_t *http_json(const struct http_result *result)
{
	struct err why;

	if (result->error || result->status < 200 || result->status > 299)
		return NULL;
	return json_parse(result->body, result->length, &why);
}

const char *http_trouble(const struct http_result *result, const char *member,
			 const char *not_whose, char text[HTTP_TROUBLE_MAX])
{
	_cleanup_json_ json_t *json = NULL;
	const char *message;
	struct err why, said;

	if (result->error)
		return result->trouble;
	json = json_parse(result->body, result->length, &why);
	message = json_string_value(json_object_get(json, member));
	if (result->status < 300) {
		if (json)
			json_garbage(result->body, result->length, not_whose, &why);
		err_write(&said, "its answer %s", why.text);
	} else if (json || !result->length) {
		err_write(&said, "HTTP status %ld%s%s", result->status, message ? ": " : "",
			  message ?: "");
	} else {
		err_write(&said, "HTTP status %ld, and its answer %s", result->status, why.text);
	}
	snprintf(text, HTTP_TROUBLE_MAX, "%.*s", HTTP_TROUBLE_MAX - 1, said.text);
	return text;
}
