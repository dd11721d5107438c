// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * LD_PRELOAD: BPF programs are loaded for a processor that reads words at any address. User-mode
 * Linux runs on one, but isn't built for it, and so its verifier would refuse what every x86 kernel
 * takes.
 */
#include <dlfcn.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SYSCALL_ARGUMENTS 6

long syscall(long number, ...)
{
	long (*next)(long, ...) = dlsym(RTLD_NEXT, "syscall");
	long argument[SYSCALL_ARGUMENTS];
	va_list list;

	va_start(list, number);
	for (int i = 0; i < SYSCALL_ARGUMENTS; i++)
		argument[i] = va_arg(list, long);
	va_end(list);
	if (number == __NR_bpf && argument[0] == BPF_PROG_LOAD) {
		union bpf_attr *attr;

		memcpy((void *)&attr, &argument[1], sizeof(argument[1])); /* a pointer */
		attr->prog_flags |= BPF_F_ANY_ALIGNMENT;
	}
	return next(number, argument[0], argument[1], argument[2], argument[3], argument[4],
		    argument[5]);
}
