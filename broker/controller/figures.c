/* figures.c - what metrics tell of the controller, as KafkaController.updateMetrics of 3.9 counts it. */
#include "broker/controller/controller_priv.h"

#include "broker/base/must.h"

#include <string.h>

/* kafka.controller.ControllerState of 3.9. What is no event there has the number of the one that does its
 * work. */
static const struct {
	const char *event;
	int number;
} states[] = {
	{ "Startup", 1 },
	{ "Reelect", 1 },
	{ "RegisterBrokerAndReelect", 1 },
	{ "ControllerChange", 1 },
	{ "BrokerChange", 2 },
	{ "BrokerModifications", 2 },
	{ "TopicChange", 3 },
	{ "PartitionModifications", 3 },
	{ "TopicDeletion", 4 },
	{ "TopicDeletionStopReplicaResponseReceived", 4 },
	{ "PartitionReassignment", 5 },
	{ "ZkPartitionReassignment", 5 },
	{ "ApiPartitionReassignment", 5 },
	{ "PartitionReassignmentIsrChange", 5 },
	{ "ReplicaLeaderElection", 7 },
	{ "LeaderAndIsrResponseReceived", 10 },
	{ "LogDirEventNotification", 11 },
	{ "UncleanLeaderElectionEnable", 13 },
	{ "TopicUncleanLeaderElectionEnable", 14 },
	{ "ListPartitionReassignments", 15 },
};

int ctl_state_of(const char *event)
{
	for (size_t i = 0; i < countof(states); i++)
		if (strcmp(states[i].event, event) == 0)
			return states[i].number;
	must_not_reach("an event without a state");
}

/* What ControllerStats of 3.9 times, by the number of its state. */
static const enum metric timers[] = {
	[1] = METRIC_CONTROLLER_CHANGE_TIME,
	[2] = METRIC_LEADER_ELECTION_TIME,
	[3] = METRIC_TOPIC_CHANGE_TIME,
	[4] = METRIC_TOPIC_DELETION_TIME,
	[5] = METRIC_REASSIGNMENT_TIME,
	[7] = METRIC_MANUAL_BALANCE_TIME,
	[10] = METRIC_LEADER_AND_ISR_ANSWER_TIME,
	[11] = METRIC_LOG_DIR_CHANGE_TIME,
	[13] = METRIC_UNCLEAN_ENABLED_TIME,
	[14] = METRIC_TOPIC_UNCLEAN_ENABLED_TIME,
	[15] = METRIC_LIST_REASSIGNMENTS_TIME,
};

void ctl_event_begins(const struct controller *c, struct ctl_event *e)
{
	e->since_ns = sys_mono_ns();
	if (c->ports.metrics)
		histogram_record(c->ports.metrics, METRIC_EVENT_QUEUE_TIME, 0,
				 (uint64_t)(e->since_ns - e->queued_ns) / 1000);
}

void ctl_event_ended(const struct controller *c, const struct ctl_event *e)
{
	must(e->state > 0 && (size_t)e->state < countof(timers));
	if (c->ports.metrics)
		histogram_record(c->ports.metrics, timers[e->state], 0,
				 (uint64_t)(sys_mono_ns() - e->since_ns) / 1000);
}

/* One that comes to its partition is not yet expected to lead it. */
static bool is_led_by_another(const struct ctl_partition *p)
{
	return p->has_leadership && p->n_replicas > 0 && !p->replicas[0].adding &&
	       p->lead.leader != p->replicas[0].broker;
}

static void count_deletion(const struct ctl_topic *t, struct controller_figures *out)
{
	bool stuck = t->n_moving > 0;
	ctl_each_partition(p, t)
		for (int i = 0; i < p->n_replicas; i++) {
			bool waits = p->replicas[i].state == REPLICA_DELETION_INELIGIBLE;
			out->deleting_replicas += p->replicas[i].state != REPLICA_DELETION_SUCCESSFUL;
			out->stuck_replicas += waits;
			stuck |= waits;
		}
	out->deleting_topics++;
	out->stuck_topics += stuck;
}

static void count_partition(const struct ctl_partition *p, struct controller_figures *out)
{
	out->partitions++;
	if (p->topic->deleting)
		return;
	out->offline_partitions += p->state != PARTITION_ONLINE || p->lead.leader == CTL_NO_LEADER;
	out->not_preferred += is_led_by_another(p);
}

void controller_figures(const struct controller *c, struct controller_figures *out)
{
	CHECK_OBJ_NOTNULL(c, CONTROLLER_MAGIC);
	*out = (struct controller_figures){ .active = c->active, .epoch = c->epoch,
					    .queued_events = c->n_events,
					    .topics = (int)HASH_COUNT(c->ctx.topics),
					    .brokers = (int)HASH_COUNT(c->ctx.brokers),
					    .state = c->state,
					    .unclean_elections = c->unclean_elections };
	ctl_each_topic(t, &c->ctx) {
		if (t->deleting)
			count_deletion(t, out);
		ctl_each_partition(p, t)
			count_partition(p, out);
	}
}
