/* leaders.c - see leaders.h. */
#include "broker/api/leaders.h"

#include "broker/base/must.h"

enum kerr leader_check(const struct partition *at, int32_t client_epoch)
{
	enum kerr error = partition_check_leader(at, client_epoch);
	return !error && client_epoch < -1 ? KERR_FENCED_LEADER_EPOCH : error;
}

bool told_leader(const struct request *req, struct slice topic, int32_t partition, struct told_leader *out)
{
	const struct meta_partition *known = meta_partition(req->core->meta, topic, partition);
	if (!known)
		return false;
	*out = (struct told_leader){ known->leader, known->leader_epoch };
	return true;
}

void told_endpoints_add(struct told_endpoints *told, int32_t leader)
{
	const struct metadata *meta = told->req->core->meta;
	const struct meta_broker *b = meta_broker(meta, leader);
	const struct meta_endpoint *at = b ? meta_endpoint(b, request_listener(told->req)) : NULL;
	for (int i = 0; i < told->n; i++)
		if (told->v[i].id == leader)
			return;
	if (!at)
		return;
	if (!told->v)
		told->v = arena_array(&told->req->arena, (size_t)meta_brokers(meta), sizeof *told->v);
	if (!told->v)
		return;
	must(told->n < meta_brokers(meta));
	told->v[told->n++] = (struct told_endpoint){ b->id, slice_str(at->host), at->port,
						     slice_str(b->rack) };
}
