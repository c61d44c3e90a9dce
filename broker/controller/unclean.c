/* unclean.c - settings that change under the controller: where unclean elections have become allowed,
 * partitions without a leader are elected for at once. Facts:
 * KafkaController.processUncleanLeaderElectionEnable and processTopicUncleanLeaderElectionEnable of 3.9. */
#include "broker/controller/controller_priv.h"

#include "broker/base/must.h"

static void elect_again(struct controller *c, struct ctl_event *e)
{
	if (!c->active)
		return;
	log_info(CTL_LOGGER, "[Controller id=%d] Unclean leader election has been enabled%s%s", c->broker_id,
		 e->topic ? " for topic " : " by default", e->topic ? e->topic : "");
	ctl_elect_offline(c, e->topic);
}

void controller_set_config(struct controller *c, const struct config *now)
{
	CHECK_OBJ_NOTNULL(c, CONTROLLER_MAGIC);
	const struct config *old = c->config;
	c->config = config_get(now);
	if (now->unclean_leader_election_enable && !old->unclean_leader_election_enable)
		ctl_enqueue(c, ctl_event_new("UncleanLeaderElectionEnable", elect_again));
	config_put(old);
}

static bool has_offline(const struct controller *c, const char *topic)
{
	const struct ctl_topic *t = ctl_topic(&c->ctx, topic);
	if (t)
		ctl_each_partition(p, t)
			if (p->state == PARTITION_OFFLINE)
				return true;
	return false;
}

void controller_topic_settings_changed(struct controller *c, const char *topic)
{
	CHECK_OBJ_NOTNULL(c, CONTROLLER_MAGIC);
	if (!c->active || !has_offline(c, topic))
		return;
	struct ctl_event *e = ctl_event_new("TopicUncleanLeaderElectionEnable", elect_again);
	e->topic = mem_strdup(topic);
	ctl_enqueue(c, e);
}
