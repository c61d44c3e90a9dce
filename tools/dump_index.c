/* dump_index.c - .index, .timeindex, .txnindex and .snapshot for dump-log; see dump.h
 *
 * Facts: DumpLogSegments, OffsetIndex, TimeIndex, TransactionIndex, ProducerStateManager.readSnapshot of 3.9.
 */
#include "tools/dump.h"

#include "broker/base/bytes.h"
#include "broker/base/crc32c.h"
#include "broker/base/must.h"
#include "broker/reactor/sys.h"
#include "broker/storage/file.h"
#include "broker/storage/index.h"
#include "broker/storage/producer.h"
#include "broker/storage/scan.h"
#include "broker/storage/txn_index.h"
#include "tools/dump_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum { SNAPSHOT_VERSION = 1, SNAPSHOT_CRC_AT = 2, SNAPSHOT_COUNT_AT = 6 };

/* An index as it lies in its file, and the .log beside it. */
struct beside {
	const char *path;
	char *bytes;
	size_t n;
	int64_t base;
	int log_fd;
	int64_t log_bytes;
};

static void close_beside(struct beside *x)
{
	free(x->bytes);
	if (x->log_fd >= 0)
		sys_close(x->log_fd);
}

/* dir/00000000000000000042 + suffix */
static struct path sibling(const char *path, const char *suffix)
{
	struct path out;
	const char *slash = strrchr(path, '/'), *dot = strchr(slash ? slash : path, '.');
	size_t n = min_of((size_t)(dot ? dot - path : (ptrdiff_t)strlen(path)), sizeof out.s - 32);
	memcpy(out.s, path, n);
	memcpy(out.s + n, suffix, strlen(suffix) + 1);
	return out;
}

static bool open_beside(struct dump *d, struct beside *x, const char *path)
{
	struct sys_stat st;
	struct path log = sibling(path, LOG_SUFFIX);
	const char *slash = strrchr(path, '/');
	*x = (struct beside){ .path = path, .base = strtoll(slash ? slash + 1 : path, NULL, 10) };
	x->log_fd = sys_open(log.s, SYS_READ);
	int error = x->log_fd < 0 ? x->log_fd : sys_fstat(x->log_fd, &st);
	if (error) {
		dump_fail(d, "%s: %s\n", log.s, strerror(-error));
		close_beside(x);
		return false;
	}
	x->log_bytes = st.size;
	error = file_read(path, FILE_WHOLE_MAX, &x->bytes, &x->n);
	if (error) {
		dump_fail(d, "%s: %s\n", path, strerror(-error));
		close_beside(x);
	}
	return error == 0;
}

/* ---- .index ---- */

static struct index_entry offset_entry(const struct beside *x, size_t i)
{
	const char *p = x->bytes + i * INDEX_OFFSET_BYTES;
	return (struct index_entry){ .key = x->base + (int32_t)get_be32(p),
		.value = (int32_t)get_be32(p + 4) };
}

/* What a broker looks at when it opens an index. NULL, or what is wrong. */
static const char *insane(const struct beside *x, size_t entry_bytes, int64_t first, int64_t last,
	int64_t last_offset)
{
	if (x->n >= entry_bytes && last < first)
		return "the last timestamp is less than the first timestamp";
	if (x->n >= entry_bytes && last_offset < x->base)
		return "the last offset is less than the base offset";
	return x->n % entry_bytes ? "its size is neither zero nor a multiple of that of an entry" : NULL;
}

static void say_sane(struct dump *d, const struct beside *x, const char *wrong)
{
	if (wrong)
		dump_fail(d, "Corrupt index found, index file (%s): %s\n", x->path, wrong);
	else
		text_add(&d->out, "%s passed sanity check.\n", x->path);
}

/* The batch at `position`: its last offset. False: there is none, and that was told. */
static bool last_offset_at(struct dump *d, const struct beside *x, int64_t position, int64_t *last)
{
	uint8_t window[SCAN_WINDOW_BYTES];
	struct scan scan;
	struct scanned found;
	if (position >= 0 && position <= x->log_bytes) {
		int64_t end = min_of(x->log_bytes, position + d->options.max_message_bytes);
		scan_headers(&scan, x->log_fd, true, position, end, window);
		if (scan_next(&scan, &found) > 0) {
			*last = batch_last_offset(&found.b);
			return true;
		}
	}
	dump_fail(d, "%s: no batch begins at position %" PRId64 " of the log\n", x->path, position);
	return false;
}

