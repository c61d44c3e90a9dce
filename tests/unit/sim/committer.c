/* committer.c - see committer.h. */
#include "tests/unit/sim/committer.h"

#include "broker/base/kerr.h"
#include "broker/base/must.h"
#include "tests/sim/sim.h"

#include "find_coordinator.kmsg.h"
#include "join_group.kmsg.h"
#include "offset_commit.kmsg.h"
#include "offset_fetch.kmsg.h"
#include "sync_group.kmsg.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	CALL_MS = 5000,
	JOIN_MS = 20 * 1000, /* of a rebalance that waits for members that are gone */
	AGAIN_MS = 100,
	PAUSE_MS_MAX = 150,
	SESSION_MS = 6000,
	PATIENCE_MS = 8000,
	TEXT_BYTES = 32,

	FIND_VERSION = 3,
	JOIN_VERSION = 9,
	SYNC_VERSION = 5,
	COMMIT_VERSION = 8,
	FETCH_VERSION = 7,

	MEMBERS = 0, /* the group that it is a member of; the other one has none */
};

static const char *const groups[COMMITTER_GROUPS] = { "sim.group", "sim.simple" };

#define ASSIGNMENT "all of it"

void committer_init(struct committer *c)
{
	must(c->partitions > 0 && c->partitions <= COMMITTER_PARTITIONS_MAX);
	c->generation = -1;
}

static void again(struct committer *c)
{
	fiber_sleep(c->client.reactor, AGAIN_MS);
}

static bool connected(struct committer *c)
{
	if (c->client.fd >= 0)
		return true;
	c->connected_after = *c->power_losses;
	return kclient_connect(&c->client, CALL_MS) == 0;
}

/* ---- joining ---- */

/* What a client does about an error of a group. */
static void understand(struct committer *c, enum kerr error, const char *doing)
{
	switch (error) {
	case KERR_UNKNOWN_MEMBER_ID:
		c->id[0] = 0;
		c->generation = -1;
		return;
	case KERR_ILLEGAL_GENERATION:
	case KERR_REBALANCE_IN_PROGRESS:
		c->generation = -1;
		return;
	default:
		if (!kerr_is_retriable(error))
			c->fail("%s is answered with %s", doing, kerr_name(error));
		again(c);
	}
}

static bool find(struct committer *c)
{
	struct find_coordinator_request request;
	struct find_coordinator_response response;
	find_coordinator_request_defaults(&request);
	request.key = slice_str(groups[MEMBERS]);
	if (kclient_call(&c->client, KAPI_FIND_COORDINATOR, FIND_VERSION, &request, &response, CALL_MS) < 0)
		return false;
	if (response.error_code != KERR_NONE)
		understand(c, response.error_code, "FindCoordinator");
	return response.error_code == KERR_NONE;
}

static bool join(struct committer *c)
{
	struct join_group_request_protocol protocol = { slice_str("range"), slice_str("") };
	struct join_group_request request;
	struct join_group_response response;
	join_group_request_defaults(&request);
	request.group_id = slice_str(groups[MEMBERS]);
	request.session_timeout_ms = SESSION_MS;
	request.rebalance_timeout_ms = PATIENCE_MS;
	request.member_id = slice_str(c->id);
	request.protocol_type = slice_str("consumer");
	request.protocols = &protocol;
	request.n_protocols = 1;
	if (kclient_call(&c->client, KAPI_JOIN_GROUP, JOIN_VERSION, &request, &response, JOIN_MS) < 0)
		return false;
	if (response.error_code != KERR_NONE && response.error_code != KERR_MEMBER_ID_REQUIRED) {
		understand(c, response.error_code, "JoinGroup");
		return false;
	}
	must(response.member_id.n > 0 && response.member_id.n < sizeof c->id);
	memcpy(c->id, response.member_id.p, response.member_id.n);
	c->id[response.member_id.n] = 0;
	c->generation = response.generation_id;
	return response.error_code == KERR_NONE;
}

/* It is alone, or the others are selves of its own that are gone: it leads. */
static bool sync(struct committer *c)
{
	struct sync_group_request_assignment mine = { slice_str(c->id), slice_str(ASSIGNMENT) };
	struct sync_group_request request;
	struct sync_group_response response;
	sync_group_request_defaults(&request);
	request.group_id = slice_str(groups[MEMBERS]);
	request.generation_id = c->generation;
	request.member_id = slice_str(c->id);
	request.protocol_type = slice_str("consumer");
	request.protocol_name = slice_str("range");
	request.assignments = &mine;
	request.n_assignments = 1;
	c->generation = -1;
	if (kclient_call(&c->client, KAPI_SYNC_GROUP, SYNC_VERSION, &request, &response, JOIN_MS) < 0)
		return false;
	if (response.error_code != KERR_NONE) {
		understand(c, response.error_code, "SyncGroup");
		return false;
	}
	if (!slice_is(response.assignment, ASSIGNMENT))
		c->fail("an assignment of %u bytes", response.assignment.n);
	c->generation = request.generation_id;
	c->generations++;
	return true;
}

