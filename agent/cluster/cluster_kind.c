// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>
#include <syslog.h>

#include "clock.h"
#include "cluster_kind.h"

/* A starting API server denies CRDs for a moment: believe it after DENIED_NS, or after MISSING_NS
 * if objects of the kind are known. */
#define DENIED_NS  (5 * CLOCK_NS_PER_S)
#define MISSING_NS (60 * CLOCK_NS_PER_S)

void cluster_kind_log(const struct cluster_kind *kind, int priority, const char *text)
{
	cluster_kind_log_of(kind, priority, kind->name, text);
}

void cluster_kind_log_of(const struct cluster_kind *kind, int priority, const char *origin,
			 const char *text)
{
	struct err line;

	err_write(&line, "%s: %s: %s", kube_server(kind->kube), kind->name, text);
	source_say_of(kind->source, priority, origin, line.text);
}

void cluster_kind_unfollow(struct cluster_kind *kind)
{
	kind->missing_at_ns = 0;
	kind->absent = false;
	kind->trouble.text[0] = '\0';
}

void cluster_kind_reachable(struct cluster_kind *kind, const char *trouble)
{
	if (!trouble) {
		if (*kind->trouble.text || kind->missing_at_ns)
			cluster_kind_log(kind, LOG_NOTICE, "followed again");
		cluster_kind_unfollow(kind);
		return;
	}
	if (strcmp(trouble, kind->trouble.text) != 0)
		cluster_kind_log(kind, LOG_WARNING, trouble);
	err_write(&kind->trouble, "%s", trouble);
}

bool cluster_kind_missing(struct cluster_kind *kind, const char *warning)
{
	uint64_t now_ns = clock_boot_ns();

	kind->trouble.text[0] = '\0';
	if (!kind->missing_at_ns) {
		kind->missing_at_ns = now_ns;
		cluster_kind_log(kind, LOG_WARNING, warning);
	}
	if (kind->absent || now_ns - kind->missing_at_ns < (kind->known ? MISSING_NS : DENIED_NS))
		return false;
	if (kind->known)
		cluster_kind_log(kind, LOG_WARNING, "its objects count no more");
	kind->absent = true;
	return true;
}

void cluster_kind_status(const struct cluster_kind *kind, struct source_status *status)
{
	const char *trouble = kind->trouble.text, *server = kube_server(kind->kube);

	status->kinds_missing += kind->missing_at_ns != 0;
	status->reachable = status->reachable && !*trouble;
	if (*status->trouble.text)
		return;
	/* after the first list an unreachable server is no trouble of ours */
	if (!kind->known)
		err_write(&status->trouble, "%s: %s isn't listed yet: %s", server, kind->name,
			  *trouble ? trouble : "no answer");
	else if (kind->missing_at_ns && !kind->absent &&
		 clock_boot_ns() - kind->missing_at_ns > DENIED_NS)
		err_write(&status->trouble,
			  "%s: %s isn't served any more; its objects count as they were "
			  "for a minute",
			  server, kind->name);
}
