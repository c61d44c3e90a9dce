/* tool.c - from a command line to a command: which one, its options, its fiber; see command.h. */
#include <config.h> /* the build's */

#include "tools/command.h"

#include "broker/base/kerr.h"
#include "broker/base/must.h"
#include "broker/net/lane.h"
#include "broker/reactor/fiber.h"
#include "broker/reactor/reactor.h"
#include "tools/out.h"
#include "tools/usage.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOOL_MAGIC = 0x70017001, WORDS_BYTES = 2048, FILE_MAX_BYTES = 64 << 20 };

/* ---- which command ---- */

#define COMMAND(symbol, name, like, purpose) extern const struct command command_##symbol;
#include "tools/commands.tbl"
#undef COMMAND

const struct command_row command_rows[] = {
#define COMMAND(symbol, name, like, purpose) { name, like, purpose, &command_##symbol },
#include "tools/commands.tbl"
#undef COMMAND
};
const unsigned command_rows_count = countof(command_rows);

const struct command_row *command_find(const char *name)
{
	const char *slash = strrchr(name, '/');
	if (slash)
		name = slash + 1;
	if (strncmp(name, "samsa-", 6) == 0 || strncmp(name, "kafka-", 6) == 0)
		name += 6;
	size_t n = strlen(name);
	if (n > 3 && strcmp(name + n - 3, ".sh") == 0)
		n -= 3;
	else if (n > 2 && strcmp(name + n - 2, ".1") == 0)
		n -= 2;
	for (unsigned i = 0; i < command_rows_count; i++)
		if (strlen(command_rows[i].name) == n && memcmp(command_rows[i].name, name, n) == 0)
			return &command_rows[i];
	return NULL;
}

/* ---- what a command uses ---- */

void *tool_alloc(struct tool *t, size_t n)
{
	void *p = arena_alloc(&t->arena, n ? n : 1);
	must(p != NULL);
	return p;
}

char *tool_text(struct tool *t, struct slice s)
{
	char *copy = tool_alloc(t, s.n + 1);
	if (s.n)
		memcpy(copy, s.p, s.n);
	return copy;
}

char *tool_printf(struct tool *t, const char *format, ...)
{
	va_list ap, again;
	va_start(ap, format);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, format, ap);
	must(n >= 0);
	char *s = tool_alloc(t, (size_t)n + 1);
	vsnprintf(s, (size_t)n + 1, format, again);
	va_end(again);
	va_end(ap);
	return s;
}

int tool_usage(struct tool *t, const char *format, ...)
{
	char words[WORDS_BYTES];
	va_list ap;
	va_start(ap, format);
	vsnprintf(words, sizeof words, format, ap);
	va_end(ap);
	complain("%s\n", words);
	usage_print(t->name, t->command);
	return 1;
}

int tool_fail(struct tool *t, const char *class, const char *format, ...)
{
	char words[WORDS_BYTES];
	if (t->failure.words)
		return -1;
	va_list ap;
	va_start(ap, format);
	vsnprintf(words, sizeof words, format, ap);
	va_end(ap);
	t->failure = (struct failure){ .class = class, .words = tool_text(t, slice_str(words)) };
	return -1;
}

struct failure failure_of_code(struct tool *t, int code, struct slice words)
{
	static const struct {
		int code;
		const char *class, *words;
	} known[] = {
#define X(code, class, words) { KERR_##code, class, words },
#include "tools/exceptions.tbl"
#undef X
	};
	size_t i = 0;
	while (i < countof(known) - 1 && known[i].code != code)
		i++;
	if (known[i].code != code) /* a code of the future: the first row is UNKNOWN_SERVER_ERROR */
		i = 0;
	return (struct failure){ .class = known[i].class,
		.code = code,
		.words = slice_is_null(words) ? known[i].words : tool_text(t, words) };
}

int tool_fail_code(struct tool *t, int code, struct slice words)
{
	if (!t->failure.words)
		t->failure = failure_of_code(t, code, words);
	return -1;
}

const char *failure_text(struct tool *t, const struct failure *f)
{
	bool of_kafka = f->code != 0 || strcmp(f->class, "TimeoutException") == 0 ||
		strcmp(f->class, "UnsupportedVersionException") == 0 ||
		strcmp(f->class, "ApiException") == 0 || strcmp(f->class, "SslAuthenticationException") == 0;
	return tool_printf(
		t, "%s%s: %s", of_kafka ? "org.apache.kafka.common.errors." : "", f->class, f->words);
}

int tool_complain(struct tool *t)
{
	must(t->failure.words != NULL);
	complain("%s\n", t->failure.words);
	return tool_trace(t);
}

int tool_trace(struct tool *t)
{
	complain("ERROR %s: %s (%s)\n", t->failure.class, t->failure.words, t->name);
	return 1;
}

