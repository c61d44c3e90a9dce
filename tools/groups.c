/* groups.c - see groups.h. */
#include "tools/groups.h"

#include "broker/base/kerr.h"
#include "broker/base/must.h"
#include "broker/base/order.h"
#include "consumer_group_describe.kmsg.h"
#include "consumer_protocol.kmsg.h"
#include "delete_groups.kmsg.h"
#include "describe_groups.kmsg.h"
#include "find_coordinator.kmsg.h"
#include "list_groups.kmsg.h"
#include "offset_commit.kmsg.h"
#include "offset_delete.kmsg.h"
#include "offset_fetch.kmsg.h"

enum { FIND_MANY = 4, LIST_BY_STATE = 4, LIST_BY_TYPE = 5, FETCH_MANY = 8, FETCH_ALL = 2, VERSION_BYTES = 2 };

/* ---- the coordinator ---- */

static int find_coordinator(struct admin *a, struct tool *t, struct slice group, int32_t *node)
{
	struct find_coordinator_request request = { .key = group };
	struct find_coordinator_response response;
	struct slice words;
	int code;
	do {
		int version = admin_version(a, ADMIN_ANY, KAPI_FIND_COORDINATOR);
		if (version >= FIND_MANY)
			request = (struct find_coordinator_request){ .coordinator_keys = &group,
				.n_coordinator_keys = 1 };
		if (version < 0 || admin_call(a, ADMIN_ANY, KAPI_FIND_COORDINATOR, &request, &response) < 0)
			return -1;
		bool many = response.n_coordinators > 0;
		*node = many ? response.coordinators[0].node_id : response.node_id;
		code = many ? response.coordinators[0].error_code : response.error_code;
		words = many ? response.coordinators[0].error_message : response.error_message;
		if (!code && !admin_broker_of(a, *node) && admin_look(a) < 0)
			return -1;
	} while (admin_again(a, code));
	/* What the broker says to NONE and to errors with fixed words is "NONE" or the name again. */
	return code ? tool_fail_code(t, code, kerr_is_retriable(code) ? SLICE_NULL : words) : 0;
}

static bool is_elsewhere(int code)
{
	return code == KERR_COORDINATOR_LOAD_IN_PROGRESS || code == KERR_COORDINATOR_NOT_AVAILABLE ||
		code == KERR_NOT_COORDINATOR;
}

/* Asks the coordinator, until it is one and has loaded; *code what it answers. */
static int ask_coordinator(struct admin *a, struct tool *t, struct slice group, int key, const void *request,
	void *response, int (*code_of)(const void *response), int *code)
{
	int32_t node;
	do {
		if (find_coordinator(a, t, group, &node) < 0 ||
			admin_call(a, node, key, request, response) < 0)
			return -1;
		*code = code_of(response);
	} while (is_elsewhere(*code) && admin_again(a, *code));
	return is_elsewhere(*code) ? tool_fail_code(t, *code, SLICE_NULL) : 0;
}

/* ---- list ---- */

static int by_id(const void *a, const void *b)
{
	return slice_compare(((const struct group_listing *)a)->id, ((const struct group_listing *)b)->id);
}

static int list_of(struct admin *a, struct tool *t, int32_t node, const struct list_groups_request *filters,
	struct list_groups_response *out)
{
	struct list_groups_request request = *filters;
	do {
		int version = admin_version(a, node, KAPI_LIST_GROUPS);
		if (version >= 0 && version < LIST_BY_STATE && request.n_states_filter)
			return tool_fail(t, "UnsupportedVersionException",
				"The broker only supports ListGroups v%d, but we need v4 or newer to request "
				"groups "
				"by states.",
				version);
		if (version >= 0 && version < LIST_BY_TYPE && request.n_types_filter)
			return tool_fail(t, "UnsupportedVersionException",
				"The broker only supports ListGroups v%d, but we need v5 or newer to request "
				"groups "
				"by type.",
				version);
		if (version < 0 || admin_call(a, node, KAPI_LIST_GROUPS, &request, out) < 0)
			return -1;
	} while (admin_again(a, out->error_code));
	return out->error_code ? tool_fail_code(t, out->error_code, SLICE_NULL) : 0;
}

