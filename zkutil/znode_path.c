/* znode_path.c - the paths of znode.h. */
#include "zkutil/znode.h"

#include "broker/base/must.h"
#include "zkutil/zjson.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const paths[ZNODE_ROWS] = {
#define Z(ident, path, life, written, oldest, newest, content) [ZNODE_##ident] = path,
#include "zkutil/znode.tbl"
#undef Z
};

const char *znode_path(enum znode row)
{
	must(row < ZNODE_ROWS);
	return paths[row];
}

/* Fills in a row's pattern. The names are topics', which are known to be short before they get here. */
static struct znode_path fill(enum znode row, const char *name, int32_t number)
{
	struct znode_path out;
	size_t n = 0;
	for (const char *p = paths[row]; *p; p++) {
		size_t left = sizeof out.s - n;
		int wrote;
		if (*p == '$')
			wrote = snprintf(out.s + n, left, "%s", name);
		else if (*p == '#')
			wrote = snprintf(out.s + n, left, "%" PRId32, number);
		else
			wrote = snprintf(out.s + n, left, "%c", *p);
		must(wrote >= 0 && (size_t)wrote < left);
		n += (size_t)wrote;
	}
	return out;
}

struct znode_path znode_broker_path(int32_t id)
{
	return fill(ZNODE_BROKER, NULL, id);
}

struct znode_path znode_topic_path(const char *topic)
{
	return fill(ZNODE_TOPIC, topic, 0);
}

struct znode_path znode_partitions_path(const char *topic)
{
	return fill(ZNODE_PARTITIONS, topic, 0);
}

struct znode_path znode_partition_path(const char *topic, int32_t partition)
{
	return fill(ZNODE_PARTITION, topic, partition);
}

struct znode_path znode_state_path(const char *topic, int32_t partition)
{
	return fill(ZNODE_PARTITION_STATE, topic, partition);
}

struct znode_path znode_delete_topic_path(const char *topic)
{
	return fill(ZNODE_DELETE_TOPIC, topic, 0);
}

const char *znode_child_path(struct arena *a, enum znode parent, const char *child)
{
	return arena_printf(a, "%s/%s", znode_path(parent), child);
}

/* As ZooKeeper takes it: no control characters, no component that is empty or dots alone. Slashes are let in,
 * as Kafka does. */
static bool can_be_in_path(struct slice name)
{
	uint32_t dots = 0, length = 0;
	for (uint32_t i = 0; i <= name.n; i++) {
		uint8_t c = i < name.n ? name.p[i] : '/';
		if (c < ' ' || c == 0x7f)
			return false;
		if (c != '/') {
			dots += c == '.';
			length++;
			continue;
		}
		if (length == 0 || (dots == length && dots <= 2))
			return false;
		dots = length = 0;
	}
	return true;
}

const char *znode_consumer_offset_path(struct arena *a, struct slice group, struct slice topic,
				       int32_t partition)
{
	if (!can_be_in_path(group) || !can_be_in_path(topic))
		return NULL;
	return arena_printf(a, "%s/%.*s/offsets/%.*s/%" PRId32, znode_path(ZNODE_CONSUMERS),
			    SLICE_ARGS(group), SLICE_ARGS(topic), partition);
}

int64_t znode_sequence(enum znode row, const char *child)
{
	const char *prefix = strrchr(znode_path(row), '/') + 1;
	size_t n = strlen(prefix);
	if (strncmp(child, prefix, n) != 0)
		return -1;
	/* ZooKeeper pads to ten digits and counts in an int32 */
	const char *digits = child + n;
	size_t length = strspn(digits, "0123456789");
	if (length == 0 || digits[length] || length > 10)
		return -1;
	return strtoll(digits, NULL, 10);
}

const char *znode_config_path(struct arena *a, const char *entity)
{
	return arena_printf(a, "/config/%s", entity);
}

static const char *const default_entity = "<default>";

/* Users and clients are free text; brokers, topics and IPs are not, and are used as they are. */
static const char *entity_name(struct arena *a, const char *type, const char *name)
{
	if (!name)
		return default_entity;
	bool free_text = strcmp(type, "users") == 0 || strcmp(type, "clients") == 0;
	return free_text ? znode_sanitize(a, slice_str(name)) : name;
}

const char *znode_entity(struct arena *a, const struct znode_entity *e)
{
	const char *name = entity_name(a, e->type, e->name);
	if (!name || !e->has_client)
		return name ? arena_printf(a, "%s/%s", e->type, name) : NULL;
	must(strcmp(e->type, "users") == 0);
	const char *client = entity_name(a, "clients", e->client);
	return client ? arena_printf(a, "%s/%s/clients/%s", e->type, name, client) : NULL;
}

static bool is_plain(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '-' || c == '_';
}

const char *znode_sanitize(struct arena *a, struct slice name)
{
	static const char hex[] = "0123456789ABCDEF";
	char *out = arena_alloc(a, (size_t)name.n * 3 + 1);
	if (!out)
		return NULL;
	size_t n = 0;
	for (uint32_t i = 0; i < name.n; i++) {
		uint8_t c = name.p[i];
		if (is_plain(c)) {
			out[n++] = (char)c;
			continue;
		}
		out[n++] = '%';
		out[n++] = hex[c >> 4];
		out[n++] = hex[c & 15];
	}
	return out;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

struct slice znode_desanitize(struct arena *a, const char *sanitized)
{
	uint8_t *out = arena_alloc(a, strlen(sanitized) + 1);
	if (!out)
		return SLICE_NULL;
	size_t n = 0;
	for (const char *p = sanitized; *p; p++) {
		if (*p != '%') {
			out[n++] = *p == '+' ? ' ' : (uint8_t)*p;
			continue;
		}
		int high = hex_digit(p[1]);
		int low = high < 0 ? -1 : hex_digit(p[2]);
		if (low < 0)
			return SLICE_NULL;
		out[n++] = (uint8_t)(high << 4 | low);
		p += 2;
	}
	return slice_of(out, n);
}
