// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "adopt.h"
#include "attach_state.h"
#include "cli.h"
#include "device.h"
#include "grow.h"
#include "text.h"
#include "vlan.h"

static bool json_errors;

void cli_errors_as_json(bool json)
{
	json_errors = json;
}

/* @lines: as of cli_fail_lines(). */
static void print_error(const char *text, json_t *lines)
{
	/* flush stdout first, so that earlier output precedes the error in a shared file */
	fflush(stdout);
	text_print_error(CLI_NAME, text, json_errors, lines);
}

int cli_fail(const struct err *err)
{
	print_error(err->text, NULL);
	return CLI_FAILED;
}

int cli_fail_lines(const struct err *err, json_t *lines)
{
	print_error(err->text, lines);
	return CLI_FAILED;
}

int cli_usage(const struct cli_command *command, const char *format, ...)
{
	char text[sizeof(((struct err *)NULL)->text)];
	struct err err;
	va_list args;

	va_start(args, format);
	text_vprintf(text, sizeof(text), format, args);
	va_end(args);
	err_write(&err, "%s; see '" CLI_NAME " help%s%s'", text, command ? " " : "",
		  command ? command->name : "");
	print_error(err.text, NULL);
	return CLI_USAGE;
}

void cli_note(const char *format, ...)
{
	char text[sizeof(((struct err *)NULL)->text)], plain[TEXT_ESCAPED_SIZE(sizeof(text))];
	va_list args;

	fflush(stdout);
	va_start(args, format);
	text_vprintf(text, sizeof(text), format, args);
	va_end(args);
	text_escape(plain, sizeof(plain), text);
	fprintf(stderr, CLI_NAME ": note: %s\n", plain);
}

bool cli_note_lag_port(const struct link *link)
{
	struct link master;

	if (!link_lag_master(link, &master))
		return false;
	cli_note("%s is a port of %s, and requests that come in on another port of it aren't "
		 "answered: use %s instead",
		 link->name, master.name, master.name);
	return true;
}

void cli_note_unless_attached(const struct pins *pins, const struct link *link)
{
	const struct attach_options options = { .priority = ATTACH_KEEP_PRIORITY };
	struct err ignored, refused;
	struct vlan_hook hook;

	if (vlan_find_hook(pins, link->ifindex, &hook, &ignored) < 0 ||
	    attach_is_current(&hook.state))
		return;
	if (attach_check(pins_maps(pins), &hook.link, &options, &refused) < 0)
		cli_note("nothing answers on %s: %s", link->name, refused.text);
	else
		cli_note("nothing answers on %s until `" CLI_NAME " attach %s` has run", link->name,
			 hook.link.name);
}

int cli_open_locked(const struct cli_options *options, bool create, struct pins *ret_pins,
		    struct err *err)
{
	struct pins pins = PINS_NONE;
	int r;

	if (create)
		r = pins_open_locked(options->bpffs, options->max_entries, &pins, err);
	else
		r = pins_open_locked_existing(options->bpffs, &pins, err);
	if (r < 0)
		return r;
	if (pins.orphaned && !create)
		r = err_set(
			err, -EXDEV,
			"%s served another network namespace, in which nothing is attached; attach or add "
			"here to take it over",
			pins.maps.dir);
	if (!r)
		r = adopt_pins(&pins, cli_note, err);
	if (!r)
		r = grow_settle(&pins, err);
	if (!r)
		r = device_follow(&pins, err);
	if (!r)
		r = vlan_follow(&pins, cli_note, err);
	if (r < 0) {
		pins_undo_create(&pins);
		pins_close(&pins);
		return r;
	}
	*ret_pins = pins;
	return 0;
}

int cli_pins_if_any(int r, struct pins *pins, const struct pins **ret_pins, const struct err *err)
{
	*ret_pins = r < 0 ? NULL : pins;
	return r == -ENOENT && !*err->text ? 0 : r;
}

int cli_take_dev(const struct cli_command *command, int count, char **words, const char **ret_name)
{
	bool dev = count && !strcmp(words[0], "dev");

	if (count == dev)
		return cli_usage(command,
				 dev ? "'dev' needs an interface" : "'dev IFACE' is missing");
	if (count > dev + 1)
		return cli_usage(command, "'%s' is one word too many", words[dev + 1]);
	*ret_name = words[dev];
	return CLI_DONE;
}

int cli_check_address_dev(const struct cli_command *command, int count, char **words)
{
	if (!count || !strcmp(words[0], "dev"))
		return cli_usage(command, "an address is missing");
	if (count == 1)
		return cli_usage(command, "'dev IFACE' is missing after %s", words[0]);
	if (strcmp(words[1], "dev"))
		return cli_usage(command, "'%s' is not understood; 'dev' belongs there", words[1]);
	if (count == 2)
		return cli_usage(command, "'dev' needs an interface");
	return CLI_DONE;
}

void cli_array_begin(struct cli_array *array)
{
	array->rows = 0;
	putchar('[');
}

void cli_array_row(struct cli_array *array, json_t *row)
{
	fputs(array->rows++ ? ",\n " : "", stdout);
	json_dumpf(row, stdout, 0);
	json_decref(row);
}

void cli_array_end(struct cli_array *array)
{
	puts("]");
}

void cli_print_json(json_t *object)
{
	json_dumpf(object, stdout, 0);
	putchar('\n');
	json_decref(object);
}

int cli_finish_output(void)
{
	struct err err;
	int r = err_stdout(&err);

	if (!r)
		return CLI_DONE;
	/* the reader closed the pipe, as in `list | head` */
	return r == -EPIPE ? CLI_FAILED : cli_fail(&err);
}
