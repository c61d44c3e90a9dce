/* ip_table_priv.h - how many connections each address has. Belongs to the door's core. */
#ifndef SAMSA_NET_IP_TABLE_PRIV_H
#define SAMSA_NET_IP_TABLE_PRIV_H

#include "broker/reactor/sys.h"

#include <stdint.h>

struct ip_table;
struct ip_count;

struct ip_table *ip_table_new(void);
void ip_table_free(struct ip_table *t);
/* Counts one more and returns the address's counter, or NULL when it has `max` already (-1: no limit). */
struct ip_count *ip_table_add(struct ip_table *t, const struct sys_addr *addr, int64_t max);
/* Counts one less; an address without connections is forgotten. */
void ip_table_remove(struct ip_table *t, struct ip_count *c);

#endif
