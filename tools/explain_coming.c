/* explain_coming.c - what the topic's settings will do to a partition: delete by age, delete by size,
 * compact.
 *
 * Only whole segments are deleted, and one goes when its newest record is old enough, or when what is too
 * much is at least as large as it (kafka.log.UnifiedLog.deleteOldSegments). Where the segments begin the
 * protocol does not tell, but it is known that a segment holds records of at most segment.ms and bytes of
 * at most segment.bytes. So the time of the oldest record gives a first and a last moment, and no more
 * than these is said.
 */
#include "tools/explain_priv.h"

#include "broker/base/must.h"

#include <inttypes.h>
#include <string.h>

bool explained_policy(const struct explained_topic *t, const char *word)
{
	const char *p = t->settings[KEY_CLEANUP_POLICY].value;
	while (p && *p) {
		p += strspn(p, " ,");
		size_t n = strcspn(p, " ,");
		if (n == strlen(word) && strncmp(p, word, n) == 0)
			return true;
		p += n;
	}
	return false;
}

static bool is_empty(const struct explained_partition *p)
{
	return p->start != UNKNOWN && p->high != UNKNOWN && p->start >= p->high &&
		(p->end == UNKNOWN || p->end <= p->start);
}

/* How often its leader looks for what is to be deleted. */
static const char *next_check(const struct why *w)
{
	const struct explained_broker *b = explained_broker_of(w->e, w->p->leader);
	if (!b || b->check_ms == UNKNOWN)
		return "when its broker looks next (log.retention.check.interval.ms)";
	return human_printf(
		w->arena, "when its broker looks next (every %s)", human_span(w->arena, b->check_ms));
}

/* ---- by age ---- */

/* When the segment of the oldest record can go at the earliest, and when at the latest if times only grow:
 * its newest record is at most segment.ms younger, and no younger than the newest of all. */
static void when_it_goes(const struct why *w, int64_t keep_ms, int64_t *first, int64_t *last)
{
	int64_t segment_ms = setting_number(w, KEY_SEGMENT_MS), newest = INT64_MAX;
	if (segment_ms != UNKNOWN && segment_ms >= 0)
		newest = sum_of(w->p->first_ms, segment_ms);
	if (w->p->newest_ms != UNKNOWN && w->p->newest_ms >= w->p->first_ms)
		newest = min_of(newest, w->p->newest_ms);
	*first = sum_of(w->p->first_ms, keep_ms);
	*last = sum_of(newest, keep_ms);
	must(*first <= *last);
}

static void by_age(struct why *w, int64_t keep_ms)
{
	struct arena *a = w->arena;
	int64_t first, last, now = w->e->now_ms;
	if (w->p->first_ms == UNKNOWN || w->p->first_ms < 0) {
		find(w, FINDING_RETENTION_TIME,
			"Deletes what is older than %s; the time of the oldest record is not known, so "
			"neither is when.",
			human_span(a, keep_ms));
		return;
	}
	when_it_goes(w, keep_ms, &first, &last);
	const char *age = human_span(a, difference_of(now, w->p->first_ms)), *keep = human_span(a, keep_ms);
	if (first == INT64_MAX)
		find(w, FINDING_RETENTION_NONE, "Deletes what is older than %s, which nothing will be.",
			keep);
	else if (last <= now)
		find(w, FINDING_RETENTION_TIME,
			"Deletes what is older than %s: the oldest segment (its first record is %s old) is "
			"due and goes %s.",
			keep, age, next_check(w));
	else if (first <= now)
		find(w, FINDING_RETENTION_TIME,
			"Deletes what is older than %s: the oldest record (%s old) is, but goes with its "
			"segment, when that one's newest is: by %s at the latest (in %s).",
			keep, age, human_time(a, last), human_span(a, difference_of(last, now)));
	else if (difference_of(last, first) < 1000) /* one moment, as it is shown */
		find(w, FINDING_RETENTION_TIME,
			"Deletes what is older than %s: the oldest segment goes at %s (in %s).", keep,
			human_time(a, first), human_span(a, difference_of(first, now)));
	else
		find(w, FINDING_RETENTION_TIME,
			"Deletes what is older than %s: the oldest segment goes between %s (in %s) and %s, "
			"when its newest record is so old.",
			keep, human_time(a, first), human_span(a, difference_of(first, now)),
			human_time(a, last));
}

/* ---- by size ---- */

/* How long so many bytes take, at the rate at which those that are there came. "": not known. */
static const char *at_this_rate(const struct why *w, int64_t size, int64_t bytes)
{
	const struct explained_partition *p = w->p;
	if (p->first_ms == UNKNOWN || p->newest_ms == UNKNOWN || p->first_ms < 0 || size <= 0)
		return "";
	double span = (double)difference_of(p->newest_ms, p->first_ms);
	double ms = (double)bytes / (double)size * span;
	if (span <= 0 || ms >= 1e15)
		return "";
	return human_printf(
		w->arena, ", about %s at the rate of what is there", human_span(w->arena, (int64_t)ms));
}

