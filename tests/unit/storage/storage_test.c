/* storage_test.c - see storage_test.h */
#include "tests/unit/storage/storage_test.h"

#include "broker/storage/checkpoint.h"
#include "broker/storage/clean.h"
#include "broker/storage/epoch.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define SCRATCH "ut_storage_scratch"

enum { TURNS_MAX = 100000 };

static char *scratch;

/* Runs and frees a command. */
static void shell(char *command)
{
	must(system(command) == 0);
	free(command);
}

const char *st_dir(const char *name)
{
	static struct path paths[4]; /* the last few live */
	static unsigned next;
	struct path *path = &paths[next++ % countof(paths)];
	const char *tmp = getenv("TMPDIR");
	if (!scratch)
		scratch = mem_printf("%s/%s.%d", tmp ? tmp : "/tmp", SCRATCH, (int)getpid());
	*path = path_in(scratch, name);
	shell(mem_printf("rm -rf '%s' && mkdir -p '%s'", path->s, path->s));
	return path->s;
}

void st_in_memory(void)
{
	must(!scratch);
	if (access("/dev/shm", W_OK) == 0)
		scratch = mem_printf("/dev/shm/%s.%d", SCRATCH, (int)getpid());
}

void st_clean(void)
{
	if (scratch)
		shell(mem_printf("rm -rf '%s'", scratch));
	free(scratch);
	scratch = NULL;
}

struct copy {
	const char *from, *to;
};

static int copy_file(void *arg, const char *name, bool is_dir)
{
	const struct copy *c = arg;
	char *bytes;
	size_t n;
	must(!is_dir && file_read(path_in(c->from, name).s, FILE_WHOLE_MAX, &bytes, &n) == 0);
	st_write(path_in(c->to, name).s, bytes, n);
	free(bytes);
	return 0;
}

void st_copy_dir(const char *from, const char *to)
{
	struct copy c = { from, to };
	must(log_remove_dir(to) == 0 && sys_mkdir(to) == 0);
	must(sys_list_dir(from, copy_file, &c) == 0);
}

void st_unpack(const char *name, const char *to)
{
	shell(mem_printf("tar -xzf '%s/%s.tar.gz' -C '%s'", ut_path("tests/golden/disk"), name, to));
}

void st_gunzip(const char *name, const char *to)
{
	shell(mem_printf("gzip -dc '%s/%s.dump.txt.gz' > '%s'", ut_path("tests/golden/disk"), name, to));
}

static int add_partition(void *arg, const char *name, bool is_dir)
{
	struct st_partitions *p = arg;
	if (is_dir && !strstr(name, "-delete")) {
		must(p->n < ST_PARTITIONS_MAX && strlen(name) < ST_NAME_MAX_BYTES);
		strcpy(p->names[p->n++], name);
	}
	return 0;
}

void st_partitions(const char *dir, struct st_partitions *out)
{
	out->n = 0;
	must(sys_list_dir(dir, add_partition, out) == 0);
}

struct look_up {
	struct checkpoint_offsets offsets;
	const char *name;
	int64_t found;
};

static int match(struct checkpoint_offsets *here, struct slice topic, int32_t partition, int64_t offset)
{
	struct look_up *l = container_of(here, struct look_up, offsets);
	char *name = mem_printf("%.*s-%d", SLICE_ARGS(topic), partition);
	if (strcmp(name, l->name) == 0)
		l->found = offset;
	free(name);
	return 0;
}

int64_t st_checkpointed(const char *dir, const char *file, const char *name)
{
	struct look_up l = { .offsets.entry = match, .name = name };
	int error = checkpoint_read_offsets(path_in(dir, file).s, &l.offsets);
	CU_ASSERT(error == 0 || error == -ENOENT);
	return l.found;
}

struct topic_config st_config(void)
{
	return (struct topic_config){ .magic = TOPIC_CONFIG_MAGIC, .file_delete_delay_ms = 60000,
		.flush_messages = INT64_MAX, .flush_ms = INT64_MAX, .index_interval_bytes = 4096,
		.max_compaction_lag_ms = INT64_MAX, .retention_bytes = -1, .retention_ms = -1,
		.segment_bytes = 1 << 30, .segment_index_bytes = 10485760, .segment_ms = 604800000,
		.delete_old = true };
}

