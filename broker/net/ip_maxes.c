/* ip_maxes.c - max.connections.per.ip.overrides: names to addresses. */
#include "broker/net/door_priv.h"

#include "broker/base/must.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ADDRESSES_MAX = 16 }; /* of one name */

static int add(struct ip_maxes *to, const struct net_ip_limit *l, char error[TLS_ERROR_BYTES])
{
	struct sys_addr found[ADDRESSES_MAX];
	int n = sys_resolve(l->host, 0, found, ADDRESSES_MAX);
	if (n <= 0) {
		snprintf(error, TLS_ERROR_BYTES, "max.connections.per.ip.overrides: %s has no address: %s",
			 l->host, strerror(n < 0 ? -n : ENOENT));
		return n < 0 ? n : -ENOENT;
	}
	to->v = mem_realloc(to->v, (size_t)(to->n + n) * sizeof *to->v);
	for (int i = 0; i < n; i++)
		to->v[to->n++] = (struct ip_max){ found[i], l->max_connections };
	return 0;
}

int ip_maxes_resolve(struct ip_maxes *out, const struct net_config *config, char error[TLS_ERROR_BYTES])
{
	int rc = 0;
	*out = (struct ip_maxes){ 0 };
	for (int i = 0; i < config->n_ip_limits && rc == 0; i++)
		rc = add(out, &config->ip_limits[i], error);
	if (rc < 0) {
		free(out->v);
		*out = (struct ip_maxes){ 0 };
	}
	return rc;
}
