/* broker_metrics.h - the page /metrics: what the cores have counted, and what a census has found. */
#ifndef SAMSA_BROKER_METRICS_H
#define SAMSA_BROKER_METRICS_H

#include "broker/census.h"
#include "broker/metrics/page.h"

enum { IDLE_WINDOW_MS = 60 * 1000 }; /* shares of idle time are of the last one to two windows */

struct broker;

/* What is remembered from page to page. Belongs to one thread. */
struct broker_metrics;

struct broker_metrics *broker_metrics_new(const struct broker *b);
void broker_metrics_free(struct broker_metrics *m);
/* `c` is NULL when the reactors have not answered in time: what lives with them is left out. */
void broker_metrics_page(struct broker_metrics *m, const struct census *c, struct page *p);

#endif
