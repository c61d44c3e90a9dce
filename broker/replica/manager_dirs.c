/* manager_dirs.c - what is in the log directories, for clients. Facts: describeLogDirs of ReplicaManager of
 * 3.9. */
#include "broker/replica/manager_priv.h"

#include "broker/base/must.h"
#include "broker/base/order.h"

#include <stdlib.h>
#include <string.h>

static void add(struct manager_dirs *d, const struct manager_replica *r)
{
	if (d->n == d->room) {
		d->room = d->room ? d->room * 2 : 16;
		d->replicas = mem_realloc(d->replicas, d->room * sizeof *d->replicas);
	}
	d->replicas[d->n++] = *r;
}

/* One core's part. */
struct looking {
	struct manager *m;
	struct manager_dirs found;
};

static void look_at(void *arg, struct partition *p)
{
	struct looking *l = arg;
	int dir = logdirs_of(l->m->c.logdirs, log_dir(p->log));
	if (log_failed(p->log))
		return;
	/* A replica's own lag is how far it is behind the high watermark: never, as it moves with the log. */
	struct manager_replica r = { .dir = dir, .topic = mem_printf("%s", p->topic), .partition = p->index,
				     .size = (int64_t)log_size_bytes(p->log),
				     .end = log_end_offset(p->log), .lag = p->has_role ? 0 : -1 };
	add(&l->found, &r);
}

static void look_on_core(struct reactor *there, struct call *c)
{
	struct looking *l = c->arg;
	replicas_each(l->m->c.replicas[reactor_core(there)], look_at, l);
	call_done(there, c);
}

static int by_name(const void *a, const void *b)
{
	const struct manager_replica *x = a, *y = b;
	int order = strcmp(x->topic, y->topic);
	return order ? order : order_of(x->partition, y->partition);
}

static int by_place(const void *a, const void *b)
{
	const struct manager_replica *x = a, *y = b;
	int order = x->dir - y->dir;
	if (!order)
		order = by_name(a, b);
	return order ? order : x->future - y->future;
}

/* Behind the replicas, which are in the order of their names. */
static void add_copies(const struct manager *m, struct manager_dirs *d)
{
	size_t n = d->n;
	list_for_each(it, &m->moves) {
		const struct move *v = list_entry(it, struct move, link);
		struct manager_replica r = { .dir = v->dir, .topic = mem_printf("%.*s", SLICE_ARGS(v->topic)),
					     .partition = v->partition, .future = true, .size = v->size,
					     .end = v->end, .lag = -1 };
		const struct manager_replica *now = order_find(&r, d->replicas, n, sizeof r, by_name);
		if (now && now->dir == v->dir) { /* it has just taken the place */
			free(r.topic);
			continue;
		}
		if (now)
			r.lag = now->end - v->end;
		add(d, &r);
	}
}

static void measure(void *arg)
{
	struct manager_dirs *d = arg;
	for (int i = 0; i < d->n_dirs; i++)
		if (!d->dirs[i].offline && sys_disk_space(d->dirs[i].name, &d->dirs[i].space) != 0)
			d->dirs[i].space = (struct sys_space){ -1, -1 };
}

void manager_describe_dirs(struct manager *m, struct manager_dirs *out)
{
	CHECK_OBJ_NOTNULL(m, MANAGER_MAGIC);
	const struct logdirs *dirs = m->c.logdirs;
	*out = (struct manager_dirs){ .n_dirs = dirs->n };
	out->dirs = mem_zalloc((size_t)dirs->n * sizeof *out->dirs);
	for (int i = 0; i < dirs->n; i++)
		out->dirs[i] = (struct manager_dir){ dirs->dirs[i].name, dirs->dirs[i].offline, { -1, -1 } };
	struct looking *cores = mem_zalloc((size_t)m->c.n_cores * sizeof *cores);
	for (int i = 0; i < m->c.n_cores; i++)
		cores[i].m = m;
	call_run_all(m->c.control, m->c.reactors, m->c.n_cores, look_on_core, cores, sizeof *cores);
	for (int i = 0; i < m->c.n_cores; i++) {
		for (size_t k = 0; k < cores[i].found.n; k++)
			add(out, &cores[i].found.replicas[k]);
		free(cores[i].found.replicas);
	}
	free(cores);
	order_sort(out->replicas, out->n, sizeof *out->replicas, by_name);
	add_copies(m, out);
	order_sort(out->replicas, out->n, sizeof *out->replicas, by_place);
	fiber_offload(m->c.control, measure, out, "log directories");
}

void manager_dirs_free(struct manager_dirs *d)
{
	for (size_t i = 0; i < d->n; i++)
		free(d->replicas[i].topic);
	free(d->replicas);
	free(d->dirs);
}
