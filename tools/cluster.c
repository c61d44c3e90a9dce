/* cluster.c - see cluster.h. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "tools/cluster.h"

#include "broker/base/must.h"
#include "broker/base/order.h"

#include <ctype.h>
#include <errno.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

/* ---- topics ---- */

static int by_name(const void *a, const void *b)
{
	const struct metadata_response_topic *x = a, *y = b;
	return slice_compare(x->name, y->name);
}

static int by_index(const void *a, const void *b)
{
	const struct metadata_response_partition *x = a, *y = b;
	return order_of(x->partition_index, y->partition_index);
}

void cluster_sort(struct metadata_response *m)
{
	if (m->n_topics > 1)
		order_sort(m->topics, (size_t)m->n_topics, sizeof *m->topics, by_name);
	for (int32_t i = 0; i < m->n_topics; i++)
		if (m->topics[i].n_partitions > 1)
			order_sort(m->topics[i].partitions, (size_t)m->topics[i].n_partitions,
				   sizeof *m->topics[i].partitions, by_index);
}

int cluster_topics(struct admin *a, struct metadata_response *out)
{
	struct metadata_request request;
	metadata_request_defaults(&request);
	request.n_topics = -1;
	if (admin_version(a, ADMIN_ANY, KAPI_METADATA) == 0)
		request.n_topics = 0; /* where none are named all are meant */
	if (admin_call(a, ADMIN_ANY, KAPI_METADATA, &request, out) < 0)
		return -1;
	cluster_sort(out);
	return 0;
}

int cluster_describe(
	struct admin *a, struct tool *t, const struct slice *names, unsigned n, struct metadata_response *out)
{
	struct metadata_request request;
	metadata_request_defaults(&request);
	if (admin_version(a, ADMIN_ANY, KAPI_METADATA) >= 4)
		request.allow_auto_topic_creation = false;
	request.n_topics = (int32_t)n;
	request.topics = tool_alloc(t, n * sizeof *request.topics);
	for (unsigned i = 0; i < n; i++)
		request.topics[i].name = names[i];
	if (admin_call(a, ADMIN_ANY, KAPI_METADATA, &request, out) < 0)
		return -1;
	for (int32_t i = 0; i < out->n_topics; i++)
		if (out->topics[i].error_code)
			return tool_fail_code(t, out->topics[i].error_code, SLICE_NULL);
	cluster_sort(out);
	return 0;
}

bool cluster_has_broker(const struct metadata_response *m, int32_t id)
{
	for (int32_t i = 0; i < m->n_brokers; i++)
		if (m->brokers[i].node_id == id)
			return true;
	return false;
}

const struct metadata_response_topic *cluster_topic(const struct metadata_response *m, struct slice name)
{
	const struct metadata_response_topic key = { .name = name };
	if (m->n_topics <= 0)
		return NULL;
	return order_find(&key, m->topics, (size_t)m->n_topics, sizeof *m->topics, by_name);
}

const struct metadata_response_partition *cluster_partition(
	const struct metadata_response *m, struct slice topic, int32_t partition)
{
	const struct metadata_response_topic *found = cluster_topic(m, topic);
	const struct metadata_response_partition key = { .partition_index = partition };
	if (!found || found->n_partitions <= 0)
		return NULL;
	return order_find(&key, found->partitions, (size_t)found->n_partitions, sizeof key, by_index);
}

/* org.apache.kafka.common.internals.Topic.isInternal */
bool cluster_is_internal(struct slice topic)
{
	return slice_is(topic, "__consumer_offsets") || slice_is(topic, "__transaction_state") ||
		slice_is(topic, "__share_group_state");
}

/* ---- moves ---- */

/* The brokers that do not know of moves have none. */
static int moves_failed(struct tool *t, struct list_partition_reassignments_response *out)
{
	*out = (struct list_partition_reassignments_response){ 0 };
	if (strcmp(t->failure.class, "UnsupportedVersionException") != 0)
		return -1;
	t->failure = (struct failure){ 0 };
	return 0;
}

