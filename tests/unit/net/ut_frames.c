/* ut_frames.c - cutting a stream into frames, whatever the pieces in which it comes and whoever holds
 * what. */
#include "broker/base/bytes.h"
#include "broker/net/filter_priv.h"
#include "broker/net/frames_priv.h"
#include "tests/unit/ut.h"

#include <errno.h>

enum { STREAM_BYTES = 6 << 20, HELD_MAX = 40 };

/* A layer that gives the bytes of a stream in pieces of random size. */
struct source {
	struct filter filter;
	const uint8_t *bytes;
	size_t at, n, piece_max;
	uint64_t seed;
};

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

static ssize_t source_read(struct filter *f, void *p, size_t n)
{
	struct source *s = container_of(f, struct source, filter);
	size_t k = 1 + next_random(&s->seed) % s->piece_max;
	k = min_of(min_of(k, n), s->n - s->at);
	if (next_random(&s->seed) % 7 == 0)
		return -EAGAIN;
	memcpy(p, s->bytes + s->at, k);
	s->at += k;
	return (ssize_t)k;
}

static const struct filter_ops source_ops = { .name = "source", .read = source_read };

static void never(struct lane_partial *p)
{
	(void)p;
	CU_FAIL("gave up");
}

/* Frames of all sorts of sizes until the stream is full. */
static size_t make_stream(uint8_t *bytes, uint64_t seed, size_t frame_max)
{
	size_t at = 0;
	for (;;) {
		size_t n = next_random(&seed) % (next_random(&seed) % 3 ? 300 : frame_max);
		if (at + 4 + n > STREAM_BYTES)
			return at;
		put_be32(bytes + at, (uint32_t)n);
		for (size_t i = 0; i < n; i++)
			bytes[at + 4 + i] = (uint8_t)next_random(&seed);
		at += 4 + n;
	}
}

/* Some frames are held for a while: nobody may write over them. */
struct held {
	struct buf *holder;
	struct slice frame;
	const uint8_t *same;
};

static void let_go(struct held *h)
{
	if (!h->holder)
		return;
	CU_ASSERT(memcmp(h->frame.p, h->same, h->frame.n) == 0);
	buf_put(h->holder);
	h->holder = NULL;
}

static void run(uint64_t seed, size_t piece_max, size_t frame_max, int64_t budget)
{
	uint8_t *bytes = mem_alloc(STREAM_BYTES);
	struct reactor *r = reactor_new(0, NULL);
	struct lane *lane = lane_new(r, budget);
	struct held held[HELD_MAX] = { { .holder = NULL } };
	struct source s = { .filter.ops = &source_ops, .bytes = bytes, .piece_max = piece_max, .seed = seed };
	struct frames f;
	size_t seen = 0;
	s.n = make_stream(bytes, seed, frame_max);
	frames_init(&f, lane, 8 << 20, never);
	while (seen < s.n) {
		struct slice frame;
		struct buf *holder;
		int rc = frames_next(&f, &frame, &holder);
		struct held *h = &held[next_random(&s.seed) % HELD_MAX];
		if (rc == 0) {
			ssize_t k = frames_read(&f, &s.filter);
			rc = k == -ENOBUFS ? -ENOBUFS : 0;
			CU_ASSERT(k > 0 || k == -EAGAIN || k == -ENOBUFS);
		} else if (rc == 1) {
			CU_ASSERT(frame.n == get_be32(bytes + seen));
			CU_ASSERT(memcmp(frame.p, bytes + seen + 4, frame.n) == 0);
			let_go(h);
			*h = (struct held){ holder, frame, bytes + seen + 4 };
			seen += 4 + frame.n;
		}
		if (rc == -ENOBUFS)
			let_go(h);
	}
	CU_ASSERT_FALSE(frames_cut_short(&f));
	for (int i = 0; i < HELD_MAX; i++)
		let_go(&held[i]);
	CU_ASSERT(lease_out_bytes(lane->pool) <= LANE_ARENA_BYTES + LEASE_SLACK_BYTES);
	frames_fini(&f);
	lane_free(lane);
	reactor_free(r);
	free(bytes);
}

static void any_pieces(void)
{
	for (uint64_t seed = 1; seed <= 12; seed++)
		run(seed, (size_t)1 << (seed + 8), 100000, -1);
}

static void large_frames(void)
{
	for (uint64_t seed = 1; seed <= 6; seed++)
		run(seed * 100, 1 << 18, 1 << 20, -1);
}

static void single_bytes(void)
{
	run(5, 1, 5000, -1);
	run(6, 3, 90000, -1);
}

static void little_memory(void)
{
	run(7, 1 << 16, 200000, 1 << 20);
	run(8, 1 << 18, 1 << 20, 1);
}

/* Large frames follow one another without a byte being moved: each is received where it stays. */
static void large_ones_are_expected(void)
{
	enum { FRAME = 300000, N = 8 };
	uint8_t *bytes = mem_zalloc(N * (FRAME + 4));
	struct reactor *r = reactor_new(0, NULL);
	struct lane *lane = lane_new(r, -1);
	struct source s = { .filter.ops = &source_ops, .bytes = bytes, .n = N * (FRAME + 4), .piece_max = 1,
			    .seed = 3 };
	struct frames f;
	struct slice frame;
	struct buf *holder;
	int seen = 0;
	s.piece_max = SIZE_MAX / 2;
	for (int i = 0; i < N; i++)
		put_be32(bytes + i * (FRAME + 4), FRAME);
	frames_init(&f, lane, 1 << 20, never);
	while (seen < N) {
		int rc = frames_next(&f, &frame, &holder);
		if (rc == 0)
			(void)frames_read(&f, &s.filter);
		if (rc <= 0)
			continue;
		if (seen > 0)
			CU_ASSERT_PTR_EQUAL(frame.p, holder->bytes + 4);
		buf_put(holder);
		seen++;
	}
	frames_fini(&f);
	lane_free(lane);
	reactor_free(r);
	free(bytes);
}

static void bad_sizes(void)
{
	static const uint8_t streams[][5] = { { 0xff, 0xff, 0xff, 0xff }, { 0x80, 0, 0, 0 }, { 0, 0, 1, 1 } };
	struct reactor *r = reactor_new(0, NULL);
	struct lane *lane = lane_new(r, -1);
	for (unsigned i = 0; i < countof(streams); i++) {
		struct source s = { .filter.ops = &source_ops, .bytes = streams[i], .n = 5, .piece_max = 2,
				    .seed = i };
		struct frames f;
		struct slice frame;
		struct buf *holder;
		int rc;
		frames_init(&f, lane, 256, never);
		while ((rc = frames_next(&f, &frame, &holder)) == 0)
			(void)frames_read(&f, &s.filter);
		CU_ASSERT_EQUAL(rc, -EBADMSG);
		CU_ASSERT_EQUAL(frames_bad_size(&f), (int32_t)get_be32(streams[i]));
		frames_fini(&f);
	}
	lane_free(lane);
	reactor_free(r);
}

static const struct ut_case cases[] = {
	UT(any_pieces),
	UT(large_frames),
	UT(single_bytes),
	UT(little_memory),
	UT(large_ones_are_expected),
	UT(bad_sizes),
};

int main(void)
{
	return ut_run("frames", cases, countof(cases));
}
