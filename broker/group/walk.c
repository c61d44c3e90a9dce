/* walk.c - see walk.h. */
#include "broker/group/walk.h"

#include "broker/base/must.h"
#include "broker/group/group.h"

static struct group *first_of(const struct coordinated *at)
{
	return at && at->state == COORDINATED_ACTIVE ? at->groups : NULL;
}

void group_walk_begin(struct group_walk *w, struct coordinator *co)
{
	reactor_must_be_here(co->home);
	*w = (struct group_walk){ .at = co->partitions, .next = first_of(co->partitions) };
	if (!co->stopped)
		list_push_back(&co->walks, &w->link);
}

void group_walk_end(struct group_walk *w)
{
	if (list_linked(&w->link))
		list_remove(&w->link);
}

/* NULL when there are no more. Partitions are never forgotten, so the walk finds its way on. */
static struct group *take(struct group_walk *w)
{
	while (!w->next && w->at) {
		w->at = w->at->hh.next;
		w->next = first_of(w->at);
	}
	struct group *g = w->next;
	if (g)
		w->next = g->hh.next;
	return g;
}

bool group_walk_on(struct group_walk *w, group_visit *visit, void *arg)
{
	for (int done = 0; done < WALK_A_TURN && list_linked(&w->link);) {
		struct group *g = take(w);
		if (!g) {
			group_walk_end(w);
			return false;
		}
		done += visit(arg, g);
	}
	return list_linked(&w->link);
}

void group_walks_end(struct coordinator *co)
{
	list_for_each_safe(it, &co->walks)
		list_remove(it);
}

void group_walks_leave(struct coordinator *co, const struct group *g)
{
	list_for_each(it, &co->walks) {
		struct group_walk *w = list_entry(it, struct group_walk, link);
		if (w->next == g)
			w->next = g->hh.next;
	}
}
