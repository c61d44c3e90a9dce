/* logdirs.c - see logdirs.h. */
#include "broker/storage/logdirs.h"

#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/base/order.h"
#include "broker/config/properties.h"
#include "broker/reactor/sys.h"
#include "broker/storage/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LOGDIRS_MAGIC 0x1090d175u
#define LOGGER "kafka.log.LogManager"
#define META_FILE "meta.properties"
#define CLEAN_FILE ".kafka_cleanshutdown"
#define BOOT_FILE ".samsa_boot"

enum {
	META_BYTES_MAX = 64 * 1024,
	PRIVATE_BYTES_MAX = 64 * 1024,
	BOOT_ID_BYTES = 64,
	TOPIC_BYTES_MAX = 249,
	UUID_HEX = 32,
};

/* ---- open ---- */

static void fail_dir(struct logdir *d, const char *what, int error)
{
	d->offline = true;
	log_error(LOGGER, "Log directory %s is offline: %s: %s.", d->path, what, strerror(-error));
}

/* 0; -EWOULDBLOCK when another process has the directory; other errors take it offline. */
static int lock_dir(struct logdir *d)
{
	struct path lock = path_in(d->path, ".lock");
	int error = file_make_dir(d->path);
	if (error) {
		fail_dir(d, "it cannot be made", error);
		return 0;
	}
	d->lock = sys_lock_file(lock.s);
	if (d->lock == -EWOULDBLOCK)
		return -EWOULDBLOCK;
	if (d->lock < 0)
		fail_dir(d, "it cannot be locked", d->lock);
	return 0;
}

/* What one directory's meta.properties says. */
struct meta {
	bool there;
	int32_t broker_id;   /* -1: not said */
	const char *cluster_id;
	const char *directory_id;
	const char *version;
};

static int read_meta(const char *dir, struct arena *arena, struct meta *out)
{
	struct path path = path_in(dir, META_FILE);
	struct properties props = { 0 };
	char *text;
	size_t n;
	uint32_t line;
	*out = (struct meta){ .broker_id = -1 };
	int error = file_read(path.s, META_BYTES_MAX, &text, &n);
	if (error)
		return error == -ENOENT ? 0 : error;
	if (properties_read(&props, arena, path.s, slice_of(text, n), &line) != PROPERTIES_OK)
		error = -EINVAL;
	const struct property *id = properties_find(&props, "broker.id");
	const struct property *cluster = properties_find(&props, "cluster.id");
	const struct property *directory = properties_find(&props, "directory.id");
	const struct property *version = properties_find(&props, "version");
	out->there = true;
	out->broker_id = id ? (int32_t)strtol(id->value, NULL, 10) : -1;
	out->cluster_id = cluster ? cluster->value : NULL;
	out->directory_id = directory ? directory->value : NULL;
	out->version = version ? version->value : "0";
	properties_free(&props);
	free(text);
	return error;
}

/* All directories must tell of the same broker and cluster. */
static int read_metas(struct logdirs *d, char why[LOGDIRS_WHY_BYTES])
{
	struct arena arena;
	struct meta m;
	int result = 0;
	arena_init(&arena, META_BYTES_MAX * 16);
	for (int i = 0; result == 0 && i < d->n; i++) {
		struct logdir *dir = &d->dirs[i];
		int error = dir->offline ? 0 : read_meta(dir->path, &arena, &m);
		if (error) {
			fail_dir(dir, META_FILE " cannot be read", error);
			continue;
		}
		if (dir->offline || !m.there)
			continue;
		bool other_id = m.broker_id >= 0 && d->broker_id >= 0 && m.broker_id != d->broker_id;
		bool other_cluster = m.cluster_id && d->cluster_id &&
			strcmp(m.cluster_id, d->cluster_id) != 0;
		if (strcmp(m.version, "0") != 0)
			snprintf(why, LOGDIRS_WHY_BYTES, "%s/" META_FILE " has version %.20s: the directory "
				 "belongs to a KRaft broker", dir->path, m.version);
		else if (other_id || other_cluster)
			snprintf(why, LOGDIRS_WHY_BYTES, "%s/" META_FILE " names another %s than the log "
				 "directories before it", dir->path, other_id ? "broker.id" : "cluster.id");
		result = strcmp(m.version, "0") != 0 || other_id || other_cluster ? -EINVAL : 0;
		if (d->broker_id < 0)
			d->broker_id = m.broker_id;
		if (!d->cluster_id && m.cluster_id)
			d->cluster_id = mem_strdup(m.cluster_id);
		arena_reset(&arena);
	}
	arena_free(&arena);
	return result;
}