int cluster_moves(struct admin *a, struct tool *t, const struct metadata_response *m,
	struct list_partition_reassignments_response *out)
{
	struct list_partition_reassignments_request request;
	list_partition_reassignments_request_defaults(&request);
	request.n_topics = m->n_topics;
	request.topics = tool_alloc(t, (size_t)m->n_topics * sizeof *request.topics);
	for (int32_t i = 0; i < m->n_topics; i++) {
		const struct metadata_response_topic *topic = &m->topics[i];
		int32_t *indexes = tool_alloc(t, (size_t)topic->n_partitions * sizeof *indexes);
		for (int32_t k = 0; k < topic->n_partitions; k++)
			indexes[k] = topic->partitions[k].partition_index;
		request.topics[i] = (struct list_partition_reassignments_request_topic){ topic->name, indexes,
			topic->n_partitions };
	}
	admin_begin(a, "listPartitionReassignments", 0);
	do {
		if (admin_call(a, ADMIN_CONTROLLER, KAPI_LIST_PARTITION_REASSIGNMENTS, &request, out) < 0)
			return moves_failed(t, out);
	} while (admin_again(a, out->error_code));
	return out->error_code ? tool_fail_code(t, out->error_code, out->error_message) : 0;
}

const struct list_partition_reassignments_response_partition *cluster_move_of(
	const struct list_partition_reassignments_response *moves, struct slice topic, int32_t partition)
{
	for (int32_t i = 0; i < moves->n_topics; i++)
		for (int32_t k = 0; slice_eq(moves->topics[i].name, topic) &&
			k < moves->topics[i].n_partitions;
			k++)
			if (moves->topics[i].partitions[k].partition_index == partition)
				return &moves->topics[i].partitions[k];
	return NULL;
}

/* ---- which topics ---- */

static bool is_quote(char c)
{
	return c == '"' || c == '\'';
}

/* Kafka's cleaning, quotes that properties files may bring included. */
static char *cleaned(struct tool *t, const char *text)
{
	char *out = tool_alloc(t, strlen(text) + 1), *to = out;
	for (; *text; text++)
		if (*text != ' ')
			*to++ = *text == ',' ? '|' : *text;
	while (to > out && is_quote(to[-1]))
		*--to = '\0';
	while (is_quote(*out))
		out++;
	return out;
}

int topic_filter_init(struct topic_filter *f, struct tool *t, const char *text)
{
	int error;
	size_t at;
	char *regex = cleaned(t, text);
	f->code = pcre2_compile((PCRE2_SPTR)regex, PCRE2_ZERO_TERMINATED,
		PCRE2_UTF | PCRE2_ANCHORED | PCRE2_ENDANCHORED, &error, &at, NULL);
	return f->code ? 0 : tool_fail(t, "RuntimeException", "%s is an invalid regex.", regex);
}

bool topic_filter_matches(const struct topic_filter *f, struct slice name)
{
	pcre2_match_data *m = pcre2_match_data_create_from_pattern(f->code, NULL);
	must(m != NULL);
	int found = pcre2_match(f->code, name.p, name.n, 0, 0, m, NULL);
	pcre2_match_data_free(m);
	return found >= 0;
}

void topic_filter_free(struct topic_filter *f)
{
	pcre2_code_free(f->code);
	f->code = NULL;
}

/* ---- text ---- */

int parse_long(struct tool *t, const char *text, int64_t *out)
{
	char *end;
	errno = 0;
	*out = strtoll(text, &end, 10);
	const char *digits = text + (text[0] == '-' || text[0] == '+');
	if (!isdigit((unsigned char)*digits) || *end || errno)
		return tool_fail(t, "NumberFormatException", "For input string: \"%s\"", text);
	return 0;
}

int parse_int(struct tool *t, const char *text, int32_t *out)
{
	int64_t wide;
	if (parse_long(t, text, &wide) < 0)
		return -1;
	*out = (int32_t)wide;
	return *out == wide ? 0 : tool_fail(t, "NumberFormatException", "For input string: \"%s\"", text);
}

char **split_text(struct tool *t, const char *text, char separator, unsigned *n)
{
	char *copy = tool_text(t, slice_str(text));
	unsigned room = 1;
	for (const char *p = copy; *p; p++)
		room += *p == separator;
	char **pieces = tool_alloc(t, room * sizeof *pieces);
	*n = 0;
	for (char *p = copy; p;) {
		char *next = strchr(p, separator);
		if (next)
			*next++ = '\0';
		pieces[(*n)++] = p;
		p = next;
	}
	while (*n > 1 && pieces[*n - 1][0] == '\0')
		--*n;
	return pieces;
}

char *trimmed(char *s)
{
	while (isspace((unsigned char)*s))
		s++;
	size_t n = strlen(s);
	while (n > 0 && isspace((unsigned char)s[n - 1]))
		s[--n] = '\0';
	return s;
}
