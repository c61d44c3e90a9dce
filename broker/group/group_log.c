/* group_log.c - the records of __consumer_offsets. */
#include "broker/group/group_log.h"

#include "broker/base/must.h"
#include "broker/group/coordinator.h"
#include "broker/group/group.h"

enum {
	OFFSET_KEY_VERSION = 1,
	GROUP_KEY_VERSION = 2,
	VERSION_BYTES = 2,
	RECORD_BYTES_MAX = INT32_MAX, /* of key and value; max.message.bytes of the topic decides */
};

/* ---- writing ---- */

static int offset_value_version(enum ibp ibp, const struct offset_commit_value *value)
{
	if (ibp < IBP_2_1_IV0 || value->expire_timestamp != -1)
		return 1;
	return ibp < IBP_2_1_IV1 ? 2 : 3;
}

static int group_value_version(enum ibp ibp)
{
	if (ibp < IBP_0_10_1_IV0)
		return 0;
	if (ibp < IBP_2_1_IV0)
		return 1;
	return ibp < IBP_2_3_IV0 ? 2 : 3;
}

/* Key and value are written one behind the other; the value begins at `key_bytes`. */
static bool add_record(struct batch_builder *b, struct kenc *e, size_t key_bytes, bool has_value,
		       int64_t now_ms)
{
	struct buf *bytes = kenc_finish_buf(e);
	if (!bytes)
		return false;
	struct slice value = SLICE_NULL;
	if (has_value)
		value = slice_of(bytes->bytes + key_bytes, bytes->used - key_bytes);
	bool added = batch_builder_add(b, now_ms, slice_of(bytes->bytes, key_bytes), value, SLICE_NULL, 0);
	buf_put(bytes);
	return added;
}

static size_t begin_offset(struct kenc *e, const struct offset_commit_key *key)
{
	kenc_init(e, NULL, RECORD_BYTES_MAX);
	kenc_i16(e, OFFSET_KEY_VERSION);
	offset_commit_key_encode(e, OFFSET_KEY_VERSION, key);
	return kenc_bytes_written(e);
}

static size_t begin_group(struct kenc *e, struct slice group_id)
{
	kenc_init(e, NULL, RECORD_BYTES_MAX);
	kenc_i16(e, GROUP_KEY_VERSION);
	group_metadata_key_encode(e, GROUP_KEY_VERSION, &(struct group_metadata_key){ group_id });
	return kenc_bytes_written(e);
}

bool group_log_add_offset(struct batch_builder *b, enum ibp ibp, const struct offset_commit_key *key,
			  const struct offset_commit_value *value, int64_t now_ms)
{
	struct kenc e;
	size_t key_bytes = begin_offset(&e, key);
	int version = offset_value_version(ibp, value);
	kenc_i16(&e, (int16_t)version);
	offset_commit_value_encode(&e, version, value);
	return add_record(b, &e, key_bytes, true, now_ms);
}

bool group_log_add_offset_tombstone(struct batch_builder *b, const struct offset_commit_key *key,
				    int64_t now_ms)
{
	struct kenc e;
	size_t key_bytes = begin_offset(&e, key);
	return add_record(b, &e, key_bytes, false, now_ms);
}

bool group_log_add_group_value(struct batch_builder *b, enum ibp ibp, struct slice group_id,
			       const struct group_metadata_value *value, int64_t now_ms)
{
	struct kenc e;
	size_t key_bytes = begin_group(&e, group_id);
	int version = group_value_version(ibp);
	kenc_i16(&e, (int16_t)version);
	group_metadata_value_encode(&e, version, value);
	return add_record(b, &e, key_bytes, true, now_ms);
}

bool group_log_add_group(struct batch_builder *b, const struct group *g, int64_t now_ms)
{
	struct group_metadata_value value = {
		.protocol_type = g->protocol_type,
		.generation = g->generation,
		.protocol = g->protocol_name,
		.leader = g->leader ? g->leader->id : SLICE_NULL,
		.current_state_timestamp = g->state_since_ms,
	};
	struct member *m, *next;
	value.members = mem_alloc((size_t)max_of(group_size(g), 1) * sizeof *value.members);
	HASH_ITER(hh, g->members, m, next)
		value.members[value.n_members++] = (struct group_metadata_value_member){
			m->id, m->instance_id, m->client_id, m->client_host, m->rebalance_timeout_ms,
			m->session_timeout_ms, member_metadata(m, g->protocol_name), m->assignment };
	bool added = group_log_add_group_value(b, g->home->home->config->ibp, g->id, &value, now_ms);
	free(value.members);
	return added;
}

bool group_log_add_group_tombstone(struct batch_builder *b, struct slice group_id, int64_t now_ms)
{
	struct kenc e;
	size_t key_bytes = begin_group(&e, group_id);
	return add_record(b, &e, key_bytes, false, now_ms);
}

/* ---- reading ---- */

/* Bytes behind the message are no fault. */
static int passed(int error)
{
	return error == KDEC_TRAILING ? KDEC_OK : error;
}

/* The version that is in front; `d` stands behind it. */
static int16_t read_version(struct kdec *d, struct slice bytes, struct arena *arena)
{
	kdec_init(d, bytes, arena);
	return kdec_i16(d);
}

int group_log_read_key(struct slice key, struct group_key *ret_key)
{
	struct kdec d;
	struct arena none; /* a key has no arrays */
	arena_init(&none, 0);
	*ret_key = (struct group_key){ .of = GROUP_RECORD_UNKNOWN };
	if (slice_is_null(key))
		return KDEC_NULL;
	ret_key->version = read_version(&d, key, &none);
	if (d.error)
		return d.error;
	if (ret_key->version >= 0 && ret_key->version <= OFFSET_KEY_VERSION) {
		struct offset_commit_key offset;
		int error = offset_commit_key_decode(&d, ret_key->version, &offset);
		ret_key->of = GROUP_RECORD_OFFSET;
		ret_key->group = offset.group;
		ret_key->topic = offset.topic;
		ret_key->partition = offset.partition;
		return passed(error);
	}
	if (ret_key->version != GROUP_KEY_VERSION)
		return KDEC_OK;
	struct group_metadata_key group;
	int error = group_metadata_key_decode(&d, ret_key->version, &group);
	ret_key->of = GROUP_RECORD_GROUP;
	ret_key->group = group.group;
	return passed(error);
}

int group_log_read_offset(struct slice value, struct offset_commit_value *ret_value)
{
	struct kdec d;
	struct arena none;
	must(!slice_is_null(value));
	arena_init(&none, 0);
	int16_t version = read_version(&d, value, &none);
	return d.error ? (int)d.error : passed(offset_commit_value_decode(&d, version, ret_value));
}

int group_log_read_group(struct slice value, struct arena *arena, struct group_metadata_value *ret_value)
{
	struct kdec d;
	must(!slice_is_null(value));
	int16_t version = read_version(&d, value, arena);
	if (d.error)
		return d.error;
	int error = passed(group_metadata_value_decode(&d, version, ret_value));
	/* Before there was a time-out for rebalances it was that of the session. */
	for (int32_t i = 0; !error && version == 0 && i < ret_value->n_members; i++)
		ret_value->members[i].rebalance_timeout = ret_value->members[i].session_timeout;
	return error;
}
