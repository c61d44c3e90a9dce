/* groups_admin.c - ListGroups, DescribeGroups, DeleteGroups. Facts: KafkaApis, GroupCoordinatorAdapter and
 * GroupCoordinator of 3.9. */
#include "broker/api/group_tour.h"
#include "broker/api/handlers.h"

#include "broker/base/must.h"
#include "broker/base/order.h"
#include "broker/group/cleanup.h"
#include "broker/group/group.h"
#include "broker/group/walk.h"

#include "delete_groups.kmsg.h"
#include "describe_groups.kmsg.h"
#include "list_groups.kmsg.h"

#include <string.h>

enum {
	VERSION_OPERATIONS = 3, /* DescribeGroups */
	/* AclEntry.supportedOperations of a group: READ, DELETE, DESCRIBE */
	GROUP_OPERATIONS = 1 << 3 | 1 << 6 | 1 << 8,
};

/* ---- ListGroups: every core is asked ---- */

struct list_of_core {
	struct list_groups_response_group *v;
	int32_t n, room;
};

struct list_state {
	struct group_tour tour;
	struct request *req;
	bool wants[GROUP_STATES], wants_classic; /* what the filters say */
	struct list_of_core all;
	struct group_walk walk; /* of the core where the tour is */
	bool walks;
	enum kerr error;
};

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/* Names of states and types are compared without regard to case. */
static bool is_name(struct slice said, const char *name)
{
	if (said.n != strlen(name))
		return false;
	for (uint32_t i = 0; i < said.n; i++)
		if (lower(said.p[i]) != lower((uint8_t)name[i]))
			return false;
	return true;
}

/* No names are all names. */
static bool is_one_of(const struct slice *names, int32_t n, const char *name)
{
	for (int32_t i = 0; i < n; i++)
		if (is_name(names[i], name))
			return true;
	return n == 0;
}

static bool list_room(struct list_state *s)
{
	if (s->all.n < s->all.room)
		return true;
	int32_t room = s->all.room * 2 + 64;
	struct list_groups_response_group *v = arena_array(&s->req->arena, (size_t)room, sizeof *v);
	if (!v)
		return false;
	if (s->all.n > 0)
		memcpy(v, s->all.v, (size_t)s->all.n * sizeof *v);
	s->all.v = v;
	s->all.room = room;
	return true;
}

static int list_group(void *arg, struct group *g)
{
	struct list_state *s = arg;
	if (!s->wants[g->state] || !list_room(s))
		return 1;
	s->all.v[s->all.n++] = (struct list_groups_response_group){
		.group_id = request_copy(s->req, g->id),
		.protocol_type = request_copy(s->req, g->protocol_type),
		.group_state = slice_str(group_state_name(g->state)),
		.group_type = SLICE_LIT("classic"),
	};
	return 1;
}

/* In steps, until the core has no more groups. */
static bool list_here(struct request *req, struct coordinator *here, int32_t i)
{
	struct list_state *s = req->state;
	must(s->tour.stops[i].core == s->tour.core);
	if (here->stopped) {
		s->error = KERR_COORDINATOR_NOT_AVAILABLE;
		s->all.n = 0;
	}
	if (coordinator_is_loading(here) && !s->error)
		s->error = KERR_COORDINATOR_LOAD_IN_PROGRESS;
	bool wanted = s->error != KERR_COORDINATOR_NOT_AVAILABLE && s->wants_classic;
	if (wanted && !s->walks)
		group_walk_begin(&s->walk, here);
	s->walks = wanted && group_walk_on(&s->walk, list_group, s) && !arena_overflowed(&req->arena);
	if (!s->walks)
		group_walk_end(&s->walk);
	return !s->walks;
}

static void list_answer(struct request *req)
{
	const struct list_state *s = req->state;
	struct list_groups_response out;
	list_groups_response_defaults(&out);
	out.error_code = (int16_t)s->error;
	out.groups = s->all.v;
	out.n_groups = s->all.n;
	list_groups_response_encode(response_begin(req), req->version, &out);
	response_send(req);
}

void handle_list_groups(struct request *req)
{
	struct list_state *s = request_state(req, sizeof *s);
	s->req = req;
	struct list_groups_request msg;
	if (!request_decode_ok(req, list_groups_request_decode(&req->body, req->version, &msg)))
		return;
	for (enum group_state state = 0; state < GROUP_STATES; state++)
		s->wants[state] = is_one_of(msg.states_filter, msg.n_states_filter, group_state_name(state));
	s->wants_classic = is_one_of(msg.types_filter, msg.n_types_filter, "classic");
	s->tour.n = req->core->api->n_cores;
	s->tour.stops = arena_array(&req->arena, (size_t)s->tour.n, sizeof *s->tour.stops);
	if (!s->tour.stops) {
		request_refuse_large(req);
		return;
	}
	for (int i = 0; i < s->tour.n; i++)
		s->tour.stops[i].core = i;
	group_tour_start(req, list_here, list_answer);
}

/* ---- DescribeGroups ---- */

