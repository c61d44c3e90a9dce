/* ut_dump.c - every file of tests/golden/disk, shown as Kafka's own dump-log showed it (NAME.dump.txt.gz);
 * and what is said of damaged files. */
#include "tests/unit/storage/storage_test.h"

#include "broker/base/log.h"
#include "broker/reactor/sys.h"
#include "tools/dump.h"
#include "tools/dump_check.h"

#include <string.h>
#include <unistd.h>

/* What Kafka puts before a relative path, to be left out again: the golden texts know no absolute one. */
#define CWD "CWD"

struct shown {
	struct text out, errors;
};

static void emit(void *arg, bool error, struct slice text)
{
	struct shown *s = arg;
	text_bytes(error ? &s->errors : &s->out, text);
}

static void shown_free(struct shown *s)
{
	text_free(&s->out);
	text_free(&s->errors);
}

static struct dump_options plain_options(void)
{
	return (struct dump_options){ .max_bytes = INT32_MAX, .max_message_bytes = DUMP_MAX_MESSAGE_BYTES };
}

/* ---- the golden directories ---- */

/* The options with which tests/golden/disk/README made each part. */
static bool options_of(const char *section, struct dump_options *o)
{
	*o = plain_options();
	if (strcmp(section, "=== logs\n") == 0) {
		o->deep = o->print = true;
	} else if (strcmp(section, "=== __consumer_offsets\n") == 0) {
		o->deep = o->print = true;
		o->key = o->value = DECODER_OFFSETS;
	} else if (strcmp(section, "=== __transaction_state\n") == 0) {
		o->deep = o->print = true;
		o->key = o->value = DECODER_TXNS;
	} else {
		return strcmp(section, "=== indexes and snapshots\n") == 0;
	}
	return true;
}

static bool is_told_at_the_end(const char *line)
{
	static const char *const words[] = { "Non-consecutive", "Mismatches", "Found timestamp",
		"Found out of order",
		"The following" };
	for (size_t i = 0; i < countof(words); i++) {
		if (strncmp(line, words[i], strlen(words[i])) == 0)
			return true;
	}
	return false;
}

/* Kafka lists the files with faults by their hashes: those told are all there, and no others. */
static void expect_same_faults(const char *should, const struct text *is)
{
	CU_ASSERT_EQUAL(strlen(should), is->n);
	char *copy = mem_strdup(should), *rest = copy, *line;
	while ((line = strsep(&rest, "\n")) && *line)
		CU_ASSERT(is->s && strstr(is->s, line) != NULL);
	free(copy);
}

static void expect_same_text(const char *should, const char *is)
{
	size_t at = 0, line = 0;
	while (is[at] && is[at] == should[at]) {
		at++;
		if (is[at - 1] == '\n')
			line = at;
	}
	CU_ASSERT_EQUAL(is[at], should[at]);
	if (is[at] != should[at])
		printf(" says   %.*s\n Kafka  %.*s\n", (int)strcspn(is + line, "\n"), is + line,
		       (int)strcspn(should + line, "\n"), should + line);
}

static void strip_cwd(struct text *t)
{
	size_t n = strlen(CWD "/");
	for (char *at = t->s; at && (at = strstr(at, CWD "/"));) {
		memmove(at, at + n, t->n - (size_t)(at - t->s) - n + 1);
		t->n -= n;
	}
}

/* One section of a golden text: `should` begins behind its heading. */
static void section_is_same(const struct dump_options *options, const char *should)
{
	struct shown is = { 0 };
	struct dump d;
	size_t output = 0;
	dump_init(&d, options, CWD, emit, &is);
	for (const char *line = should; *line; line += strcspn(line, "\n") + 1) {
		if (is_told_at_the_end(line))
			break;
		if (strncmp(line, "Dumping ", 8) == 0) {
			char *path = mem_printf("%.*s", (int)strcspn(line + 8, "\n"), line + 8);
			dump_file(&d, path);
			free(path);
		}
		output = (size_t)(line - should) + strcspn(line, "\n") + 1;
	}
	dump_end(&d);
	CU_ASSERT(!d.failed);
	dump_free(&d);
	strip_cwd(&is.errors);
	char *printed = mem_printf("%.*s", (int)output, should);
	expect_same_text(printed, is.out.s ? is.out.s : "");
	expect_same_faults(should + output, &is.errors);
	free(printed);
	shown_free(&is);
}

static void reads_as_dumped(const char *golden)
{
	struct path dir = path_in(st_dir("golden"), "."), dump = path_in(st_dir("dump"), golden);
	char *text, *section = NULL, here[4096];
	size_t n;
	struct dump_options options;
	st_unpack(golden, dir.s);
	st_gunzip(golden, dump.s);
	must(file_read(dump.s, 1 << 30, &text, &n) == 0 && getcwd(here, sizeof here) && chdir(dir.s) == 0);
	int sections = 0;
	for (section = strstr(text, "=== "); section;) {
		char *body = section + strcspn(section, "\n") + 1, *next = strstr(body, "=== ");
		char *heading = mem_printf("%.*s", (int)(body - section), section);
		if (options_of(heading, &options)) {
			char *only = mem_printf("%.*s", next ? (int)(next - body) : (int)strlen(body), body);
			section_is_same(&options, only);
			free(only);
			sections++;
		}
		free(heading);
		section = next;
	}
	CU_ASSERT(sections >= 1);
	must(chdir(here) == 0);
	free(text);
}

