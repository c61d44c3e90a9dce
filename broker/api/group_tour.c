/* group_tour.c - see group_tour.h. */
#include "broker/api/group_tour.h"

#include "broker/api/group_home.h"
#include "broker/base/must.h"

bool group_tour_init(struct request *req, struct group_tour *t, const struct slice *groups, int32_t n)
{
	t->n = n;
	t->stops = arena_array(&req->arena, (size_t)n, sizeof *t->stops);
	if (!t->stops)
		return false;
	for (int32_t i = 0; i < n; i++) {
		struct group_home home = group_home(req, groups[i]);
		t->stops[i] = (struct group_stop){ groups[i], home.partition, home.core->core };
	}
	return true;
}

static bool lives_here(const struct group_tour *t, int core)
{
	for (int32_t i = 0; i < t->n; i++)
		if (t->stops[i].core == core)
			return true;
	return false;
}

static void go_on(struct request *req);

static void visit(struct request *req)
{
	struct group_tour *t = req->state;
	struct coordinator *here = req->core->api->cores[t->core]->coordinator;
	size_t upto = req->arena.used + TOUR_BYTES_A_TURN;
	int asked = 0;
	for (; t->next < t->n && !arena_overflowed(&req->arena); t->next++) {
		if (t->stops[t->next].core != t->core)
			continue;
		if (asked++ == TOUR_STOPS_A_TURN || req->arena.used > upto || !t->ask(req, here, t->next)) {
			request_again(req, visit);
			return;
		}
	}
	t->next = 0;
	t->core++;
	go_on(req);
}

static void go_on(struct request *req)
{
	struct group_tour *t = req->state;
	struct api *api = req->core->api;
	while (t->core < api->n_cores && !lives_here(t, t->core))
		t->core++;
	if (arena_overflowed(&req->arena))
		request_refuse_large(req);
	else if (t->core < api->n_cores)
		request_to_home(req, api->cores[t->core], visit);
	else
		t->answer(req);
}

void group_tour_start(struct request *req, group_tour_ask *ask, void (*answer)(struct request *req))
{
	struct group_tour *t = req->state;
	t->core = 0;
	t->next = 0;
	t->ask = ask;
	t->answer = answer;
	go_on(req);
}

struct slice request_copy(struct request *req, struct slice s)
{
	if (slice_is_null(s))
		return s;
	uint8_t *p = arena_alloc(&req->arena, max_of(s.n, 1u));
	if (!p)
		return SLICE_NULL;
	memcpy(p, s.p, s.n);
	return slice_of(p, s.n);
}