/* ---- committing ---- */

static struct slice text_of(int64_t offset, char text[TEXT_BYTES])
{
	snprintf(text, TEXT_BYTES, "as of %" PRId64, offset);
	return slice_str(text);
}

static void goes_astray(struct committed *of)
{
	of->astray[of->n_astray++ % COMMITTER_ASTRAY_MAX] = of->sent;
}

static void commit(struct committer *c, int group, int partition)
{
	struct committed *of = &c->of[group][partition];
	char text[TEXT_BYTES];
	struct offset_commit_request_partition p;
	struct offset_commit_request_topic topic = { slice_str(c->topic), &p, 1 };
	struct offset_commit_request request;
	struct offset_commit_response response;
	offset_commit_request_partition_defaults(&p);
	offset_commit_request_defaults(&request);
	p.partition_index = partition;
	p.committed_offset = ++of->sent;
	p.committed_metadata = text_of(of->sent, text);
	request.group_id = slice_str(groups[group]);
	request.generation_id_or_member_epoch = group == MEMBERS ? c->generation : -1;
	request.member_id = slice_str(group == MEMBERS ? c->id : "");
	request.topics = &topic;
	request.n_topics = 1;
	if (kclient_call(&c->client, KAPI_OFFSET_COMMIT, COMMIT_VERSION, &request, &response, CALL_MS) < 0) {
		goes_astray(of);
		return;
	}
	enum kerr error = (enum kerr)response.topics[0].partitions[0].error_code;
	if (error) {
		understand(c, error, "OffsetCommit");
		return;
	}
	of->acked = of->sent;
	of->power_losses = c->connected_after;
	c->commits++;
}

void committer_step(struct committer *c)
{
	int group = sim_chance(70) ? MEMBERS : MEMBERS + 1;
	if (!connected(c)) {
		again(c);
		return;
	}
	if (group == MEMBERS && c->generation < 0 && !(find(c) && join(c) && sync(c)))
		return;
	commit(c, group, (int)sim_dice((uint64_t)c->partitions));
	if (sim_chance(5))
		c->generation = -1; /* it has heard of new partitions, say */
	if (sim_chance(10))
		kclient_close(&c->client);
	fiber_sleep(c->client.reactor, (int64_t)sim_dice(PAUSE_MS_MAX));
}

/* ---- looking for what was acknowledged ---- */

static bool went_astray(const struct committed *of, int64_t offset)
{
	for (int i = 0; i < of->n_astray && i < COMMITTER_ASTRAY_MAX; i++)
		if (of->astray[i] == offset)
			return true;
	return false;
}

static void look(struct committer *c, int group, const struct offset_fetch_response_partition *p)
{
	const struct committed *of = &c->of[group][p->partition_index];
	char text[TEXT_BYTES];
	int64_t found = p->committed_offset;
	bool lost = c->power_takes && of->power_losses < *c->power_losses;
	if (of->acked > 0 && !lost && found < of->acked && !went_astray(of, found))
		c->fail("group %s, partition %d: %lld is committed; %lld was acknowledged", groups[group],
			p->partition_index, (long long)found, (long long)of->acked);
	if (found > of->sent || (found >= 0 && !slice_eq(p->metadata, text_of(found, text))))
		c->fail("group %s, partition %d: offset %lld with another one's metadata", groups[group],
			p->partition_index, (long long)found);
}

static bool check_group(struct committer *c, int group)
{
	int32_t indexes[COMMITTER_PARTITIONS_MAX];
	struct offset_fetch_request_topic topic = { slice_str(c->topic), indexes, c->partitions };
	struct offset_fetch_request request;
	struct offset_fetch_response response;
	offset_fetch_request_defaults(&request);
	request.group_id = slice_str(groups[group]);
	request.topics = &topic;
	request.n_topics = 1;
	request.require_stable = true;
	for (int i = 0; i < c->partitions; i++)
		indexes[i] = i;
	if (kclient_call(&c->client, KAPI_OFFSET_FETCH, FETCH_VERSION, &request, &response, CALL_MS) < 0)
		return false;
	for (int i = 0; !response.error_code && i < response.topics[0].n_partitions; i++)
		if (response.topics[0].partitions[i].error_code)
			return false;
		else
			look(c, group, &response.topics[0].partitions[i]);
	if (response.error_code)
		understand(c, response.error_code, "OffsetFetch");
	return response.error_code == KERR_NONE;
}

bool committer_check(struct committer *c)
{
	if (!connected(c) || !find(c)) {
		again(c);
		return false;
	}
	for (int group = 0; group < COMMITTER_GROUPS; group++)
		if (!check_group(c, group))
			return false;
	return true;
}
