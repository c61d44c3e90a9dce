/* config_check.c - what several keys say together: numbers that fall back on others, listeners, and the
 * checks that 3.9 makes in KafkaConfig.validateValues and LogConfig. Messages are Kafka's where it has one.
 */
#include "broker/base/must.h"
#include "broker/config/check_priv.h"
#include "broker/config/password.h"
#include "broker/config/principal_rules.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>

enum { MS_PER_MINUTE = 60 * 1000, MS_PER_HOUR = 60 * MS_PER_MINUTE, CLEANER_BUFFER_LEAST_BYTES = 1 << 20 };

static bool is_null(const struct config *c, enum config_key key)
{
	return c->given[key].text == NULL;
}

/* ---- numbers that fall back on others ---- */

/* Gives numbers that are null what they fall back to. */
static void fall_back(struct config *c)
{
	if (is_null(c, CK_log_retention_ms)) {
		bool minutes = !is_null(c, CK_log_retention_minutes);
		c->log_retention_ms = minutes ? (int64_t)c->log_retention_minutes * MS_PER_MINUTE
					      : (int64_t)c->log_retention_hours * MS_PER_HOUR;
	}
	if (c->log_retention_ms < 0)
		c->log_retention_ms = -1;
	if (is_null(c, CK_log_roll_ms))
		c->log_roll_ms = (int64_t)c->log_roll_hours * MS_PER_HOUR;
	if (is_null(c, CK_log_roll_jitter_ms))
		c->log_roll_jitter_ms = (int64_t)c->log_roll_jitter_hours * MS_PER_HOUR;
	if (is_null(c, CK_log_flush_interval_ms))
		c->log_flush_interval_ms = c->log_flush_scheduler_interval_ms;
	if (c->log_message_timestamp_before_max_ms == INT64_MAX)
		c->log_message_timestamp_before_max_ms = c->log_message_timestamp_difference_max_ms;
	if (c->log_message_timestamp_after_max_ms == INT64_MAX)
		c->log_message_timestamp_after_max_ms = c->log_message_timestamp_difference_max_ms;
	if (is_null(c, CK_zookeeper_connection_timeout_ms))
		c->zookeeper_connection_timeout_ms = c->zookeeper_session_timeout_ms;
	if (is_null(c, CK_num_replica_alter_log_dirs_threads))
		c->num_replica_alter_log_dirs_threads = (int32_t)c->data_dirs.n;
}

/* ---- lists within strings ---- */

/* The pieces between commas, trimmed; empty ones are left out. */
static struct config_list split(struct config *c, const char *text)
{
	size_t room = 1;
	for (const char *p = text; *p; p++)
		room += *p == ',';
	const char **v = arena_array(c->arena, room, sizeof *v);
	struct config_list list = { v, 0 };
	must(v);
	while (*text) {
		size_t n = strcspn(text, ","), end = n, begin = 0;
		while (begin < end && isspace((unsigned char)text[begin]))
			begin++;
		while (end > begin && isspace((unsigned char)text[end - 1]))
			end--;
		if (end > begin)
			v[list.n++] = arena_strdup(c->arena, slice_of(text + begin, end - begin));
		text += n + (text[n] == ',');
	}
	return list;
}

static void check_dirs(struct config *c, struct problems *problems)
{
	enum config_key key = c->log_dirs ? CK_log_dirs : CK_log_dir;
	c->data_dirs = split(c, c->log_dirs ? c->log_dirs : c->log_dir);
	const struct config_list *dirs = &c->data_dirs;
	if (dirs->n == 0)
		value_error(c, key, problems,
			"At least one log directory must be defined via log.dirs or log.dir.");
	if (dirs->n > CONFIG_DIRS_MAX)
		value_error(c, key, problems, "more than %d directories", CONFIG_DIRS_MAX);
	for (uint32_t i = 0; i < dirs->n; i++)
		for (uint32_t j = 0; j < i; j++)
			if (strcmp(dirs->v[i], dirs->v[j]) == 0)
				value_error(c, key, problems, "%s stands twice", dirs->v[i]);
}

