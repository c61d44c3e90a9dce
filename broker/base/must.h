/* must.h - assertions that stay on in release, and objects that know what they are.
 *
 * A bug asserts: must() ends the process with a report. The system's errors are negative errno; the peer's
 * errors are enum kerr (kerr.h). No assertion may have a side effect.
 */
#ifndef SAMSA_BASE_MUST_H
#define SAMSA_BASE_MUST_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Prints where and what, and aborts. */
_Noreturn void must_failed(const char *what, const char *file, int line, const char *func);

#define must(cond) \
	(__builtin_expect(!!(cond), 1) ? (void)0 : must_failed(#cond, __FILE__, __LINE__, __func__))
#define must_not_reach(why) must_failed(why, __FILE__, __LINE__, __func__)

/* Every struct that lives starts with `unsigned magic` and has a unique number, checked at every entry
 * point. */
#define CHECK_OBJ(p, type_magic) must((p)->magic == (type_magic))
#define CHECK_OBJ_NOTNULL(p, type_magic) must((p) != NULL && (p)->magic == (type_magic))
#define ALLOC_OBJ(p, type_magic)                        \
	do {                                            \
		(p) = mem_zalloc(sizeof *(p));          \
		(p)->magic = (type_magic);              \
	} while (0)
#define FREE_OBJ(p)                                     \
	do {                                            \
		(p)->magic = 0;                         \
		free(p);                                \
		(p) = NULL;                             \
	} while (0)
/* Takes over an object from its holder, who must not use it again: *from becomes NULL. */
#define TAKE_OBJ_NOTNULL(to, from, type_magic)          \
	do {                                            \
		(to) = *(from);                         \
		*(from) = NULL;                         \
		CHECK_OBJ_NOTNULL(to, type_magic);      \
	} while (0)

/* Memory for the small things a broker cannot go on without; never NULL. What a peer can make large is asked
 * for with mem_try(), which may return NULL, under a named limit. */
void *mem_alloc(size_t n);
void *mem_zalloc(size_t n);
void *mem_realloc(void *p, size_t n);
void *mem_dup(const void *p, size_t n);
char *mem_strdup(const char *s);
char *mem_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void *mem_try(size_t n);

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))
#define countof(a) (sizeof(a) / sizeof((a)[0]))

/* The lesser and the greater. Each argument is evaluated once: reading a clock twice gives two answers. The
 * number makes the names of one use differ from those of another inside it. */
#define min_of(a, b) PICK_ONCE(a, <, b, __COUNTER__)
#define max_of(a, b) PICK_ONCE(a, >, b, __COUNTER__)
#define PICK_ONCE(a, is, b, number) PICK_ONCE_(a, is, b, number)
#define PICK_ONCE_(a, is, b, number)                                                            \
	({                                                                                      \
		__typeof__(a) pick_a_##number = (a);                                            \
		__typeof__(b) pick_b_##number = (b);                                            \
		pick_a_##number is pick_b_##number ? pick_a_##number : pick_b_##number;         \
	})

#endif
