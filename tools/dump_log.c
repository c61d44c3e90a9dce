/* dump_log.c - the files of a log directory, offline; kafka.tools.DumpLogSegments. */
#include "broker/base/must.h"
#include "broker/base/order.h"
#include "broker/reactor/sys.h"
#include "broker/storage/file.h"
#include "tools/command.h"
#include "tools/dump.h"
#include "tools/dump_check.h"
#include "tools/in.h"
#include "tools/out.h"

#include <inttypes.h>

enum { FOLLOW_MS = 200 };

enum {
	FILES, PRINT, VERIFY_INDEX, SANITY, MESSAGE_SIZE, MAX_BYTES, DEEP, VALUE_DECODER, KEY_DECODER,
	OFFSETS, TRANSACTIONS, METADATA, REMOTE, SKIP_METADATA, CHECK, FOLLOW, JSON,
};

#define STRING_DECODER "org.apache.kafka.tools.api.StringDecoder"

static const struct opt options[] = {
	[FILES] = { "files", OPT_FILE, "file1, file2, ...",
		"REQUIRED, unless they follow as words of their own: The files to be shown, parted "
		"by commas: .log, .index, .timeindex, .txnindex, .snapshot, or a folder with such "
		"files." },
	[PRINT] = { "print-data-log", OPT_FLAG, NULL,
		"Show keys and values too. With a decoder this is set already." },
	[VERIFY_INDEX] = { "verify-index-only", OPT_FLAG, NULL,
		"Check indexes without showing what is in them." },
	[SANITY] = { "index-sanity-check", OPT_FLAG, NULL,
		"Only look at an index as a broker does when it starts, to know whether it must be "
		"made anew." },
	[MESSAGE_SIZE] = { "max-message-size", OPT_INT, "size",
		"The size of the largest batch.", .fallback = "5242880" },
	[MAX_BYTES] = { "max-bytes", OPT_INT, "size",
		"Read no more than this of each .log.", .fallback = "2147483647" },
	[DEEP] = { "deep-iteration", OPT_FLAG, NULL,
		"Show the records of each batch. With --print-data-log this is set already." },
	[VALUE_DECODER] = { "value-decoder-class", OPT_TEXT, NULL,
		"What values are: the name of Kafka's StringDecoder, LongDecoder, IntegerDecoder or "
		"DefaultDecoder (shown in hexadecimal).",
		.fallback = STRING_DECODER, .may_lack_value = true },
	[KEY_DECODER] = { "key-decoder-class", OPT_TEXT, NULL,
		"What keys are, likewise.", .fallback = STRING_DECODER, .may_lack_value = true },
	[OFFSETS] = { "offsets-decoder", OPT_FLAG, NULL,
		"The records are those of __consumer_offsets." },
	[TRANSACTIONS] = { "transaction-log-decoder", OPT_FLAG, NULL,
		"The records are those of __transaction_state." },
	[METADATA] = { "cluster-metadata-decoder", OPT_FLAG, NULL,
		"Refused: a cluster with ZooKeeper has no log of its metadata." },
	[REMOTE] = { "remote-log-metadata-decoder", OPT_FLAG, NULL,
		"Refused: the metadata of tiered storage is not known here." },
	[SKIP_METADATA] = { "skip-record-metadata", OPT_FLAG, NULL,
		"Of records show only key and value." },
	[CHECK] = { "check", OPT_FLAG, NULL,
		"Show only what is wrong: damaged batches, records that cannot be read, offsets that "
		"come again or are missing, indexes that contradict their log. Status 1 when "
		"something is.", .own = true },
	[FOLLOW] = { "follow", OPT_FLAG, NULL,
		"Then wait for what is added to the last segment, and go on to the next one, until "
		"interrupted.", .own = true },
	[JSON] = { "json", OPT_FLAG, NULL,
		"Print JSON, a line for each batch, record and entry.", .own = true },
};

/* ---- which files ---- */