static int good_dirs(const struct logdirs *d)
{
	int good = 0;
	for (int i = 0; i < d->n; i++)
		good += !d->dirs[i].offline;
	return good;
}

static void release(struct logdirs *d)
{
	for (int i = 0; i < d->n; i++) {
		if (d->dirs[i].lock >= 0)
			sys_close(d->dirs[i].lock);
		free(d->dirs[i].name);
	}
	free(d->dirs);
	free(d->cluster_id);
	FREE_OBJ(d);
}

/* Java's File.getAbsolutePath(): dots stay. */
static char *absolute(const char *path)
{
	char here[FILE_PATH_MAX] = "";
	if (path[0] != '/' && sys_working_dir(here, sizeof here) != 0)
		here[0] = '\0';
	char *name = mem_printf("%s/%s", here, path);
	size_t n = 0;
	for (const char *from = name; *from; from++)
		if (*from != '/' || n == 0 || name[n - 1] != '/')
			name[n++] = *from;
	if (n > 1 && name[n - 1] == '/')
		n--;
	name[n] = '\0';
	return name;
}

struct logdirs *logdirs_open(const struct config_list *paths, char why[LOGDIRS_WHY_BYTES])
{
	struct logdirs *d;
	int error = 0;
	ALLOC_OBJ(d, LOGDIRS_MAGIC);
	d->broker_id = -1;
	d->n = (int)paths->n;
	d->dirs = mem_zalloc(paths->n * sizeof *d->dirs);
	for (int i = 0; i < d->n; i++)
		d->dirs[i] = (struct logdir){ .path = paths->v[i], .name = absolute(paths->v[i]), .lock = -1,
					      .stop = LOG_STOP_CRASHED };
	for (int i = 0; !error && i < d->n; i++) {
		error = lock_dir(&d->dirs[i]);
		if (error)
			snprintf(why, LOGDIRS_WHY_BYTES, "Failed to acquire lock on file .lock in %s. A "
				 "Kafka instance in another process or thread is using this directory.",
				 d->dirs[i].path);
	}
	if (!error && good_dirs(d) == 0) {
		error = -EIO;
		snprintf(why, LOGDIRS_WHY_BYTES, "None of the specified log dirs can be created or "
			 "validated");
	}
	if (!error)
		error = read_metas(d, why);
	if (!error)
		return d;
	release(d);
	return NULL;
}

/* ---- identity ---- */

/* The comment that java.util.Properties writes. */
static void date_line(char *out, size_t room)
{
	time_t now = (time_t)(sys_wall_ms() / 1000);
	struct tm tm;
	gmtime_r(&now, &tm);
	strftime(out, room, "#%a %b %d %H:%M:%S UTC %Y", &tm);
}

static int write_meta(const char *dir, int32_t broker_id, const char *cluster_id, const char *directory_id)
{
	struct path path = path_in(dir, META_FILE);
	char date[64];
	date_line(date, sizeof date);
	char *text = mem_printf("#\n%s\nbroker.id=%d\nversion=0\ncluster.id=%s\n%s%s%s", date, broker_id,
				cluster_id, directory_id ? "directory.id=" : "",
				directory_id ? directory_id : "", directory_id ? "\n" : "");
	int error = file_replace(path.s, text, strlen(text));
	free(text);
	return error;
}

