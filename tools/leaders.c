/* leaders.c - see leaders.h.
 *
 * Round after round, as Kafka's AdminApiDriver: who leads what is still to be done, one request to each
 * leader, what passes is left for the next round; until nothing is left or time is up.
 */
#include "tools/leaders.h"

#include "broker/base/kerr.h"
#include "broker/base/order.h"
#include "delete_records.kmsg.h"
#include "list_offsets.kmsg.h"
#include "tools/cluster.h"
#include "tools/out.h"

/* One request to the leader of all `v`, which are in the order of topics. -1: the failure is all of theirs.
 */
typedef int ask_leader(struct admin *a, struct tool *t, int32_t leader, struct at_leader **v, unsigned n);

static int by_topic(const void *a, const void *b)
{
	const struct at_leader *x = *(struct at_leader *const *)a, *y = *(struct at_leader *const *)b;
	int order = slice_compare(x->topic, y->topic);
	return order ? order : order_of(x->partition, y->partition);
}

static struct at_leader *find(struct at_leader **v, unsigned n, struct slice topic, int32_t partition)
{
	struct at_leader key = { .topic = topic, .partition = partition }, *at = &key;
	struct at_leader **found = order_find(&at, v, n, sizeof(struct at_leader *), by_topic);
	return found ? *found : NULL;
}

/* What an answer says of one partition: done, over with a failure, or to be asked again. */
static void settle(struct tool *t, struct at_leader *item, int code)
{
	item->waits_for = kerr_is_retriable(code) ? code : 0;
	item->done = item->waits_for == 0;
	if (code && item->done)
		item->failure = failure_of_code(t, code, SLICE_NULL);
}

/* ---- who leads ---- */

/* The leaders of what is not done; -1 where there is none (yet). */
static int look_up(struct admin *a, struct tool *t, struct at_leader **v, unsigned n)
{
	struct metadata_request request;
	struct metadata_response m;
	metadata_request_defaults(&request);
	if (admin_version(a, ADMIN_ANY, KAPI_METADATA) >= 4)
		request.allow_auto_topic_creation = false;
	request.topics = tool_alloc(t, n * sizeof *request.topics);
	for (unsigned i = 0; i < n; i++)
		if (!v[i]->done &&
			(request.n_topics == 0 ||
				!slice_eq(request.topics[request.n_topics - 1].name, v[i]->topic)))
			request.topics[request.n_topics++].name = v[i]->topic;
	if (admin_call(a, ADMIN_ANY, KAPI_METADATA, &request, &m) < 0)
		return -1;
	cluster_sort(&m);
	for (unsigned i = 0; i < n; i++) {
		const struct metadata_response_topic *topic = cluster_topic(&m, v[i]->topic);
		const struct metadata_response_partition *p = cluster_partition(
			&m, v[i]->topic, v[i]->partition);
		v[i]->leader = p ? p->leader_id : -1;
		if (v[i]->done || (p && p->leader_id >= 0))
			continue;
		int code = !topic           ? KERR_UNKNOWN_TOPIC_OR_PARTITION
			: topic->error_code ? topic->error_code
			: p                 ? KERR_LEADER_NOT_AVAILABLE
					    : KERR_UNKNOWN_TOPIC_OR_PARTITION;
		settle(t, v[i], code);
	}
	return 0;
}

static void fail_all(struct tool *t, struct at_leader **v, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		v[i]->done = true;
		v[i]->failure = t->failure;
	}
	t->failure = (struct failure){ 0 };
}

/* Asks the leader of the first item that is not done for all that it leads. */
static bool ask_next(
	struct admin *a, struct tool *t, struct at_leader **v, unsigned n, bool *asked, ask_leader *ask)
{
	struct at_leader **of_one = tool_alloc(t, n * sizeof(struct at_leader *));
	unsigned count = 0;
	for (unsigned i = 0; i < n; i++)
		if (!asked[i] && !v[i]->done && v[i]->leader >= 0 &&
			(count == 0 || v[i]->leader == of_one[0]->leader)) {
			asked[i] = true;
			of_one[count++] = v[i];
		}
	if (count > 0 && ask(a, t, of_one[0]->leader, of_one, count) < 0)
		fail_all(t, of_one, count);
	for (unsigned i = 0; i < count; i++)
		if (!of_one[i]->done && !of_one[i]->waits_for) {
			tool_fail(t, "ApiException",
				"The response from broker %d did not contain a result for topic "
				"partition %.*s-%d",
				of_one[i]->leader, SLICE_ARGS(of_one[i]->topic), of_one[i]->partition);
			fail_all(t, &of_one[i], 1);
		}
	return count > 0;
}

