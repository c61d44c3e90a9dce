/* txn_partitions.c - see txn_partitions.h
 *
 * kafka.coordinator.transaction.TransactionMetadata keeps them in a mutable.HashSet, topic by topic.
 */
#include "tools/txn_partitions.h"

#include "broker/base/must.h"
#include "zkutil/javamap.h"

/* TopicPartition.hashCode() of Java; names of topics are ASCII. */
static uint32_t hash_of(struct slice topic, int32_t partition)
{
	return (31 + (uint32_t)partition) * 31 + javamap_hash(topic.p, topic.n);
}

struct member {
	struct slice topic;
	int32_t partition;
};

static uint32_t count(const struct transaction_log_value *v)
{
	uint32_t n = 0;
	for (int32_t t = 0; t < v->n_transaction_partitions; t++)
		n += (uint32_t)v->transaction_partitions[t].n_partition_ids;
	return n;
}

void txn_partitions_text(struct text *out, const struct transaction_log_value *v, const char *comma)
{
	uint32_t n = count(v), at = 0;
	struct member *all = mem_alloc((n + 1) * sizeof *all);
	struct javamap_slot *slots = mem_alloc((n + 1) * sizeof *slots);
	for (int32_t t = 0; t < v->n_transaction_partitions; t++) {
		const struct transaction_log_value_topic *topic = &v->transaction_partitions[t];
		for (int32_t i = 0; i < topic->n_partition_ids; i++, at++) {
			all[at] = (struct member){ topic->topic, topic->partition_ids[i] };
			slots[at] = (struct javamap_slot){ .index = at,
				.java_hash = hash_of(topic->topic, topic->partition_ids[i]) };
		}
	}
	javamap_sort(JAVAMAP_SCALA, slots, n);
	for (uint32_t i = 0; i < n; i++) {
		text_add(out, "%s", i ? comma : "");
		text_utf8(out, all[slots[i].index].topic);
		text_add(out, "-%d", all[slots[i].index].partition);
	}
	free(slots);
	free(all);
}
