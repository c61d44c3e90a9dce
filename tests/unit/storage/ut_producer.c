/* ut_producer.c - what a log accepts of producers: sequences, epochs, transactions; snapshots. */
#include "tests/unit/storage/storage_test.h"

#include "broker/storage/producer.h"

#include <errno.h>

static struct st_batch from(int64_t id, int16_t epoch, int32_t sequence, int64_t offset)
{
	return (struct st_batch){ .base_offset = offset, .producer_id = id, .producer_epoch = epoch,
	.sequence = sequence,
		.timestamp = ST_NOW_MS };
}

static enum kerr check(const struct producers *ps, struct st_batch spec, enum producer_check how,
	bool *duplicate)
{
	struct buf *bytes = st_make(&spec);
	struct batch b = { bytes->bytes, bytes->used };
	struct producer_duplicate d;
	enum kerr error = producers_check(ps, &b, NULL, how, &d);
	if (duplicate)
		*duplicate = d.found;
	buf_put(bytes);
	return error;
}

static enum kerr ask(const struct producers *ps, struct st_batch spec)
{
	return check(ps, spec, PRODUCER_CHECK_ALL, NULL);
}

static void add(struct producers *ps, struct st_batch spec)
{
	struct buf *bytes = st_make(&spec);
	struct batch b = { bytes->bytes, bytes->used };
	struct producer_ended ended;
	producers_append(ps, &b, NULL, &ended);
	CU_ASSERT(!ended.any);
	CU_ASSERT_EQUAL(ps->end, spec.base_offset + max_of(spec.records, 1));
	buf_put(bytes);
}

static enum kerr mark(struct producers *ps, int64_t id, int16_t epoch, int32_t coordinator,
	enum control_type type,
	int64_t offset, struct producer_ended *ended)
{
	struct buf *bytes = st_marker(offset, id, epoch, type, coordinator);
	struct batch b = { bytes->bytes, bytes->used };
	struct producer_marker marker;
	struct producer_duplicate d;
	CU_ASSERT(producer_marker_of(&b, &marker));
	CU_ASSERT_EQUAL(marker.type, type);
	CU_ASSERT_EQUAL(marker.coordinator_epoch, coordinator);
	enum kerr error = producers_check(ps, &b, &marker, PRODUCER_CHECK_EPOCH, &d);
	if (!error)
		producers_append(ps, &b, &marker, ended);
	buf_put(bytes);
	return error;
}