int logdirs_identify(struct logdirs *d, int32_t broker_id, const char *cluster_id,
		     char why[LOGDIRS_WHY_BYTES])
{
	CHECK_OBJ_NOTNULL(d, LOGDIRS_MAGIC);
	if (d->broker_id >= 0 && d->broker_id != broker_id) {
		snprintf(why, LOGDIRS_WHY_BYTES, "Configured broker.id %d doesn't match stored broker.id %d "
			 "in meta.properties. If you moved your data, make sure your configured broker.id "
			 "matches. If you intend to create a new broker, you should remove all data in your "
			 "data directories (log.dirs).", broker_id, d->broker_id);
		return -EINVAL;
	}
	if (d->cluster_id && strcmp(d->cluster_id, cluster_id) != 0) {
		snprintf(why, LOGDIRS_WHY_BYTES, "The Cluster ID %s doesn't match stored clusterId %s in "
			 "meta.properties. The broker is trying to join the wrong cluster. Configured "
			 "zookeeper.connect may be wrong.", cluster_id, d->cluster_id);
		return -EINVAL;
	}
	struct arena arena;
	arena_init(&arena, META_BYTES_MAX * 16);
	for (int i = 0; i < d->n; i++) {
		struct meta m;
		if (d->dirs[i].offline || read_meta(d->dirs[i].path, &arena, &m) != 0)
			continue;
		int error = m.broker_id >= 0 && m.cluster_id
				    ? 0
				    : write_meta(d->dirs[i].path, broker_id, cluster_id, m.directory_id);
		if (error)
			fail_dir(&d->dirs[i], META_FILE " cannot be written", error);
	}
	arena_free(&arena);
	d->broker_id = broker_id;
	if (!d->cluster_id)
		d->cluster_id = mem_strdup(cluster_id);
	return 0;
}

/* ---- scan ---- */

/* A name as "topic-partition" or "topic-partition.<32 hex>-delete" and so on. */
struct parsed {
	struct slice topic;
	int32_t partition;
	bool deleted, future, aside;
};

static bool ends_with(struct slice s, const char *end)
{
	size_t n = strlen(end);
	return s.n >= n && memcmp(s.p + s.n - n, end, n) == 0;
}

/* Cuts ".<uuid>-delete" and the like off; false when there is a suffix but no uuid before it. */
static bool cut_suffix(struct slice *name, struct parsed *out)
{
	static const char *const suffixes[] = { "-delete", "-future", "-stray" };
	for (size_t i = 0; i < countof(suffixes); i++) {
		size_t n = strlen(suffixes[i]) + UUID_HEX + 1;
		if (!ends_with(*name, suffixes[i]))
			continue;
		if (name->n <= n || name->p[name->n - n] != '.')
			return false;
		name->n -= (uint32_t)n;
		out->deleted = i == 0;
		out->future = i == 1;
		out->aside = i == 2;
		return true;
	}
	return true;
}

static bool parse_name(const char *text, struct parsed *out)
{
	struct slice name = slice_str(text);
	*out = (struct parsed){ 0 };
	if (!cut_suffix(&name, out))
		return false;
	uint32_t dash = name.n;
	while (dash > 0 && name.p[dash - 1] != '-')
		dash--;
	if (dash < 2 || dash == name.n || name.n - dash > 10 || dash - 1 > TOPIC_BYTES_MAX)
		return false;
	int64_t partition = 0;
	for (uint32_t i = dash; i < name.n; i++) {
		if (name.p[i] < '0' || name.p[i] > '9')
			return false;
		partition = partition * 10 + (name.p[i] - '0');
	}
	out->topic = slice_of(name.p, dash - 1);
	out->partition = (int32_t)partition;
	return partition <= INT32_MAX;
}

struct scan {
	struct logdirs *d;
	int dir;
	struct list *found;
	char *why;
};

static bool is_skipped(const char *name)
{
	return strcmp(name, "remote-log-index-cache") == 0 || strcmp(name, "__cluster_metadata-0") == 0;
}

