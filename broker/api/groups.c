/* groups.c - JoinGroup, SyncGroup, Heartbeat, LeaveGroup. Facts: KafkaApis and GroupCoordinatorAdapter of
 * 3.9.
 *
 *	accepting core: decode, where is the group's home
 *	home core:      the request whole goes there, waits in its group for as long as it takes, and is
 *	                encoded there from what lies in the group
 *	accepting core: sent
 */
#include "broker/api/api.h"
#include "broker/api/group_home.h"
#include "broker/api/handlers.h"

#include "broker/base/must.h"
#include "broker/group/membership.h"

#include "heartbeat.kmsg.h"
#include "join_group.kmsg.h"
#include "leave_group.kmsg.h"
#include "sync_group.kmsg.h"

#include <stdio.h>
#include <string.h>

enum {
	JOIN_VERSION_REBALANCE_TIMEOUT = 1,
	JOIN_VERSION_KNOWN_ID = 4,
	JOIN_VERSION_NULL_PROTOCOL = 7,
	JOIN_VERSION_SKIP_ASSIGNMENT = 9,
	SYNC_VERSION_PROTOCOL = 5,
	LEAVE_VERSION_BATCHED = 3,
	HOST_BYTES = 48,
};

/* ---- JoinGroup ---- */

struct join_state {
	struct request *req;
	struct api_core *home;
	struct join_group_request msg;
	struct join join;
	char host[HOST_BYTES];
};

/* As java.net.InetAddress prints an address that it has no name for; an IPv4 address in IPv6's clothes is an
 * IPv4 address there. */
static void print_host(const struct sys_addr *peer, char out[HOST_BYTES])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	const uint8_t *b = peer->raw;
	if (peer->len == 16 && memcmp(b, mapped, sizeof mapped) == 0)
		b += sizeof mapped;
	else if (peer->len == 16) {
		int at = snprintf(out, HOST_BYTES, "/%x", get_be16(b));
		for (int i = 2; i < 16; i += 2)
			at += snprintf(out + at, HOST_BYTES - (size_t)at, ":%x", get_be16(b + i));
		return;
	}
	snprintf(out, HOST_BYTES, "/%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
}

static bool list_members(struct request *req, const struct group *g, struct join_group_response *out)
{
	struct member *m, *next;
	out->members = arena_array(&req->arena, (size_t)group_size(g), sizeof *out->members);
	if (!out->members)
		return false;
	HASH_ITER(hh, g->members, m, next)
		out->members[out->n_members++] = (struct join_group_response_member){
			m->id, m->instance_id, member_metadata(m, g->protocol_name) };
	return true;
}

static void joined(struct join *j)
{
	struct join_state *s = container_of(j, struct join_state, join);
	struct request *req = s->req;
	struct join_group_response out;
	join_group_response_defaults(&out);
	out.error_code = (int16_t)j->error;
	out.generation_id = j->generation;
	out.protocol_type = j->answer_protocol_type;
	out.protocol_name = j->answer_protocol_name;
	if (req->version < JOIN_VERSION_NULL_PROTOCOL && slice_is_null(out.protocol_name))
		out.protocol_name = SLICE_LIT("");
	out.leader = j->leader;
	out.skip_assignment = j->skip_assignment;
	out.member_id = j->answer_member_id;
	if (j->tell_members && !list_members(req, j->tell_members, &out)) {
		request_refuse_large(req);
		return;
	}
	join_group_response_encode(response_begin(req), req->version, &out);
	response_send(req);
}

static void join_at_home(struct request *req)
{
	struct join_state *s = req->state;
	coordinator_join(s->home->coordinator, &s->join);
}