/* "host:count"; the last colon parts them. */
static int parse_ip_limit(struct config *c, const char *item, const char **host, int32_t *count)
{
	const char *colon = strrchr(item, ':');
	char *end = NULL;
	long value = colon ? strtol(colon + 1, &end, 10) : -1;
	if (!colon || colon == item || end == colon + 1 || *end || value < 0 || value > INT32_MAX)
		return -1;
	*host = arena_strdup(c->arena, slice_of(item, (size_t)(colon - item)));
	*count = (int32_t)value;
	return 0;
}

static void check_ip_limits(struct config *c, struct problems *problems)
{
	struct config_list items = split(c, c->max_connections_per_ip_overrides);
	const char **hosts = arena_array(c->arena, items.n, sizeof *hosts);
	int32_t *counts = arena_array(c->arena, items.n, sizeof *counts);
	must(items.n == 0 || (hosts && counts));
	for (uint32_t i = 0; i < items.n; i++)
		if (parse_ip_limit(c, items.v[i], &hosts[i], &counts[i]) != 0)
			value_error(c, CK_max_connections_per_ip_overrides, problems,
				"'%s' is not of the form host:count", items.v[i]);
	c->ip_limit_hosts = (struct config_list){ hosts, items.n };
	c->ip_limit_counts = counts;
	if (c->max_connections_per_ip == 0 && items.n == 0)
		value_error(c, CK_max_connections_per_ip, problems,
			"max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides "
			"property is set.");
}

/* ---- ids, ZooKeeper, groups ---- */

static void check_ids(const struct config *c, struct problems *problems)
{
	if (c->node_id != c->broker_id)
		value_error(c, CK_node_id, problems,
			"You must set `node.id` to the same value as `broker.id`.");
	else if (!c->broker_id_generation_enable && c->broker_id < 0)
		value_error(c, CK_broker_id, problems,
			"broker.id must be greater than or equal to 0, because broker.id.generation.enable "
			"is false");
	else if (c->broker_id_generation_enable &&
		 (c->broker_id < -1 || c->broker_id > c->reserved_broker_max_id))
		value_error(c, CK_broker_id, problems,
			"broker.id must be greater than or equal to -1 and not greater than "
			"reserved.broker.max.id (%d)",
			c->reserved_broker_max_id);
}

static void check_zookeeper(const struct config *c, struct problems *problems)
{
	if (!c->zookeeper_connect || !*c->zookeeper_connect)
		problem_error(problems,
			"Missing required configuration `zookeeper.connect` which has no default value; for "
			"example zookeeper.connect=localhost:2181");
}

static void check_group_protocols(const struct config *c, struct problems *problems)
{
	const struct config_list *protocols = &c->group_coordinator_rebalance_protocols;
	bool classic = false;
	for (uint32_t i = 0; i < protocols->n; i++) {
		classic |= strcmp(protocols->v[i], "classic") == 0;
		if (strcmp(protocols->v[i], "consumer") == 0)
			value_error(c, CK_group_coordinator_rebalance_protocols, problems,
				"The new 'CONSUMER' rebalance protocol is only supported in KRaft cluster.");
	}
	if (!classic)
		value_error(c, CK_group_coordinator_rebalance_protocols, problems,
			"Disabling the 'CLASSIC' protocol is not supported.");
}

/* ---- numbers beside each other ---- */

static void check_groups(const struct config *c, struct problems *problems)
{
	if (c->offsets_commit_required_acks < -1 ||
		c->offsets_commit_required_acks > c->offsets_topic_replication_factor)
		value_error(c, CK_offsets_commit_required_acks, problems,
			"offsets.commit.required.acks must be greater or equal -1 and less or equal to "
			"offsets.topic.replication.factor");
}