static int scan_entry(void *arg, const char *name, bool is_dir)
{
	struct scan *s = arg;
	struct parsed parsed;
	if (!is_dir || is_skipped(name))
		return 0;
	if (!parse_name(name, &parsed)) {
		snprintf(s->why, LOGDIRS_WHY_BYTES, "Found directory %s/%.255s, whose name is not in the "
			 "form of topic-partition or topic-partition.uniqueId-delete (if marked for "
			 "deletion). Kafka's log directories (and children) should only contain Kafka topic "
			 "data.", s->d->dirs[s->dir].path, name);
		return -EINVAL;
	}
	if (parsed.aside)
		return 0;
	struct logdir_found *f = mem_zalloc(sizeof *f);
	f->dir = s->dir;
	f->path = mem_printf("%s/%s", s->d->dirs[s->dir].path, name);
	f->topic = mem_printf("%.*s", SLICE_ARGS(parsed.topic));
	f->partition = parsed.partition;
	f->deleted = parsed.deleted;
	f->cleaned = -1;
	f->future = parsed.future;
	list_push_back(s->found, &f->link);
	return 0;
}

/* Checkpoint entries meet the partitions they belong to in a table. */
struct offsets_into {
	struct checkpoint_offsets reader;
	struct list *found;
	int dir;
	size_t field; /* of struct logdir_found */
};

static int take_offset(struct checkpoint_offsets *here, struct slice topic, int32_t partition, int64_t offset)
{
	struct offsets_into *into = container_of(here, struct offsets_into, reader);
	list_for_each(it, into->found) {
		struct logdir_found *f = list_entry(it, struct logdir_found, link);
		/* A copy and what it was copied from lie in two directories. */
		if (f->dir != into->dir || f->deleted || f->partition != partition ||
		    !slice_is(topic, f->topic))
			continue;
		*(int64_t *)(void *)((char *)f + into->field) = offset;
		/* Files are written in the order of the table: the next entry is likely the next
		 * partition. */
		list_remove(&f->link);
		list_push_back(into->found, &f->link);
		break;
	}
	return 0;
}

static const char *const checkpoint_names[LOGDIR_CHECKPOINTS] = {
	[LOGDIR_RECOVERY_POINTS] = "recovery-point-offset-checkpoint",
	[LOGDIR_START_OFFSETS] = "log-start-offset-checkpoint",
	[LOGDIR_HIGH_WATERMARKS] = "replication-offset-checkpoint",
	[LOGDIR_CLEANED] = "cleaner-offset-checkpoint",
};

static void read_checkpoints(struct logdirs *d, int dir, struct list *found)
{
	static const size_t fields[LOGDIR_CHECKPOINTS] = {
		[LOGDIR_RECOVERY_POINTS] = offsetof(struct logdir_found, recovery_point),
		[LOGDIR_START_OFFSETS] = offsetof(struct logdir_found, start_offset),
		[LOGDIR_HIGH_WATERMARKS] = offsetof(struct logdir_found, high_watermark),
		[LOGDIR_CLEANED] = offsetof(struct logdir_found, cleaned),
	};
	for (int kind = 0; kind < LOGDIR_CHECKPOINTS; kind++) {
		struct path path = path_in(d->dirs[dir].path, checkpoint_names[kind]);
		struct offsets_into into = { .reader.entry = take_offset, .found = found, .dir = dir,
					     .field = fields[kind] };
		int error = checkpoint_read_offsets(path.s, &into.reader);
		if (error && error != -ENOENT)
			log_warn(LOGGER, "%s cannot be read, and counts as empty: %s.", path.s,
				 strerror(-error));
	}
}

/* How the broker before has left the directory: the clean marker, or the boot it ran in. */
static enum log_stop find_stop(const char *dir)
{
	struct path clean = path_in(dir, CLEAN_FILE), boot = path_in(dir, BOOT_FILE);
	struct sys_stat stat;
	char now[BOOT_ID_BYTES], *then = NULL;
	size_t n;
	if (sys_stat(clean.s, &stat) == 0)
		return LOG_STOP_CLEAN;
	sys_boot_id(now);
	bool same = file_read(boot.s, BOOT_ID_BYTES, &then, &n) == 0 && strlen(now) > 0 &&
		strcmp(then, now) == 0;
	free(then);
	return same ? LOG_STOP_KILLED : LOG_STOP_CRASHED;
}