/* How many are not done, and why the first is not. */
static int left_for(struct at_leader **v, unsigned n, unsigned *left)
{
	int why = 0;
	*left = 0;
	for (unsigned i = 0; i < n; i++)
		if (!v[i]->done) {
			why = why ? why : v[i]->waits_for;
			++*left;
		}
	return why;
}

static int out_of_time(struct tool *t, const char *call, struct at_leader **v, unsigned n, int why)
{
	tool_fail(t, "TimeoutException", "Call(callName=%s) timed out: %s", call,
		failure_of_code(t, why, SLICE_NULL).words);
	struct failure late = t->failure;
	t->failure = (struct failure){ 0 };
	for (unsigned i = 0; i < n; i++)
		if (!v[i]->done)
			v[i]->failure = late;
	return 0;
}

/* The items by topic and partition, with no answer yet. */
static struct at_leader **in_order(struct tool *t, struct at_leader *items, unsigned n)
{
	struct at_leader **v = tool_alloc(t, n * sizeof(struct at_leader *));
	for (unsigned i = 0; i < n; i++) {
		v[i] = &items[i];
		items[i].offset = items[i].timestamp = -1;
		items[i].leader_epoch = -1;
	}
	order_sort(v, n, sizeof(struct at_leader *), by_topic);
	return v;
}

static int rounds(struct admin *a, struct tool *t, const char *call, struct at_leader *items, unsigned n,
	ask_leader *ask)
{
	struct at_leader **v = in_order(t, items, n);
	admin_begin(a, call, 0);
	for (unsigned left = n; left > 0;) {
		if (look_up(a, t, v, n) < 0)
			return -1;
		bool *asked = tool_alloc(t, n);
		while (ask_next(a, t, v, n, asked, ask)) {
		}
		int again = left_for(v, n, &left);
		if (left > 0)
			progress("%u of %u partitions done", n - left, n);
		if (left > 0 && !admin_again(a, again))
			return out_of_time(t, call, v, n, again);
	}
	return 0;
}

/* ---- ListOffsets ---- */

enum { ISOLATION_VERSION = 2 };

/* Which version knows this time. */
static int least_version(int64_t when)
{
	return when == OFFSETS_MAX_TIMESTAMP     ? 7
		: when == OFFSETS_EARLIEST_LOCAL ? 8
		: when == OFFSETS_LATEST_TIERED  ? 9
						 : 1;
}

static int check_version(struct admin *a, struct tool *t, int32_t leader, const struct offsets_as *as,
	struct at_leader **v, unsigned n)
{
	int version = admin_version(a, leader, KAPI_LIST_OFFSETS);
	if (version < 0)
		return -1;
	if (as->committed_only && version < ISOLATION_VERSION)
		return tool_fail(t, "UnsupportedVersionException",
			"The broker does not know of transactions: ListOffsets %d is the newest version "
				"that it has",
			version);
	for (unsigned i = 0; i < n; i++)
		if (version < least_version(v[i]->asked))
			return tool_fail(t, "UnsupportedVersionException",
				"The broker does not support this kind of offset: ListOffsets %d is the "
				"newest "
				"version that it has",
				version);
	return 0;
}