static void offset_entry_line(struct dump *d, const struct index_entry *e)
{
	if (d->options.json)
		text_add(&d->out, "{\"type\":\"index\",\"offset\":%" PRId64 ",\"position\":%d}\n", e->key,
			e->value);
	else
		text_add(&d->out, "offset: %" PRId64 " position: %d\n", e->key, e->value);
}

/* `faults` are the newest first. */
static void offset_entries(struct dump *d, const struct beside *x, struct text *faults)
{
	for (size_t i = 0; i < x->n / INDEX_OFFSET_BYTES; i++) {
		struct index_entry e = offset_entry(x, i);
		int64_t last;
		if (e.key == x->base && (i > 0 || (d->options.check && e.value == 0)))
			return; /* room that was allotted and never used */
		if (!last_offset_at(d, x, e.value, &last))
			return;
		if (last != e.key) {
			struct text older = *faults;
			*faults = (struct text){ 0 };
			text_add(faults, "  Index offset: %" PRId64 ", log offset: %" PRId64 "\n", e.key,
				last);
			text_bytes(faults, text_slice(&older));
			text_free(&older);
		}
		if (!d->options.verify_only)
			offset_entry_line(d, &e);
	}
}

/* A heading with the absolute path, and what stands under it. */
static void under(struct dump *d, struct text *all, const char *heading, const char *path, struct text *lines)
{
	if (lines->n) {
		text_add(all, "%s", heading);
		dump_absolute(d, all, path);
		text_add(all, "\n");
		text_bytes(all, text_slice(lines));
	}
	text_free(lines);
}

void dump_index(struct dump *d, const char *path)
{
	struct beside x;
	struct text faults = { 0 };
	if (!open_beside(d, &x, path))
		return;
	size_t n = x.n / INDEX_OFFSET_BYTES;
	if (n == 0 && !d->options.json)
		text_add(&d->out, "%s is empty.\n", path);
	else if (n > 0 && d->options.sanity_only)
		say_sane(d, &x, insane(&x, INDEX_OFFSET_BYTES, 0, 0, offset_entry(&x, n - 1).key));
	else
		offset_entries(d, &x, &faults);
	under(d, &d->index_faults, "Mismatches in :", path, &faults);
	close_beside(&x);
}

/* ---- .timeindex ---- */

static struct index_entry time_entry(const struct beside *x, size_t i)
{
	const char *p = x->bytes + i * INDEX_TIME_BYTES;
	return (struct index_entry){ .key = (int64_t)get_be64(p), .value = (int32_t)get_be32(p + 8) };
}