static int begin_use(struct logdir *dir)
{
	struct path clean = path_in(dir->path, CLEAN_FILE), boot = path_in(dir->path, BOOT_FILE);
	char now[BOOT_ID_BYTES];
	sys_boot_id(now);
	int error = file_replace(boot.s, now, strlen(now));
	if (!error)
		error = file_remove(clean.s);
	return error ? error : sys_sync_dir(dir->path);
}

static int compare_found(const struct logdir_found *a, const struct logdir_found *b)
{
	int order = strcmp(a->topic, b->topic);
	if (!order)
		order = order_of(a->partition, b->partition);
	return order ? order : a->future - b->future;
}

static int compare_pointers(const void *a, const void *b)
{
	return compare_found(*(struct logdir_found *const *)a, *(struct logdir_found *const *)b);
}

/* One of the two is a copy that has just taken the other's name. */
static bool are_twins(struct logdir_found *a, struct logdir_found *b)
{
	if (a->future || a->twin || log_is_marked_moved(a->path) == log_is_marked_moved(b->path))
		return false;
	a->twin = b;
	b->twin = a;
	return true;
}

/* A partition may be in one directory only. */
static int check_twice(struct list *found, char why[LOGDIRS_WHY_BYTES])
{
	size_t n = 0;
	int error = 0;
	list_for_each(it, found)
		n++;
	struct logdir_found **all = mem_zalloc((n + 1) * sizeof *all);
	n = 0;
	list_for_each(it, found) {
		struct logdir_found *f = list_entry(it, struct logdir_found, link);
		if (!f->deleted)
			all[n++] = f;
	}
	order_sort(all, n, sizeof *all, compare_pointers);
	for (size_t i = 1; !error && i < n; i++)
		if (compare_found(all[i - 1], all[i]) == 0 && !are_twins(all[i - 1], all[i])) {
			snprintf(why, LOGDIRS_WHY_BYTES, "Duplicate log directories for %.249s-%d are found "
				 "in both %.100s and %.100s.", all[i]->topic, all[i]->partition,
				 all[i - 1]->path, all[i]->path);
			error = -EINVAL;
		}
	free(all);
	return error;
}

int logdirs_scan(struct logdirs *d, struct list *found, char why[LOGDIRS_WHY_BYTES])
{
	CHECK_OBJ_NOTNULL(d, LOGDIRS_MAGIC);
	for (int i = 0; i < d->n; i++) {
		struct logdir *dir = &d->dirs[i];
		struct scan s = { d, i, found, why };
		if (dir->offline)
			continue;
		dir->stop = find_stop(dir->path);
		int error = sys_list_dir(dir->path, scan_entry, &s);
		if (error == -EINVAL)
			return error;
		if (!error)
			error = begin_use(dir);
		if (error) {
			fail_dir(dir, "it cannot be read", error);
			continue;
		}
		read_checkpoints(d, i, found);
	}
	list_for_each(it, found)
		d->dirs[list_entry(it, struct logdir_found, link)->dir].n_logs++;
	return check_twice(found, why);
}

void logdir_found_free(struct logdir_found *f)
{
	free(f->path);
	free(f->topic);
	free(f);
}

/* ---- serving ---- */

int logdirs_place(struct logdirs *d)
{
	int best = -1;
	CHECK_OBJ_NOTNULL(d, LOGDIRS_MAGIC);
	for (int i = 0; i < d->n; i++)
		if (!d->dirs[i].offline && (best < 0 || d->dirs[i].n_logs < d->dirs[best].n_logs))
			best = i;
	return best;
}

char *logdirs_path(const struct logdirs *d, int dir, struct slice topic, int32_t partition)
{
	CHECK_OBJ_NOTNULL(d, LOGDIRS_MAGIC);
	must(dir >= 0 && dir < d->n);
	return mem_printf("%s/%.*s-%d", d->dirs[dir].path, SLICE_ARGS(topic), partition);
}