static void fill_join(struct request *req, struct join_state *s, struct group_protocol *protocols)
{
	const struct join_group_request *msg = &s->msg;
	for (int32_t i = 0; i < msg->n_protocols; i++)
		protocols[i] = (struct group_protocol){ msg->protocols[i].name, msg->protocols[i].metadata };
	print_host(conn_peer(req->conn), s->host);
	s->join = (struct join){
		.group_id = msg->group_id,
		.member_id = msg->member_id,
		.instance_id = msg->group_instance_id,
		.client_id = slice_is_null(req->client_id) ? SLICE_LIT("") : req->client_id,
		.client_host = slice_str(s->host),
		.protocol_type = msg->protocol_type,
		.reason = msg->reason,
		.rebalance_timeout_ms = req->version < JOIN_VERSION_REBALANCE_TIMEOUT
			? msg->session_timeout_ms : msg->rebalance_timeout_ms,
		.session_timeout_ms = msg->session_timeout_ms,
		.protocols = protocols,
		.n_protocols = msg->n_protocols,
		.needs_known_id = req->version >= JOIN_VERSION_KNOWN_ID &&
			slice_is_null(msg->group_instance_id),
		.may_skip_assignment = req->version >= JOIN_VERSION_SKIP_ASSIGNMENT,
		.done = joined,
	};
}

void handle_join_group(struct request *req)
{
	struct join_state *s = request_state(req, sizeof *s);
	s->req = req;
	if (!request_decode_ok(req, join_group_request_decode(&req->body, req->version, &s->msg)))
		return;
	struct group_protocol *protocols = arena_array(&req->arena, (size_t)s->msg.n_protocols,
						       sizeof *protocols);
	if (!protocols) {
		request_refuse_large(req);
		return;
	}
	fill_join(req, s, protocols);
	if (!group_may_be_static(req, s->msg.group_instance_id)) {
		s->join.error = KERR_UNSUPPORTED_VERSION;
		s->join.generation = -1;
		joined(&s->join);
		return;
	}
	struct group_home at = group_home(req, s->msg.group_id);
	s->home = at.core;
	s->join.partition = at.partition;
	request_to_home(req, at.core, join_at_home);
}

/* ---- SyncGroup ---- */

struct sync_state {
	struct request *req;
	struct api_core *home;
	struct sync_group_request msg;
	struct sync sync;
};

static void synced(struct sync *sync)
{
	struct sync_state *s = container_of(sync, struct sync_state, sync);
	struct request *req = s->req;
	struct sync_group_response out;
	sync_group_response_defaults(&out);
	out.error_code = (int16_t)sync->error;
	out.protocol_type = sync->answer_protocol_type;
	out.protocol_name = sync->answer_protocol_name;
	out.assignment = sync->assignment;
	sync_group_response_encode(response_begin(req), req->version, &out);
	response_send(req);
}

static void sync_at_home(struct request *req)
{
	struct sync_state *s = req->state;
	coordinator_sync(s->home->coordinator, &s->sync);
}

static enum kerr check_sync(const struct request *req, const struct sync_group_request *msg)
{
	if (!group_may_be_static(req, msg->group_instance_id))
		return KERR_UNSUPPORTED_VERSION;
	bool names_protocol = !slice_is_null(msg->protocol_type) && !slice_is_null(msg->protocol_name);
	if (req->version >= SYNC_VERSION_PROTOCOL && !names_protocol)
		return KERR_INCONSISTENT_GROUP_PROTOCOL;
	return KERR_NONE;
}

void handle_sync_group(struct request *req)
{
	struct sync_state *s = request_state(req, sizeof *s);
	s->req = req;
	if (!request_decode_ok(req, sync_group_request_decode(&req->body, req->version, &s->msg)))
		return;
	const struct sync_group_request *msg = &s->msg;
	struct sync_assignment *assignments = arena_array(&req->arena, (size_t)msg->n_assignments,
							  sizeof *assignments);
	if (!assignments) {
		request_refuse_large(req);
		return;
	}
	for (int32_t i = 0; i < msg->n_assignments; i++)
		assignments[i] = (struct sync_assignment){ msg->assignments[i].member_id,
							   msg->assignments[i].assignment };
	struct group_home at = group_home(req, msg->group_id);
	s->home = at.core;
	s->sync = (struct sync){
		.group_id = msg->group_id, .partition = at.partition, .generation = msg->generation_id,
		.member_id = msg->member_id, .instance_id = msg->group_instance_id,
		.protocol_type = msg->protocol_type, .protocol_name = msg->protocol_name,
		.assignments = assignments, .n_assignments = msg->n_assignments, .done = synced };
	s->sync.error = check_sync(req, msg);
	if (s->sync.error)
		synced(&s->sync);
	else
		request_to_home(req, at.core, sync_at_home);
}

