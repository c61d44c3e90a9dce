/* txn_partitions.c - see txn_partitions.h
 *
 * kafka.coordinator.transaction.TransactionMetadata keeps them in a set of Scala 2.13 (mutable.HashSet) and
 * prints them as that iterates: by slot of a table of a power of two, within a slot by hash. The table has 16
 * slots and grows before it is three quarters full; adding many at once makes room for them first.
 */
#include "tools/txn_partitions.h"

#include "broker/base/must.h"

enum { TABLE_FIRST_SLOTS = 16 };

struct member {
	struct slice topic;
	int32_t partition;
	int32_t hash;
	uint32_t slot;
	uint32_t nth;
};

/* TopicPartition.hashCode() of Java over String.hashCode(), mixed as HashSet does. */
static int32_t hash_of(struct slice topic, int32_t partition)
{
	uint32_t name = 0;
	for (uint32_t i = 0; i < topic.n; i++)
		name = name * 31 + topic.p[i]; /* names of topics are ASCII */
	uint32_t h = (31 + (uint32_t)partition) * 31 + name;
	return (int32_t)(h ^ h >> 16);
}

static bool grows_at(uint32_t slots, uint32_t members)
{
	return members + 1 >= slots / 4 * 3;
}

/* How many slots the table has after all were added. */
static uint32_t table_slots(const struct transaction_log_value *v)
{
	uint32_t slots = TABLE_FIRST_SLOTS, members = 0;
	for (int32_t t = 0; t < v->n_transaction_partitions; t++) {
		uint32_t n = (uint32_t)v->transaction_partitions[t].n_partition_ids;
		while (slots < (uint32_t)((double)(n + 1) / 0.75))
			slots *= 2;
		for (uint32_t i = 0; i < n; i++, members++)
			slots *= grows_at(slots, members) ? 2 : 1;
	}
	return slots;
}

static int order(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	if (x->slot != y->slot)
		return x->slot < y->slot ? -1 : 1;
	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->nth < y->nth ? -1 : 1;
}

static uint32_t count(const struct transaction_log_value *v)
{
	uint32_t n = 0;
	for (int32_t t = 0; t < v->n_transaction_partitions; t++)
		n += (uint32_t)v->transaction_partitions[t].n_partition_ids;
	return n;
}

void txn_partitions_text(struct text *out, const struct transaction_log_value *v)
{
	uint32_t n = count(v), at = 0, slots = table_slots(v);
	struct member *all = mem_alloc((n + 1) * sizeof *all);
	for (int32_t t = 0; t < v->n_transaction_partitions; t++) {
		const struct transaction_log_value_topic *topic = &v->transaction_partitions[t];
		for (int32_t i = 0; i < topic->n_partition_ids; i++, at++) {
			all[at] = (struct member){ .topic = topic->topic,
				.partition = topic->partition_ids[i],
				.hash = hash_of(topic->topic, topic->partition_ids[i]), .nth = at };
			all[at].slot = (uint32_t)all[at].hash & (slots - 1);
		}
	}
	qsort(all, n, sizeof *all, order);
	for (uint32_t i = 0; i < n; i++) {
		text_add(out, "%s", i ? "," : "");
		text_utf8(out, all[i].topic);
		text_add(out, "-%d", all[i].partition);
	}
	free(all);
}