char *logdirs_future_path(const struct logdirs *d, int dir, struct slice topic, int32_t partition)
{
	CHECK_OBJ_NOTNULL(d, LOGDIRS_MAGIC);
	must(dir >= 0 && dir < d->n);
	char hex[PATH_RANDOM_BYTES];
	path_random(hex);
	char *name = mem_printf("%.*s-%d.%s-future", SLICE_ARGS(topic), partition, hex);
	char *path = strlen(name) <= LOG_DIR_NAME_MAX ? mem_printf("%s/%s", d->dirs[dir].path, name) : NULL;
	free(name);
	return path;
}

int logdirs_named(const struct logdirs *d, struct slice name)
{
	CHECK_OBJ_NOTNULL(d, LOGDIRS_MAGIC);
	for (int i = 0; i < d->n; i++)
		if (slice_is(name, d->dirs[i].name))
			return i;
	return -1;
}

int logdirs_of(const struct logdirs *d, const char *partition_path)
{
	CHECK_OBJ_NOTNULL(d, LOGDIRS_MAGIC);
	size_t n = (size_t)(strrchr(partition_path, '/') - partition_path);
	for (int i = 0; i < d->n; i++)
		if (strlen(d->dirs[i].path) == n && memcmp(d->dirs[i].path, partition_path, n) == 0)
			return i;
	must_not_reach("a partition lies in one of the log directories");
}

int logdirs_checkpoint(struct logdirs *d, int dir, enum logdir_checkpoint kind, struct checkpoint *c)
{
	CHECK_OBJ_NOTNULL(d, LOGDIRS_MAGIC);
	must(kind < LOGDIR_CHECKPOINTS && dir >= 0 && dir < d->n);
	struct path path = path_in(d->dirs[dir].path, checkpoint_names[kind]);
	struct sys_stat st;
	if (kind == LOGDIR_CLEANED && c->entries == 0 && sys_stat(path.s, &st) == -ENOENT) {
		size_t n;
		free(checkpoint_text(c, &n));
		return 0;
	}
	return checkpoint_write(c, path.s);
}

void logdirs_close(struct logdirs *d, const bool *clean)
{
	static const char marker[] = "{\"version\":0,\"brokerEpoch\":-1}";
	CHECK_OBJ_NOTNULL(d, LOGDIRS_MAGIC);
	for (int i = 0; i < d->n; i++) {
		struct path path = path_in(d->dirs[i].path, CLEAN_FILE),
			lock = path_in(d->dirs[i].path, ".lock");
		if (d->dirs[i].offline)
			continue;
		int error = clean[i] ? file_replace(path.s, marker, sizeof marker - 1) : 0;
		if (error)
			log_error(LOGGER, "%s cannot be written: %s.", path.s, strerror(-error));
		file_remove(lock.s);
	}
	release(d);
}

/* ---- private files ---- */

static struct path private_path(const struct logdirs *d, const char *name)
{
	int dir = 0;
	while (dir + 1 < d->n && d->dirs[dir].offline)
		dir++;
	return path_in(d->dirs[dir].path, name);
}

int logdirs_read_private(struct logdirs *d, const char *name, char **out, size_t *n)
{
	CHECK_OBJ_NOTNULL(d, LOGDIRS_MAGIC);
	struct path path = private_path(d, name);
	return file_read(path.s, PRIVATE_BYTES_MAX, out, n);
}

int logdirs_write_private(struct logdirs *d, const char *name, const void *bytes, size_t n)
{
	CHECK_OBJ_NOTNULL(d, LOGDIRS_MAGIC);
	struct path path = private_path(d, name), temporary = path_plus(&path, ".tmp");
	struct iovec iov = { (void *)bytes, n };
	int fd = sys_open(temporary.s, SYS_WRITE | SYS_CREATE | SYS_TRUNCATE);
	if (fd < 0)
		return fd;
	int error = sys_chmod_private(fd);
	if (!error && n > 0)
		error = sys_pwritev(fd, &iov, 1, 0);
	if (!error)
		error = sys_datasync(fd);
	sys_close(fd);
	return error ? error : sys_rename(temporary.s, path.s);
}
