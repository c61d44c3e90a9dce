/* ut_golden_logs.c - partition directories of Apache Kafka 3.9.2, opened, read, closed and recovered: every
 * file that Java left after a clean stop is the same after ours, and what Java's recovery made of a killed
 * broker's files ours makes too, byte for byte. */
#include "tests/unit/storage/storage_test.h"

#include "broker/base/log.h"
#include "broker/storage/epoch.h"

#include <string.h>

/* ---- the cases ---- */

/* The topics that were not made with Kafka's index.interval.bytes. */
static int32_t index_interval(const char *name)
{
	static const struct {
		const char *prefix;
		int32_t bytes;
	} topics[] = {
		{ "plain-", 1024 }, { "codec-producer-", 0 }, { "codec-", 512 }, { "txn-", 512 },
		{ "fmt-v1-compact-", 4096 }, { "fmt-", 512 },
	};
	for (size_t i = 0; i < countof(topics); i++)
		if (strncmp(name, topics[i].prefix, strlen(topics[i].prefix)) == 0)
			return topics[i].bytes;
	return 4096;
}

struct opened {
	struct log_repair repair;
	int64_t start, end;
};

/* Opens, reads all, leads for a moment as the broker did that left `java`, closes. */
static void open_and_close(const char *dir, const char *java, const char *name, enum log_stop stop,
	struct opened *out)
{
	struct st_log s = { .config = st_config(), .now_ms = ST_GOLDEN_NOW_MS };
	int64_t recovery_point = st_checkpointed(dir, "recovery-point-offset-checkpoint", name);
	int64_t start = st_checkpointed(dir, "log-start-offset-checkpoint", name);
	struct epochs epochs = { 0 };
	uint32_t batches;
	s.config.index_interval_bytes = index_interval(name);
	CU_ASSERT_EQUAL(st_open(&s, path_in(dir, name).s, stop, recovery_point, start), 0);
	out->repair = s.repair;
	out->start = log_start_offset(s.log);
	out->end = log_end_offset(s.log);
	CU_ASSERT_EQUAL(out->end, st_checkpointed(java, "recovery-point-offset-checkpoint", name));
	CU_ASSERT(out->start >= start);
	st_walk(&s, &batches);
	CU_ASSERT(batches > 0 || log_size_bytes(s.log) == 0 || out->start == out->end);
	CU_ASSERT_EQUAL(epochs_load(&epochs, path_in(path_in(java, name).s, EPOCH_FILE).s), 0);
	if (epochs.n > 0)
		log_assign_epoch(s.log, epochs_latest(&epochs), out->end);
	epochs_free(&epochs);
	CU_ASSERT_EQUAL(st_close(&s), out->end);
}

static void unpack_both(const char *one, const char *other, char dirs[2][FILE_PATH_MAX],
			struct st_partitions *p)
{
	strcpy(dirs[0], st_dir("ours"));
	strcpy(dirs[1], st_dir("java"));
	st_unpack(one, dirs[0]);
	st_unpack(other, dirs[1]);
	st_partitions(dirs[0], p);
	CU_ASSERT(p->n > 0);
}

static void compare_partitions(const char *from, const char *java, enum log_stop stop)
{
	static char dirs[2][FILE_PATH_MAX];
	static struct st_partitions p;
	unpack_both(from, java, dirs, &p);
	for (int i = 0; i < p.n; i++) {
		struct opened o;
		open_and_close(dirs[0], dirs[1], p.names[i], stop, &o);
		CU_ASSERT(!o.repair.damaged);
		CU_ASSERT_EQUAL(o.repair.bytes_cut, 0);
		CU_ASSERT_EQUAL(st_differences(path_in(dirs[0], p.names[i]).s, path_in(dirs[1], p.names[i]).s,
			o.start,
			o.end), 0);
	}
}

static void same_after_a_clean_stop(const char *golden)
{
	compare_partitions(golden, golden, LOG_STOP_CLEAN);
}

static void recovered_as_java(const char *killed, const char *recovered)
{
	compare_partitions(killed, recovered, LOG_STOP_CRASHED);
}

/* Without its indexes and snapshots all is made again from the batches. */
static void rebuilt(const char *golden)
{
	static char dirs[2][FILE_PATH_MAX];
	static struct st_partitions p;
	unpack_both(golden, golden, dirs, &p);
	for (int i = 0; i < p.n; i++) {
		struct opened o;
		struct path dir = path_in(dirs[0], p.names[i]);
		char *command = mem_printf("cd '%s' && rm -f *index *.snapshot ../recovery-point-*", dir.s);
		must(system(command) == 0);
		free(command);
		open_and_close(dirs[0], dirs[1], p.names[i], LOG_STOP_CRASHED, &o);
		CU_ASSERT_EQUAL(o.repair.bytes_cut, 0);
		CU_ASSERT_EQUAL(st_differences(dir.s, path_in(dirs[1], p.names[i]).s, o.start, o.end), 0);
	}
}

static void clean_basic(void) { same_after_a_clean_stop("basic-clean"); }
static void clean_recovered(void) { same_after_a_clean_stop("basic-killed-then-recovered"); }
static void clean_txn(void) { same_after_a_clean_stop("txn-groups-clean"); }
static void clean_legacy(void) { same_after_a_clean_stop("legacy-ibp-2.8"); }
static void clean_mixed(void) { same_after_a_clean_stop("legacy-then-ibp-3.9"); }
static void clean_compacted(void) { same_after_a_clean_stop("compact-after-second"); }
static void clean_epochs(void) { same_after_a_clean_stop("epochs-broker1-after-truncation"); }
static void killed_basic(void) { recovered_as_java("basic-killed", "basic-killed-then-recovered"); }
static void killed_txn(void) { recovered_as_java("txn-open-killed", "txn-open-killed-then-recovered"); }
/* When the kernel lived on only the last segment is scanned: here no other was cut short. */
static void killed_txn_same_boot(void)
{
	compare_partitions("txn-open-killed", "txn-open-killed-then-recovered", LOG_STOP_KILLED);
}
static void rebuilt_basic(void) { rebuilt("basic-clean"); }
static void rebuilt_txn(void) { rebuilt("txn-groups-clean"); }
static void rebuilt_legacy(void) { rebuilt("legacy-ibp-2.8"); }

static const struct ut_case cases[] = {
	UT(clean_basic), UT(clean_recovered), UT(clean_txn), UT(clean_legacy), UT(clean_mixed),
	UT(clean_compacted),
	UT(clean_epochs), UT(killed_basic), UT(killed_txn), UT(killed_txn_same_boot), UT(rebuilt_basic),
	UT(rebuilt_txn), UT(rebuilt_legacy),
};

int main(void)
{
	sys_log_set_level(NULL, LOG_ERROR);
	int status = ut_run("storage/golden_logs", cases, countof(cases));
	st_clean();
	return status;
}
