/* usage.c - see usage.h. */
#include "tools/usage.h"

#include "broker/base/must.h"
#include "tools/out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEFT_COLUMNS = 40, VALUE_BYTES = 256 };

void usage_value(char *out, size_t n, const struct opt *o)
{
	static const char *const types[] = {
		[OPT_TEXT] = "String",
		[OPT_FILE] = "String",
		[OPT_TEXTS] = "String",
		[OPT_INT] = "Integer",
		[OPT_INTS] = "Integer",
		[OPT_LONG] = "Long",
	};
	if (o->kind == OPT_FLAG)
		out[0] = '\0';
	else
		snprintf(out, n, o->may_lack_value ? "[%s: %s]" : "<%s: %s>", types[o->kind],
			o->value ? o->value : o->name);
}

void usage_order(const struct command *command, unsigned order[ARGS_OPTS_MAX])
{
	for (unsigned i = 0; i < command->n_opts; i++) {
		unsigned at = i;
		for (; at > 0 && strcmp(command->opts[order[at - 1]].name, command->opts[i].name) > 0; at--)
			order[at] = order[at - 1];
		order[at] = i;
	}
}

/* Words of `text` in lines of what is left beside the first column. */
static void wrapped(const char *text)
{
	size_t column = LEFT_COLUMNS;
	while (*text) {
		size_t n = strcspn(text, " \n");
		if (column > LEFT_COLUMNS && column + n > USAGE_COLUMNS) {
			complain("\n%*s", LEFT_COLUMNS, "");
			column = LEFT_COLUMNS;
		}
		complain("%.*s%s", (int)n, text, text[n] ? " " : "");
		column += n + 1;
		text += n + (text[n] != '\0');
	}
	complain("\n");
}

static void one(const struct opt *o)
{
	char value[VALUE_BYTES], left[VALUE_BYTES + 64], letter[8] = "";
	usage_value(value, sizeof value, o);
	if (o->letter)
		snprintf(letter, sizeof letter, "-%c, ", o->letter);
	int n = snprintf(left, sizeof left, "  %s--%s %s", letter, o->name, value);
	complain("%-*s", LEFT_COLUMNS, left);
	if (n >= LEFT_COLUMNS)
		complain("\n%*s", LEFT_COLUMNS, "");
	char *text = o->fallback ? mem_printf("%s (default: %s)", o->help, o->fallback) : mem_strdup(o->help);
	wrapped(text);
	free(text);
}

void usage_print(const char *name, const struct command *command)
{
	static const struct opt common[] = {
		{ .name = "help", .help = "Print this." },
		{ .name = "version", .help = "Print the version." },
	};
	unsigned order[ARGS_OPTS_MAX];
	complain("Usage: %s", name);
	for (const char *const *verb = command->verbs; verb && *verb; verb++)
		complain("%s%s%s", verb == command->verbs ? " {" : ",", *verb, verb[1] ? "" : "}");
	complain(
		" [options]%s%s\n", command->operands ? " " : "", command->operands ? command->operands : "");
	usage_order(command, order);
	for (unsigned i = 0; i < command->n_opts; i++)
		one(&command->opts[order[i]]);
	for (unsigned i = 0; i < countof(common); i++)
		one(&common[i]);
}
