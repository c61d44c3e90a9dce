/* hops.h - a request that asks home cores: its parts are grouped by home, one message goes to each, and the
 * answer is made when all are back.
 *
 *	accepting core	hops_init; hops_add() for each part that has something to ask; hops_send()
 *	home core	ask(part): looks, and ends with hop_done(part), at once or later
 *	accepting core	answer(request), when all are back; at once where nothing was to be asked
 *
 * Everything lies in the request's arena; a part embeds its struct hop_part.
 */
#ifndef SAMSA_API_HOPS_H
#define SAMSA_API_HOPS_H

#include "broker/api/api.h"

struct hop;

struct hop_part {
	struct hop_part *next; /* of its hop */
	struct hop *hop;
};

/* What goes to one home core. */
struct hop {
	struct msg msg;
	struct hops *hops;
	struct api_core *there;
	struct hop_part *first, **last;
	int pending;           /* parts not done */
};

struct hops {
	struct request *req;
	struct hop *v;         /* beside the cores */
	int out;
	void (*ask)(struct hop_part *part);
	void (*answer)(struct request *req);
};

/* False: the request's arena has no room. */
bool hops_init(struct hops *h, struct request *req, void (*ask)(struct hop_part *part),
	       void (*answer)(struct request *req));
/* The part is to be asked where this partition lives. */
void hops_add(struct hops *h, struct hop_part *part, struct slice topic, int32_t partition);
void hops_send(struct hops *h);

/* The core that the part was sent to. */
static inline struct api_core *hop_core(const struct hop_part *part)
{
	return part->hop->there;
}

static inline struct request *hop_request(const struct hop_part *part)
{
	return part->hop->hops->req;
}

/* On that core, once for each part; the last one gives the request away. */
void hop_done(struct hop_part *part);

#endif