struct describe_state {
	struct group_tour tour;
	struct describe_groups_request msg;
	struct describe_groups_response_group *groups;
};

/* Only a stable group tells what was agreed. */
static void describe_member(struct request *req, const struct member *m,
			    struct describe_groups_response_member *out)
{
	const struct group *g = m->group;
	out->member_id = request_copy(req, m->id);
	out->group_instance_id = request_copy(req, m->instance_id);
	out->client_id = request_copy(req, m->client_id);
	out->client_host = request_copy(req, m->client_host);
	if (g->state != GROUP_STABLE)
		return;
	out->member_metadata = request_copy(req, member_metadata(m, g->protocol_name));
	out->member_assignment = request_copy(req, m->assignment);
}

static void describe_group(struct request *req, const struct group *g,
			   struct describe_groups_response_group *out)
{
	out->group_state = slice_str(group_state_name(g->state));
	out->protocol_type = request_copy(req, g->protocol_type);
	if (g->state == GROUP_STABLE)
		out->protocol_data = request_copy(req, g->protocol_name);
	out->members = arena_array(&req->arena, (size_t)group_size(g), sizeof *out->members);
	if (!out->members)
		return;
	for (const struct member *m = g->members; m; m = m->hh.next)
		describe_member(req, m, &out->members[out->n_members++]);
}

static bool describe_here(struct request *req, struct coordinator *here, int32_t i)
{
	struct describe_state *s = req->state;
	const struct group_stop *stop = &s->tour.stops[i];
	struct describe_groups_response_group *out = &s->groups[i];
	struct coordinated *at;
	enum kerr error = coordinator_check(here, stop->group, stop->partition, GROUP_ID_MAY_BE_EMPTY, &at);
	out->error_code = (int16_t)error;
	if (error)
		return true;
	if (req->version >= VERSION_OPERATIONS && s->msg.include_authorized_operations)
		out->authorized_operations = GROUP_OPERATIONS;
	const struct group *g = coordinator_group(at, stop->group);
	if (g)
		describe_group(req, g, out);
	else
		out->group_state = slice_str(group_state_name(GROUP_DEAD));
	return true;
}

static void describe_answer(struct request *req)
{
	const struct describe_state *s = req->state;
	struct describe_groups_response out;
	describe_groups_response_defaults(&out);
	out.groups = s->groups;
	out.n_groups = s->tour.n;
	describe_groups_response_encode(response_begin(req), req->version, &out);
	response_send(req);
}

void handle_describe_groups(struct request *req)
{
	struct describe_state *s = request_state(req, sizeof *s);
	if (!request_decode_ok(req, describe_groups_request_decode(&req->body, req->version, &s->msg)))
		return;
	s->groups = arena_array(&req->arena, (size_t)s->msg.n_groups, sizeof *s->groups);
	if (!s->groups || !group_tour_init(req, &s->tour, s->msg.groups, s->msg.n_groups)) {
		request_refuse_large(req);
		return;
	}
	for (int32_t i = 0; i < s->msg.n_groups; i++) {
		describe_groups_response_group_defaults(&s->groups[i]);
		s->groups[i].group_id = s->msg.groups[i];
	}
	group_tour_start(req, describe_here, describe_answer);
}

/* ---- DeleteGroups ---- */

struct delete_state {
	struct group_tour tour;
	struct delete_groups_request msg;
	struct delete_groups_response_result *results;
};

static bool delete_here(struct request *req, struct coordinator *here, int32_t i)
{
	struct delete_state *s = req->state;
	const struct group_stop *stop = &s->tour.stops[i];
	s->results[i].group_id = stop->group;
	s->results[i].error_code = (int16_t)coordinator_delete_group(here, stop->group, stop->partition);
	return true;
}

static void delete_answer(struct request *req)
{
	const struct delete_state *s = req->state;
	struct delete_groups_response out;
	delete_groups_response_defaults(&out);
	out.results = s->results;
	out.n_results = s->tour.n;
	delete_groups_response_encode(response_begin(req), req->version, &out);
	response_send(req);
}

static int by_bytes(const void *a, const void *b)
{
	return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

/* A group that is named more than once is deleted, and answered, once. */
static int32_t each_once(struct slice *names, int32_t n)
{
	int32_t kept = 0;
	order_sort(names, (size_t)n, sizeof *names, by_bytes);
	for (int32_t i = 0; i < n; i++)
		if (i == 0 || !slice_eq(names[i], names[kept - 1]))
			names[kept++] = names[i];
	return kept;
}

void handle_delete_groups(struct request *req)
{
	struct delete_state *s = request_state(req, sizeof *s);
	if (!request_decode_ok(req, delete_groups_request_decode(&req->body, req->version, &s->msg)))
		return;
	int32_t n = each_once(s->msg.groups_names, s->msg.n_groups_names);
	s->results = arena_array(&req->arena, (size_t)n, sizeof *s->results);
	if (!s->results || !group_tour_init(req, &s->tour, s->msg.groups_names, n)) {
		request_refuse_large(req);
		return;
	}
	group_tour_start(req, delete_here, delete_answer);
}