/* Those of consumers: others are Connect's and the like. */
static unsigned keep_consumers(
	const struct list_groups_response *m, int32_t node, struct group_listing *out)
{
	unsigned n = 0;
	for (int32_t i = 0; i < m->n_groups; i++) {
		const struct list_groups_response_group *g = &m->groups[i];
		if (g->protocol_type.n == 0 || slice_is(g->protocol_type, "consumer"))
			out[n++] = (struct group_listing){ g->group_id, g->group_state, g->group_type, node };
	}
	return n;
}

int groups_list_at(
	struct admin *a, struct tool *t, int32_t node, struct group_listing **out, unsigned *n)
{
	const struct list_groups_request all = { .n_states_filter = 0 };
	struct list_groups_response m;
	admin_begin(a, "listConsumerGroups", 0);
	if (list_of(a, t, node, &all, &m) < 0)
		return -1;
	*out = tool_alloc(t, (size_t)m.n_groups * sizeof **out);
	*n = keep_consumers(&m, node, *out);
	return 0;
}

int groups_list(struct admin *a, struct tool *t, struct slice *states, unsigned n_states, struct slice *types,
	unsigned n_types, struct group_listing **out, unsigned *n)
{
	const struct list_groups_request filters = { .states_filter = states,
		.n_states_filter = (int32_t)n_states,
		.types_filter = types,
		.n_types_filter = (int32_t)n_types };
	unsigned n_brokers;
	*out = NULL;
	*n = 0;
	admin_begin(a, "listConsumerGroups", 0);
	if (admin_look(a) < 0)
		return -1;
	const struct admin_broker *brokers = admin_brokers(a, &n_brokers);
	for (unsigned i = 0; i < n_brokers; i++) {
		struct list_groups_response m;
		if (list_of(a, t, brokers[i].id, &filters, &m) < 0)
			return -1;
		struct group_listing *more = tool_alloc(t, (*n + (size_t)m.n_groups) * sizeof *more);
		if (*n)
			memcpy(more, *out, *n * sizeof *more);
		*out = more;
		*n += keep_consumers(&m, brokers[i].id, more + *n);
	}
	order_sort(*out, *n, sizeof **out, by_id);
	return 0;
}

/* ---- describe ---- */

int group_partitions_order(const void *a, const void *b)
{
	const struct group_partition *x = a, *y = b;
	int order = slice_compare(x->topic, y->topic);
	return order ? order : order_of(x->partition, y->partition);
}

static void add_partitions(
	struct tool *t, struct group_member *m, struct slice topic, const int32_t *ids, int32_t n)
{
	size_t all = m->n_partitions + (size_t)n;
	struct group_partition *more = tool_alloc(t, all * sizeof *more);
	if (m->n_partitions)
		memcpy(more, m->partitions, m->n_partitions * sizeof *more);
	for (int32_t i = 0; i < n; i++)
		more[m->n_partitions++] =
			(struct group_partition){ .topic = topic, .partition = ids[i], .offset = -1 };
	m->partitions = more;
}

/* What a member was given: the bytes of its group's leader. */
static void take_assignment(struct tool *t, struct group_member *m, struct slice bytes)
{
	struct consumer_protocol_assignment assignment;
	struct kdec d;
	if (bytes.n < VERSION_BYTES)
		return;
	int version = (int16_t)get_be16(bytes.p);
	kdec_init(&d, slice_of(bytes.p + VERSION_BYTES, bytes.n - VERSION_BYTES), &t->arena);
	if (version < 0 || consumer_protocol_assignment_decode(&d, min_of(version, 3), &assignment) != 0)
		return;
	for (int32_t i = 0; i < assignment.n_assigned_partitions; i++)
		add_partitions(t, m, assignment.assigned_partitions[i].topic,
			assignment.assigned_partitions[i].partitions,
			assignment.assigned_partitions[i].n_partitions);
	order_sort(m->partitions, m->n_partitions, sizeof *m->partitions, group_partitions_order);
}

static int code_of_describe(const void *response)
{
	const struct describe_groups_response *m = response;
	return m->n_groups == 1 ? m->groups[0].error_code : KERR_UNKNOWN_SERVER_ERROR;
}

