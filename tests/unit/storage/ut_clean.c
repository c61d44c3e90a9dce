/* ut_clean.c - whole logs are cleaned: those of Apache Kafka to what Kafka made of them, byte for byte; and
 * what goes on meanwhile. */
#include "tests/unit/storage/storage_test.h"

#include "broker/base/log.h"
#include "broker/storage/clean.h"
#include "broker/storage/scan.h"

#include <string.h>

/* ---- Kafka's ---- */

static struct topic_config compact_config(const char *name)
{
	struct topic_config config = st_config();
	config.compact = true;
	config.delete_old = strstr(name, "delete") != NULL;
	config.segment_bytes = 6000;
	config.segment_index_bytes = 4096;
	config.index_interval_bytes = strstr(name, "delete") ? 4096 : 512;
	config.delete_retention_ms = strstr(name, "drop") ? 0 : 86400000;
	return config;
}

static int find_horizon(const char *path, int64_t *horizon)
{
	uint8_t window[SCAN_WINDOW_BYTES];
	struct sys_stat st;
	struct scan scan;
	struct scanned at;
	int fd = sys_open(path, SYS_READ);
	must(fd >= 0 && sys_fstat(fd, &st) == 0);
	scan_headers(&scan, fd, true, 0, st.size, window);
	while (scan_next(&scan, &at) == 1)
		if (batch_has_delete_horizon(&at.b))
			*horizon = max_of(*horizon, batch_base_timestamp(&at.b));
	sys_close(fd);
	return 0;
}

struct horizon {
	const char *dir;
	int64_t at;
};

static int look_for_horizon(void *arg, const char *name, bool is_dir)
{
	struct horizon *h = arg;
	size_t n = strlen(name);
	if (!is_dir && n > 4 && strcmp(name + n - 4, LOG_SUFFIX) == 0)
		find_horizon(path_in(h->dir, name).s, &h->at);
	return 0;
}

/* When Kafka cleaned: the delete horizon of what it left tells. */
static int64_t cleaned_at(const char *java, const struct topic_config *config)
{
	struct horizon h = { java, 0 };
	must(sys_list_dir(java, look_for_horizon, &h) == 0);
	must(h.at > 0);
	return h.at - config->delete_retention_ms;
}

/* ---- two libraries write zstd differently: what is in it must be the same ---- */

struct whole {
	char *bytes;
	struct batch_walk walk;
};

static struct whole read_whole(const char *dir, int64_t base)
{
	struct whole w = { 0 };
	size_t n;
	must(file_read(path_of(dir, base, LOG_SUFFIX).s, 1 << 28, &w.bytes, &n) == 0);
	batch_walk_init(&w.walk, slice_of((const uint8_t *)w.bytes, (uint32_t)n));
	return w;
}

static bool same_batch(struct codecs *codecs, const struct batch *a, const struct batch *b)
{
	struct records of_a, of_b;
	struct record ra, rb;
	bool more, same = batch_crc_is_good(a) && batch_crc_is_good(b) &&
		memcmp(a->p + BATCH_ATTRIBUTES_AT, b->p + BATCH_ATTRIBUTES_AT,
			BATCH_HEADER_BYTES - BATCH_ATTRIBUTES_AT) == 0;
	records_open(&of_a, a, codecs, 1 << 28);
	records_open(&of_b, b, codecs, 1 << 28);
	while ((more = records_next(&of_a, &ra)) == records_next(&of_b, &rb) && more)
		same &= ra.offset == rb.offset && ra.timestamp == rb.timestamp && slice_eq(ra.key, rb.key) &&
			slice_eq(ra.value, rb.value) && slice_is_null(ra.value) == slice_is_null(rb.value);
	records_close(&of_a);
	records_close(&of_b);
	return same && !more;
}

static void same_contents(const char *dir, const char *java, int64_t base)
{
	struct codecs *codecs = codecs_new();
	struct whole a = read_whole(dir, base), b = read_whole(java, base);
	struct batch in_a, in_b;
	bool more;
	while ((more = batch_next(&a.walk, &in_a)) == batch_next(&b.walk, &in_b) && more)
		CU_ASSERT(same_batch(codecs, &in_a, &in_b));
	CU_ASSERT(!more);
	free(a.bytes);
	free(b.bytes);
	codecs_free(&codecs);
}