static void check_log(const struct config *c, struct problems *problems)
{
	if (c->log_roll_ms < 1)
		value_error(c, CK_log_roll_ms, problems, "log.roll.ms must be greater than or equal to 1");
	if (c->log_roll_jitter_ms < 0)
		value_error(c, CK_log_roll_jitter_ms, problems,
			"log.roll.jitter.ms must be greater than or equal to 0");
	if (c->log_retention_ms == 0)
		value_error(c, CK_log_retention_ms, problems,
			"log.retention.ms must be unlimited (-1) or, greater than or equal to 1");
	if (c->log_cleaner_threads > 0 &&
		c->log_cleaner_dedupe_buffer_size / c->log_cleaner_threads <= CLEANER_BUFFER_LEAST_BYTES)
		value_error(c, CK_log_cleaner_dedupe_buffer_size, problems,
			"log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread.");
	if (c->log_cleaner_min_compaction_lag_ms > c->log_cleaner_max_compaction_lag_ms)
		value_error(c, CK_log_cleaner_min_compaction_lag_ms, problems,
			"log.cleaner.min.compaction.lag.ms must not be above "
			"log.cleaner.max.compaction.lag.ms "
			"(%" PRId64 ")",
			c->log_cleaner_max_compaction_lag_ms);
}

static void check_replica(const struct config *c, struct problems *problems)
{
	if (c->replica_fetch_wait_max_ms > c->replica_socket_timeout_ms)
		value_error(c, CK_replica_fetch_wait_max_ms, problems,
			"replica.socket.timeout.ms should always be at least replica.fetch.wait.max.ms to "
			"prevent unnecessary socket timeouts");
	if (c->replica_fetch_wait_max_ms > c->replica_lag_time_max_ms)
		value_error(c, CK_replica_fetch_wait_max_ms, problems,
			"replica.fetch.wait.max.ms should always be less than or equal to "
			"replica.lag.time.max.ms to prevent frequent changes in ISR");
}

static void check_socket(const struct config *c, struct problems *problems)
{
	if (c->queued_max_request_bytes > 0 && c->queued_max_request_bytes < c->socket_request_max_bytes)
		value_error(c, CK_queued_max_request_bytes, problems,
			"queued.max.request.bytes must be larger or equal to socket.request.max.bytes (%d)",
			c->socket_request_max_bytes);
	if (c->connections_max_idle_ms >= 0 &&
		c->connection_failed_authentication_delay_ms >= c->connections_max_idle_ms)
		value_error(c, CK_connection_failed_authentication_delay_ms, problems,
			"connection.failed.authentication.delay.ms=%d should always be less than "
			"connections.max.idle.ms=%" PRId64
			" to prevent failed authentication responses from timing out",
			c->connection_failed_authentication_delay_ms, c->connections_max_idle_ms);
}

static void check_names(const struct config *c, struct problems *problems)
{
	static const char *const levels[] = { "INFO", "DEBUG", "TRACE" };
	bool known = false;
	for (size_t i = 0; i < countof(levels); i++)
		known |= strcmp(levels[i], c->metrics_recording_level) == 0;
	if (!known)
		value_error(c, CK_metrics_recording_level, problems, "allowed: INFO, DEBUG, TRACE");
	if (c->offsets_topic_compression_codec < 0 || c->offsets_topic_compression_codec > 4)
		value_error(c, CK_offsets_topic_compression_codec, problems,
			"Unknown compression type id; allowed: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd");
}

void config_check_passwords(const struct config *c, struct problems *problems)
{
	char why[PASSWORD_WHY_BYTES];
	struct password_encoder e = {
		.secret = c->password_encoder_secret,
		.keyfactory = c->password_encoder_keyfactory_algorithm,
		.cipher = c->password_encoder_cipher_algorithm,
		.key_length = c->password_encoder_key_length,
		.iterations = c->password_encoder_iterations,
	};
	if (e.secret && !password_encoder_check(&e, why))
		value_error(c, CK_password_encoder_cipher_algorithm, problems, "%s", why);
	if (c->password_encoder_old_secret && !e.secret)
		value_error(c, CK_password_encoder_old_secret, problems,
			"password.encoder.secret must be set too: what the old secret decodes is encoded by "
			"it");
}

