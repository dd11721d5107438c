// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdbool.h>
#include <string.h>
#include <cap-ng.h>
#include <sys/prctl.h>

#include "privilege.h"

int privilege_limit(uint64_t kept, struct err *err)
{
	const capng_type_t sets =
		CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE | CAPNG_BOUNDING_SET;
	int r = capng_get_caps_process();
	bool bounds = !r && capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);

	for (unsigned int capability = 0; capability < 64; capability++)
		/* fails for capabilities that this kernel doesn't have */
		if (!(kept & PRIVILEGE(capability)))
			capng_update(CAPNG_DROP, sets, capability);
	if (!r)
		r = capng_apply(bounds ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS);
	if (!r)
		r = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return r ? err_set(err, negative_errno(), "giving up capabilities: %s", strerror(errno))
		 : 0;
}
