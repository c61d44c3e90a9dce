/* options.c - see options.h. */
#include <config.h> /* the build's, not this room's */

#include "broker/config/options.h"

#include "broker/base/must.h"

#include <argp.h>

enum { KEY_OVERRIDE = 256, KEY_CHECK, KEY_VERSION, KEY_HELP, KEY_USAGE };

static const struct argp_option table[] = {
	{ "override", KEY_OVERRIDE, "KEY=VALUE", 0, "Set KEY over what FILE says; may be given many times",
		0 },
	{ "check-config", KEY_CHECK, NULL, 0, "Say what is wrong with the configuration, or ok, and exit",
		0 },
	{ "version", KEY_VERSION, NULL, 0, "Print the version and exit", 1 },
	{ "help", KEY_HELP, NULL, 0, "Print this and exit", 1 },
	{ "usage", KEY_USAGE, NULL, 0, "Print one line of this and exit", 1 },
	{ 0 },
};

static error_t take_file(char *arg, struct argp_state *state, struct options *o)
{
	if (o->file) {
		argp_error(state, "one FILE only, and `%s' is a second one", arg);
		return EINVAL;
	}
	o->file = arg;
	return 0;
}

static error_t take_override(char *arg, struct argp_state *state, struct options *o)
{
	if (o->n_overrides == OPTIONS_OVERRIDES_MAX) {
		argp_error(state, "more than %d overrides", OPTIONS_OVERRIDES_MAX);
		return EINVAL;
	}
	o->overrides[o->n_overrides++] = arg;
	return 0;
}

static void tell(int key, struct argp_state *state)
{
	if (key == KEY_VERSION)
		puts("samsa-broker " PACKAGE_VERSION ", in place of Apache Kafka 3.9");
	else if (key == KEY_USAGE)
		argp_state_help(state, stdout, ARGP_HELP_USAGE);
	else
		argp_state_help(state, stdout,
			ARGP_HELP_SHORT_USAGE | ARGP_HELP_PRE_DOC | ARGP_HELP_LONG | ARGP_HELP_POST_DOC);
}

static error_t take(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;
	switch (key) {
	case KEY_OVERRIDE:
		return take_override(arg, state, o);
	case KEY_CHECK:
		o->verdict = OPTIONS_CHECK;
		return 0;
	case KEY_VERSION:
	case KEY_HELP:
	case KEY_USAGE:
		tell(key, state);
		o->verdict = OPTIONS_DONE;
		state->next = state->argc; /* nothing else counts */
		return 0;
	case ARGP_KEY_ARG:
		return take_file(arg, state, o);
	case ARGP_KEY_END:
		if (o->file || o->verdict == OPTIONS_DONE)
			return 0;
		argp_error(state, "a properties FILE is missing");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

enum options_verdict options_parse(int argc, char **argv, struct options *out)
{
	const struct argp argp = {
		.options = table,
		.parser = take,
		.args_doc = "FILE",
		.doc = "A Kafka broker. FILE is a server.properties; samsa-broker.properties(5) has all its "
		       "keys."
		       "\vIt serves until it is told to stop with SIGTERM; SIGHUP reloads certificates.",
	};
	*out = (struct options){ .verdict = OPTIONS_RUN };
	if (argp_parse(&argp, argc, argv, ARGP_NO_EXIT | ARGP_NO_HELP, NULL, out) != 0)
		out->verdict = OPTIONS_WRONG;
	return out->verdict;
}

static void report_unhonoured(FILE *out, const struct config *c)
{
	bool first = true;
	for (int i = 0; i < CONFIG_KEYS; i++) {
		const struct config_desc *d = &config_descs[i];
		if (d->status != STATUS_KNOWN || !config_is_set(c, (enum config_key)i))
			continue;
		if (first)
			fputs("set, and without effect here:\n", out);
		first = false;
		fprintf(out, "  %s: %s\n", d->name, d->meaning);
	}
}

int options_report(FILE *out, const struct options *o, const struct config *c,
	const struct problems *problems)
{
	must((c == NULL) == (problems->errors > 0));
	for (const struct problem *p = problems->first; p; p = p->next)
		fprintf(out, "%s %s\n", p->level == PROBLEM_ERROR ? "error:  " : "warning:", p->text);
	if (problems->errors + problems->warnings > problems->kept)
		fprintf(out, "... and %u more\n", problems->errors + problems->warnings - problems->kept);
	if (!c) {
		fprintf(out, "%s: %u error%s\n", o->file, problems->errors, problems->errors == 1 ? "" : "s");
		return 1;
	}
	report_unhonoured(out, c);
	fprintf(out, "%s: ok\n", o->file);
	return 0;
}
