/* group_home.c - see group_home.h. */
#include "broker/api/group_home.h"

#include "broker/cluster/names.h"
#include "broker/cluster/shard.h"
#include "broker/group/coordinator.h"

/* Of __consumer_offsets. */
static int32_t partitions(const struct request *req)
{
	const struct meta_topic *topic = meta_topic(req->core->meta, SLICE_LIT(TOPIC_OFFSETS));
	return topic ? topic->n_partitions : req->core->api->config->offsets_topic_num_partitions;
}

struct group_home group_home(const struct request *req, struct slice group)
{
	const struct api *api = req->core->api;
	int32_t partition = coordinator_partition_of(group, partitions(req));
	return (struct group_home){ partition, api->cores[shard_home(SLICE_LIT(TOPIC_OFFSETS), partition,
								     api->n_cores)] };
}

bool group_may_be_static(const struct request *req, struct slice instance_id)
{
	return slice_is_null(instance_id) || req->core->api->config->ibp >= IBP_2_3_IV0;
}
