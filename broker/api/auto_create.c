/* auto_create.c - see auto_create.h. */
#include "broker/api/auto_create.h"

#include "broker/base/log.h"
#include "broker/cluster/names.h"

#define LOGGER "kafka.server.DefaultAutoTopicCreationManager"

enum { INTERNAL_SETTINGS_MAX = 5 };

static enum kerr not_enough(struct topic_spec *spec, const struct config *c, int brokers, bool internal)
{
	int wanted = spec->replication_factor == TOPICS_DEFAULT ? c->default_replication_factor
								: spec->replication_factor;
	if (wanted <= brokers)
		return KERR_NONE;
	log_error(LOGGER, "Number of alive brokers '%d' does not meet the required replication factor '%d' "
		  "for auto creation of topic '%s'. This error can be ignored if the cluster is starting up "
		  "and not all brokers are up yet.", brokers, wanted, log_safe(spec->name).s);
	return internal ? KERR_COORDINATOR_NOT_AVAILABLE : KERR_INVALID_REPLICATION_FACTOR;
}

/* The settings that 3.9 gives its two internal topics. */
static bool describe_internal(struct topic_spec *spec, const struct config *c, struct arena *arena,
			      struct config_setting settings[INTERNAL_SETTINGS_MAX])
{
	size_t n = 0;
	bool offsets = slice_is(spec->name, TOPIC_OFFSETS);
	if (!offsets && !slice_is(spec->name, TOPIC_TRANSACTIONS))
		return false;
	spec->partitions = offsets ? c->offsets_topic_num_partitions
		: c->transaction_state_log_num_partitions;
	spec->replication_factor = (int16_t)(offsets ? c->offsets_topic_replication_factor
						     : c->transaction_state_log_replication_factor);
	int32_t segment = offsets ? c->offsets_topic_segment_bytes : c->transaction_state_log_segment_bytes;
	settings[n++] = (struct config_setting){ "compression.type", offsets ? "producer" : "uncompressed" };
	settings[n++] = (struct config_setting){ "cleanup.policy", "compact" };
	settings[n++] = (struct config_setting){ "segment.bytes", arena_printf(arena, "%d", segment) };
	if (!offsets) {
		const char *min_isr = arena_printf(arena, "%d", c->transaction_state_log_min_isr);
		settings[n++] = (struct config_setting){ "min.insync.replicas", min_isr };
		settings[n++] = (struct config_setting){ "unclean.leader.election.enable", "false" };
	}
	spec->settings = settings;
	spec->n_settings = n;
	return true;
}

enum kerr auto_create(struct api *api, struct slice topic, struct arena *arena)
{
	struct config_setting settings[INTERNAL_SETTINGS_MAX];
	struct topic_spec spec = { .name = topic, .partitions = TOPICS_DEFAULT,
				   .replication_factor = TOPICS_DEFAULT };
	struct topic_made made;
	const char *why = NULL;
	bool internal = describe_internal(&spec, api->config, arena, settings);
	enum kerr error = not_enough(&spec, api->config, meta_brokers(metastore_now(api->topics.metastore)),
				     internal);
	if (arena_overflowed(arena))
		return KERR_UNKNOWN_SERVER_ERROR; /* and the request is refused */
	if (!error)
		error = topics_create(&api->topics, &spec, false, arena, &made, &why);
	if (error == KERR_TOPIC_ALREADY_EXISTS || !error) {
		topics_wait_leaders(&api->topics, topic, 1, AUTO_CREATE_WAIT_MS);
		return KERR_LEADER_NOT_AVAILABLE;
	}
	log_info(LOGGER, "Topic %s could not be created: %s (%s).", log_safe(topic).s, kerr_name(error),
		 why ? why : "");
	return error;
}