static void by_size(struct why *w, int64_t keep)
{
	struct arena *a = w->arena;
	int64_t size = explained_size(w->p), segment = setting_number(w, KEY_SEGMENT_BYTES);
	if (size == UNKNOWN) {
		find(w, FINDING_RETENTION_SIZE, "Deletes what is beyond %s; its size is not known.",
			human_bytes(a, keep));
		return;
	}
	int64_t excess = difference_of(size, keep), left = difference_of(0, excess);
	const char *is = human_bytes(a, size), *limit = human_bytes(a, keep);
	if (excess < 0)
		find(w, FINDING_RETENTION_SIZE,
			"Deletes what is beyond %s: %s are there, nothing goes before %s more have come%s.",
			limit, is, human_bytes(a, left), at_this_rate(w, size, left));
	else if (segment != UNKNOWN && excess >= segment)
		find(w, FINDING_RETENTION_SIZE,
			"Deletes what is beyond %s: %s are there, and the oldest segment is due and goes %s.",
			limit, is, next_check(w));
	else
		find(w, FINDING_RETENTION_SIZE,
			"Deletes what is beyond %s: %s are there, and the oldest segment goes as soon as it "
			"is not larger than the %s too much (it has at most segment.bytes%s).",
			limit, is, human_bytes(a, excess),
			segment == UNKNOWN ? "" : human_printf(a, ", %s", human_bytes(a, segment)));
}

static void deletion(struct why *w)
{
	int64_t ms = setting_number(w, KEY_RETENTION_MS), bytes = setting_number(w, KEY_RETENTION_BYTES);
	if (ms != UNKNOWN && ms >= 0)
		by_age(w, ms);
	if (bytes != UNKNOWN && bytes >= 0)
		by_size(w, bytes);
	if (ms != UNKNOWN && ms < 0 && (bytes == UNKNOWN || bytes < 0))
		find(w, FINDING_RETENTION_NONE,
			"Nothing is ever deleted: retention.ms=%" PRId64 " and retention.bytes=%" PRId64
			" have no end.",
			ms, bytes == UNKNOWN ? -1 : bytes);
}

/* ---- compaction ---- */

/* Whether all records may still be in the one segment that is written to, which is left alone. */
static bool may_be_active(const struct why *w)
{
	int64_t segment_ms = setting_number(w, KEY_SEGMENT_MS), bytes = setting_number(w, KEY_SEGMENT_BYTES);
	int64_t size = explained_size(w->p);
	bool small = size != UNKNOWN && bytes != UNKNOWN && size < bytes;
	return small && segment_ms != UNKNOWN && w->p->first_ms != UNKNOWN && w->p->first_ms >= 0 &&
		w->p->newest_ms != UNKNOWN && difference_of(w->p->newest_ms, w->p->first_ms) <= segment_ms;
}

static void compaction(struct why *w)
{
	struct arena *a = w->arena;
	const struct explained_broker *b = explained_broker_of(w->e, w->p->leader);
	const char *ratio = w->t->settings[KEY_DIRTY_RATIO].value;
	int64_t least = setting_number(w, KEY_MIN_COMPACTION_LAG);
	int64_t most = setting_number(w, KEY_MAX_COMPACTION_LAG);
	int64_t segment_ms = setting_number(w, KEY_SEGMENT_MS);
	if (b && b->settings_known && !b->cleaner_on) {
		find(w, FINDING_CLEANER_OFF,
			"Is to be compacted, but log.cleaner.enable=false on its broker: it only grows.");
		return;
	}
	const char *text = human_printf(a,
		"Compacted when %s of it is new since the last time (min.cleanable.dirty.ratio)",
		ratio ? ratio : "enough");
	if (most != UNKNOWN && most < INT64_MAX)
		text = human_printf(a, "%s or something in it has waited %s", text, human_span(a, most));
	if (least != UNKNOWN && least > 0)
		text = human_printf(a, "%s, but never what is younger than %s", text, human_span(a, least));
	find(w, FINDING_COMPACTION, "%s. How much is new only its broker knows: the protocol does not tell.",
		text);
	if (may_be_active(w))
		find(w, FINDING_COMPACTION,
			"All of it may still be in the segment that is written to, which is not compacted: "
			"that ends with the first record after %s (segment.ms), or at %s (segment.bytes).",
			human_time(a, sum_of(w->p->first_ms, segment_ms)),
			human_bytes(a, setting_number(w, KEY_SEGMENT_BYTES)));
}

void explain_coming(struct why *w)
{
	const char *policy = w->t->settings[KEY_CLEANUP_POLICY].value;
	bool deletes = explained_policy(w->t, "delete"), compacts = explained_policy(w->t, "compact");
	if (!w->t->settings_known || !w->p->has_leader)
		return;
	if (is_empty(w->p)) {
		find(w, FINDING_RETENTION_NONE, "It has no records: nothing to delete or to compact.");
		return;
	}
	if (deletes)
		deletion(w);
	if (compacts)
		compaction(w);
	if (!deletes && !compacts)
		find(w, FINDING_RETENTION_NONE,
			"Nothing is ever deleted or compacted: cleanup.policy is '%s'.",
			policy ? policy : "");
}
