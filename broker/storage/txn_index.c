/* txn_index.c - see txn_index.h */
#include "broker/storage/txn_index.h"

#include "broker/base/bytes.h"
#include "broker/base/must.h"
#include "broker/reactor/sys.h"
#include "broker/storage/file.h"

#include <errno.h>

enum { VERSION = 0, FIRST_ROOM = 4 };

void txn_index_free(struct txn_index *t)
{
	free(t->entries);
	*t = (struct txn_index){ 0 };
}

static void push(struct txn_index *t, const struct aborted_txn *txn)
{
	if (t->n == t->room) {
		t->room = t->room ? t->room * 2 : FIRST_ROOM;
		t->entries = mem_realloc(t->entries, t->room * sizeof *t->entries);
	}
	t->entries[t->n++] = *txn;
}

static int take(struct txn_index *t, const uint8_t *bytes, size_t n, int64_t base)
{
	if (n % TXN_INDEX_ENTRY_BYTES)
		return -EBADMSG;
	for (const uint8_t *p = bytes; p < bytes + n; p += TXN_INDEX_ENTRY_BYTES) {
		struct aborted_txn txn = { .producer_id = (int64_t)get_be64(p + 2),
			.first_offset = (int64_t)get_be64(p + 10), .last_offset = (int64_t)get_be64(p + 18),
			.last_stable_offset = (int64_t)get_be64(p + 26) };
		bool rises = t->n == 0 || txn.last_offset > t->entries[t->n - 1].last_offset;
		if ((int16_t)get_be16(p) > VERSION || txn.last_offset < base || !rises)
			return -EBADMSG;
		push(t, &txn);
	}
	return 0;
}

int txn_index_load(struct txn_index *t, const char *path, int64_t base)
{
	char *bytes;
	size_t n;
	must(t->n == 0);
	int error = file_read(path, TXN_INDEX_FILE_MAX, &bytes, &n);
	if (error)
		return error == -ENOENT ? 0 : error;
	error = take(t, (const uint8_t *)bytes, n, base);
	free(bytes);
	return error;
}

int txn_index_append(struct txn_index *t, const char *path, const struct aborted_txn *txn)
{
	must(t->n == 0 || txn->last_offset > t->entries[t->n - 1].last_offset);
	uint8_t bytes[TXN_INDEX_ENTRY_BYTES];
	put_be16(bytes, VERSION);
	put_be64(bytes + 2, (uint64_t)txn->producer_id);
	put_be64(bytes + 10, (uint64_t)txn->first_offset);
	put_be64(bytes + 18, (uint64_t)txn->last_offset);
	put_be64(bytes + 26, (uint64_t)txn->last_stable_offset);
	int fd = sys_open(path, SYS_WRITE | SYS_CREATE);
	if (fd < 0)
		return fd;
	struct iovec iov = { bytes, sizeof bytes };
	int error = sys_pwritev(fd, &iov, 1, (int64_t)t->n * TXN_INDEX_ENTRY_BYTES);
	sys_close(fd);
	if (!error)
		push(t, txn);
	return error;
}

int txn_index_truncate(struct txn_index *t, const char *path, int64_t offset)
{
	uint32_t stay = 0;
	while (stay < t->n && t->entries[stay].last_offset < offset)
		stay++;
	if (stay == t->n)
		return 0;
	if (stay == 0)
		return txn_index_reset(t, path);
	int fd = sys_open(path, SYS_WRITE);
	if (fd < 0)
		return fd;
	int error = sys_truncate(fd, (int64_t)stay * TXN_INDEX_ENTRY_BYTES);
	sys_close(fd);
	if (!error)
		t->n = stay;
	return error;
}

int txn_index_reset(struct txn_index *t, const char *path)
{
	txn_index_free(t);
	return file_remove(path);
}

bool txn_index_collect(const struct txn_index *t, int64_t from, int64_t upper,
	void (*each)(void *arg, const struct aborted_txn *txn), void *arg)
{
	for (uint32_t i = 0; i < t->n; i++) {
		const struct aborted_txn *txn = &t->entries[i];
		if (txn->last_offset >= from && txn->first_offset < upper)
			each(arg, txn);
		if (txn->last_stable_offset >= upper)
			return false;
	}
	return true;
}
