/* args.h - the options of a command as a table, and what a command line says of them.
 *
 * Kafka's spelling (joptsimple, as org.apache.kafka.server.util.CommandDefaultOptions uses it): --flag value,
 * --flag=value, the same with one dash, no abbreviations; a value is the next word whatever it looks like,
 * but one that may be left out is not taken from a word that begins with a dash; what is no option is passed
 * over;
 * -- ends the options. An option is known by its place in the table, which the command's own enum names.
 */
#ifndef SAMSA_TOOLS_ARGS_H
#define SAMSA_TOOLS_ARGS_H

#include <stdbool.h>
#include <stdint.h>

enum { ARGS_OPTS_MAX = 64, ARGS_WORDS_MAX = 10000 };

enum opt_kind {
	OPT_FLAG,
	OPT_TEXT,
	OPT_FILE,  /* a text that names a file */
	OPT_TEXTS, /* may be given many times */
	OPT_INT,
	OPT_INTS,
	OPT_LONG,
};

struct opt {
	const char *name; /* "bootstrap-server" */
	enum opt_kind kind;
	const char *value; /* what its value is, for --help: "server to connect to" */
	const char *help;
	const char *fallback; /* its value when it is not given; or NULL */
	char letter;          /* -b; or 0 */
	bool may_lack_value;  /* --state, and --state Stable */
	bool own;             /* Kafka's command of that name does not have it */
};

struct args {
	const struct opt *opts;
	unsigned n_opts;
	const char *verb;   /* of a command that has verbs; or NULL */
	unsigned n_words;   /* how many words there were */
	bool help, version; /* every command has these two */
	unsigned n_given;
	struct given {
		unsigned opt;
		const char *value; /* NULL when it has none */
	} *given;
	unsigned n_operands;
	const char **operands; /* words that are no options */
	char *refused;         /* the first thing that is wrong; NULL when nothing is */
};

/* `verbs` may be NULL. What is wrong stands in args->refused. */
void args_parse(struct args *a, const struct opt *opts, unsigned n_opts, const char *const *verbs, int argc,
	char **argv);
void args_free(struct args *a);

bool args_has(const struct args *a, unsigned opt);
/* Its value, or its fallback; NULL without both. */
const char *args_text(const struct args *a, unsigned opt);
/* The n-th value of one that may be given many times; NULL past the last. */
const char *args_nth(const struct args *a, unsigned opt, unsigned n);
/* How often it is given. */
unsigned args_count_of(const struct args *a, unsigned opt);
/* Call args_check_values() first. */
int64_t args_int(const struct args *a, unsigned opt);

/* The checks of Kafka's CommandLineUtils. Each notes the first thing that is wrong in args->refused and does
 * nothing when something is noted already, so that a command asks once, after all of them. */
void args_refuse(struct args *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
void args_require(struct args *a, unsigned opt);
#define ARGS_SET(opt) (UINT64_C(1) << (opt))
/* `used` cannot stand beside any of the set. */
void args_exclude(struct args *a, unsigned used, uint64_t set);
/* How many of the set are given. */
unsigned args_count(const struct args *a, uint64_t set);
/* Numbers are numbers, and what may be given once is. Kafka finds this out where a value is used, so some
 * commands report it as their failure and not as wrong usage. NULL, or the words (args own them). */
const char *args_check_values(struct args *a);

#endif