int tool_read_file(struct tool *t, const char *path, struct slice *text)
{
	struct sys_stat st;
	int fd = sys_open(path, SYS_READ);
	int rc = fd < 0 ? fd : sys_fstat(fd, &st);
	if (rc == 0 && (st.is_dir || st.size > FILE_MAX_BYTES))
		rc = st.is_dir ? -EISDIR : -EFBIG;
	if (rc == 0) {
		char *p = tool_alloc(t, (size_t)st.size + 1);
		ssize_t n = sys_pread(fd, p, (size_t)st.size, 0);
		rc = n < 0 ? (int)n : 0;
		*text = slice_of(p, n < 0 ? 0 : (size_t)n);
	}
	if (fd >= 0)
		sys_close(fd);
	if (rc == -ENOENT)
		return tool_fail(t, "NoSuchFileException", "%s", path);
	return rc ? tool_fail(t, "IOException", "%s: %s", path, strerror(-rc)) : 0;
}

/* ---- a run ---- */

static void in_fiber(void *arg)
{
	struct tool *t = arg;
	CHECK_OBJ_NOTNULL(t, TOOL_MAGIC);
	t->status = t->command->run(t);
	reactor_stop(t->reactor);
}

/* One thread turns the loop, one helper asks for addresses and shakes hands. */
static void run_with_loop(struct tool *t)
{
	t->helpers = sys_helpers_start(1);
	t->reactor = reactor_new(REACTOR_CONTROL, t->helpers);
	t->lane = lane_new(t->reactor, -1);
	fiber_start(t->reactor, t->name, in_fiber, t);
	reactor_run(t->reactor);
	sys_helpers_stop(t->helpers);
	while (reactor_turn(t->reactor, 0)) { /* what helpers have brought back frees itself */
	}
	lane_free(t->lane);
	reactor_free(t->reactor);
}

/* As Kafka's commands: without any word, and for --help, what the command is for and 1. */
static int asked_and_run(struct tool *t)
{
	if (t->command->parses_itself)
		return t->command->run(t);
	if (t->args.help && !t->args.refused && t->command->verbs) { /* these have another parser in Kafka */
		tool_usage(t, "%s", t->command->about);
		return 0;
	}
	if (t->args.n_words == 0 || (t->args.help && !t->args.refused))
		return tool_usage(t, "%s", t->command->about);
	if (t->args.refused && t->command->terse) {
		complain("%s%s\n", t->command->terse, t->args.refused);
		return 1;
	}
	if (t->args.refused)
		return tool_usage(t, "%s", t->args.refused);
	if (t->args.version) {
		say("%s %s, in place of Apache Kafka 3.9\n", t->name, PACKAGE_VERSION);
		return 0;
	}
	if (t->command->verbs && !t->args.verb)
		return tool_usage(t, "too few arguments");
	if (!t->command->waits)
		return t->command->run(t);
	run_with_loop(t);
	return t->status;
}

static int run(const struct command_row *row, const char *name, int argc, char **argv)
{
	struct tool *t;
	ALLOC_OBJ(t, TOOL_MAGIC);
	t->command = row->command;
	t->name = name;
	arena_init(&t->arena, TOOL_ARENA_BYTES);
	if (t->command->parses_itself) {
		t->args.operands = (const char **)argv;
		t->args.n_operands = (unsigned)argc;
	} else {
		args_parse(&t->args, t->command->opts, t->command->n_opts, t->command->verbs, argc, argv);
	}
	int status = asked_and_run(t);
	if (!t->command->parses_itself)
		args_free(&t->args);
	arena_free(&t->arena);
	FREE_OBJ(t);
	return status;
}

static int list_commands(void)
{
	say("samsa COMMAND ..., or samsa-COMMAND ...; with --help each tells its options. The commands:\n");
	for (unsigned i = 0; i < command_rows_count; i++)
		say("  %-24s %s\n", command_rows[i].name, command_rows[i].purpose);
	return 0;
}

/* Their names alone, for `make install`: those of which Kafka has one of that name, or all. */
static int list_names(bool all)
{
	for (unsigned i = 0; i < command_rows_count; i++)
		if (all || command_rows[i].like == KAFKA)
			say("%s\n", command_rows[i].name);
	return 0;
}

static int by_first_word(int argc, char **argv)
{
	const char *first = argc > 1 ? argv[1] : "help";
	if (strcmp(first, "help") == 0 || strcmp(first, "--help") == 0)
		return list_commands();
	if (strcmp(first, "--version") == 0) {
		say("samsa %s, in place of Apache Kafka 3.9\n", PACKAGE_VERSION);
		return 0;
	}
	if (strcmp(first, "names") == 0)
		return list_names(argc < 3);
	if (strcmp(first, "manual") == 0)
		return manual_main(argc - 2, argv + 2);
	if (strcmp(first, "completion") == 0)
		return completion_main();
	const struct command_row *row = command_find(first);
	if (!row) {
		complain("samsa: there is no command '%s'; `samsa help` lists them\n", first);
		return 1;
	}
	char *name = mem_printf("samsa-%s", row->name);
	int status = run(row, name, argc - 2, argv + 2);
	free(name);
	return status;
}

int command_main(int argc, char **argv)
{
	must(argc > 0);
	const char *slash = strrchr(argv[0], '/');
	const char *called = slash ? slash + 1 : argv[0];
	const struct command_row *row = command_find(called);
	int status = row ? run(row, called, argc - 1, argv + 1) : by_first_word(argc, argv);
	int error = out_flush();
	if (error) {
		complain("%s: standard output: %s\n", called, strerror(-error));
		return 1;
	}
	return status;
}
