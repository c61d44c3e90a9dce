/* list.h - an intrusive doubly linked ring. The head is a node; an unlinked node points to itself or is
 * zero. */
#ifndef SAMSA_BASE_LIST_H
#define SAMSA_BASE_LIST_H

#include "broker/base/must.h"

#include <stdbool.h>

struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

/* Whether `l` is in some ring. A zeroed node is in none. */
static inline bool list_linked(const struct list *l)
{
	return l->next != NULL && l->next != l;
}

static inline void list_insert(struct list *after, struct list *l)
{
	l->prev = after;
	l->next = after->next;
	after->next->prev = l;
	after->next = l;
}

static inline void list_push_back(struct list *head, struct list *l)
{
	list_insert(head->prev, l);
}

static inline void list_push_front(struct list *head, struct list *l)
{
	list_insert(head, l);
}

static inline void list_remove(struct list *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	l->next = l->prev = l;
}

static inline struct list *list_pop_front(struct list *head)
{
	if (list_empty(head))
		return NULL;
	struct list *l = head->next;
	list_remove(l);
	return l;
}

/* Moves all of `from` to the end of `to`. */
static inline void list_splice_back(struct list *to, struct list *from)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

#define list_entry(ptr, type, member) container_of(ptr, type, member)
#define list_for_each(it, head) for (struct list *it = (head)->next; it != (head); it = it->next)
/* May remove `it` itself while walking. */
#define list_for_each_safe(it, head) \
	for (struct list *it = (head)->next, *it##_next = it->next; it != (head); \
	     it = it##_next, it##_next = it->next)

#endif