static void take_classic(
	struct tool *t, const struct describe_groups_response_group *g, struct group_description *out)
{
	*out = (struct group_description){ .id = g->group_id,
		.state = g->group_state,
		.assignor = g->protocol_data,
		.n_members = (unsigned)g->n_members };
	out->members = tool_alloc(t, out->n_members * sizeof *out->members);
	for (int32_t i = 0; i < g->n_members; i++) {
		const struct describe_groups_response_member *from = &g->members[i];
		out->members[i] = (struct group_member){ .id = from->member_id,
			.instance = from->group_instance_id,
			.client_id = from->client_id,
			.host = from->client_host };
		take_assignment(t, &out->members[i], from->member_assignment);
	}
}

static int describe_classic(
	struct admin *a, struct tool *t, struct slice group, struct group_description *out)
{
	struct describe_groups_request request = { .groups = &group, .n_groups = 1 };
	struct describe_groups_response m;
	int code;
	if (ask_coordinator(a, t, group, KAPI_DESCRIBE_GROUPS, &request, &m, code_of_describe, &code) < 0)
		return -1;
	if (code)
		return tool_fail_code(t, code, SLICE_NULL);
	const struct describe_groups_response_group *g = &m.groups[0];
	if (g->protocol_type.n && !slice_is(g->protocol_type, "consumer"))
		return tool_fail(t, "java.lang.IllegalArgumentException",
			"GroupId %.*s is not a consumer group (%.*s).", SLICE_ARGS(group),
			SLICE_ARGS(g->protocol_type));
	take_classic(t, g, out);
	return 0;
}

static int code_of_new(const void *response)
{
	const struct consumer_group_describe_response *m = response;
	return m->n_groups == 1 ? m->groups[0].error_code : KERR_UNKNOWN_SERVER_ERROR;
}

static void take_new(
	struct tool *t, const struct consumer_group_describe_response_group *g, struct group_description *out)
{
	*out = (struct group_description){ .id = g->group_id,
		.state = g->group_state,
		.assignor = g->assignor_name,
		.n_members = (unsigned)g->n_members };
	out->members = tool_alloc(t, out->n_members * sizeof *out->members);
	for (int32_t i = 0; i < g->n_members; i++) {
		const struct consumer_group_describe_response_member *from = &g->members[i];
		struct group_member *m = &out->members[i];
		*m = (struct group_member){ .id = from->member_id,
			.instance = from->instance_id,
			.client_id = from->client_id,
			.host = from->client_host };
		for (int32_t k = 0; k < from->assignment.n_topic_partitions; k++)
			add_partitions(t, m, from->assignment.topic_partitions[k].topic_name,
				from->assignment.topic_partitions[k].partitions,
				from->assignment.topic_partitions[k].n_partitions);
		order_sort(m->partitions, m->n_partitions, sizeof *m->partitions, group_partitions_order);
	}
}

/* Groups of the newer protocol first, as Kafka's admin client; a broker or a group that does not have it is
 * asked in the classic way. 1: it is not of that protocol. */
static int describe_new(struct admin *a, struct tool *t, struct slice group, struct group_description *out)
{
	struct consumer_group_describe_request request = { .group_ids = &group, .n_group_ids = 1 };
	struct consumer_group_describe_response m;
	int32_t node;
	int code;
	if (find_coordinator(a, t, group, &node) < 0)
		return -1;
	if (!admin_serves(a, node, KAPI_CONSUMER_GROUP_DESCRIBE))
		return 1;
	if (ask_coordinator(a, t, group, KAPI_CONSUMER_GROUP_DESCRIBE, &request, &m, code_of_new, &code) < 0)
		return -1;
	if (code == KERR_UNSUPPORTED_VERSION || code == KERR_GROUP_ID_NOT_FOUND)
		return 1;
	if (code)
		return tool_fail_code(t, code, SLICE_NULL);
	take_new(t, &m.groups[0], out);
	return 0;
}