struct names {
	char **v;
	size_t n, room;
};

static void add_name(struct names *all, char *name)
{
	if (all->n == all->room) {
		all->room = all->room ? all->room * 2 : 64;
		all->v = mem_realloc(all->v, all->room * sizeof *all->v);
	}
	all->v[all->n++] = name;
}

static void free_names(struct names *all)
{
	for (size_t i = 0; i < all->n; i++)
		free(all->v[i]);
	free(all->v);
	*all = (struct names){ 0 };
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct listing {
	struct names files, folders;
	const char *dir;
};

static bool is_ours(const char *name)
{
	static const char *const suffixes[] = { LOG_SUFFIX, INDEX_SUFFIX, TIME_INDEX_SUFFIX, TXN_INDEX_SUFFIX,
		SNAPSHOT_SUFFIX };
	int64_t offset;
	const char *suffix;
	for (size_t i = 0; path_split(name, &offset, &suffix) && i < countof(suffixes); i++) {
		if (strcmp(suffix, suffixes[i]) == 0)
			return true;
	}
	return false;
}

static int list_one(void *arg, const char *name, bool is_dir)
{
	struct listing *l = arg;
	if (is_dir || is_ours(name))
		add_name(is_dir ? &l->folders : &l->files, mem_printf("%s/%s", l->dir, name));
	return 0;
}

/* All files of a folder in the order of their names, then those of the folders in it. */
static void add_folder(struct dump *d, struct names *all, const char *dir, int depth)
{
	struct listing l = { .dir = dir };
	int error = sys_list_dir(dir, list_one, &l);
	if (error)
		dump_fail(d, "%s: %s\n", dir, strerror(-error));
	order_sort(l.files.v, l.files.n, sizeof *l.files.v, by_name);
	for (size_t i = 0; i < l.files.n; i++)
		add_name(all, l.files.v[i]);
	l.files.n = 0;
	order_sort(l.folders.v, l.folders.n, sizeof *l.folders.v, by_name);
	for (size_t i = 0; depth > 0 && i < l.folders.n; i++)
		add_folder(d, all, l.folders.v[i], depth - 1);
	free_names(&l.files);
	free_names(&l.folders);
}

static void add_path(struct dump *d, struct names *all, const char *path)
{
	struct sys_stat st;
	char *plain = mem_strdup(path);
	for (size_t n = strlen(plain); n > 1 && plain[n - 1] == '/'; n--)
		plain[n - 1] = 0;
	if (sys_stat(plain, &st) == 0 && st.is_dir)
		add_folder(d, all, plain, 1);
	else
		add_name(all, mem_strdup(path));
	free(plain);
}

static void add_all(struct tool *t, struct dump *d, struct names *all)
{
	const char *list = args_text(&t->args, FILES);
	char *copy = list ? tool_text(t, slice_str(list)) : NULL, *rest = NULL;
	for (char *word = copy ? strtok_r(copy, ",", &rest) : NULL; word; word = strtok_r(NULL, ",", &rest))
		add_path(d, all, word);
	for (unsigned i = 0; i < t->args.n_operands; i++)
		add_path(d, all, t->args.operands[i]);
}

/* ---- follow ---- */

/* The newest segment of the folder that `path` is in, when it is newer than `path`; on the heap. */
static char *newer_segment(struct dump *d, const char *path)
{
	struct names all = { 0 };
	char *dir = mem_strdup(path), *slash = strrchr(dir, '/'), *found = NULL;
	if (slash)
		*slash = 0;
	add_folder(d, &all, slash ? dir : ".", 0);
	for (size_t i = 0; i < all.n; i++) {
		const char *name = strrchr(all.v[i], '/') + 1;
		size_t n = strlen(name);
		if (n > 4 && strcmp(name + n - 4, LOG_SUFFIX) == 0 && strcmp(name, slash ? slash + 1 :
			path) > 0 && !found)
			found = mem_strdup(all.v[i]);
	}
	free_names(&all);
	free(dir);
	return found;
}

/* Shows what came; false when nothing did. */
static bool more_of(struct dump *d, struct dump_log *l)
{
	int64_t end = dump_log_size(d, l), before = l->position;
	bool good = end < 0 || end <= l->position || dump_log_up_to(d, l, end);
	dump_flush(d);
	out_flush();
	return good && l->position > before;
}

/* A batch that is being written is no whole batch yet: the next look finds it. */
static void follow(struct dump *d, const char *last)
{
	struct sys_poller *poller = sys_poller_new();
	struct sys_ready ready;
	struct dump_log l;
	char *path = mem_strdup(last);
	int signals = sys_signals_open();
	must(signals >= 0);
	sys_poller_set(poller, signals, SYS_READABLE, NULL);
	bool open = dump_log_open(d, &l, path);
	l.position = open ? dump_log_size(d, &l) : 0;
	while (open && sys_signals_next(signals) == 0) {
		char *newer = more_of(d, &l) ? NULL : newer_segment(d, path);
		if (newer) {
			more_of(d, &l);
			dump_log_close(d, &l);
			free(path);
			path = newer;
			text_add(&d->out, "Dumping %s\n", path);
			open = dump_log_open(d, &l, path);
		} else {
			sys_poller_wait(poller, &ready, 1, FOLLOW_MS * INT64_C(1000000));
		}
	}
	dump_log_close(d, &l);
	sys_poller_free(poller);
	sys_close(signals);
	free(path);
}

/* ---- the command ---- */

static void emit(void *arg, bool error, struct slice text)
{
	(void)arg;
	if (error)
		complain_bytes(text);
	else
		say_bytes(text);
}

/* A line that says what the ones below it are. */
static bool is_heading(const uint8_t *line, size_t n)
{
	static const char *const beginnings[] = { "Mismatches in :", "Found timestamp mismatch in :",
		"Found out of order timestamp in :", "The following indexed offsets" };
	for (size_t i = 0; i < countof(beginnings); i++) {
		if (n > strlen(beginnings[i]) && memcmp(line, beginnings[i], strlen(beginnings[i])) == 0)
			return true;
	}
	return false;
}

/* Only what is wrong, and counted. */
static void emit_fault(void *arg, bool error, struct slice text)
{
	struct check *c = arg;
	if (!error)
		return;
	say_bytes(text);
	for (const uint8_t *line = text.p, *end = text.p + text.n, *next; line < end; line = next) {
		const uint8_t *newline = memchr(line, '\n', (size_t)(end - line));
		next = newline ? newline + 1 : end;
		c->faults += !is_heading(line, (size_t)(next - line));
	}
}

static int check(struct dump *d, struct check *c, const struct names *all)
{
	char *dir = NULL;
	check_init(c, d);
	for (size_t i = 0; i < all->n; i++) {
		const char *slash = strrchr(all->v[i], '/');
		char *here = slash ? mem_printf("%.*s", (int)(slash - all->v[i]), all->v[i]) :
			mem_strdup(".");
		if (!dir || strcmp(dir, here) != 0)
			check_partition(c, here);
		free(dir);
		dir = here;
		progress("%zu of %zu files, %" PRIu64 " records, %" PRIu64 " faults", i, all->n, c->records,
			c->faults);
		check_file(c, all->v[i]);
	}
	dump_end(d);
	free(dir);
	say("%" PRIu64 " files, %" PRIu64 " batches, %" PRIu64 " records: %" PRIu64 " faults\n", c->files,
		c->batches,
		c->records, c->faults);
	return c->faults ? 1 : 0;
}

static void show(struct tool *t, struct dump *d, const struct names *all)
{
	const char *last = NULL;
	for (size_t i = 0; i < all->n; i++) {
		size_t n = strlen(all->v[i]);
		dump_file(d, all->v[i]);
		if (n > 4 && strcmp(all->v[i] + n - 4, LOG_SUFFIX) == 0)
			last = all->v[i];
	}
	if (args_has(&t->args, FOLLOW) && last)
		follow(d, last);
	dump_end(d);
}

/* A decoder by its class; false when there is none, which is told. */
static bool decoder(struct tool *t, unsigned opt, struct dump_options *o, enum decoder_kind *kind)
{
	const char *name = args_text(&t->args, opt);
	if (!decoder_by_class(name, kind)) {
		complain("There is no decoder %s here: StringDecoder, LongDecoder, IntegerDecoder and "
			"DefaultDecoder are known, with their package.\n", name);
		return false;
	}
	if (strncmp(name, "kafka.serializer.", 17) == 0)
		o->notice = tool_printf(t, "%s%s%s is deprecated. Please use org.apache.kafka.tools.api.%s "
			"instead", o->notice ? o->notice : "", o->notice ? "\n" : "", name, name + 17);
	return true;
}

static bool read_options(struct tool *t, struct dump_options *o)
{
	const struct args *a = &t->args;
	bool topics = args_has(a, OFFSETS) || args_has(a, TRANSACTIONS);
	*o = (struct dump_options){
		.print = topics || args_has(a, PRINT) || args_has(a, VALUE_DECODER) || args_has(a,
			KEY_DECODER),
		.skip_metadata = args_has(a, SKIP_METADATA), .verify_only = args_has(a, VERIFY_INDEX) ||
		args_has(a, CHECK),
		.sanity_only = args_has(a, SANITY), .json = args_has(a, JSON), .check = args_has(a, CHECK),
		.max_message_bytes = (int32_t)args_int(a, MESSAGE_SIZE), .max_bytes = (int32_t)args_int(a,
		MAX_BYTES),
	};
	o->deep = o->print || args_has(a, DEEP);
	if (topics)
		o->key = o->value = args_has(a, OFFSETS) ? DECODER_OFFSETS : DECODER_TXNS;
	return topics || (decoder(t, VALUE_DECODER, o, &o->value) && decoder(t, KEY_DECODER, o, &o->key));
}

static int run(struct tool *t)
{
	struct args *a = &t->args;
	struct dump_options o;
	char room[FILE_PATH_MAX];
	if (t->args.n_operands == 0)
		args_require(a, FILES);
	if (a->refused || args_check_values(a))
		return tool_usage(t, "%s", a->refused);
	if (args_int(a, MAX_BYTES) < 0 || args_int(a, MESSAGE_SIZE) < 0)
		return tool_usage(t, "A size cannot be negative.");
	if (args_has(a, METADATA) || args_has(a, REMOTE)) {
		complain("%s\n", args_has(a, METADATA) ? "--cluster-metadata-decoder is for brokers without "
			"ZooKeeper, whose __cluster_metadata is not known here." :
			"--remote-log-metadata-decoder is for tiered storage, whose __remote_log_metadata is "
				"not known here.");
		return 1;
	}
	if (!read_options(t, &o))
		return 1;
	struct dump d;
	struct check c = { 0 };
	struct names all = { 0 };
	bool checks = args_has(a, CHECK);
	dump_init(&d, &o, in_cwd(room, sizeof room), checks ? emit_fault : emit, &c);
	add_all(t, &d, &all);
	if (checks)
		d.failed = check(&d, &c, &all) != 0;
	else
		show(t, &d, &all);
	int status = d.failed ? 1 : 0;
	free_names(&all);
	dump_free(&d);
	return status;
}

const struct command command_dump_log = {
	.about = "This tool helps to parse a log file and dump its contents to the console, useful for "
		"debugging a seemingly corrupt log segment.",
	.operands = "[FILE or FOLDER]...",
	.more = "It only reads, and a broker may run meanwhile. Where Kafka's command ends at the first "
	"damaged batch, this one says on standard error what is wrong, goes on with the next file, and ends "
	"with status 1.", .opts = options, .n_opts = countof(options),
	.run = run,
};
