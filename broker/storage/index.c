/* index.c - see index.h */
#include "broker/storage/index.h"

#include "broker/base/bytes.h"
#include "broker/base/must.h"
#include "broker/reactor/sys.h"

#include <errno.h>

enum { BLOCK_BYTES = 4096, FIRST_ROOM = 8 };

void index_init(struct index *ix, unsigned entry_bytes)
{
	must(entry_bytes == INDEX_OFFSET_BYTES || entry_bytes == INDEX_TIME_BYTES);
	*ix = (struct index){ .entry_bytes = (uint8_t)entry_bytes };
}

void index_free(struct index *ix)
{
	free(ix->tail);
	index_init(ix, ix->entry_bytes);
}

static struct index_entry decode(const struct index *ix, const uint8_t *p)
{
	if (ix->entry_bytes == INDEX_OFFSET_BYTES)
		return (struct index_entry){ .key = (int32_t)get_be32(p), .value = (int32_t)get_be32(p + 4) };
	return (struct index_entry){ .key = (int64_t)get_be64(p), .value = (int32_t)get_be32(p + 8) };
}

static void encode(const struct index *ix, uint8_t *p, struct index_entry e)
{
	if (ix->entry_bytes == INDEX_OFFSET_BYTES) {
		put_be32(p, (uint32_t)e.key);
		put_be32(p + 4, (uint32_t)e.value);
	} else {
		put_be64(p, (uint64_t)e.key);
		put_be32(p + 8, (uint32_t)e.value);
	}
}

void index_push(struct index *ix, struct index_entry e)
{
	must(!index_tail_full(ix));
	must(index_entries(ix) == 0 || e.key > ix->last.key);
	if (ix->tail_n == ix->tail_room) {
		ix->tail_room = ix->tail_room ? (uint16_t)(ix->tail_room * 2) : FIRST_ROOM;
		ix->tail = mem_realloc(ix->tail, (size_t)ix->tail_room * ix->entry_bytes);
	}
	encode(ix, ix->tail + (size_t)ix->tail_n++ * ix->entry_bytes, e);
	ix->last = e;
}

/* ---- the file ---- */

static int read_entry(const struct index *ix, int fd, bool wait, uint32_t i, struct index_entry *out)
{
	uint8_t bytes[INDEX_ENTRY_MAX];
	int64_t at = (int64_t)i * ix->entry_bytes;
	ssize_t n = wait ? sys_pread(fd, bytes, ix->entry_bytes, at) :
		sys_pread_cached(fd, bytes, ix->entry_bytes, at);
	if (n < 0)
		return (int)n;
	if (n != ix->entry_bytes)
		return -EBADMSG;
	*out = decode(ix, bytes);
	return 0;
}

/* Entries rise, zeros do not: the first entry but one that is not above the first ends them. A position or
 * a time of 0 marks a file that is zeros from its start. */
static int count_entries(struct index *ix, int fd, uint32_t in_file)
{
	struct index_entry first, middle;
	ix->stored = 0;
	if (in_file == 0)
		return 0;
	int error = read_entry(ix, fd, true, 0, &first);
	if (error || (first.key == 0 && first.value == 0))
		return error;
	uint32_t low = 1, high = in_file;
	while (low < high) {
		uint32_t at = low + (high - low) / 2;
		error = read_entry(ix, fd, true, at, &middle);
		if (error)
			return error;
		bool is_entry = middle.key > first.key && (middle.key != 0 || middle.value != 0);
		low = is_entry ? at + 1 : low;
		high = is_entry ? high : at;
	}
	ix->stored = low;
	return read_entry(ix, fd, true, low - 1, &ix->last);
}

int index_load(struct index *ix, const char *path)
{
	must(ix->tail_n == 0);
	int fd = sys_open(path, SYS_READ);
	if (fd < 0)
		return fd;
	struct sys_stat st;
	int error = sys_fstat(fd, &st);
	if (!error)
		error = count_entries(ix, fd, (uint32_t)(min_of(st.size, INT32_MAX) / ix->entry_bytes));
	sys_close(fd);
	return error;
}