/* The position of the last entry at or below `offset`; 0 when there is none. */
static int32_t position_below(const struct beside *offsets, int64_t offset)
{
	size_t low = 0, high = offsets->n / INDEX_OFFSET_BYTES;
	while (high > 1 && offset_entry(offsets, high - 1).key == offsets->base)
		high--;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (offset_entry(offsets, middle).key <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? offset_entry(offsets, low - 1).value : 0;
}

/* The greatest timestamp of a batch's records; false where they cannot be read. */
static bool max_timestamp(struct dump *d, const struct batch *b, int64_t *max)
{
	struct records records;
	struct record r;
	*max = -1;
	records_open(&records, b, d->codecs, DUMP_INFLATED_MAX);
	while (records_next(&records, &r))
		*max = max_of(*max, r.timestamp);
	bool good = records.error == KERR_NONE;
	records_close(&records);
	if (*max == -1 && d->options.check && !batch_is_legacy(b))
		*max = batch_max_timestamp(b); /* the cleaner has emptied it, and leaves its time */
	return good;
}

struct time_faults {
	struct text timestamps, disorder, missing;
};

/* Looks for the batch of an entry. False: the log cannot be read there, and that was told. */
static bool check_time_entry(struct dump *d, const struct beside *x, int64_t position, int64_t timestamp,
	int64_t offset, struct time_faults *faults, int64_t before)
{
	struct scan scan;
	struct scanned found;
	int64_t last = -1, max;
	int error;
	scan_open(&scan, x->log_fd, min_of(max_of(position, 0), x->log_bytes), x->log_bytes);
	while ((error = scan_next(&scan, &found)) > 0 && (last = batch_last_offset(&found.b)) < offset)
		;
	if (error > 0 && last == offset)
		error = scan_whole(&scan, &found) == 0 && max_timestamp(d, &found.b, &max) ? 1 : -EBADMSG;
	scan_close(&scan);
	if (error < 0) {
		dump_fail(d, "%s: the log cannot be read where offset %" PRId64 " is\n", x->path, offset);
		return false;
	}
	if (error == 0 || last != offset) {
		text_add(&faults->missing, "Indexed offset: %" PRId64 ", found log offset: %" PRId64 "\n",
			offset,
			error == 0 ? -1 : last);
		return true;
	}
	if (max != timestamp)
		text_add(&faults->timestamps, "  Index timestamp: %" PRId64 ", log timestamp: %" PRId64 "\n",
			timestamp,
			max);
	if (before >= timestamp)
		text_add(&faults->disorder, "  Index timestamp: %" PRId64 ", Previously indexed timestamp: %"
			PRId64
			"\n", timestamp, before);
	return true;
}

static void time_entries(struct dump *d, const struct beside *x, const struct beside *offsets,
	struct time_faults *faults)
{
	int64_t before = -1;
	for (size_t i = 0; i < x->n / INDEX_TIME_BYTES; i++) {
		struct index_entry e = time_entry(x, i);
		int64_t offset = x->base + e.value;
		if (e.value == 0 && (i > 0 || (d->options.check && e.key == 0)))
			return; /* room that was allotted and never used */
		if (!check_time_entry(d, x, position_below(offsets, offset), e.key, offset, faults, before))
			return;
		if (!d->options.verify_only)
			text_add(&d->out, d->options.json ?
				"{\"type\":\"timeindex\",\"timestamp\":%" PRId64 ",\"offset\":%" PRId64 "}\n"
				:
				"timestamp: %" PRId64 " offset: %" PRId64 "\n", e.key, offset);
		before = e.key;
	}
}

void dump_time_index(struct dump *d, const char *path)
{
	struct beside x, offsets;
	struct time_faults faults = { 0 };
	struct path index = sibling(path, INDEX_SUFFIX);
	if (!open_beside(d, &x, path))
		return;
	if (!open_beside(d, &offsets, index.s)) {
		close_beside(&x);
		return;
	}
	size_t n = x.n / INDEX_TIME_BYTES;
	if (d->options.sanity_only)
		say_sane(d, &x, n == 0 ? insane(&x, INDEX_TIME_BYTES, 0, 0, x.base) :
			insane(&x, INDEX_TIME_BYTES, time_entry(&x, 0).key, time_entry(&x, n - 1).key,
				x.base + time_entry(&x, n - 1).value));
	else
		time_entries(d, &x, &offsets, &faults);
	under(d, &d->timestamps, "Found timestamp mismatch in :", path, &faults.timestamps);
	under(d, &d->disorder, "Found out of order timestamp in :", path, &faults.disorder);
	if (faults.missing.n) {
		text_add(&d->missing, "The following indexed offsets are not found in the log.\n");
		text_bytes(&d->missing, text_slice(&faults.missing));
	}
	text_free(&faults.missing);
	close_beside(&x);
	close_beside(&offsets);
}

/* ---- .txnindex ---- */

void dump_txn_index(struct dump *d, const char *path)
{
	char *bytes;
	size_t n;
	int error = file_read(path, TXN_INDEX_FILE_MAX, &bytes, &n);
	if (error) {
		dump_fail(d, "%s: %s\n", path, strerror(-error));
		return;
	}
	for (size_t at = 0; at + TXN_INDEX_ENTRY_BYTES <= n; at += TXN_INDEX_ENTRY_BYTES) {
		const char *p = bytes + at;
		if (get_be16(p) != 0) {
			dump_fail(d, "Unexpected aborted transaction version %d in transaction index %s, "
				"current version is 0\n", (int16_t)get_be16(p), path);
			break;
		}
		text_add(&d->out, d->options.json ? "{\"type\":\"txnindex\",\"version\":%d,\"producerId\":%"
			PRId64
			",\"firstOffset\":%" PRId64 ",\"lastOffset\":%" PRId64 ",\"lastStableOffset\":%"
				PRId64 "}\n" :
			"version: %d producerId: %" PRId64 " firstOffset: %" PRId64 " lastOffset: %" PRId64
			" lastStableOffset: %" PRId64 "\n", get_be16(p), (int64_t)get_be64(p + 2),
				(int64_t)get_be64(p + 10),
			(int64_t)get_be64(p + 18), (int64_t)get_be64(p + 26));
	}
	free(bytes);
}

/* ---- .snapshot ---- */

/* Fields of an entry: producer.h. */
static void snapshot_entry(struct dump *d, const char *p)
{
	int64_t last = (int64_t)get_be64(p + 14), txn = (int64_t)get_be64(p + 38);
	int64_t timestamp = (int64_t)get_be64(p + 26);
	int32_t sequence = (int32_t)get_be32(p + 10), delta = (int32_t)get_be32(p + 22);
	if (d->options.json) {
		text_add(&d->out, "{\"type\":\"producer\",\"producerId\":%" PRId64 ",\"producerEpoch\":%d,"
			"\"coordinatorEpoch\":%d,\"currentTxnFirstOffset\":%"
			PRId64 ",\"lastSequence\":%d,\"lastOffset\":%"
			PRId64 ",\"offsetDelta\":%d,\"timestamp\":%" PRId64 "}\n", (int64_t)get_be64(p),
			(int16_t)get_be16(p + 8), (int32_t)get_be32(p + 34), txn, sequence, last, delta,
			timestamp);
		return;
	}
	text_add(&d->out, "producerId: %" PRId64 " producerEpoch: %d coordinatorEpoch: %d "
		"currentTxnFirstOffset: ", (int64_t)get_be64(p), (int16_t)get_be16(p + 8),
		(int32_t)get_be32(p + 34));
	if (txn >= 0)
		text_add(&d->out, "OptionalLong[%" PRId64 "]", txn);
	else
		text_add(&d->out, "OptionalLong.empty");
	text_add(&d->out, " lastTimestamp: %" PRId64 " ", timestamp);
	if (last >= 0)
		text_add(&d->out, "firstSequence: %d lastSequence: %d lastOffset: %"
			PRId64 " offsetDelta: %d timestamp: %"
			PRId64, batch_sequence_add(sequence, -delta), sequence, last, delta, timestamp);
	text_add(&d->out, "\n");
}

/* NULL, or what is wrong: the words of CorruptSnapshotException, in `words` when they have numbers. */
static const char *snapshot_fault(const char *bytes, size_t n, char words[160])
{
	if (n < SNAPSHOT_HEADER_BYTES)
		return "Snapshot failed schema validation: it ends within its header";
	if ((int16_t)get_be16(bytes) != SNAPSHOT_VERSION) {
		snprintf(words, 160, "Snapshot contained an unknown file version %d",
			(int16_t)get_be16(bytes));
		return words;
	}
	int32_t count = (int32_t)get_be32(bytes + SNAPSHOT_COUNT_AT);
	if (count < 0 || (size_t)count > (n - SNAPSHOT_HEADER_BYTES) / SNAPSHOT_ENTRY_BYTES)
		return "Snapshot failed schema validation: it ends within its entries";
	uint32_t stored = get_be32(bytes + SNAPSHOT_CRC_AT);
	uint32_t computed = crc32c((const uint8_t *)bytes + SNAPSHOT_COUNT_AT, n - SNAPSHOT_COUNT_AT);
	snprintf(words, 160, "Snapshot is corrupt (CRC is no longer valid). Stored crc: %u. Computed crc: %u",
		stored,
		computed);
	return stored == computed ? NULL : words;
}

void dump_snapshot(struct dump *d, const char *path)
{
	char *bytes, words[160];
	size_t n;
	int error = file_read(path, SNAPSHOT_BYTES_MAX, &bytes, &n);
	if (error) {
		dump_fail(d, "%s: %s\n", path, strerror(-error));
		return;
	}
	const char *why = snapshot_fault(bytes, n, words);
	bool failed = d->failed;
	if (why) {
		dump_fail(d, "%s\n", why);
		d->failed = failed; /* Kafka's command says so and goes on */
	} else {
		for (uint32_t i = 0; i < get_be32(bytes + SNAPSHOT_COUNT_AT); i++)
			snapshot_entry(d, bytes + SNAPSHOT_HEADER_BYTES + (size_t)i * SNAPSHOT_ENTRY_BYTES);
	}
	free(bytes);
}