struct buf *st_make(const struct st_batch *spec)
{
	struct batch_builder builder;
	struct batch_settings settings = BATCH_SETTINGS_PLAIN;
	static uint8_t value[1 << 20];
	uint32_t n = spec->value_bytes ? spec->value_bytes : 10;
	must(n <= sizeof value);
	settings.base_offset = spec->base_offset;
	settings.leader_epoch = spec->leader_epoch;
	if (spec->producer_id) {
		settings.producer_id = spec->producer_id;
		settings.producer_epoch = spec->producer_epoch;
		settings.base_sequence = spec->sequence;
		settings.attributes = spec->transactional ? BATCH_TRANSACTIONAL : 0;
	}
	batch_builder_init(&builder, NULL, &settings, 16 << 20);
	for (int32_t i = 0; i < max_of(spec->records, 1); i++) {
		memset(value, 'a' + (int)((spec->base_offset + i) % 26), n);
		must(batch_builder_add(&builder, spec->timestamp + i, SLICE_NULL, slice_of(value, n),
			SLICE_NULL, 0));
	}
	struct buf *b = batch_builder_finish(&builder);
	batch_builder_free(&builder);
	must(b != NULL);
	return b;
}

struct buf *st_marker(int64_t offset, int64_t producer_id, int16_t epoch, enum control_type type,
	int32_t coordinator)
{
	struct buf *b = batch_end_marker(producer_id, epoch, ST_NOW_MS, type, coordinator, 0);
	must(b != NULL);
	put_be64(b->bytes, (uint64_t)offset);
	return b;
}

void st_write(const char *path, const void *bytes, size_t n)
{
	must(file_write(path, bytes, n) == 0);
}

void st_append_file(const char *path, const void *bytes, size_t n)
{
	int64_t at = file_size(path);
	int fd = sys_open(path, SYS_WRITE | SYS_CREATE);
	struct iovec iov = { (void *)(uintptr_t)bytes, n };
	must(fd >= 0 && at >= 0 && sys_pwritev(fd, &iov, 1, at) == 0);
	sys_close(fd);
}

int64_t st_size(const char *path)
{
	struct sys_stat st;
	return sys_stat(path, &st) ? -1 : st.size;
}

struct count {
	const char *suffix;
	int n;
};

static int count_one(void *arg, const char *name, bool is_dir)
{
	struct count *c = arg;
	size_t n = strlen(name), m = strlen(c->suffix);
	c->n += !is_dir && n >= m && strcmp(name + n - m, c->suffix) == 0;
	return 0;
}

int st_count(const char *dir, const char *suffix)
{
	struct count c = { suffix, 0 };
	must(sys_list_dir(dir, count_one, &c) == 0);
	return c.n;
}

/* ---- comparing directories ---- */

struct compare {
	const char *dir, *other;
	bool swept;          /* `other` was loaded once more than `dir` */
	int64_t start, end;  /* of the log */
	int differences;
};

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, 46);
}

/* Kafka writes the entries of a snapshot in the order of a hash map. */
static void order_snapshot(char *bytes, size_t n)
{
	if (n > 10)
		qsort(bytes + 10, (n - 10) / 46, 46, by_bytes);
	memset(bytes + 2, 0, 4);
}

/* A clean load of Kafka's, too, sweeps up these: snapshots that are not of a segment nor of the end. */
static bool may_go(const struct compare *c, const char *name)
{
	int64_t offset;
	const char *suffix;
	if (!c->swept || !path_split(name, &offset, &suffix) || strcmp(suffix, SNAPSHOT_SUFFIX) != 0)
		return false;
	return offset <= c->start || (offset != c->end && st_size(path_of(c->dir, offset, LOG_SUFFIX).s) < 0);
}

/* An epoch without a record is dropped by every opening: Kafka stores it, we do not. */
static bool same_epochs(const struct compare *c)
{
	struct epochs a = { 0 }, b = { 0 };
	must(epochs_load(&a, path_in(c->dir, EPOCH_FILE).s) == 0);
	must(epochs_load(&b, path_in(c->other, EPOCH_FILE).s) == 0);
	epochs_truncate_end(&a, c->end);
	epochs_truncate_end(&b, c->end);
	bool same = a.n == b.n;
	for (uint32_t i = 0; i < a.n && same; i++)
		same = a.entries[i].epoch == b.entries[i].epoch && a.entries[i].start == b.entries[i].start;
	epochs_free(&a);
	epochs_free(&b);
	return same;
}

