/* manual.c - manual pages and the completion for bash, out of the tables of the commands. */
#include <config.h> /* the build's */

#include "tools/out.h"
#include "tools/usage.h"

#include <string.h>

/* Text for roff: no byte of it is a request. */
static void put(const char *s)
{
	for (; *s; s++)
		if (*s == '\\')
			say("\\e");
		else if (*s == '-')
			say("\\-");
		else if (*s == '\'')
			say("\\(aq");
		else if (*s == '\n')
			say("\n.PP\n");
		else
			say("%c", *s);
}

static void option(const struct opt *o)
{
	char value[256];
	usage_value(value, sizeof value, o);
	say(".TP\n.BI \"");
	if (o->letter)
		say("\\-%c, ", o->letter);
	put("--");
	put(o->name);
	say("\"");
	if (value[0]) {
		say(" \" ");
		put(o->value ? o->value : o->name);
		say("\"");
	}
	say("\n");
	put(o->help);
	if (o->fallback) {
		say(" The default is ");
		put(o->fallback);
		say(".");
	}
	say("%s\n", o->own ? " Not in Kafka\\(aqs command of this name." : "");
}

static void see_also(const struct command_row *row)
{
	say(".SH SEE ALSO\n.BR samsa (1)");
	for (unsigned i = 0; i < command_rows_count; i++)
		if (&command_rows[i] != row) {
			say(",\n.BR samsa\\-");
			put(command_rows[i].name);
			say(" (1)");
		}
	say(",\n.BR samsa\\-broker (8)\n");
}

static int page(const struct command_row *row)
{
	const struct command *c = row->command;
	unsigned order[ARGS_OPTS_MAX];
	say(".TH SAMSA\\-%s 1 \"\" \"Samsa\" \"Samsa\"\n.SH NAME\nsamsa\\-", row->name);
	put(row->name);
	say(" \\- ");
	put(row->purpose);
	say("\n.SH SYNOPSIS\n.B samsa\\-");
	put(row->name);
	say("\n");
	for (const char *const *verb = c->verbs; verb && *verb; verb++)
		say("%s%s%s", verb == c->verbs ? "{" : " | ", *verb, verb[1] ? "" : "}\n");
	say("[\n.I options\n]\n");
	if (c->operands) {
		put(c->operands);
		say("\n");
	}
	say(".SH DESCRIPTION\n");
	put(c->about);
	if (c->more) {
		say("\n.PP\n");
		put(c->more);
	}
	say("\n.SH OPTIONS\n");
	usage_order(c, order);
	for (unsigned i = 0; i < c->n_opts; i++)
		option(&c->opts[order[i]]);
	say(".TP\n.B \\-\\-help\nPrints what the command is for and its options on standard error, and ends "
	    "with 1.\n"
	    ".TP\n.B \\-\\-version\nPrints the version.\n"
	    ".SH EXIT STATUS\n0 when all went as asked, 1 when something did not.\n");
	see_also(row);
	return 0;
}

static int overview(void)
{
	say(".TH SAMSA 1 \"\" \"Samsa\" \"Samsa\"\n.SH NAME\nsamsa \\- the commands beside a broker\n"
	    ".SH SYNOPSIS\n.B samsa\n.I command\n[\n.I options\n]\n.br\n.BI samsa\\- command\n[\n.I "
	    "options\n]\n"
	    ".SH DESCRIPTION\nThe commands of Apache Kafka 3.9 with their flags, columns, messages and exit "
	    "statuses, "
	    "as one program. They work with any broker of Kafka\\(aqs protocol.\n.SH COMMANDS\n");
	for (unsigned i = 0; i < command_rows_count; i++) {
		say(".TP\n.BR samsa\\-");
		put(command_rows[i].name);
		say(" (1)\n");
		put(command_rows[i].purpose);
		say("\n");
	}
	return 0;
}

int manual_main(int argc, char **argv)
{
	const char *slash = argc == 1 ? strrchr(argv[0], '/') : NULL;
	const char *name = slash ? slash + 1 : argc == 1 ? argv[0] : "";
	if (strcmp(name, "samsa.1") == 0 || argc == 0)
		return overview();
	const struct command_row *row = command_find(name);
	if (!row) {
		complain("samsa manual: there is no command '%s'\n", name);
		return 1;
	}
	return page(row);
}

/* ---- completion ---- */

enum takes { TAKES_FILE, TAKES_OTHER };

/* The options whose value is a file, or another one; not those that may lack it: any word may come behind. */
static void those_that_take(const struct command *c, enum takes what)
{
	for (unsigned i = 0; i < c->n_opts; i++) {
		const struct opt *o = &c->opts[i];
		if (o->kind == OPT_FLAG || o->may_lack_value || (o->kind == OPT_FILE) != (what == TAKES_FILE))
			continue;
		say(" --%s", o->name);
		if (o->letter)
			say(" -%c", o->letter);
	}
}

static void words_of(const struct command_row *row)
{
	const struct command *c = row->command;
	say("\t%s)\n\t\twords='--help --version", row->name);
	for (unsigned i = 0; i < c->n_opts; i++)
		say(" --%s", c->opts[i].name);
	for (const char *const *verb = c->verbs; verb && *verb; verb++)
		say(" %s", *verb);
	say("'\n\t\tfiles='");
	those_that_take(c, TAKES_FILE);
	say(" ' values='");
	those_that_take(c, TAKES_OTHER);
	say(" ' ;;\n");
}

/* Where no word is offered readline offers files: right for a value that names one and for a word that is no
 * option, and turned off before any other value. */
static const char completion_begin[] =
	"# Completion for bash of samsa and its commands; made of their tables by `samsa completion`.\n"
	"_samsa() {\n"
	"\tlocal current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=${1##*/}\n"
	"\tlocal words= files= values=\n"
	"\tCOMPREPLY=()\n"
	"\tcommand=${command#samsa-} command=${command#kafka-} command=${command%.sh}\n"
	"\tif [ \"$command\" = samsa ]; then\n"
	"\t\tif [ \"$COMP_CWORD\" = 1 ]; then\n"
	"\t\t\tmapfile -t COMPREPLY < <(compgen -W 'help";
static const char completion_middle[] =
	"' -- \"$current\"); return\n"
	"\t\tfi\n"
	"\t\tcommand=${COMP_WORDS[1]}\n"
	"\tfi\n"
	"\tcase $command in\n";
static const char completion_end[] =
	"\tesac\n"
	"\tcase $files in *\" $before \"*) return ;; esac\n"
	"\tcase $values in *\" $before \"*) compopt +o default; return ;; esac\n"
	"\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
	"}\n"
	"complete -o default -F _samsa samsa";

int completion_main(void)
{
	say("%s", completion_begin);
	for (unsigned i = 0; i < command_rows_count; i++)
		say(" %s", command_rows[i].name);
	say("%s", completion_middle);
	for (unsigned i = 0; i < command_rows_count; i++)
		words_of(&command_rows[i]);
	say("%s", completion_end);
	for (unsigned i = 0; i < command_rows_count; i++) {
		say(" samsa-%s", command_rows[i].name);
		if (command_rows[i].like == KAFKA)
			say(" kafka-%s kafka-%s.sh", command_rows[i].name, command_rows[i].name);
	}
	say("\n");
	return 0;
}