/* ---- Heartbeat ---- */

struct heartbeat_state {
	struct api_core *home;
	struct heartbeat_request msg;
	int32_t partition;
};

static void answer_heartbeat(struct request *req, enum kerr error)
{
	struct heartbeat_response out;
	heartbeat_response_defaults(&out);
	out.error_code = (int16_t)error;
	heartbeat_response_encode(response_begin(req), req->version, &out);
	response_send(req);
}

static void heartbeat_at_home(struct request *req)
{
	const struct heartbeat_state *s = req->state;
	const struct heartbeat h = { s->msg.group_id, s->partition, s->msg.generation_id, s->msg.member_id,
				     s->msg.group_instance_id };
	answer_heartbeat(req, coordinator_heartbeat(s->home->coordinator, &h));
}

void handle_heartbeat(struct request *req)
{
	struct heartbeat_state *s = request_state(req, sizeof *s);
	if (!request_decode_ok(req, heartbeat_request_decode(&req->body, req->version, &s->msg)))
		return;
	if (!group_may_be_static(req, s->msg.group_instance_id)) {
		answer_heartbeat(req, KERR_UNSUPPORTED_VERSION);
		return;
	}
	struct group_home at = group_home(req, s->msg.group_id);
	s->home = at.core;
	s->partition = at.partition;
	request_to_home(req, at.core, heartbeat_at_home);
}

/* ---- LeaveGroup ---- */

struct leave_state {
	struct api_core *home;
	struct leave_group_request msg;
	int32_t partition, n;
	struct leaving *leaving;
	struct leave_group_response_member *answers;
};

static void leave_at_home(struct request *req)
{
	struct leave_state *s = req->state;
	struct leave_group_response out;
	leave_group_response_defaults(&out);
	out.error_code = (int16_t)coordinator_leave(s->home->coordinator, s->msg.group_id, s->partition,
						    s->leaving, s->n);
	bool batched = req->version >= LEAVE_VERSION_BATCHED;
	if (!batched && !out.error_code)
		out.error_code = (int16_t)s->leaving[0].error;
	for (int32_t i = 0; i < s->n && batched && !out.error_code; i++)
		s->answers[i] = (struct leave_group_response_member){
			s->leaving[i].member_id, s->leaving[i].instance_id, (int16_t)s->leaving[i].error };
	out.members = s->answers;
	out.n_members = batched && !out.error_code ? s->n : 0;
	leave_group_response_encode(response_begin(req), req->version, &out);
	response_send(req);
}

static bool collect_leaving(struct request *req, struct leave_state *s)
{
	bool batched = req->version >= LEAVE_VERSION_BATCHED;
	s->n = batched ? s->msg.n_members : 1;
	s->leaving = arena_array(&req->arena, (size_t)s->n, sizeof *s->leaving);
	s->answers = arena_array(&req->arena, (size_t)s->n, sizeof *s->answers);
	if (!s->leaving || !s->answers)
		return false;
	for (int32_t i = 0; i < s->n && batched; i++)
		s->leaving[i] = (struct leaving){ s->msg.members[i].member_id,
						  s->msg.members[i].group_instance_id,
						  s->msg.members[i].reason, KERR_NONE };
	if (!batched)
		s->leaving[0] = (struct leaving){ .member_id = s->msg.member_id };
	return true;
}

void handle_leave_group(struct request *req)
{
	struct leave_state *s = request_state(req, sizeof *s);
	if (!request_decode_ok(req, leave_group_request_decode(&req->body, req->version, &s->msg)))
		return;
	if (!collect_leaving(req, s)) {
		request_refuse_large(req);
		return;
	}
	struct group_home at = group_home(req, s->msg.group_id);
	s->home = at.core;
	s->partition = at.partition;
	request_to_home(req, at.core, leave_at_home);
}