static int ask_offsets_as(struct admin *a, struct tool *t, int32_t leader, const struct offsets_as *as,
	struct at_leader **v, unsigned n)
{
	struct list_offsets_request request = { .replica_id = as->replica,
		.isolation_level = as->committed_only };
	struct list_offsets_response response;
	struct list_offsets_request_topic *topic = NULL;
	if (check_version(a, t, leader, as, v, n) < 0)
		return -1;
	request.topics = tool_alloc(t, n * sizeof *request.topics);
	struct list_offsets_request_partition *partitions = tool_alloc(t, n * sizeof *partitions);
	for (unsigned i = 0; i < n; i++) {
		if (!topic || !slice_eq(topic->name, v[i]->topic)) {
			topic = &request.topics[request.n_topics++];
			*topic = (struct list_offsets_request_topic){ v[i]->topic, &partitions[i], 0 };
		}
		list_offsets_request_partition_defaults(&partitions[i]);
		partitions[i].partition_index = v[i]->partition;
		partitions[i].timestamp = v[i]->asked;
		topic->n_partitions++;
	}
	if (admin_call(a, leader, KAPI_LIST_OFFSETS, &request, &response) < 0)
		return -1;
	for (int32_t i = 0; i < response.n_topics; i++)
		for (int32_t k = 0; k < response.topics[i].n_partitions; k++) {
			const struct list_offsets_response_partition *p = &response.topics[i].partitions[k];
			struct at_leader *item = find(v, n, response.topics[i].name, p->partition_index);
			if (!item)
				continue;
			settle(t, item, p->error_code);
			item->offset = p->offset;
			item->timestamp = p->timestamp;
			item->leader_epoch = p->leader_epoch;
		}
	return 0;
}

static int ask_offsets(struct admin *a, struct tool *t, int32_t leader, struct at_leader **v, unsigned n)
{
	const struct offsets_as consumer = { .replica = OFFSETS_CONSUMER };
	return ask_offsets_as(a, t, leader, &consumer, v, n);
}

int leaders_offsets_once(struct admin *a, struct tool *t, int32_t node, const struct offsets_as *as,
	struct at_leader *items, unsigned n)
{
	struct at_leader **v = in_order(t, items, n);
	admin_begin(a, "listOffsets(api=LIST_OFFSETS)", 0);
	if (ask_offsets_as(a, t, node, as, v, n) < 0)
		return -1;
	for (unsigned i = 0; i < n; i++)
		if (!items[i].done)
			items[i].failure = failure_of_code(t,
				items[i].waits_for ? items[i].waits_for : KERR_UNKNOWN_SERVER_ERROR,
				SLICE_NULL);
	return 0;
}

int leaders_list_offsets(struct admin *a, struct tool *t, struct at_leader *v, unsigned n)
{
	return rounds(a, t, "listOffsets(api=LIST_OFFSETS)", v, n, ask_offsets);
}

/* ---- DeleteRecords ---- */

static int ask_delete(struct admin *a, struct tool *t, int32_t leader, struct at_leader **v, unsigned n)
{
	struct delete_records_request request = { .timeout_ms = 60000 };
	struct delete_records_response response;
	struct delete_records_request_topic *topic = NULL;
	request.topics = tool_alloc(t, n * sizeof *request.topics);
	struct delete_records_request_partition *partitions = tool_alloc(t, n * sizeof *partitions);
	for (unsigned i = 0; i < n; i++) {
		if (!topic || !slice_eq(topic->name, v[i]->topic)) {
			topic = &request.topics[request.n_topics++];
			*topic = (struct delete_records_request_topic){ v[i]->topic, &partitions[i], 0 };
		}
		partitions[i] = (struct delete_records_request_partition){ v[i]->partition, v[i]->asked };
		topic->n_partitions++;
	}
	if (admin_call(a, leader, KAPI_DELETE_RECORDS, &request, &response) < 0)
		return -1;
	for (int32_t i = 0; i < response.n_topics; i++)
		for (int32_t k = 0; k < response.topics[i].n_partitions; k++) {
			const struct delete_records_response_partition *p = &response.topics[i].partitions[k];
			struct at_leader *item = find(v, n, response.topics[i].name, p->partition_index);
			if (!item)
				continue;
			settle(t, item, p->error_code);
			item->offset = p->low_watermark;
		}
	return 0;
}

int leaders_delete_records(struct admin *a, struct tool *t, struct at_leader *v, unsigned n)
{
	return rounds(a, t, "deleteRecords(api=DELETE_RECORDS)", v, n, ask_delete);
}
