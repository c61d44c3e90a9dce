/* metrics.c - see metrics.h. */
#include "broker/metrics/metrics.h"

#include <math.h>

#define METRICS_MAGIC 0x3e7c57a0u
#define METRICS_CORE_MAGIC 0x3e7c07e1u

struct metrics {
	unsigned magic;
	int cores;  /* and the control reactor, whose copy is the last */
	const char *requests[METRICS_REQUESTS_MAX];
	struct metrics_core *copies[];
};

const struct metric_desc metric_descs[METRICS] = {
#define M(id, kind, name, labels, mbean, help) { name, METRIC_IS_##kind, labels, mbean, help },
#include "broker/metrics/metric.tbl"
#undef M
};

/* ---- the whole ---- */

struct metrics *metrics_new(int cores)
{
	must(cores > 0);
	struct metrics *m = mem_zalloc(sizeof *m + ((size_t)cores + 1) * sizeof m->copies[0]);
	m->magic = METRICS_MAGIC;
	m->cores = cores;
	for (int i = 0; i <= cores; i++) {
		ALLOC_OBJ(m->copies[i], METRICS_CORE_MAGIC);
		m->copies[i]->core = i;
	}
	return m;
}

void metrics_name_request(struct metrics *m, int request, const char *name)
{
	CHECK_OBJ_NOTNULL(m, METRICS_MAGIC);
	must(request >= 0 && request < METRICS_REQUESTS_MAX && name != NULL);
	m->requests[request] = name;
}

void metrics_free(struct metrics *m)
{
	CHECK_OBJ_NOTNULL(m, METRICS_MAGIC);
	for (int i = 0; i <= m->cores; i++)
		FREE_OBJ(m->copies[i]);
	FREE_OBJ(m);
}

struct metrics_core *metrics_core(const struct metrics *m, int core)
{
	CHECK_OBJ_NOTNULL(m, METRICS_MAGIC);
	must(core >= 0 && core < m->cores);
	return m->copies[core];
}

struct metrics_core *metrics_control(const struct metrics *m)
{
	CHECK_OBJ_NOTNULL(m, METRICS_MAGIC);
	return m->copies[m->cores];
}

static void topic_counts_drop(struct hold *h)
{
	free(container_of(h, struct topic_counts, hold));
}

struct topic_counts *topic_counts_new(int cores)
{
	must(cores > 0);
	size_t bytes = sizeof(struct topic_counts) + (size_t)cores * sizeof(struct topic_counts_core);
	struct topic_counts *t = aligned_alloc(_Alignof(struct topic_counts), bytes);
	must(t != NULL);
	atomic_init(&t->hold.count, 1);
	t->hold.drop = topic_counts_drop;
	t->cores = cores;
	for (int i = 0; i < cores; i++)
		for (int k = 0; k < METRICS_OF_TOPICS; k++)
			atomic_init(&t->of[i].n[k], 0);
	return t;
}

/* ---- adding up ---- */

static uint64_t now(const _Atomic uint64_t *n)
{
	return atomic_load_explicit(n, memory_order_relaxed);
}

const char *metrics_request_name(const struct metrics *m, int request)
{
	CHECK_OBJ_NOTNULL(m, METRICS_MAGIC);
	must(request >= 0 && request < METRICS_REQUESTS_MAX);
	return m->requests[request];
}

uint64_t metrics_counter(const struct metrics *m, enum metric which)
{
	uint64_t n = 0;
	CHECK_OBJ_NOTNULL(m, METRICS_MAGIC);
	must(which < METRICS_OF_CORES);
	for (int i = 0; i <= m->cores; i++)
		n += now(&m->copies[i]->counters[which]);
	return n;
}

uint64_t metrics_requests(const struct metrics *m, int request, int version)
{
	uint64_t n = 0;
	CHECK_OBJ_NOTNULL(m, METRICS_MAGIC);
	must(request >= 0 && request < METRICS_REQUESTS_MAX);
	must(version >= 0 && version < METRICS_VERSIONS_MAX);
	for (int i = 0; i <= m->cores; i++)
		n += now(&m->copies[i]->requests[request][version]);
	return n;
}

uint64_t metrics_errors(const struct metrics *m, int request, int code)
{
	uint64_t n = 0;
	CHECK_OBJ_NOTNULL(m, METRICS_MAGIC);
	must(request >= 0 && request < METRICS_REQUESTS_MAX);
	must(code >= -1 && code + 1 < METRICS_ERRORS_MAX);
	for (int i = 0; i <= m->cores; i++)
		n += now(&m->copies[i]->errors[request][code + 1]);
	return n;
}

uint64_t topic_counts_sum(const struct topic_counts *t, enum metric which)
{
	uint64_t n = 0;
	must(which < METRICS_OF_TOPICS);
	for (int i = 0; i < t->cores; i++)
		n += now(&t->of[i].n[which]);
	return n;
}

void metrics_summary(const struct metrics *m, enum metric which, int request, struct histogram_sum *out)
{
	CHECK_OBJ_NOTNULL(m, METRICS_MAGIC);
	must(which >= METRICS_OF_CORES && which < METRICS_COUNTED);
	must(request >= 0 && request < METRICS_REQUESTS_MAX);
	*out = (struct histogram_sum){ 0 };
	for (int i = 0; i <= m->cores; i++) {
		const struct histogram *h = &m->copies[i]->summaries[which - METRICS_OF_CORES][request];
		out->sum += now(&h->sum);
		for (int b = 0; b < HISTOGRAM_BUCKETS; b++)
			out->buckets[b] += now(&h->buckets[b]);
	}
	/* Counted from the buckets, so that it is the sum of them whatever is recorded meanwhile. */
	for (int b = 0; b < HISTOGRAM_BUCKETS; b++)
		out->count += out->buckets[b];
}

void histogram_subtract(struct histogram_sum *from, const struct histogram_sum *before)
{
	must(from->count >= before->count);
	from->count -= before->count;
	from->sum -= before->sum;
	for (int b = 0; b < HISTOGRAM_BUCKETS; b++)
		from->buckets[b] -= before->buckets[b];
}

/* The least value of a bucket: the other way round than histogram_bucket(). */
static double bucket_least(unsigned bucket)
{
	if (bucket < HISTOGRAM_FINE)
		return bucket;
	unsigned shift = bucket / HISTOGRAM_FINE - 1;
	return (double)((uint64_t)(HISTOGRAM_FINE + bucket % HISTOGRAM_FINE) << shift);
}

double histogram_quantile(const struct histogram_sum *h, double q)
{
	must(q >= 0 && q <= 1);
	double rank = q * (double)h->count, below = 0;
	for (unsigned b = 0; b < HISTOGRAM_BUCKETS; b++) {
		double here = (double)h->buckets[b], width = bucket_least(b + 1) - bucket_least(b);
		/* Within a bucket, values are taken to lie evenly. */
		if (here > 0 && below + here >= rank)
			return bucket_least(b) + width * (rank - below) / here;
		below += here;
	}
	return (double)NAN;
}
