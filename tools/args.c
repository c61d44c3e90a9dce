/* args.c - see args.h. */
#include "tools/args.h"

#include "broker/base/must.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REFUSED_BYTES = 1024 };

void args_refuse(struct args *a, const char *format, ...)
{
	if (a->refused)
		return;
	va_list ap;
	va_start(ap, format);
	a->refused = mem_alloc(REFUSED_BYTES);
	vsnprintf(a->refused, REFUSED_BYTES, format, ap);
	va_end(ap);
}

/* ---- the words ---- */

struct words {
	char **at, **end;
};

/* The option that these `n` bytes name. */
static const struct opt *find(const struct args *a, const char *name, size_t n)
{
	for (unsigned i = 0; i < a->n_opts; i++) {
		const struct opt *o = &a->opts[i];
		if (strlen(o->name) == n && memcmp(o->name, name, n) == 0)
			return o;
		if (n == 1 && o->letter == name[0])
			return o;
	}
	return NULL;
}

static void keep(struct args *a, const struct opt *o, const char *value)
{
	a->given[a->n_given++] = (struct given){ (unsigned)(o - a->opts), value };
}

/* What may lack its value takes no word that looks like an option, but takes a number below zero. */
static bool is_value(const struct words *w)
{
	return w->at < w->end && ((*w->at)[0] != '-' || isdigit((unsigned char)(*w->at)[1]));
}

static void option(struct args *a, const char *name, struct words *w)
{
	const char *equals = strchr(name, '=');
	size_t n = equals ? (size_t)(equals - name) : strlen(name);
	const struct opt *o = find(a, name, n);
	if (!o && strcmp(name, "help") == 0)
		a->help = true;
	else if (!o && strcmp(name, "version") == 0)
		a->version = true;
	else if (!o)
		args_refuse(a, "%.*s is not a recognized option", (int)n, name);
	else if (o->kind == OPT_FLAG)
		keep(a, o, NULL);
	else if (equals)
		keep(a, o, equals + 1);
	else if (o->may_lack_value)
		keep(a, o, is_value(w) ? *w->at++ : NULL);
	else if (w->at == w->end)
		args_refuse(a, "Option %s requires an argument", o->name);
	else
		keep(a, o, *w->at++);
}

static void word(struct args *a, struct words *w, bool *options_end)
{
	const char *s = *w->at++;
	if (*options_end || s[0] != '-' || s[1] == '\0')
		a->operands[a->n_operands++] = s;
	else if (strcmp(s, "--") == 0)
		*options_end = true;
	else
		option(a, s + (s[1] == '-' ? 2 : 1), w);
}

static void take_verb(struct args *a, const char *const *verbs)
{
	if (a->n_operands == 0)
		return;
	for (; *verbs; verbs++)
		if (strcmp(*verbs, a->operands[0]) == 0)
			a->verb = *verbs;
	if (!a->verb)
		args_refuse(a, "invalid choice: '%s'", a->operands[0]);
}

void args_parse(struct args *a, const struct opt *opts, unsigned n_opts, const char *const *verbs, int argc,
	char **argv)
{
	struct words w = { argv, argv + argc };
	bool options_end = false;
	must(n_opts <= ARGS_OPTS_MAX);
	*a = (struct args){ .opts = opts, .n_opts = n_opts, .n_words = (unsigned)argc };
	if (argc > ARGS_WORDS_MAX) {
		args_refuse(a, "more than %d words", ARGS_WORDS_MAX);
		return;
	}
	a->given = mem_zalloc((size_t)(argc + 1) * sizeof *a->given);
	a->operands = mem_zalloc((size_t)(argc + 1) * sizeof *a->operands);
	while (w.at < w.end && !a->refused)
		word(a, &w, &options_end);
	if (verbs)
		take_verb(a, verbs);
}

void args_free(struct args *a)
{
	free(a->given);
	free(a->operands);
	free(a->refused);
	*a = (struct args){ 0 };
}

/* ---- what they say ---- */

static const struct given *nth(const struct args *a, unsigned opt, unsigned n)
{
	must(opt < a->n_opts);
	for (unsigned i = 0; i < a->n_given; i++)
		if (a->given[i].opt == opt && n-- == 0)
			return &a->given[i];
	return NULL;
}

bool args_has(const struct args *a, unsigned opt)
{
	return nth(a, opt, 0) != NULL;
}

const char *args_text(const struct args *a, unsigned opt)
{
	const struct given *g = nth(a, opt, 0);
	return g && g->value ? g->value : a->opts[opt].fallback;
}

const char *args_nth(const struct args *a, unsigned opt, unsigned n)
{
	const struct given *g = nth(a, opt, n);
	return g ? g->value : NULL;
}

unsigned args_count_of(const struct args *a, unsigned opt)
{
	unsigned n = 0;
	while (nth(a, opt, n))
		n++;
	return n;
}

static bool number(const char *s, enum opt_kind kind, int64_t *value)
{
	char *end;
	errno = 0;
	*value = strtoll(s, &end, 10);
	bool plain = isdigit((unsigned char)s[0]) ||
		((s[0] == '-' || s[0] == '+') && isdigit((unsigned char)s[1]));
	bool fits = kind == OPT_LONG || (*value >= INT32_MIN && *value <= INT32_MAX);
	return plain && *end == '\0' && errno == 0 && fits;
}

int64_t args_int(const struct args *a, unsigned opt)
{
	const char *s = args_text(a, opt);
	int64_t value = 0;
	must(s && number(s, a->opts[opt].kind, &value));
	return value;
}

const char *args_check_values(struct args *a)
{
	int64_t ignored;
	for (unsigned i = 0; i < a->n_given; i++) {
		const struct opt *o = &a->opts[a->given[i].opt];
		const char *value = a->given[i].value;
		bool is_number = o->kind == OPT_INT || o->kind == OPT_INTS || o->kind == OPT_LONG;
		bool once = o->kind != OPT_TEXTS && o->kind != OPT_INTS && o->kind != OPT_FLAG;
		if (is_number && value && !number(value, o->kind, &ignored))
			args_refuse(a, "Cannot parse argument '%s' of option %s", value, o->name);
		if (once && nth(a, a->given[i].opt, 1))
			args_refuse(a, "Found multiple arguments for option %s, but you asked for only one",
				o->name);
	}
	return a->refused;
}

/* ---- checks ---- */

void args_require(struct args *a, unsigned opt)
{
	if (!args_has(a, opt))
		args_refuse(a, "Missing required argument \"[%s]\"", a->opts[opt].name);
}

void args_exclude(struct args *a, unsigned used, uint64_t set)
{
	if (!args_has(a, used))
		return;
	for (unsigned i = 0; i < a->n_opts; i++)
		if ((set & ARGS_SET(i)) && args_has(a, i))
			args_refuse(a, "Option \"[%s]\" can't be used with option \"[%s]\"",
				a->opts[used].name, a->opts[i].name);
}

unsigned args_count(const struct args *a, uint64_t set)
{
	unsigned n = 0;
	for (unsigned i = 0; i < a->n_opts; i++)
		n += (set & ARGS_SET(i)) && args_has(a, i);
	return n;
}
