/* cluster.h - what several commands ask of a cluster: topics and their partitions, settings, and which topics
 * a person means. */
#ifndef SAMSA_TOOLS_CLUSTER_H
#define SAMSA_TOOLS_CLUSTER_H

#include "list_partition_reassignments.kmsg.h"
#include "metadata.kmsg.h"
#include "tools/admin.h"

/* Kafka's names for what --bootstrap-server and --command-config are about, of every command. */
#define OPT_BOOTSTRAP(word)                                                                                  \
	{ .name = "bootstrap-server",                                                                        \
		.kind = OPT_TEXT,                                                                            \
		.value = "server to connect to",                                                             \
		.help = word "The brokers to begin with, host:port,..." }
#define OPT_COMMAND_CONFIG                                                                                   \
	{ .name = "command-config",                                                                          \
		.kind = OPT_FILE,                                                                            \
		.value = "command config property file",                                                     \
		.help = "A file with settings of the client: security.protocol, ssl.*, client.id, "          \
			"request.timeout.ms, default.api.timeout.ms, retry.backoff.ms." }

/* All topics in the order of their names; a topic's own error stays in it. 0, or -1 and the failure. */
int cluster_topics(struct admin *a, struct metadata_response *out);
/* Those of these names; the first that is not is the failure. In the order of the
 * names; partitions in theirs. */
int cluster_describe(struct admin *a, struct tool *t, const struct slice *names, unsigned n,
	struct metadata_response *out);
/* Topics by name, partitions by number, as the two above have them. */
void cluster_sort(struct metadata_response *m);
/* Whether a broker of that id is among the answer's. */
bool cluster_has_broker(const struct metadata_response *m, int32_t id);
/* NULL when the topic or partition is not in the answer. */
const struct metadata_response_topic *cluster_topic(const struct metadata_response *m, struct slice name);
const struct metadata_response_partition *cluster_partition(
	const struct metadata_response *m, struct slice topic, int32_t partition);
bool cluster_is_internal(struct slice topic);
/* Which partitions of these topics are on their way to other brokers: none where the brokers do not know
 * of moves.
 */
int cluster_moves(struct admin *a, struct tool *t, const struct metadata_response *m,
	struct list_partition_reassignments_response *out);
/* NULL: it stays. */
const struct list_partition_reassignments_response_partition *cluster_move_of(
	const struct list_partition_reassignments_response *moves, struct slice topic, int32_t partition);

/* A regular expression over names, as org.apache.kafka.server.util.TopicFilter has it: commas are
 * alternatives. */
struct topic_filter {
	struct pcre2_real_code_8 *code;
};
int topic_filter_init(struct topic_filter *f, struct tool *t, const char *text);
bool topic_filter_matches(const struct topic_filter *f, struct slice name);
void topic_filter_free(struct topic_filter *f);

/* A number as java.lang.Integer.parseInt reads it. 0, or -1 and NumberFormatException is the failure. */
int parse_int(struct tool *t, const char *text, int32_t *out);
int parse_long(struct tool *t, const char *text, int64_t *out);
/* The pieces between separators, as java.lang.String.split: empty ones at the end are lost. */
char **split_text(struct tool *t, const char *text, char separator, unsigned *n);
char *trimmed(char *s);

#endif