int groups_describe(struct admin *a, struct tool *t, struct slice group, struct group_description *out)
{
	int32_t node;
	admin_begin(a, "describeConsumerGroups", 0);
	int rc = describe_new(a, t, group, out);
	if (rc > 0)
		rc = describe_classic(a, t, group, out);
	if (rc < 0 || find_coordinator(a, t, group, &node) < 0)
		return -1;
	out->coordinator = admin_broker_of(a, node);
	return 0;
}

/* ---- many at once ---- */

static int slices_order(const void *a, const void *b)
{
	return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

/* Its place among the groups that were asked for; -1: it was not. */
static int place_of(const struct slice *groups, unsigned n, struct slice id)
{
	const struct slice *found = order_find(&id, groups, n, sizeof id, slices_order);
	return found ? (int)(found - groups) : -1;
}

static int describe_new_at(struct admin *a, struct tool *t, int32_t node, struct slice *groups, unsigned n,
	struct group_description *out)
{
	struct consumer_group_describe_request request = { .group_ids = groups, .n_group_ids = (int32_t)n };
	struct consumer_group_describe_response m;
	if (admin_call(a, node, KAPI_CONSUMER_GROUP_DESCRIBE, &request, &m) < 0)
		return -1;
	for (int32_t i = 0; i < m.n_groups; i++) {
		int at = place_of(groups, n, m.groups[i].group_id);
		if (at >= 0 && !m.groups[i].error_code)
			take_new(t, &m.groups[i], &out[at]);
	}
	return 0;
}

int groups_describe_at(struct admin *a, struct tool *t, int32_t node, bool newer, struct slice *groups,
	unsigned n, struct group_description *out)
{
	struct describe_groups_request request = { .groups = groups, .n_groups = (int32_t)n };
	struct describe_groups_response m;
	memset(out, 0, n * sizeof *out);
	admin_begin(a, "describeConsumerGroups", 0);
	if (newer)
		return describe_new_at(a, t, node, groups, n, out);
	if (admin_call(a, node, KAPI_DESCRIBE_GROUPS, &request, &m) < 0)
		return -1;
	for (int32_t i = 0; i < m.n_groups; i++) {
		int at = place_of(groups, n, m.groups[i].group_id);
		if (at >= 0 && !m.groups[i].error_code)
			take_classic(t, &m.groups[i], &out[at]);
	}
	return 0;
}

/* ---- offsets ---- */

static int code_of_fetch(const void *response)
{
	const struct offset_fetch_response *m = response;
	return m->n_groups == 1 ? m->groups[0].error_code : m->error_code;
}

/* Of an answer about one group. */
static void take_offsets(struct tool *t, const struct offset_fetch_response *m, struct group_offsets *out)
{
	size_t room = 0;
	for (int32_t i = 0; i < m->n_topics; i++)
		room += (size_t)m->topics[i].n_partitions;
	*out = (struct group_offsets){ .v = tool_alloc(t, room * sizeof *out->v), .code = m->error_code };
	for (int32_t i = 0; i < m->n_topics; i++)
		for (int32_t k = 0; k < m->topics[i].n_partitions; k++)
			if (!m->topics[i].partitions[k].error_code)
				out->v[out->n++] = (struct group_partition){ .topic = m->topics[i].name,
					.partition = m->topics[i].partitions[k].partition_index,
					.offset = m->topics[i].partitions[k].committed_offset };
	order_sort(out->v, out->n, sizeof *out->v, group_partitions_order);
}

/* Of one group in an answer about several. */
static void take_group(
	struct tool *t, const struct offset_fetch_response_group *g, struct group_offsets *out)
{
	size_t room = 0;
	for (int32_t i = 0; i < g->n_topics; i++)
		room += (size_t)g->topics[i].n_partitions;
	*out = (struct group_offsets){ .v = tool_alloc(t, room * sizeof *out->v), .code = g->error_code };
	for (int32_t i = 0; i < g->n_topics; i++) {
		const struct offset_fetch_response_group_topic *topic = &g->topics[i];
		for (int32_t k = 0; k < topic->n_partitions; k++)
			if (!topic->partitions[k].error_code)
				out->v[out->n++] = (struct group_partition){ .topic = topic->name,
					.partition = topic->partitions[k].partition_index,
					.offset = topic->partitions[k].committed_offset };
	}
	order_sort(out->v, out->n, sizeof *out->v, group_partitions_order);
}

/* Of brokers that are asked for one group at a time. */
static int offsets_one_by_one(struct admin *a, struct tool *t, int32_t node, const struct slice *groups,
	unsigned n, const struct group_topics *of, struct group_offsets *out)
{
	struct offset_fetch_request request = { .n_topics = of->n };
	struct offset_fetch_response m;
	request.topics = tool_alloc(t, (size_t)max_of(of->n, 0) * sizeof *request.topics);
	for (int32_t i = 0; i < of->n; i++)
		request.topics[i] = (struct offset_fetch_request_topic){ of->v[i].name,
			of->v[i].partition_indexes, of->v[i].n_partition_indexes };
	for (unsigned i = 0; i < n; i++) {
		request.group_id = groups[i];
		admin_begin(a, "listConsumerGroupOffsets", 0);
		if (admin_call(a, node, KAPI_OFFSET_FETCH, &request, &m) < 0)
			return -1;
		take_offsets(t, &m, &out[i]);
	}
	return 0;
}

int groups_offsets_at(struct admin *a, struct tool *t, int32_t node, const struct slice *groups, unsigned n,
	const struct group_topics *of, struct group_offsets *out)
{
	struct offset_fetch_request request = { .n_groups = (int32_t)n };
	struct offset_fetch_response m;
	memset(out, 0, n * sizeof *out);
	admin_begin(a, "listConsumerGroupOffsets", 0);
	int version = admin_version(a, node, KAPI_OFFSET_FETCH);
	if (version < 0)
		return -1;
	if (version < FETCH_ALL && of->n < 0)
		return tool_fail(t, "UnsupportedVersionException",
			"The broker is too old to tell all offsets of a group");
	if (version < FETCH_MANY)
		return offsets_one_by_one(a, t, node, groups, n, of, out);
	request.groups = tool_alloc(t, n * sizeof *request.groups);
	for (unsigned i = 0; i < n; i++) {
		request.groups[i] = (struct offset_fetch_request_group){
			.group_id = groups[i], .member_epoch = -1, .topics = of->v, .n_topics = of->n
		};
		out[i].code = KERR_UNKNOWN_SERVER_ERROR;
	}
	if (admin_call(a, node, KAPI_OFFSET_FETCH, &request, &m) < 0)
		return -1;
	for (int32_t i = 0; i < m.n_groups; i++) {
		int at = place_of(groups, n, m.groups[i].group_id);
		if (at >= 0)
			take_group(t, &m.groups[i], &out[at]);
	}
	return 0;
}

int groups_offsets(
	struct admin *a, struct tool *t, struct slice group, struct group_partition **out, unsigned *n)
{
	struct offset_fetch_request_group one = { .group_id = group, .member_epoch = -1, .n_topics = -1 };
	struct offset_fetch_request request = { .group_id = group, .n_topics = -1 };
	struct offset_fetch_response m;
	int32_t node;
	int code;
	admin_begin(a, "listConsumerGroupOffsets", 0);
	if (find_coordinator(a, t, group, &node) < 0)
		return -1;
	int version = admin_version(a, node, KAPI_OFFSET_FETCH);
	if (version >= 0 && version < FETCH_ALL)
		return tool_fail(t, "UnsupportedVersionException",
			"The broker is too old to tell all offsets of a group");
	if (version >= FETCH_MANY)
		request = (struct offset_fetch_request){ .groups = &one, .n_groups = 1 };
	if (version < 0 ||
		ask_coordinator(a, t, group, KAPI_OFFSET_FETCH, &request, &m, code_of_fetch, &code) < 0)
		return -1;
	if (code)
		return tool_fail_code(t, code, SLICE_NULL);
	struct group_offsets found;
	if (m.n_groups == 1)
		take_group(t, &m.groups[0], &found);
	else
		take_offsets(t, &m, &found);
	*out = found.v;
	*n = found.n;
	return 0;
}

static int code_of_commit(const void *response)
{
	const struct offset_commit_response *m = response;
	for (int32_t i = 0; i < m->n_topics; i++)
		for (int32_t k = 0; k < m->topics[i].n_partitions; k++)
			if (m->topics[i].partitions[k].error_code)
				return m->topics[i].partitions[k].error_code;
	return 0;
}

int groups_commit(struct admin *a, struct tool *t, struct slice group, struct group_partition *v, unsigned n)
{
	struct offset_commit_request request;
	struct offset_commit_request_topic *topic = NULL;
	struct offset_commit_response m;
	int code;
	if (n == 0)
		return 0;
	order_sort(v, n, sizeof *v, group_partitions_order);
	offset_commit_request_defaults(&request);
	request.group_id = group;
	request.topics = tool_alloc(t, n * sizeof *request.topics);
	struct offset_commit_request_partition *partitions = tool_alloc(t, n * sizeof *partitions);
	for (unsigned i = 0; i < n; i++) {
		if (!topic || !slice_eq(topic->name, v[i].topic)) {
			topic = &request.topics[request.n_topics++];
			*topic = (struct offset_commit_request_topic){ v[i].topic, &partitions[i], 0 };
		}
		offset_commit_request_partition_defaults(&partitions[i]);
		partitions[i].partition_index = v[i].partition;
		partitions[i].committed_offset = v[i].offset;
		partitions[i].committed_metadata = SLICE_LIT("");
		topic->n_partitions++;
	}
	admin_begin(a, "alterConsumerGroupOffsets", 0);
	if (ask_coordinator(a, t, group, KAPI_OFFSET_COMMIT, &request, &m, code_of_commit, &code) < 0)
		return -1;
	return code ? tool_fail_code(t, code, SLICE_NULL) : 0;
}

static int code_of_offset_delete(const void *response)
{
	return ((const struct offset_delete_response *)response)->error_code;
}

int groups_delete_offsets(
	struct admin *a, struct tool *t, struct slice group, struct group_partition *v, unsigned n, int *code)
{
	struct offset_delete_request request = { .group_id = group };
	struct offset_delete_request_topic *topic = NULL;
	struct offset_delete_response m;
	order_sort(v, n, sizeof *v, group_partitions_order);
	request.topics = tool_alloc(t, n * sizeof *request.topics);
	struct offset_delete_request_partition *partitions = tool_alloc(t, n * sizeof *partitions);
	for (unsigned i = 0; i < n; i++) {
		if (!topic || !slice_eq(topic->name, v[i].topic)) {
			topic = &request.topics[request.n_topics++];
			*topic = (struct offset_delete_request_topic){ v[i].topic, &partitions[i], 0 };
		}
		partitions[i].partition_index = v[i].partition;
		topic->n_partitions++;
	}
	admin_begin(a, "deleteConsumerGroupOffsets", 0);
	if (ask_coordinator(a, t, group, KAPI_OFFSET_DELETE, &request, &m, code_of_offset_delete, code) < 0)
		return -1;
	for (unsigned i = 0; *code && i < n; i++)
		v[i].failure = failure_of_code(t, *code, SLICE_NULL);
	for (int32_t i = 0; !*code && i < m.n_topics; i++)
		for (int32_t k = 0; k < m.topics[i].n_partitions; k++) {
			const struct offset_delete_response_partition *p = &m.topics[i].partitions[k];
			const struct group_partition key = { .topic = m.topics[i].name,
				.partition = p->partition_index };
			struct group_partition *item =
				order_find(&key, v, n, sizeof *v, group_partitions_order);
			if (item && p->error_code)
				item->failure = failure_of_code(t, p->error_code, SLICE_NULL);
		}
	return 0;
}

/* ---- delete ---- */

static int code_of_delete(const void *response)
{
	const struct delete_groups_response *m = response;
	return m->n_results == 1 ? m->results[0].error_code : KERR_UNKNOWN_SERVER_ERROR;
}

int groups_delete(struct admin *a, struct tool *t, struct slice group)
{
	struct delete_groups_request request = { .groups_names = &group, .n_groups_names = 1 };
	struct delete_groups_response m;
	int code;
	admin_begin(a, "deleteConsumerGroups", 0);
	if (ask_coordinator(a, t, group, KAPI_DELETE_GROUPS, &request, &m, code_of_delete, &code) < 0)
		return -1;
	return code ? tool_fail_code(t, code, SLICE_NULL) : 0;
}