static int write_tail(struct index *ix, const char *path, bool cut)
{
	int fd = sys_open(path, SYS_WRITE | SYS_CREATE);
	if (fd < 0)
		return fd;
	struct iovec iov = { ix->tail, (size_t)ix->tail_n * ix->entry_bytes };
	int error = ix->tail_n ? sys_pwritev(fd, &iov, 1, (int64_t)ix->stored * ix->entry_bytes) : 0;
	if (!error && cut)
		error = sys_truncate(fd, (int64_t)index_entries(ix) * ix->entry_bytes);
	sys_close(fd);
	if (error)
		return error;
	ix->stored += ix->tail_n;
	ix->tail_n = 0;
	return 0;
}

int index_store(struct index *ix, const char *path)
{
	int error = write_tail(ix, path, true);
	if (error)
		return error;
	free(ix->tail);
	ix->tail = NULL;
	ix->tail_room = 0;
	return 0;
}

int index_append_tail(struct index *ix, const char *path)
{
	return write_tail(ix, path, false);
}

int index_reset(struct index *ix, const char *path)
{
	index_free(ix);
	return index_store(ix, path);
}

int index_truncate(struct index *ix, const char *path, int64_t relative)
{
	int error = index_append_tail(ix, path);
	if (error || ix->stored == 0)
		return error;
	int fd = sys_open(path, SYS_READ);
	if (fd < 0)
		return fd;
	/* Offsets rise in both kinds: find the first entry to go. */
	uint32_t low = 0, high = ix->stored;
	while (low < high) {
		struct index_entry e = { 0 };
		uint32_t at = low + (high - low) / 2;
		error = read_entry(ix, fd, true, at, &e);
		if (error)
			break;
		bool stays = (ix->entry_bytes == INDEX_OFFSET_BYTES ? e.key : e.value) < relative;
		low = stays ? at + 1 : low;
		high = stays ? high : at;
	}
	ix->stored = low;
	if (!error && low > 0)
		error = read_entry(ix, fd, true, low - 1, &ix->last);
	sys_close(fd);
	return error ? error : index_store(ix, path);
}

/* ---- look-up ---- */

/* The last of `n` entries at `p` with key <= `key`; the first has such a key. */
static struct index_entry floor_in(const struct index *ix, const uint8_t *p, uint32_t n, int64_t key)
{
	must(n > 0);
	uint32_t low = 1, high = n;
	while (low < high) {
		uint32_t at = low + (high - low) / 2;
		bool below = decode(ix, p + (size_t)at * ix->entry_bytes).key <= key;
		low = below ? at + 1 : low;
		high = below ? high : at;
	}
	return decode(ix, p + (size_t)(low - 1) * ix->entry_bytes);
}

/* As floor_in, in the file: halves by single entries, then looks through one block. */
static int floor_in_file(const struct index *ix, int fd, bool wait, int64_t key, struct index_entry *out)
{
	uint8_t block[BLOCK_BYTES];
	uint32_t per_block = BLOCK_BYTES / ix->entry_bytes;
	uint32_t low = 0, high = ix->stored; /* the floor, if any, is in [low, high) */
	while (high - low > per_block) {
		struct index_entry e = { 0 };
		uint32_t at = low + (high - low) / 2;
		int error = read_entry(ix, fd, wait, at, &e);
		if (error)
			return error;
		low = e.key <= key ? at : low;
		high = e.key <= key ? high : at;
	}
	size_t bytes = (size_t)(high - low) * ix->entry_bytes;
	int64_t from = (int64_t)low * ix->entry_bytes;
	ssize_t n = wait ? sys_pread(fd, block, bytes, from) : sys_pread_cached(fd, block, bytes, from);
	if (n < 0)
		return (int)n;
	if ((size_t)n != bytes)
		return -EBADMSG;
	if (decode(ix, block).key > key)
		return 0;
	*out = floor_in(ix, block, high - low, key);
	return 1;
}

int index_floor(const struct index *ix, int fd, bool wait, int64_t key, struct index_entry *out)
{
	if (ix->tail_n > 0 && decode(ix, ix->tail).key <= key) {
		*out = floor_in(ix, ix->tail, ix->tail_n, key);
		return 1;
	}
	if (ix->stored == 0)
		return 0;
	return fd < 0 ? -EAGAIN : floor_in_file(ix, fd, wait, key, out);
}
