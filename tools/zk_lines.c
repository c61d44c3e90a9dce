/* zk_lines.c - see zk_lines.h. Between two lines there is no session with ZooKeeper: whoever thinks for an
 * hour has nothing that expires meanwhile. */
#include "tools/zk_lines.h"

#include "broker/base/must.h"
#include "tools/in.h"
#include "tools/out.h"

#include <stdlib.h>
#include <string.h>

enum { LINE_WORDS_MAX = 64, SHARED_MAX = 8, STANDARD_INPUT_ONLY = -1 };

#define PROMPT "zk> "

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The end of a quoted part; *to is where its bytes go. NULL: there is none. */
static char *unquote(char *at, char **to)
{
	char quote = *at++;
	for (; *at && *at != quote; at++) {
		if (quote == '"' && *at == '\\' && (at[1] == '"' || at[1] == '\\'))
			at++;
		*(*to)++ = *at;
	}
	return *at ? at + 1 : NULL;
}

/* One word, which ends with a zero in its place; where to go on. NULL and *wrong. */
static char *take_word(char *at, const char **wrong)
{
	char *to = at;
	while (*at && !is_blank(*at)) {
		if (*at == '\'' || *at == '"') {
			at = unquote(at, &to);
			if (!at) {
				*wrong = "a quote is not closed";
				return NULL;
			}
			continue;
		}
		at += *at == '\\' && at[1];
		*to++ = *at++;
	}
	char *next = *at ? at + 1 : at;
	*to = '\0';
	return next;
}

int zk_words(char *line, char **words, int most, const char **wrong)
{
	int n = 0;
	while (line) {
		while (is_blank(*line))
			line++;
		if (!*line)
			return n;
		if (n == most) {
			*wrong = "too many words";
			return -1;
		}
		words[n++] = line;
		line = take_word(line, wrong);
	}
	return -1;
}

/* What the tool was asked for as a whole, as words before those of a line. */
static int share(struct tool *t, const unsigned *shared, unsigned n_shared, char **words)
{
	int n = 0;
	for (unsigned i = 0; i < n_shared; i++) {
		const struct opt *o = &t->args.opts[shared[i]];
		if (!args_has(&t->args, shared[i]))
			continue;
		words[n++] = tool_printf(t, "--%s", o->name);
		if (o->kind != OPT_FLAG)
			words[n++] = tool_printf(t, "%s", args_text(&t->args, shared[i]));
	}
	return n;
}

static void help(const struct tool *t)
{
	say("Commands:");
	for (const char *const *verb = t->command->verbs; *verb; verb++)
		say(" %s", *verb);
	say(" help quit\n%s\n", t->command->more);
}

/* With the words as if they had been the command line's; memory of a line is freed with it. */
static int run_words(struct tool *t, int n, char **words, int (*one)(struct tool *t))
{
	struct args args = t->args;
	struct arena arena = t->arena;
	arena_init(&t->arena, TOOL_ARENA_BYTES);
	args_parse(&t->args, t->command->opts, t->command->n_opts, t->command->verbs, n, words);
	int status = t->args.refused ? -1 : 0;
	if (status == 0 && (t->args.help || t->args.version))
		help(t);
	else if (status == 0)
		status = one(t);
	if (t->args.refused)
		complain("%s; help tells the commands\n", t->args.refused);
	else if (status < 0)
		complain("%s\n", t->failure.words);
	t->failure = (struct failure){ 0 };
	args_free(&t->args);
	arena_free(&t->arena);
	t->args = args;
	t->arena = arena;
	return status != 0;
}

/* 0 or 1; -1: it was the last. */
static int run_line(struct tool *t, struct text *line, int n_shared, char **words, int (*one)(struct tool *t))
{
	const char *wrong = strlen(line->s) < line->n ? "a zero byte" : NULL;
	int n = wrong ? -1 : zk_words(line->s, words + n_shared, LINE_WORDS_MAX, &wrong);
	const char *first = n > 0 ? words[n_shared] : "";
	if (n < 0) {
		complain("%s; help tells the commands\n", wrong);
		return 1;
	}
	if (n == 0)
		return 0;
	if (strcmp(first, "quit") == 0 || strcmp(first, "exit") == 0)
		return -1;
	if (strcmp(first, "help") == 0) {
		help(t);
		return 0;
	}
	return run_words(t, n_shared + n, words, one);
}

int zk_lines(struct tool *t, const unsigned *shared, unsigned n_shared, int (*one)(struct tool *t))
{
	char *words[2 * SHARED_MAX + LINE_WORDS_MAX];
	struct text line = { 0 };
	bool asks = in_is_terminal() && out_is_terminal();
	int status = 0, rc = 1;
	must(n_shared <= SHARED_MAX);
	int n = share(t, shared, n_shared, words);
	while (rc > 0) {
		if (asks)
			say(PROMPT);
		out_flush();
		rc = in_line(&line, STANDARD_INPUT_ONLY);
		if (rc <= 0 || line.n == 0)
			continue;
		int ended = run_line(t, &line, n, words, one);
		if (ended < 0)
			break;
		status |= ended;
	}
	if (rc == 0 && asks)
		say("\n");
	text_free(&line);
	return rc < 0 ? tool_fail(t, "IOException", "standard input: %s", strerror(-rc)) : status;
}