static int compare_file(void *arg, const char *name, bool is_dir)
{
	struct compare *c = arg;
	if (strcmp(name, EPOCH_FILE) == 0) {
		c->differences += !same_epochs(c);
		return 0;
	}
	char *a = NULL, *b = NULL;
	size_t n = 0, m = 0;
	CU_ASSERT(!is_dir);
	if (strstr(name, ".deleted"))
		return 0;
	must(file_read(path_in(c->dir, name).s, 1 << 28, &a, &n) == 0);
	bool other = file_read(path_in(c->other, name).s, 1 << 28, &b, &m) == 0;
	if (other && strstr(name, SNAPSHOT_SUFFIX)) {
		order_snapshot(a, n);
		order_snapshot(b, m);
	}
	if (other ? n != m || memcmp(a, b, n) != 0 : !may_go(c, name)) {
		printf("%s/%s: %s (%zu and %zu bytes)\n", c->dir, name, other ? "differs" : "missing", n, m);
		c->differences++;
	}
	free(a);
	free(b);
	return 0;
}

int st_differences(const char *dir, const char *java, int64_t start, int64_t end)
{
	struct compare there = { .dir = dir, .other = java, .start = start, .end = end };
	struct compare back = { .dir = java, .other = dir, .swept = true, .start = start, .end = end };
	must(sys_list_dir(dir, compare_file, &there) == 0);
	must(sys_list_dir(java, compare_file, &back) == 0);
	return there.differences + back.differences;
}

/* ---- a log on a reactor ---- */

static void on_failed(struct log_owner *owner, struct log *log, int error)
{
	struct st_log *s = container_of(owner, struct st_log, owner);
	must(s->log == log);
	s->failed = error;
}

int st_open(struct st_log *s, const char *dir, enum log_stop stop, int64_t recovery_point, int64_t start)
{
	struct log_open op = { .dir = dir, .config = &s->config, .stop = stop,
		.recovery_point = recovery_point, .start_offset = start,
		.now_ms = s->now_ms ? s->now_ms : ST_NOW_MS, .producer_expiration_ms = ST_EXPIRATION_MS };
	int error = log_open(&op);
	s->repair = op.repair;
	s->log = op.log;
	s->failed = 0;
	if (error)
		return error;
	s->helpers = sys_helpers_start(1);
	s->reactor = reactor_new(0, s->helpers);
	s->owner.failed = on_failed;
	if (s->cleaned > 0)
		log_set_cleaned_offset(s->log, s->cleaned);
	log_attach(s->log, s->reactor, &s->owner);
	return 0;
}

void st_turn(struct st_log *s)
{
	reactor_turn(s->reactor, 1000000);
}

static void end_reactor(struct st_log *s)
{
	sys_helpers_stop(s->helpers);
	reactor_free(s->reactor);
	s->reactor = NULL;
}

struct waiting {
	struct log_wait wait;
	bool done;
};

static void wait_done(struct log_wait *w)
{
	container_of(w, struct waiting, wait)->done = true;
}

static void turn_until(struct st_log *s, const bool *done)
{
	for (int i = 0; i < TURNS_MAX && !*done; i++)
		st_turn(s);
	must(*done);
}

int st_wait(struct st_log *s, void (*start)(struct log *log, struct log_wait *w))
{
	struct waiting w = { .wait.done = wait_done };
	start(s->log, &w.wait);
	must(!w.done);
	turn_until(s, &w.done);
	return w.wait.error;
}

int st_truncate(struct st_log *s, int64_t offset, bool fully)
{
	struct waiting w = { .wait.done = wait_done };
	if (fully)
		log_truncate_fully(s->log, offset, &w.wait);
	else
		log_truncate(s->log, offset, &w.wait);
	turn_until(s, &w.done);
	return w.wait.error;
}

struct cleaned {
	struct log_clean op;
	bool done;
};

static void clean_done(struct log_clean *op)
{
	container_of(op, struct cleaned, op)->done = true;
}

int st_clean_log(struct st_log *s, int64_t now_ms, size_t map_bytes, struct log_clean *out)
{
	struct clean_rate rate = { 0 };
	struct cleaned c = { .op = { .now_ms = now_ms, .map_bytes = map_bytes ? map_bytes : 1 << 20,
		.map_load = 0.9, .io_bytes = 65536, .rate = &rate, .done = clean_done } };
	must(log_clean(s->log, &c.op));
	turn_until(s, &c.done);
	if (out)
		*out = c.op;
	return c.op.error;
}

