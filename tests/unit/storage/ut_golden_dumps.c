/* ut_golden_dumps.c - every log directory of tests/golden/disk, opened as it was left, reads back batch by
 * batch and record by record as Kafka's own kafka-dump-log.sh printed it (NAME.dump.txt.gz beside it). */
#include "tests/unit/storage/storage_test.h"

#include "broker/base/log.h"
#include "tools/dump_text.h"

#include <string.h>

enum { INFLATED_MAX = 1 << 20 };

/* ---- what we read, in the words of the dump ---- */

/* Without " <word> <number>", which we cannot know of a log. */
static void drop_field(char *line, const char *word)
{
	char *at = strstr(line, word);
	if (!at)
		return;
	char *rest = at + strlen(word);
	rest += strcspn(rest, " \n");
	memmove(at, rest, strlen(rest) + 1);
}

static void print_batch(FILE *out, const struct batch *b)
{
	struct text line = { 0 };
	dump_batch_text(&line, b, 0);
	drop_field(line.s, " position: ");
	fputs(line.s, out);
	text_free(&line);
}

/* `opaque`: the dump shows what it understood of key and value, not their bytes. */
static void print_record(FILE *out, const struct batch *b, struct record *r, bool opaque)
{
	struct text line = { 0 };
	CU_ASSERT(dump_record_text(&line, b, r));
	fputs(line.s, out);
	if (!opaque && !batch_is_control(b)) {
		if (r->key.p)
			fprintf(out, " key: %.*s", SLICE_ARGS(r->key));
		if (r->value.p)
			fprintf(out, " payload: %.*s", SLICE_ARGS(r->value));
	}
	fprintf(out, "\n");
	text_free(&line);
}

static void print_batches(FILE *out, struct slice bytes, struct codecs *codecs, bool opaque, int64_t *next)
{
	struct batch_walk walk;
	struct batch b;
	batch_walk_init(&walk, bytes);
	while (batch_next(&walk, &b)) {
		struct records records;
		struct record r;
		print_batch(out, &b);
		records_open(&records, &b, codecs, INFLATED_MAX);
		while (records_next(&records, &r))
			print_record(out, &b, &r, opaque);
		CU_ASSERT_EQUAL(records.error, KERR_NONE);
		records_close(&records);
		*next = batch_last_offset(&b) + 1;
	}
}

static bool is_opaque(const char *partition)
{
	return strncmp(partition, "__", 2) == 0;
}

/* On the heap: the log from its start to its end. */
static char *read_back(struct st_log *s, const char *partition)
{
	char *text = NULL;
	size_t n = 0;
	struct codecs *codecs = codecs_new();
	FILE *out = open_memstream(&text, &n);
	int64_t offset = log_start_offset(s->log), end = log_end_offset(s->log);
	while (offset < end) {
		struct slice bytes;
		int64_t next = offset;
		must(st_read(s, offset, end, 1, true, &bytes, NULL) == KERR_NONE);
		print_batches(out, bytes, codecs, is_opaque(partition), &next);
		free((void *)(uintptr_t)bytes.p);
		if (next == offset)
			break; /* compaction took what was last */
		offset = next;
	}
	must(fclose(out) == 0);
	codecs_free(&codecs);
	return text;
}

/* ---- what the dump says ---- */

static void drop_tail(char *line, const char *from)
{
	char *at = strstr(line, from);
	if (at)
		strcpy(at, "\n");
}

/* Without where in the file a batch lies. */
static void put_line(FILE *out, char *line, bool opaque)
{
	if (line[0] != '|')
		drop_field(line, " position: ");
	else if (opaque)
		drop_tail(line, " key: ");
	fputs(line, out);
}

static int64_t last_offset_in(const char *line)
{
	const char *at = strstr(line, "lastOffset: ");
	at = at ? at + strlen("lastOffset: ") : line + strlen("offset: ");
	return strtoll(at, NULL, 10);
}

/* On the heap: what is said of the .log files of one partition, from the batch on that `start` is in. */
static char *told(const char *dump, const char *partition, int64_t start)
{
	char *text = NULL, *line = NULL, *ours = mem_printf("Dumping %s/", partition);
	size_t n = 0, room = 0;
	bool in_log = false, wanted = false;
	FILE *in = fopen(dump, "r"), *out = open_memstream(&text, &n);
	must(in && out);
	while (getline(&line, &room, in) > 0) {
		if (strncmp(line, "Dumping ", 8) == 0)
			in_log = strncmp(line, ours, strlen(ours)) == 0 && strstr(line, ".log\n");
		else if (!in_log || strncmp(line, "===", 3) == 0)
			in_log = false;
		else if (strstr(line, " isvalid: "))
			wanted = last_offset_in(line) >= start;
		if (in_log && wanted && strstr(line, "ffset: ") && strncmp(line, "Log ", 4) != 0)
			put_line(out, line, is_opaque(partition));
	}
	must(fclose(out) == 0 && fclose(in) == 0);
	free(line);
	free(ours);
	return text;
}

static void expect_same(const char *partition, const char *is, const char *should)
{
	size_t at = 0, line = 0;
	while (is[at] && is[at] == should[at]) {
		at++;
		if (is[at - 1] == '\n')
			line = at;
	}
	CU_ASSERT_EQUAL(is[at], should[at]);
	if (is[at] != should[at])
		printf("%s:\n reads  %.*s\n Kafka  %.*s\n", partition, (int)strcspn(is + line, "\n"),
		       is + line, (int)strcspn(should + line, "\n"), should + line);
}

/* Opens one partition, and compares; how many bytes of text there were. */
static size_t one_reads_as_dumped(const char *dir, const char *dump, const char *name,
	enum log_stop stop)
{
	struct st_log s = { .config = st_config(), .now_ms = ST_GOLDEN_NOW_MS };
	int64_t recovery_point = st_checkpointed(dir, "recovery-point-offset-checkpoint", name);
	int64_t start = st_checkpointed(dir, "log-start-offset-checkpoint", name);
	CU_ASSERT_EQUAL(st_open(&s, path_in(dir, name).s, stop, recovery_point, start), 0);
	char *is = read_back(&s, name), *should = told(dump, name, log_start_offset(s.log));
	size_t bytes = strlen(is);
	expect_same(name, is, should);
	free(is);
	free(should);
	CU_ASSERT(st_close(&s) >= 0);
	return bytes;
}

static void reads_as_dumped(const char *golden)
{
	static struct st_partitions p;
	size_t bytes = 0;
	struct path dir = path_in(st_dir("golden"), "."), dump = path_in(st_dir("dump"), golden);
	st_unpack(golden, dir.s);
	st_gunzip(golden, dump.s);
	st_partitions(dir.s, &p);
	bool clean = st_size(path_in(dir.s, ".kafka_cleanshutdown").s) >= 0;
	for (int i = 0; i < p.n; i++)
		bytes += one_reads_as_dumped(dir.s, dump.s, p.names[i],
			clean ? LOG_STOP_CLEAN : LOG_STOP_CRASHED);
	CU_ASSERT(bytes > 1000);
}

#define GOLDEN(function, name)          \
	static void function(void)      \
	{                               \
		reads_as_dumped(name);  \
	}
#include "tests/unit/storage/golden_dirs.tbl"
#undef GOLDEN

static const struct ut_case cases[] = {
#define GOLDEN(name, dir) UT(name),
#include "tests/unit/storage/golden_dirs.tbl"
#undef GOLDEN
};

int main(void)
{
	sys_log_set_level(NULL, LOG_ERROR);
	int status = ut_run("storage/golden_dumps", cases, countof(cases));
	st_clean();
	return status;
}
