/* command.h - what a command is, and what it finds when it runs.
 *
 * All commands are one program, samsa: `samsa topics --list`, or `samsa-topics --list` by a link of the
 * command's name. A command is a file of its own with a table of options and a function; one row in
 * commands.tbl names it. README has an example.
 */
#ifndef SAMSA_TOOLS_COMMAND_H
#define SAMSA_TOOLS_COMMAND_H

#include "broker/base/arena.h"
#include "broker/net/lane.h"
#include "tools/args.h"

enum { TOOL_ARENA_BYTES = 1 << 30 };

/* Why something did not go as asked, in the words of Java's exceptions, which scripts look for. */
struct failure {
	const char *class; /* "TopicExistsException" */
	const char *words; /* its message; NULL as long as nothing failed */
	int code;          /* enum kerr, when it came from a broker; else 0 */
};

/* One run of one command. Everything hangs off it and is freed with it. */
struct tool {
	unsigned magic;
	const struct command *command;
	const char *name; /* as it was called: "samsa-topics" */
	struct args args;
	struct arena arena; /* lives until the command has ended */
	struct failure failure;
	int status; /* what the process ends with */
	/* Where a command waits for brokers; NULL for those that do not ask for it. */
	struct sys_helpers *helpers;
	struct reactor *reactor;
	struct lane *lane;
};

enum command_like { KAFKA, OWN };

struct command {
	const char *about; /* what --help says first, and the manual page's description */
	/* The words of which one follows the name, as Kafka's cluster-id; or NULL. */
	const char *const *verbs;
	const char *operands; /* what may follow without an option, for the usage line; or NULL */
	const struct opt *opts;
	unsigned n_opts;
	/* Its status, 0 or 1. With `waits` it runs in a fiber and may use tools/admin.h. */
	int (*run)(struct tool *t);
	bool waits;
	const char
		*terse; /* what is said before a word that is wrong, instead of the help behind it; or NULL */
	bool parses_itself; /* the words are not looked at before it runs */
	const char *more;   /* further text of the manual page, as paragraphs; or NULL */
};

/* A row of commands.tbl. */
struct command_row {
	const char *name;
	enum command_like like;
	const char *purpose;
	const struct command *command;
};

extern const struct command_row command_rows[];
extern const unsigned command_rows_count;
/* By its name, by the program's (a path, with samsa- or kafka- before and .sh behind) or a page's
 * (samsa-topics.1); NULL when there is none. */
const struct command_row *command_find(const char *name);

/* Runs the command that the words ask for; the status to end with. */
int command_main(int argc, char **argv);

/* Says `words` and how the command is used on standard error; 1. */
int tool_usage(struct tool *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Sets what failed, when nothing has failed before; -1. */
int tool_fail(struct tool *t, const char *class, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* A broker's error: the words are its own, or Kafka's for that code when it has sent none; -1. */
int tool_fail_code(struct tool *t, int code, struct slice words);
/* Says on standard error what failed; 1. */
int tool_complain(struct tool *t);
/* The same for a command that has said the words already, as an error of its log; 1. */
int tool_trace(struct tool *t);
/* A broker's error as a failure, which is not set. */
struct failure failure_of_code(struct tool *t, int code, struct slice words);
/* A whole file: 0 and text in the tool's arena with a zero behind it, or -1 and the failure is set. */
int tool_read_file(struct tool *t, const char *path, struct slice *text);
/* As java.lang.Throwable.toString: Kafka's own exceptions with their package. */
const char *failure_text(struct tool *t, const struct failure *f);
/* In the tool's arena, which never runs dry short of TOOL_ARENA_BYTES; must() there. */
void *tool_alloc(struct tool *t, size_t n);
char *tool_printf(struct tool *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *tool_text(struct tool *t, struct slice s);

/* What the makefile asks of the program: pages and completion out of the tables. */
int manual_main(int argc, char **argv);
int completion_main(void);

#endif