int64_t st_close(struct st_log *s)
{
	int64_t recovery_point;
	st_wait(s, log_detach);
	end_reactor(s);
	int error = log_close(s->log, &recovery_point);
	s->log = NULL;
	return error ? error : recovery_point;
}

/* Detaching flushes nothing that was not asked for; the directory is copied away before anything is
 * closed. */
void st_kill(struct st_log *s)
{
	char *dir = mem_strdup(log_dir(s->log)), *copy = mem_printf("%s.kill", dir);
	struct path away;
	st_copy_dir(dir, copy);
	st_wait(s, log_detach);
	end_reactor(s);
	must(log_discard(s->log, away.s, sizeof away.s) == 0);
	must(log_remove_dir(away.s) == 0);
	must(sys_rename(copy, dir) == 0);
	s->log = NULL;
	free(dir);
	free(copy);
}

struct appending {
	struct log_append op;
	bool done;
};

static void append_done(struct log_append *op)
{
	container_of(op, struct appending, op)->done = true;
}

enum kerr st_append_buf(struct st_log *s, struct buf *b, enum log_origin origin, int32_t epoch, int64_t *base)
{
	struct batch whole = { b->bytes, b->used };
	struct appending a = { .op = { .bytes = b->bytes, .n = b->used, .origin = origin,
		.leader_epoch = epoch, .max_timestamp = batch_max_timestamp(&whole), .done = append_done } };
	enum kerr error = log_append(s->log, &a.op);
	must(!a.done);
	if (!error) {
		turn_until(s, &a.done);
		error = a.op.error;
	}
	if (base)
		*base = a.op.base_offset;
	buf_put(b);
	return error;
}

enum kerr st_append(struct st_log *s, const struct st_batch *spec, int64_t *base)
{
	struct st_batch at = *spec;
	at.base_offset = 0;
	return st_append_buf(s, st_make(&at), LOG_FROM_CLIENT, spec->leader_epoch, base);
}

enum kerr st_follow(struct st_log *s, const void *bytes, size_t n)
{
	struct appending a = { .op = { .bytes = mem_dup(bytes, n), .n = (uint32_t)n, .done = append_done } };
	enum kerr error = log_append_as_follower(s->log, &a.op);
	if (!error) {
		turn_until(s, &a.done);
		error = a.op.error;
	}
	free(a.op.bytes);
	return error;
}

struct reading {
	struct log_read op;
	bool done;
};

static void read_done(struct log_read *op)
{
	container_of(op, struct reading, op)->done = true;
}

enum kerr st_read(struct st_log *s, int64_t offset, int64_t upper, uint32_t max, bool min_one,
	struct slice *bytes, int64_t *first)
{
	struct reading r = { .op = { .offset = offset, .upper = upper, .max_bytes = max, .min_one = min_one,
		.done = read_done } };
	if (!log_read(s->log, &r.op))
		turn_until(s, &r.done);
	else
		must(!r.done);
	*bytes = SLICE_NULL;
	if (r.op.slice.n > 0) {
		uint8_t *p = mem_alloc(r.op.slice.n);
		ssize_t n = sys_pread(r.op.slice.fd, p, r.op.slice.n, r.op.slice.position);
		must(n == r.op.slice.n);
		*bytes = slice_of(p, r.op.slice.n);
		hold_put(r.op.slice.hold);
	}
	if (first)
		*first = r.op.slice.first_offset;
	return r.op.error;
}

uint64_t st_walk(struct st_log *s, uint32_t *batches)
{
	uint64_t sum = 0;
	int64_t offset = log_start_offset(s->log), end = log_end_offset(s->log);
	*batches = 0;
	while (offset < end) {
		struct slice bytes;
		struct batch_walk walk;
		struct batch b;
		must(st_read(s, offset, end, 1, true, &bytes, NULL) == KERR_NONE);
		if (bytes.n == 0)
			break;
		batch_walk_init(&walk, bytes);
		while (batch_next(&walk, &b)) {
			must(batch_crc_is_good(&b));
			must(batch_last_offset(&b) >= offset);
			sum = sum * 31 + (uint64_t)(batch_base_offset(&b) * 7 + batch_last_offset(&b));
			offset = batch_last_offset(&b) + 1;
			(*batches)++;
		}
		free((void *)(uintptr_t)bytes.p);
	}
	return sum;
}