#define GOLDEN(function, name)          \
	static void function(void)      \
	{                               \
		reads_as_dumped(name);  \
	}
#include "tests/unit/storage/golden_dirs.tbl"
#undef GOLDEN

/* ---- damage ---- */

/* Two batches of three records and their index, in a folder of its own. */
static struct path two_batches(const char *name)
{
	struct path dir = path_in(st_dir(name), "topic-0");
	uint8_t entry[8] = { 0, 0, 0, 5, 0, 0, 0, 0 };
	must(sys_mkdir(dir.s) == 0);
	struct buf *a = st_make(&(struct st_batch){ .records = 3 }),
		*b = st_make(&(struct st_batch){ .base_offset = 3, .records = 3 });
	struct path log = path_of(dir.s, 0, ".log");
	st_write(log.s, a->bytes, a->used);
	st_append_file(log.s, b->bytes, b->used);
	put_be32(entry + 4, (uint32_t)a->used);
	st_write(path_of(dir.s, 0, ".index").s, entry, sizeof entry);
	buf_put(a);
	buf_put(b);
	return dir;
}

/* What the check of the folder's log and index says. */
static uint64_t checked(const struct path *dir, struct shown *is)
{
	struct dump_options o = plain_options();
	struct dump d;
	struct check c;
	o.check = o.verify_only = true;
	*is = (struct shown){ 0 };
	dump_init(&d, &o, CWD, emit, is);
	check_init(&c, &d);
	check_partition(&c, dir->s);
	check_file(&c, path_of(dir->s, 0, ".index").s);
	check_file(&c, path_of(dir->s, 0, ".log").s);
	dump_end(&d);
	dump_free(&d);
	return c.records;
}

static void flip(const char *path, int64_t at)
{
	char *bytes;
	size_t n;
	must(file_read(path, 1 << 20, &bytes, &n) == 0);
	bytes[at < 0 ? (int64_t)n + at : at] ^= 1;
	st_write(path, bytes, n);
	free(bytes);
}

static void a_sound_partition_has_no_fault(void)
{
	struct shown is;
	struct path dir = two_batches("sound");
	CU_ASSERT_EQUAL(checked(&dir, &is), 6);
	CU_ASSERT_EQUAL(is.errors.n, 0);
	shown_free(&is);
}

static void a_flipped_bit_is_found(void)
{
	struct shown is;
	struct path dir = two_batches("flipped");
	flip(path_of(dir.s, 0, ".log").s, -1);
	checked(&dir, &is);
	CU_ASSERT(is.errors.s && strstr(is.errors.s, "wrong CRC"));
	shown_free(&is);
}

static void an_index_that_lies_is_found(void)
{
	struct shown is;
	struct path dir = two_batches("lies");
	flip(path_of(dir.s, 0, ".index").s, 3);
	checked(&dir, &is);
	CU_ASSERT(is.errors.s && strstr(is.errors.s, "Index offset: 4, log offset: 5"));
	shown_free(&is);
	flip(path_of(dir.s, 0, ".index").s, -1);
	checked(&dir, &is);
	CU_ASSERT(is.errors.s && strstr(is.errors.s, "no batch begins at position"));
	shown_free(&is);
}

static void a_gap_is_found_unless_the_cleaner_made_it(void)
{
	struct shown is;
	struct path dir = two_batches("gap"), log = path_of(dir.s, 0, ".log");
	struct buf *far = st_make(&(struct st_batch){ .base_offset = 9, .records = 1 });
	st_append_file(log.s, far->bytes, far->used);
	buf_put(far);
	checked(&dir, &is);
	CU_ASSERT(is.errors.s && strstr(is.errors.s, "offsets 6 to 8 are missing"));
	shown_free(&is);
	const char cleaned[] = "0\n1\ntopic 0 9\n";
	st_write(path_in(dir.s, "../cleaner-offset-checkpoint").s, cleaned, sizeof cleaned - 1);
	checked(&dir, &is);
	CU_ASSERT_EQUAL(is.errors.n, 0);
	shown_free(&is);
}

static void a_torn_tail_is_told(void)
{
	struct shown is = { 0 };
	struct dump d;
	struct dump_options o = plain_options();
	struct path dir = two_batches("torn"), log = path_of(dir.s, 0, ".log");
	struct buf *b = st_make(&(struct st_batch){ .base_offset = 6, .records = 1 });
	st_append_file(log.s, b->bytes, b->used - 1);
	dump_init(&d, &o, CWD, emit, &is);
	dump_file(&d, log.s);
	char *said = mem_printf("Found %zu invalid bytes at the end of 00000000000000000000.log\n",
		(size_t)b->used - 1);
	CU_ASSERT(is.out.s && strstr(is.out.s, said) && !d.failed);
	st_append_file(log.s, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 18);
	dump_file(&d, log.s);
	CU_ASSERT(d.failed);
	dump_free(&d);
	shown_free(&is);
	buf_put(b);
	free(said);
}

static const struct ut_case cases[] = {
	UT(a_sound_partition_has_no_fault),
	UT(a_flipped_bit_is_found),
	UT(an_index_that_lies_is_found),
	UT(a_gap_is_found_unless_the_cleaner_made_it),
	UT(a_torn_tail_is_told),
#define GOLDEN(name, dir) UT(name),
#include "tests/unit/storage/golden_dirs.tbl"
#undef GOLDEN
};

int main(void)
{
	sys_log_set_level(NULL, LOG_ERROR);
	int status = ut_run("tools/dump", cases, countof(cases));
	st_clean();
	return status;
}
