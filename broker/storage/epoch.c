/* epoch.c - see epoch.h */
#include "broker/storage/epoch.h"

#include "broker/base/must.h"
#include "broker/storage/checkpoint.h"

#include <errno.h>
#include <string.h>

enum { FIRST_ROOM = 4 };

void epochs_free(struct epochs *e)
{
	free(e->entries);
	*e = (struct epochs){ 0 };
}

static void push(struct epochs *e, int32_t epoch, int64_t start)
{
	if (e->n == e->room) {
		e->room = e->room ? e->room * 2 : FIRST_ROOM;
		e->entries = mem_realloc(e->entries, e->room * sizeof *e->entries);
	}
	e->entries[e->n++] = (struct epoch_entry){ .epoch = epoch, .start = start };
}

static void note_change(struct epochs *e, bool changed)
{
	e->dirty |= changed;
	e->urgent |= changed;
}

void epochs_assign(struct epochs *e, int32_t epoch, int64_t start)
{
	must(epoch >= 0);
	must(start >= 0);
	if (e->n > 0) {
		const struct epoch_entry *last = &e->entries[e->n - 1];
		if (last->epoch == epoch && last->start <= start)
			return;
	}
	while (e->n > 0 && (e->entries[e->n - 1].epoch >= epoch || e->entries[e->n - 1].start >= start))
		e->n--;
	push(e, epoch, start);
	e->dirty = true;
}

void epochs_truncate_end(struct epochs *e, int64_t offset)
{
	uint32_t before = e->n;
	while (e->n > 0 && e->entries[e->n - 1].start >= offset)
		e->n--;
	note_change(e, e->n != before);
}

void epochs_truncate_start(struct epochs *e, int64_t offset)
{
	uint32_t gone = 0;
	while (gone < e->n && e->entries[gone].start <= offset)
		gone++;
	if (gone == 0 || (gone == 1 && e->entries[0].start == offset))
		return;
	gone--;
	memmove(e->entries, e->entries + gone, (e->n - gone) * sizeof *e->entries);
	e->n -= gone;
	e->entries[0].start = offset;
	note_change(e, true);
}

void epochs_clear(struct epochs *e)
{
	note_change(e, e->n > 0);
	e->n = 0;
}

int32_t epochs_latest(const struct epochs *e)
{
	return e->n ? e->entries[e->n - 1].epoch : -1;
}

int32_t epochs_at(const struct epochs *e, int64_t offset)
{
	int32_t epoch = -1;
	for (uint32_t i = 0; i < e->n && e->entries[i].start <= offset; i++)
		epoch = e->entries[i].epoch;
	return epoch;
}

void epochs_end_offset(const struct epochs *e, int32_t epoch, int64_t log_end, int32_t *found, int64_t *end)
{
	*found = -1;
	*end = -1;
	/* Only -1 means that no epoch is known; what is lower still is one before the first, as in 3.9. */
	if (epoch == -1 || e->n == 0 || epoch > epochs_latest(e))
		return;
	*found = epoch;
	*end = log_end;
	if (epoch == epochs_latest(e))
		return;
	uint32_t higher = 0;
	while (e->entries[higher].epoch <= epoch)
		higher++;
	must(higher < e->n);
	if (higher > 0)
		*found = e->entries[higher - 1].epoch;
	*end = e->entries[higher].start;
}

static int load_entry(void *arg, const struct slice fields[CHECKPOINT_FIELDS_MAX])
{
	struct epochs *e = arg;
	int64_t epoch, start;
	if (checkpoint_number(fields[0], &epoch) || checkpoint_number(fields[1], &start))
		return -EBADMSG;
	if (epoch < 0 || epoch > INT32_MAX || start < 0)
		return -EBADMSG;
	/* Kafka keeps what it reads in a map: a later line of an epoch wins, order does not matter. */
	epochs_assign(e, (int32_t)epoch, start);
	return 0;
}

int epochs_load(struct epochs *e, const char *path)
{
	epochs_clear(e);
	int error = checkpoint_read(path, 2, load_entry, e);
	e->dirty = e->urgent = false;
	return error == -ENOENT ? 0 : error;
}

char *epochs_text(struct epochs *e, size_t *n)
{
	struct checkpoint c;
	checkpoint_begin(&c);
	for (uint32_t i = 0; i < e->n; i++)
		checkpoint_add(&c, "%d %lld", e->entries[i].epoch, (long long)e->entries[i].start);
	e->dirty = e->urgent = false;
	return checkpoint_text(&c, n);
}
