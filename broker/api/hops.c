/* hops.c - see hops.h. */
#include "broker/api/hops.h"

#include "broker/base/must.h"
#include "broker/cluster/shard.h"

bool hops_init(struct hops *h, struct request *req, void (*ask)(struct hop_part *part),
	       void (*answer)(struct request *req))
{
	*h = (struct hops){ .req = req, .ask = ask, .answer = answer };
	h->v = arena_array(&req->arena, (size_t)req->core->api->n_cores, sizeof *h->v);
	return h->v != NULL;
}

void hops_add(struct hops *h, struct hop_part *part, struct slice topic, int32_t partition)
{
	const struct api *api = h->req->core->api;
	int home = shard_home(topic, partition, api->n_cores);
	struct hop *hop = &h->v[home];
	if (!hop->hops) {
		*hop = (struct hop){ .hops = h, .there = api->cores[home], .last = &hop->first };
		h->out++;
	}
	part->hop = hop;
	*hop->last = part;
	hop->last = &part->next;
	hop->pending++;
}

/* Accepting core. */
static void hop_back(struct reactor *here, struct msg *m)
{
	struct hops *h = container_of(m, struct hop, msg)->hops;
	must(here == h->req->core->reactor && h->out > 0);
	if (--h->out == 0)
		h->answer(h->req);
}

void hop_done(struct hop_part *part)
{
	struct hop *hop = part->hop;
	must(hop->pending > 0);
	if (--hop->pending > 0)
		return;
	hop->msg.run = hop_back;
	reactor_post(hop->there->reactor, hop->hops->req->core->reactor, &hop->msg);
}

/* Home core. */
static void hop_run(struct reactor *here, struct msg *m)
{
	struct hop *hop = container_of(m, struct hop, msg);
	must(here == hop->there->reactor);
	for (struct hop_part *part = hop->first, *next; part; part = next) {
		next = part->next; /* the last hop_done() gives the hop away */
		hop->hops->ask(part);
	}
}

void hops_send(struct hops *h)
{
	const struct api *api = h->req->core->api;
	if (h->out == 0) {
		h->answer(h->req);
		return;
	}
	for (int core = 0; core < api->n_cores; core++) {
		struct hop *hop = &h->v[core];
		if (!hop->hops)
			continue;
		hop->msg.run = hop_run;
		reactor_post(h->req->core->reactor, hop->there->reactor, &hop->msg);
	}
}