/* Of compact-zstd one segment was compressed anew: its .log and .index differ, seen from both sides. */
enum { ZSTD_SEGMENT = 132, ZSTD_DIFFERENCES = 4 };

static void same_as_java(const char *dir, const char *java, int64_t end, bool zstd)
{
	int n = st_differences(dir, java, 0, end);
	CU_ASSERT(zstd ? n == 0 || n == ZSTD_DIFFERENCES : n == 0);
	if (zstd)
		same_contents(dir, java, ZSTD_SEGMENT);
}

static void clean_as_java(const char *dir, const char *java_dir, const char *name, int64_t cleaned)
{
	struct path java = path_in(java_dir, name);
	struct st_log s = { .config = compact_config(name), .now_ms = ST_GOLDEN_NOW_MS };
	struct log_clean op;
	s.cleaned = cleaned;
	CU_ASSERT_EQUAL(st_open(&s, path_in(dir, name).s, LOG_STOP_CLEAN, 0, 0), 0);
	int64_t end = log_end_offset(s.log);
	log_set_high_watermark(s.log, end);
	CU_ASSERT_EQUAL(st_clean_log(&s, cleaned_at(java.s, &s.config), 0, &op), 0);
	CU_ASSERT_EQUAL(log_cleaned_offset(s.log), op.to);
	CU_ASSERT_EQUAL(log_cleaned_offset(s.log),
		st_checkpointed(java_dir, "cleaner-offset-checkpoint", name));
	CU_ASSERT_EQUAL(st_close(&s), end);
	same_as_java(path_in(dir, name).s, java.s, end, strstr(name, "zstd") != NULL);
}

static void golden_first(void)
{
	static char dirs[2][FILE_PATH_MAX];
	static struct st_partitions p;
	strcpy(dirs[0], st_dir("ours"));
	strcpy(dirs[1], st_dir("java"));
	st_unpack("compact-before", dirs[0]);
	st_unpack("compact-after", dirs[1]);
	st_partitions(dirs[0], &p);
	for (int i = 0; i < p.n; i++)
		if (strncmp(p.names[i], "compact-", 8) == 0)
			clean_as_java(dirs[0], dirs[1], p.names[i], -1);
}

/* The last cleaning of each log by the second start of that broker: the segments that it read are .deleted.
 * */
struct last_cleaning {
	const char *name;
	int64_t cleaned;     /* so far */
	int64_t bases[4];    /* of the segments; -1: of all there are */
	char dir[FILE_PATH_MAX];
};

static bool is_one_of(const struct last_cleaning *last, int64_t base)
{
	for (size_t i = 0; i < countof(last->bases); i++)
		if (last->bases[i] == base || last->bases[i] < 0)
			return true;
	return false;
}

static int bring_back(void *arg, const char *name, bool is_dir)
{
	const struct last_cleaning *last = arg;
	const char *suffix;
	int64_t base;
	if (is_dir || !path_split(name, &base, &suffix) || !strstr(suffix, DELETED_SUFFIX) ||
		!is_one_of(last, base))
		return 0;
	struct path from = path_in(last->dir, name), to = from;
	to.s[strlen(to.s) - strlen(DELETED_SUFFIX)] = 0;
	return sys_rename(from.s, to.s);
}

static void golden_second(void)
{
	static struct last_cleaning cleanings[] = {
		{ "compact-drop-0", 185, { -1 }, "" },
		{ "compact-delete-0", 185, { -1 }, "" },
		{ "compact-keep-0", 205, { 0, 185, 205 }, "" },
		{ "compact-txn-0", 124, { 0, 124 }, "" },
	};
	static char dirs[2][FILE_PATH_MAX];
	strcpy(dirs[0], st_dir("ours"));
	strcpy(dirs[1], st_dir("java"));
	st_unpack("compact-after-second", dirs[0]);
	st_unpack("compact-after-second", dirs[1]);
	for (size_t i = 0; i < countof(cleanings); i++) {
		struct last_cleaning *last = &cleanings[i];
		strcpy(last->dir, path_in(dirs[0], last->name).s);
		must(sys_list_dir(last->dir, bring_back, last) == 0);
		clean_as_java(dirs[0], dirs[1], last->name, last->cleaned);
	}
}

static const struct ut_case cases[] = {
	UT(golden_first), UT(golden_second),
};

int main(void)
{
	sys_log_set_level(NULL, LOG_ERROR);
	int status = ut_run("storage/clean", cases, countof(cases));
	st_clean();
	return status;
}