void config_check_principals(const struct config *c, struct problems *problems)
{
	char why[PRINCIPAL_WHY_BYTES];
	struct principal_rules *rules = principal_rules_parse(c->ssl_principal_mapping_rules, why);
	if (!rules)
		value_error(c, CK_ssl_principal_mapping_rules, problems, "%s", why);
	principal_rules_free(&rules);
}

static void check_versions(struct config *c, struct problems *problems)
{
	int said = ibp_parse(c->log_message_format_version);
	c->ibp = (enum ibp)ibp_parse(c->inter_broker_protocol_version);
	must((int)c->ibp >= 0 && said >= 0); /* their limit is LIMIT_IBP */
	bool moot = c->ibp >= IBP_3_0_IV1;
	c->message_format = moot ? IBP_3_0_IV1 : (enum ibp)said;
	if (c->ibp > IBP_LATEST)
		value_error(c, CK_inter_broker_protocol_version, problems,
			"not a released version; the latest is %s", ibp_name(IBP_LATEST));
	if (moot && ibp_record_format((enum ibp)said) < 2)
		problem_warning(problems,
			"%s: Broker configuration log.message.format.version with value %s is ignored "
			"because the inter-broker protocol version `%s` is greater or equal than 3.0.",
			where_set(c, CK_log_message_format_version).s, c->log_message_format_version,
			c->inter_broker_protocol_version);
	if (ibp_record_format(c->ibp) < ibp_record_format(c->message_format))
		value_error(c, CK_inter_broker_protocol_version, problems,
			"log.message.format.version %s can only be used when inter.broker.protocol.version "
			"is set to version %s or higher",
			c->log_message_format_version,
			ibp_for_record_format(ibp_record_format(c->message_format)));
	else if (ibp_record_format(c->message_format) < 2)
		value_error(c, CK_log_message_format_version, problems,
			"Samsa writes the format of 0.11.0 and later only; older records are read and served "
			"as they are stored");
}

/* ---- listeners ---- */

/* Tells what parsing the value of `key` found, with the place. */
static void retell(const struct config *c, enum config_key key, struct problems *found,
	struct problems *problems)
{
	for (const struct problem *p = found->first; p; p = p->next)
		value_error(c, key, problems, "%s", p->text);
	problems_free(found);
}

static void parse_listeners(struct config *c, enum config_key key, const char *text,
	const struct listener_map *map, struct listeners *out, struct problems *problems)
{
	struct problems found;
	problems_init(&found);
	listeners_parse(c->arena, text, map, key == CK_listeners, out, &found);
	retell(c, key, &found, problems);
}

/* "A,B" */
static const char *names_of(struct config *c, const struct listeners *ls)
{
	const char *text = "";
	for (uint32_t i = 0; i < ls->n; i++)
		text = arena_printf(c->arena, "%s%s%s", text, i ? "," : "", ls->v[i].name);
	return text;
}

static void check_advertised(struct config *c, struct problems *problems)
{
	enum config_key key = c->advertised_listeners ? CK_advertised_listeners : CK_listeners;
	for (uint32_t i = 0; i < c->advertising.n; i++) {
		const struct listener *l = &c->advertising.v[i];
		if (!listeners_find(&c->listening, l->name))
			value_error(c, key, problems,
				"advertised.listeners listener names must be equal to or a subset of the "
				"ones defined in listeners. Found %s. The valid options based on the current "
				"configuration are %s",
				l->name, names_of(c, &c->listening));
		if (l->host && strcmp(l->host, "0.0.0.0") == 0)
			value_error(c, key, problems,
				"advertised.listeners cannot use the nonroutable meta-address 0.0.0.0. Use a "
				"routable IP address.");
	}
}

