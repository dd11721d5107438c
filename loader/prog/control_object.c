// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>

#include "control_object.h"

int control_open(struct control_bpf **ret_control, struct err *err)
{
	struct control_bpf *control = control_bpf__open();

	if (!control)
		return err_set(err, negative_errno(), "opening the built-in BPF object: %s",
			       strerror(errno));
	*ret_control = control;
	return 0;
}

void control_close(struct control_bpf **control)
{
	control_bpf__destroy(*control);
}
