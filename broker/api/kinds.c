/* kinds.c - see kinds.h. */
#include "broker/api/kinds.h"

#include "broker/api/tally.h"
#include "broker/base/must.h"
#include "broker/protocol/kapi.h"

#include <stdlib.h>
#include <string.h>

#define KINDS_MAGIC 0x41d5a7e1u

enum { DEPRECATED_ROWS = 27 };

/* ---- connections ---- */

void kinds_init(struct kinds *k)
{
	*k = (struct kinds){ .magic = KINDS_MAGIC };
}

static void forget(struct kind *kind)
{
	free(kind->listener);
	free(kind->first);
	free(kind->second);
	free(kind->deprecated);
	*kind = (struct kind){ 0 };
}

void kinds_fini(struct kinds *k)
{
	CHECK_OBJ_NOTNULL(k, KINDS_MAGIC);
	for (int i = 0; i <= KINDS_MAX; i++)
		forget(&k->v[i]);
	k->magic = 0;
}

static struct kind *name(struct kind *kind, const char *listener, const char *first, const char *second)
{
	must(kind->listener == NULL);
	kind->listener = mem_strdup(listener);
	kind->first = mem_strdup(first);
	kind->second = mem_strdup(second);
	return kind;
}

struct kind *kinds_rest(struct kinds *k)
{
	CHECK_OBJ_NOTNULL(k, KINDS_MAGIC);
	struct kind *rest = &k->v[KINDS_MAX];
	return rest->listener ? rest : name(rest, KIND_REST, KIND_REST, KIND_REST);
}

static void add_deprecated(struct kind *kind, int row, uint64_t n)
{
	must(row >= 0 && row < DEPRECATED_ROWS && kind->listener);
	if (!kind->deprecated)
		kind->deprecated = mem_zalloc(DEPRECATED_ROWS * sizeof *kind->deprecated);
	kind->deprecated[row] += n;
}

static bool is(const struct kind *kind, const char *listener, const char *first, const char *second)
{
	return strcmp(kind->first, first) == 0 && strcmp(kind->second, second) == 0 &&
	       strcmp(kind->listener, listener) == 0;
}

/* What was counted of a kind that nobody is of goes to the rest, so that who is here can be told. */
static struct kind *make_room(struct kinds *k)
{
	for (int i = 0; i < KINDS_MAX; i++) {
		struct kind *kind = &k->v[i];
		if (kind->connections > 0)
			continue;
		for (int row = 0; row < DEPRECATED_ROWS; row++)
			add_deprecated(kinds_rest(k), row, kind->deprecated[row]);
		forget(kind);
		return kind;
	}
	return NULL;
}

static struct kind *find(struct kinds *k, const char *listener, const char *first, const char *second)
{
	struct kind *place = NULL;
	for (int i = 0; i < KINDS_MAX; i++) {
		struct kind *kind = &k->v[i];
		if (kind->listener && is(kind, listener, first, second))
			return kind;
		if (!kind->listener && !place)
			place = kind;
	}
	if (!place)
		place = make_room(k);
	return place ? name(place, listener, first, second) : kinds_rest(k);
}

struct kind *kind_enter(struct kinds *k, const char *listener, const char *first, const char *second)
{
	CHECK_OBJ_NOTNULL(k, KINDS_MAGIC);
	struct kind *kind = find(k, listener, first, second);
	kind->connections++;
	return kind;
}

void kind_leave(struct kinds *k, struct kind *kind)
{
	CHECK_OBJ_NOTNULL(k, KINDS_MAGIC);
	must(kind >= k->v && kind <= &k->v[KINDS_MAX] && kind->connections > 0);
	if (--kind->connections == 0 && !kind->deprecated)
		forget(kind);
}

/* ---- deprecated versions ---- */

/* What the messages of 3.9 say ("deprecatedVersions"): always the first ones. */
static const struct {
	int16_t request, versions;
} deprecated[] = {
	{ KAPI_PRODUCE, 3 },
	{ KAPI_FETCH, 4 },
	{ TALLY_FETCH_CONSUMER, 4 },
	{ TALLY_FETCH_FOLLOWER, 4 },
	{ KAPI_LIST_OFFSETS, 1 },
	{ KAPI_OFFSET_COMMIT, 2 },
	{ KAPI_OFFSET_FETCH, 1 },
	{ KAPI_CREATE_TOPICS, 2 },
	{ KAPI_DELETE_TOPICS, 1 },
	{ KAPI_OFFSET_FOR_LEADER_EPOCH, 2 },
	{ KAPI_DESCRIBE_CONFIGS, 1 },
	{ KAPI_ALTER_REPLICA_LOG_DIRS, 1 },
	{ KAPI_DESCRIBE_LOG_DIRS, 1 },
};
enum { DEPRECATED_BELOW = 4 }; /* in all of them */

int deprecated_row(int request, int version)
{
	if (version >= DEPRECATED_BELOW) /* nearly all that come */
		return -1;
	for (size_t i = 0, row = 0; i < countof(deprecated); row += (size_t)deprecated[i++].versions)
		if (deprecated[i].request == request)
			return version < deprecated[i].versions ? (int)row + version : -1;
	return -1;
}

bool deprecated_pair(int row, int *request, int *version)
{
	must(row >= 0);
	for (size_t i = 0; i < countof(deprecated); row -= deprecated[i++].versions)
		if (row < deprecated[i].versions) {
			*request = deprecated[i].request;
			*version = row;
			return true;
		}
	return false;
}

void kind_count_deprecated(struct kind *kind, int row)
{
	add_deprecated(kind, row, 1);
}

/* ---- for others ---- */

static bool copy(const struct kind *from, struct arena *arena, struct kind *to)
{
	size_t bytes = from->deprecated ? DEPRECATED_ROWS * sizeof *from->deprecated : 0;
	to->listener = arena_strdup(arena, slice_str(from->listener));
	to->first = arena_strdup(arena, slice_str(from->first));
	to->second = arena_strdup(arena, slice_str(from->second));
	to->connections = from->connections;
	to->deprecated = bytes > 0 ? arena_alloc(arena, bytes) : NULL;
	if (to->deprecated)
		memcpy(to->deprecated, from->deprecated, bytes);
	return !arena_overflowed(arena);
}

void kinds_copy(const struct kinds *k, struct arena *arena, struct kinds_copy *out)
{
	CHECK_OBJ_NOTNULL(k, KINDS_MAGIC);
	*out = (struct kinds_copy){ arena_array(arena, KINDS_MAX + 1, sizeof *out->v), 0 };
	for (int i = 0; out->v && i <= KINDS_MAX; i++)
		if (k->v[i].listener && copy(&k->v[i], arena, &out->v[out->n]))
			out->n++;
}
