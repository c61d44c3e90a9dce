/* sweep.c - a partition directory before its segments are opened (see recover.h).
 *
 * A replacement of segments (compaction, split) writes .cleaned files, renames them to .swap when all are
 * complete, renames the old ones to .deleted, and at last .swap to the final names. So at load: .deleted
 * and .cleaned go; if there was a .cleaned, the .swap files at and above it belong to a split that is not
 * complete, and go too; any other .swap is complete: what it replaces goes, and it takes its name.
 * (LogLoader)
 */
#include "broker/storage/recover.h"

#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/base/order.h"
#include "broker/storage/scan.h"

#include <errno.h>

#define LOGGER "kafka.log.LogLoader"

struct name {
	int64_t offset;
	char *name;
	const char *suffix; /* in name */
};

struct names {
	struct name *v;
	size_t n, room;
};

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);
	return n >= m && strcmp(s + n - m, end) == 0;
}

static int add_name(void *arg, const char *name, bool is_dir)
{
	struct names *names = arg;
	struct name entry = { .offset = -1 };
	const char *suffix;
	bool has_offset = path_split(name, &entry.offset, &suffix);
	if (is_dir || (!has_offset && !ends_with(name, DELETED_SUFFIX)))
		return 0;
	if (names->n == names->room) {
		names->room = names->room ? names->room * 2 : 16;
		names->v = mem_realloc(names->v, names->room * sizeof *names->v);
	}
	entry.name = mem_strdup(name);
	entry.suffix = entry.name + (has_offset ? suffix - name : 0);
	names->v[names->n++] = entry;
	return 0;
}

static void free_names(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->v[i].name);
	free(names->v);
	*names = (struct names){ 0 };
}

static int remove_name(const char *dir, struct name *name, struct sweep *out)
{
	int error = file_remove(path_in(dir, name->name).s);
	name->suffix = "";
	out->removed += error == 0;
	return error;
}

/* .deleted, .cleaned, and .swap of a split that is not complete. */
static int remove_leftovers(const char *dir, struct names *names, struct sweep *out)
{
	int64_t cleaned_from = INT64_MAX;
	int error = 0;
	for (size_t i = 0; i < names->n && !error; i++) {
		struct name *name = &names->v[i];
		bool cleaned = ends_with(name->suffix, CLEANED_SUFFIX);
		if (cleaned)
			cleaned_from = min_of(cleaned_from, name->offset);
		if (cleaned || ends_with(name->suffix, DELETED_SUFFIX))
			error = remove_name(dir, name, out);
	}
	for (size_t i = 0; i < names->n && !error; i++)
		if (ends_with(names->v[i].suffix, SWAP_SUFFIX) && names->v[i].offset >= cleaned_from)
			error = remove_name(dir, &names->v[i], out);
	return error;
}

/* The offset after the last batch of a .log.swap. */
static int swap_end(const char *path, int64_t base, int64_t *end)
{
	*end = base;
	int fd = sys_open(path, SYS_READ);
	if (fd < 0)
		return fd;
	struct sys_stat st;
	struct scan scan;
	struct scanned at;
	uint8_t window[SCAN_WINDOW_BYTES];
	int rc = sys_fstat(fd, &st);
	if (!rc) {
		scan_headers(&scan, fd, true, 0, st.size, window);
		while ((rc = scan_next(&scan, &at)) == 1)
			*end = batch_last_offset(&at.b) + 1;
	}
	sys_close(fd);
	return rc == -EBADMSG ? 0 : rc;
}

/* Removes what lies in the range of the swaps: it was replaced, but not removed yet. */
static int remove_replaced(const char *dir, struct names *names, struct sweep *out)
{
	int64_t from = INT64_MAX, to = INT64_MIN;
	int error = 0;
	for (size_t i = 0; i < names->n && !error; i++) {
		if (strcmp(names->v[i].suffix, LOG_SUFFIX SWAP_SUFFIX) != 0)
			continue;
		int64_t end;
		error = swap_end(path_in(dir, names->v[i].name).s, names->v[i].offset, &end);
		from = min_of(from, names->v[i].offset);
		to = max_of(to, end);
	}
	for (size_t i = 0; i < names->n && !error; i++) {
		struct name *name = &names->v[i];
		bool may_go = *name->suffix && !ends_with(name->suffix, SWAP_SUFFIX) &&
			!ends_with(name->suffix, CORRUPT_SUFFIX);
		if (may_go && name->offset >= from && name->offset < to)
			error = remove_name(dir, name, out);
	}
	return error;
}

static int rename_swaps(const char *dir, const struct names *names)
{
	int error = 0;
	for (size_t i = 0; i < names->n && !error; i++) {
		const char *name = names->v[i].name;
		if (!ends_with(names->v[i].suffix, SWAP_SUFFIX))
			continue;
		struct path from = path_in(dir, name), to = from;
		to.s[strlen(to.s) - strlen(SWAP_SUFFIX)] = 0;
		log_info(LOGGER, "Recovering file %s by renaming from .swap files", from.s);
		error = sys_rename(from.s, to.s);
	}
	return error ? error : sys_sync_dir(dir);
}

static int by_base(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;
	return order_of(*x, *y);
}

/* The segments, and index files that lack theirs. */
static int take_segments(const char *dir, struct names *names, struct sweep *out)
{
	out->bases = mem_alloc((names->n + 1) * sizeof *out->bases);
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->v[i].suffix, LOG_SUFFIX) == 0)
			out->bases[out->n++] = names->v[i].offset;
	order_sort(out->bases, out->n, sizeof *out->bases, by_base);
	int error = 0;
	for (size_t i = 0; i < names->n && !error; i++) {
		struct name *name = &names->v[i];
		bool is_index = strcmp(name->suffix, INDEX_SUFFIX) == 0 ||
			strcmp(name->suffix, TIME_INDEX_SUFFIX) == 0 ||
			strcmp(name->suffix, TXN_INDEX_SUFFIX) == 0;
		if (!is_index || order_find(&name->offset, out->bases, out->n, sizeof *out->bases, by_base))
			continue;
		log_warn(LOGGER, "Found an orphaned index file %s/%s, with no corresponding log file", dir,
			name->name);
		error = remove_name(dir, name, out);
	}
	return error;
}

int sweep_dir(const char *dir, struct sweep *out)
{
	struct names names = { 0 };
	*out = (struct sweep){ 0 };
	int error = sys_list_dir(dir, add_name, &names);
	if (!error)
		error = remove_leftovers(dir, &names, out);
	if (!error)
		error = remove_replaced(dir, &names, out);
	if (!error)
		error = rename_swaps(dir, &names);
	/* Names have changed: look again. */
	free_names(&names);
	if (!error)
		error = sys_list_dir(dir, add_name, &names);
	if (!error)
		error = take_segments(dir, &names, out);
	free_names(&names);
	return error;
}