static void check_inter_broker(struct config *c, const struct listener_map *map, struct problems *problems)
{
	enum config_key key = CK_inter_broker_listener_name;
	const char *name = c->inter_broker_listener_name;
	if (name && config_is_set(c, CK_security_inter_broker_protocol)) {
		value_error(c, key, problems,
			"Only one of inter.broker.listener.name and security.inter.broker.protocol should be "
			"set.");
		return;
	}
	if (!name) {
		key = CK_security_inter_broker_protocol;
		name = c->security_inter_broker_protocol;
	} else if (listener_map_find(map, name) < 0) {
		value_error(c, key, problems,
			"Listener with name %s defined in inter.broker.listener.name not found in "
			"listener.security.protocol.map.",
			name);
		return;
	}
	c->inter_broker = listeners_find(&c->advertising, name);
	if (!c->inter_broker)
		value_error(c, key, problems,
			"inter.broker.listener.name must be a listener name defined in advertised.listeners. "
			"The valid options based on currently configured listeners are %s",
			names_of(c, &c->advertising));
}

static void check_control_plane(struct config *c, struct problems *problems)
{
	const char *name = c->control_plane_listener_name;
	if (!name)
		return;
	c->control_plane = listeners_find(&c->advertising, name);
	if (!c->control_plane)
		value_error(c, CK_control_plane_listener_name, problems,
			"control.plane.listener.name must be a listener name defined in "
			"advertised.listeners. The valid options based on currently configured listeners are "
			"%s",
			names_of(c, &c->advertising));
	else if (c->control_plane == c->inter_broker)
		value_error(c, CK_control_plane_listener_name, problems,
			"control.plane.listener.name, when defined, should have a different value from the "
			"inter broker listener name. Currently they both have the value %s",
			name);
}

static void check_early_start(struct config *c, struct problems *problems)
{
	struct config_list names = split(c, c->early_start_listeners ? c->early_start_listeners : "");
	for (uint32_t i = 0; i < names.n; i++)
		if (!listeners_find(&c->listening, names.v[i]))
			value_error(c, CK_early_start_listeners, problems,
				"early.start.listeners contains listener %s, but this is not contained in "
				"listeners or controller.listener.names",
				names.v[i]);
}

static void check_listeners(struct config *c, struct problems *problems)
{
	struct listener_map map;
	struct problems found;
	uint32_t errors_before = problems->errors;
	problems_init(&found);
	listener_map_parse(c->arena, c->listener_security_protocol_map, &map, &found);
	retell(c, CK_listener_security_protocol_map, &found, problems);
	parse_listeners(c, CK_listeners, c->listeners, &map, &c->listening, problems);
	if (c->advertised_listeners)
		parse_listeners(c, CK_advertised_listeners, c->advertised_listeners, &map, &c->advertising,
			problems);
	else
		c->advertising = c->listening;
	if (problems->errors != errors_before)
		return;
	if (c->advertising.n == 0) {
		value_error(c, c->advertised_listeners ? CK_advertised_listeners : CK_listeners, problems,
			"There must be at least one broker advertised listener.");
		return;
	}
	for (uint32_t i = 0; i < c->listening.n; i++)
		if (listener_is_sasl(&c->listening.v[i]))
			value_error(c, CK_listeners, problems,
				"listener %s speaks %s, and SASL is not served yet", c->listening.v[i].name,
				listener_protocol_name(c->listening.v[i].protocol));
	check_advertised(c, problems);
	check_inter_broker(c, &map, problems);
	check_control_plane(c, problems);
	check_early_start(c, problems);
}

void config_check(struct config *c, struct problems *problems)
{
	CHECK_OBJ_NOTNULL(c, CONFIG_MAGIC);
	check_dirs(c, problems);
	fall_back(c);
	check_ids(c, problems);
	check_zookeeper(c, problems);
	check_group_protocols(c, problems);
	check_groups(c, problems);
	check_log(c, problems);
	check_replica(c, problems);
	check_socket(c, problems);
	check_ip_limits(c, problems);
	check_names(c, problems);
	check_versions(c, problems);
	check_listeners(c, problems);
}
