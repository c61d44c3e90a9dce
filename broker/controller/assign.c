/* assign.c - see assign.h.
 *
 * Leaders go round; the followers of a partition are the brokers after its leader, at a distance that grows
 * by one with each full round, so that the load of a failed broker spreads. With racks, brokers are taken in
 * an order that goes through the racks in turn, and a follower's broker is skipped while its rack, or it
 * itself, has a replica and others have none. */
#include "broker/controller/assign.h"

#include "broker/base/must.h"
#include "broker/base/order.h"

#include <string.h>

static int replica_index(int first, uint32_t shift, int j, int n)
{
	uint32_t distance = 1 + (shift + (uint32_t)j) % (uint32_t)(n - 1);
	return (int)(((uint32_t)first + distance) % (uint32_t)n);
}

static int compare_racks(const void *a, const void *b)
{
	const struct assign_broker *x = a, *y = b;
	int order = strcmp(x->rack, y->rack);
	return order ? order : order_of(x->id, y->id);
}

/* The brokers rack by rack in turn: the first of each rack, then the second, ... Returns the number of
 * racks. */
static int interleave(struct assign_broker *brokers, int n)
{
	struct assign_broker *sorted = mem_dup(brokers, (size_t)n * sizeof *brokers);
	int racks = 0, placed = 0;
	order_sort(sorted, (size_t)n, sizeof *sorted, compare_racks);
	for (int i = 0; i < n; i++)
		racks += i == 0 || strcmp(sorted[i].rack, sorted[i - 1].rack) != 0;
	for (int turn = 0; placed < n; turn++)
		for (int i = 0, within = 0; i < n; i++) {
			within = i > 0 && strcmp(sorted[i].rack, sorted[i - 1].rack) == 0 ? within + 1 : 0;
			if (within == turn)
				brokers[placed++] = sorted[i];
		}
	free(sorted);
	return racks;
}

/* What has a replica of the partition that is being placed. */
struct placed {
	const struct assign_broker *brokers;
	const int *at;
	int n;
};

static int count_racks(const struct placed *p)
{
	int racks = 0;
	for (int i = 0; i < p->n; i++) {
		bool seen = false;
		for (int k = 0; k < i; k++)
			seen |= strcmp(p->brokers[p->at[i]].rack, p->brokers[p->at[k]].rack) == 0;
		racks += !seen;
	}
	return racks;
}

static bool may_take(const struct placed *p, int candidate, int n, int racks)
{
	bool rack_used = false, broker_used = false;
	for (int i = 0; i < p->n; i++) {
		rack_used |= strcmp(p->brokers[p->at[i]].rack, p->brokers[candidate].rack) == 0;
		broker_used |= p->at[i] == candidate;
	}
	return (!rack_used || count_racks(p) == racks) && (!broker_used || p->n == n);
}

static void place_with_racks(const struct assign_broker *brokers, int n, int racks, int first, int replicas,
			     uint32_t shift, int *at)
{
	int k = 0;
	at[0] = first;
	for (int j = 1; j < replicas; j++) {
		struct placed p = { brokers, at, j };
		do
			at[j] = (int)(((uint32_t)first + 1 + (shift * (uint32_t)racks + (uint32_t)k++) %
						(uint32_t)max_of(n - 1, 1)) % (uint32_t)n);
		while (!may_take(&p, at[j], n, racks));
	}
}

bool assign_replicas(struct assign_broker *brokers, int n, int32_t first_partition, int32_t partitions,
		     int replicas, uint32_t start, uint32_t shift, int32_t *out)
{
	int with_rack = 0, racks = 0;
	must(n > 0 && replicas > 0 && replicas <= n);
	for (int i = 0; i < n; i++)
		with_rack += brokers[i].rack != NULL;
	if (with_rack > 0 && with_rack < n)
		return false;
	if (with_rack > 0)
		racks = interleave(brokers, n);
	int *at = mem_alloc((size_t)replicas * sizeof *at);
	for (int32_t i = 0; i < partitions; i++) {
		uint32_t p = (uint32_t)(first_partition + i);
		if (p > 0 && p % (uint32_t)n == 0)
			shift++;
		int first = (int)((p + start) % (uint32_t)n);
		if (racks > 0) {
			place_with_racks(brokers, n, racks, first, replicas, shift, at);
		} else {
			at[0] = first;
			for (int j = 0; j + 1 < replicas; j++)
				at[j + 1] = replica_index(first, shift, j, n);
		}
		for (int j = 0; j < replicas; j++)
			out[i * replicas + j] = brokers[at[j]].id;
	}
	free(at);
	return true;
}