static void sequences(void)
{
	struct producers *ps = producers_new();
	CU_ASSERT_EQUAL(ask(ps, from(1, 0, 500, 0)), KERR_NONE); /* unknown: it may go on anywhere */
	add(ps, from(1, 0, 500, 0));
	CU_ASSERT_EQUAL(ask(ps, from(1, 0, 501, 1)), KERR_NONE);
	CU_ASSERT_EQUAL(ask(ps, from(1, 0, 502, 1)), KERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
	CU_ASSERT_EQUAL(ask(ps, from(1, 0, 499, 1)), KERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
	CU_ASSERT_EQUAL(check(ps, from(1, 0, 900, 1), PRODUCER_CHECK_EPOCH, NULL), KERR_NONE);
	/* A new epoch begins at 0. */
	CU_ASSERT_EQUAL(ask(ps, from(1, 1, 1, 1)), KERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
	CU_ASSERT_EQUAL(ask(ps, from(1, 1, 0, 1)), KERR_NONE);
	add(ps, from(1, 1, 0, 1));
	CU_ASSERT_EQUAL(ask(ps, from(1, 0, 501, 2)), KERR_INVALID_PRODUCER_EPOCH);
	CU_ASSERT_EQUAL(check(ps, from(1, 0, 501, 2), PRODUCER_CHECK_EPOCH, NULL),
		KERR_INVALID_PRODUCER_EPOCH);
	CU_ASSERT_EQUAL(check(ps, from(1, 0, 501, 2), PRODUCER_CHECK_NONE, NULL), KERR_NONE);
	producers_free(&ps);
}

static void sequences_wrap(void)
{
	struct producers *ps = producers_new();
	struct st_batch b = from(1, 0, INT32_MAX - 1, 0);
	bool duplicate;
	b.records = 2;
	add(ps, b);
	CU_ASSERT_EQUAL(ask(ps, from(1, 0, 0, 2)), KERR_NONE);
	CU_ASSERT_EQUAL(ask(ps, from(1, 0, 1, 2)), KERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
	b = from(1, 0, 0, 2);
	b.records = 3;
	add(ps, b);
	CU_ASSERT_EQUAL(ask(ps, from(1, 0, 3, 5)), KERR_NONE);
	/* A batch across the wrap is known again. */
	b = from(2, 0, INT32_MAX, 5);
	b.records = 3; /* 2147483647, 0, 1 */
	add(ps, b);
	CU_ASSERT_EQUAL(check(ps, b, PRODUCER_CHECK_ALL, &duplicate), KERR_NONE);
	CU_ASSERT(duplicate);
	CU_ASSERT_EQUAL(ask(ps, from(2, 0, 2, 8)), KERR_NONE);
	producers_free(&ps);
}

static void duplicates(void)
{
	struct producers *ps = producers_new();
	bool duplicate;
	for (int i = 0; i < 8; i++)
		add(ps, from(1, 3, i, i + 100));
	for (int i = 0; i < 8; i++) {
		enum kerr error = check(ps, from(1, 3, i, 0), PRODUCER_CHECK_ALL, &duplicate);
		CU_ASSERT_EQUAL(duplicate, i >= 3);
		CU_ASSERT_EQUAL(error, i >= 3 ? KERR_NONE : KERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
	}
	struct st_batch longer = from(1, 3, 7, 0);
	longer.records = 2;
	CU_ASSERT_EQUAL(check(ps, longer, PRODUCER_CHECK_ALL, &duplicate), KERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
	CU_ASSERT(!duplicate);
	add(ps, from(1, 4, 0, 108));
	CU_ASSERT_EQUAL(check(ps, from(1, 3, 7, 0), PRODUCER_CHECK_ALL, &duplicate),
		KERR_INVALID_PRODUCER_EPOCH);
	producers_free(&ps);
}

static void transactions(void)
{
	struct producers *ps = producers_new();
	struct producer_ended ended;
	struct st_batch a = from(1, 0, 0, 0), b = from(2, 0, 0, 1);
	a.transactional = b.transactional = true;
	CU_ASSERT_EQUAL(producers_first_unstable(ps), INT64_MAX);
	add(ps, a);
	add(ps, b);
	CU_ASSERT_EQUAL(producers_first_unstable(ps), 0);
	CU_ASSERT(producers_txn_open(ps, 1) && producers_txn_open(ps, 2) && !producers_txn_open(ps, 3));
	CU_ASSERT_EQUAL(ask(ps, from(1, 0, 1, 2)), KERR_INVALID_TXN_STATE); /* not transactional */
	CU_ASSERT_EQUAL(mark(ps, 1, 0, 7, CONTROL_ABORT, 2, &ended), KERR_NONE);
	CU_ASSERT(ended.any && ended.aborted);
	CU_ASSERT_EQUAL(ended.first_offset, 0);
	CU_ASSERT_EQUAL(ended.last_offset, 2);
	CU_ASSERT_EQUAL(ended.last_stable_offset, 1); /* the other one is open */
	CU_ASSERT_EQUAL(producers_first_unstable(ps), 0);
	producers_settle(ps, 2);
	CU_ASSERT_EQUAL(producers_first_unstable(ps), 0);
	producers_settle(ps, 3);
	CU_ASSERT_EQUAL(producers_first_unstable(ps), 1);
	CU_ASSERT_EQUAL(mark(ps, 2, 0, 7, CONTROL_COMMIT, 3, &ended), KERR_NONE);
	CU_ASSERT(ended.any && !ended.aborted);
	CU_ASSERT_EQUAL(ended.last_stable_offset, 4);
	producers_settle(ps, 4);
	CU_ASSERT_EQUAL(producers_first_unstable(ps), INT64_MAX);
	/* A marker without data ends nothing; an older coordinator is fenced; a higher epoch is taken. */
	CU_ASSERT_EQUAL(mark(ps, 2, 0, 7, CONTROL_ABORT, 4, &ended), KERR_NONE);
	CU_ASSERT(!ended.any);
	CU_ASSERT_EQUAL(mark(ps, 2, 0, 6, CONTROL_ABORT, 5, &ended), KERR_TRANSACTION_COORDINATOR_FENCED);
	CU_ASSERT_EQUAL(mark(ps, 2, 5, 8, CONTROL_ABORT, 5, &ended), KERR_NONE);
	CU_ASSERT_EQUAL(mark(ps, 2, 4, 8, CONTROL_ABORT, 6, &ended), KERR_INVALID_PRODUCER_EPOCH);
	CU_ASSERT_EQUAL(ask(ps, from(2, 5, 0, 6)), KERR_NONE);
	CU_ASSERT_EQUAL(ask(ps, from(2, 5, 1, 6)), KERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
	producers_free(&ps);
}

static void expire(void)
{
	struct producers *ps = producers_new();
	struct st_batch a = from(1, 0, 0, 0), b = from(2, 0, 0, 1);
	b.transactional = true;
	add(ps, a);
	add(ps, b);
	CU_ASSERT_EQUAL(producers_expire(ps, ST_NOW_MS + 99, 100), 0);
	CU_ASSERT_EQUAL(producers_expire(ps, ST_NOW_MS + 100, 100), 1); /* never with an open transaction */
	struct producer_view view;
	CU_ASSERT(!producers_find(ps, 1, &view));
	CU_ASSERT(producers_find(ps, 2, &view));
	CU_ASSERT_EQUAL(ps->count, 1);
	producers_free(&ps);
}

static void snapshots(void)
{
	struct producers *ps = producers_new(), *back = producers_new();
	struct producer_view view;
	struct producer_ended ended;
	size_t n;
	for (int i = 0; i < 50; i++) {
		struct st_batch b = from(1000 + i, (int16_t)i, i * 3, i);
		b.transactional = i % 10 == 7;
		add(ps, b);
	}
	mark(ps, 1049, 49, 12, CONTROL_COMMIT, 50, &ended);
	uint8_t *bytes = producers_snapshot(ps, &n);
	CU_ASSERT_EQUAL(n, 10 + 50 * 46);
	CU_ASSERT_EQUAL(producers_restore(back, bytes, n, ST_NOW_MS, ST_EXPIRATION_MS), 0);
	CU_ASSERT_EQUAL(back->count, 50);
	CU_ASSERT_EQUAL(producers_first_unstable(back), 7);
	for (int i = 0; i < 50; i++) {
		CU_ASSERT(producers_find(back, 1000 + i, &view));
		CU_ASSERT_EQUAL(view.epoch, i);
		CU_ASSERT_EQUAL(view.last_sequence, i * 3);
		CU_ASSERT_EQUAL(view.last_offset, i);
		CU_ASSERT_EQUAL(view.txn_first_offset, i % 10 == 7 ? i : -1);
		CU_ASSERT_EQUAL(view.coordinator_epoch, i == 49 ? 12 : -1);
	}
	for (size_t at = 0; at < n; at += at < 12 ? 1 : 37) {
		bytes[at] ^= 4;
		CU_ASSERT_EQUAL(producers_restore(back, bytes, n, ST_NOW_MS, ST_EXPIRATION_MS), -EBADMSG);
		bytes[at] ^= 4;
	}
	for (size_t cut = 0; cut < n; cut += 13)
		CU_ASSERT_EQUAL(producers_restore(back, bytes, cut, ST_NOW_MS, ST_EXPIRATION_MS), -EBADMSG);
	CU_ASSERT_EQUAL(back->count, 50);
	/* What has expired stays out, but for open transactions. */
	CU_ASSERT_EQUAL(producers_restore(back, bytes, n, ST_NOW_MS + 1000, 1000), 0);
	CU_ASSERT_EQUAL(back->count, 5);
	free(bytes);
	producers_free(&ps);
	producers_free(&back);
}

/* Of several batches under way a snapshot keeps the last; what the log has of the others is known again, and
 * nothing that it has not. */
static void a_snapshot_forgets_batches(void)
{
	struct producers *ps = producers_new(), *back = producers_new();
	size_t n;
	bool duplicate;
	for (int i = 0; i < 4; i++)
		add(ps, from(1, 3, 10 + i, i));
	uint8_t *bytes = producers_snapshot(ps, &n);
	CU_ASSERT_EQUAL(producers_restore(back, bytes, n, ST_NOW_MS, ST_EXPIRATION_MS), 0);
	CU_ASSERT_EQUAL(check(ps, from(1, 3, 11, 0), PRODUCER_CHECK_ALL, &duplicate), KERR_NONE);
	CU_ASSERT(duplicate);
	CU_ASSERT_EQUAL(ask(back, from(1, 3, 12, 0)), KERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
	struct producers *seen = producers_new();
	producers_recall(back, seen);
	for (int i = 1; i < 4; i++)
		add(seen, from(1, 3, 10 + i, i));
	producers_recall(back, seen);
	producers_recall(back, seen);
	producers_free(&seen);
	for (int i = 1; i < 4; i++) {
		struct st_batch again = from(1, 3, 10 + i, 0);
		CU_ASSERT_EQUAL(check(back, again, PRODUCER_CHECK_ALL, &duplicate), KERR_NONE);
		CU_ASSERT(duplicate);
	}
	CU_ASSERT_EQUAL(ask(back, from(1, 3, 10, 0)), KERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
	CU_ASSERT_EQUAL(check(back, from(1, 3, 13, 0), PRODUCER_CHECK_ALL, &duplicate), KERR_NONE);
	CU_ASSERT(duplicate);
	CU_ASSERT_EQUAL(ask(back, from(1, 3, 15, 0)), KERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
	CU_ASSERT_EQUAL(ask(back, from(1, 2, 10, 0)), KERR_INVALID_PRODUCER_EPOCH);
	/* once as many are known again as a broker knows that never ended, it is as with that one */
	for (int i = 0; i < PRODUCER_BATCHES; i++)
		add(back, from(1, 3, 14 + i, 4 + i));
	CU_ASSERT_EQUAL(ask(back, from(1, 3, 12, 0)), KERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
	free(bytes);
	producers_free(&ps);
	producers_free(&back);
}

static const struct ut_case cases[] = { UT(sequences), UT(sequences_wrap), UT(duplicates), UT(transactions),
	UT(expire), UT(snapshots), UT(a_snapshot_forgets_batches) };

int main(void)
{
	int status = ut_run("storage/producer", cases, countof(cases));
	st_clean();
	return status;
}
