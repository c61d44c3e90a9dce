/* dump_check.c - see dump_check.h */
#include "tools/dump_check.h"

#include "broker/base/must.h"
#include "broker/reactor/sys.h"
#include "broker/storage/checkpoint.h"
#include "broker/storage/file.h"
#include "broker/storage/scan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

void check_init(struct check *c, struct dump *d)
{
	*c = (struct check){ .magic = CHECK_MAGIC, .dump = d, .next = -1 };
}

static bool ends_in(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);
	return n >= m && strcmp(s + n - m, end) == 0;
}

/* ---- what the cleaner did ---- */

struct look_up {
	struct checkpoint_offsets offsets;
	const char *name; /* of the partition's folder: "topic-0" */
	int64_t found;
};

static int compare_name(struct checkpoint_offsets *here, struct slice topic, int32_t partition,
	int64_t offset)
{
	struct look_up *l = container_of(here, struct look_up, offsets);
	char *name = mem_printf("%.*s-%d", SLICE_ARGS(topic), partition);
	if (strcmp(name, l->name) == 0)
		l->found = offset;
	free(name);
	return 0;
}

void check_partition(struct check *c, const char *dir)
{
	CHECK_OBJ_NOTNULL(c, CHECK_MAGIC);
	const char *slash = strrchr(dir, '/');
	struct look_up l = { .offsets = { .entry = compare_name }, .name = slash ? slash + 1 : dir };
	struct path checkpoint = path_in(dir, "../cleaner-offset-checkpoint");
	checkpoint_read_offsets(checkpoint.s, &l.offsets); /* a broken one only makes the check stricter */
	c->next = -1;
	c->cleaned = l.found;
}

/* ---- segments ---- */

__attribute__((format(printf, 4, 5)))
static void fault(struct check *c, const char *path, int64_t position, const char *format, ...)
{
	char words[512];
	va_list ap;
	va_start(ap, format);
	vsnprintf(words, sizeof words, format, ap);
	va_end(ap);
	dump_fail(c->dump, "%s: position %" PRId64 ": %s\n", path, position, words);
}

/* The records of a batch: NULL, or what is wrong. */
static const char *check_records(struct check *c, const struct batch *b, int64_t *count)
{
	struct records records;
	struct record r;
	int64_t before = INT64_MIN;
	const char *why = NULL;
	*count = 0;
	records_open(&records, b, c->dump->codecs, DUMP_INFLATED_MAX);
	while (!why && records_next(&records, &r)) {
		if (r.offset <= before)
			why = "offsets do not rise within the batch";
		else if (r.offset > batch_last_offset(b) || (!batch_is_legacy(b) &&
			r.offset < batch_base_offset(b)))
			why = "the offset of a record is not within its batch";
		before = r.offset;
		++*count;
	}
	if (records.error != KERR_NONE)
		why = records.why;
	records_close(&records);
	c->records += (uint64_t)*count;
	return why;
}

static void check_batch(struct check *c, const char *path, const struct scanned *found, int64_t segment_base)
{
	const struct batch *b = &found->b;
	int64_t base = batch_base_offset(b), last = batch_last_offset(b), count, next = c->next;
	c->batches++;
	if (!batch_crc_is_good(b)) {
		fault(c, path, found->position, "the batch at offset %" PRId64 " has a wrong CRC", base);
		c->next = -1; /* what its header says may be wrong too */
		return;
	}
	const char *why = check_records(c, b, &count);
	if (why)
		fault(c, path, found->position, "the batch at offset %" PRId64 ": %s", base, why);
	if (base < segment_base || last < base)
		fault(c, path, found->position, "the batch has offsets %" PRId64 " to %"
			PRId64 " in a segment of %"
			PRId64, base, last, segment_base);
	c->next = last == INT64_MAX ? last : last + 1;
	if (next >= 0 && last < next)
		fault(c, path, found->position, "offset %" PRId64 " comes again: %" PRId64 " is next", base,
			next);
	else if (next >= 0 && base > next && base > c->cleaned && !batch_is_legacy(b))
		fault(c, path, found->position, "offsets %" PRId64 " to %" PRId64 " are missing", next,
			base - 1);
	else if (!why && !batch_is_legacy(b) && base >= c->cleaned && count != last - base + 1)
		fault(c, path, found->position, "the batch has %" PRId64 " records for offsets %"
			PRId64 " to %" PRId64,
			count, base, last);
}

static void check_log(struct check *c, const char *path)
{
	struct scan scan;
	struct scanned found;
	struct sys_stat st = { 0 };
	const char *slash = strrchr(path, '/');
	int64_t base = strtoll(slash ? slash + 1 : path, NULL, 10);
	int fd = sys_open(path, SYS_READ), error = fd < 0 ? fd : sys_fstat(fd, &st);
	if (error) {
		fault(c, path, 0, "%s", strerror(-error));
	} else {
		scan_open(&scan, fd, 0, st.size);
		while ((error = scan_next(&scan, &found)) > 0 && (error = scan_whole(&scan, &found)) == 0)
			check_batch(c, path, &found, base);
		if (error < 0)
			fault(c, path, scan.position, "%s", error == -EBADMSG ? scan.why : strerror(-error));
		else if (scan.position < st.size)
			fault(c, path, scan.position, "the last %" PRId64 " bytes are no whole batch",
				st.size - scan.position);
		scan_close(&scan);
	}
	if (fd >= 0)
		sys_close(fd);
}

void check_file(struct check *c, const char *path)
{
	CHECK_OBJ_NOTNULL(c, CHECK_MAGIC);
	c->files++;
	if (ends_in(path, LOG_SUFFIX))
		check_log(c, path);
	else
		dump_file(c->dump, path);
}
