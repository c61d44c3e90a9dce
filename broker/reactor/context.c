/* context.c - see context.h. */
#include "broker/reactor/context.h"

#include "broker/base/must.h"

#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CONTEXT_ASAN 1
#elif __has_feature(thread_sanitizer)
#define CONTEXT_TSAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define CONTEXT_ASAN 1
#elif defined(__SANITIZE_THREAD__)
#define CONTEXT_TSAN 1
#endif

#ifdef CONTEXT_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef CONTEXT_TSAN
#include <sanitizer/tsan_interface.h>
#endif

/* context_switch.S */
void context_swap(void **left_sp, void *to_sp);
void context_entry(void);

/* ---- what sanitizers are told ---- */

static void tell_born(struct context *c, void *stack, size_t bytes)
{
#if defined(CONTEXT_ASAN)
	__asan_unpoison_memory_region(stack, bytes); /* it may have been another's */
#elif defined(CONTEXT_TSAN)
	c->sanitizer = __tsan_create_fiber(0);
#endif
	c->stack = stack;
	c->stack_bytes = bytes;
}

static void tell_leaving(struct context *self, struct context *to, int for_good)
{
#if defined(CONTEXT_ASAN)
	__sanitizer_start_switch_fiber(for_good ? NULL : &self->sanitizer, to->stack, to->stack_bytes);
#elif defined(CONTEXT_TSAN)
	self->sanitizer = __tsan_get_current_fiber();
	__tsan_switch_to_fiber(to->sanitizer, 0);
#endif
	(void)for_good;
	to->from = self;
}

/* Learns where the stack is that it came from: for a thread's own stack nobody else could say. */
static void tell_arrived(struct context *self)
{
#if defined(CONTEXT_ASAN)
	__sanitizer_finish_switch_fiber(self->sanitizer, &self->from->stack, &self->from->stack_bytes);
#endif
	must(self->from != NULL);
}

/* ---- */

static void begin(void *arg)
{
	struct context *self = arg;
	tell_arrived(self);
	self->main(self->arg);
	must_not_reach("the main function of a context has returned");
}

/* Fills a new stack with what context_swap() pops: it begins in context_entry, which calls begin(c). */
static void *first_frame(void *top, struct context *c)
{
#if defined(__x86_64__)
	enum { CONTROL, R15, R14, R13, R12, RBX, RBP, RETURN, WORDS };
	const uint64_t default_mxcsr = 0x1f80, default_x87 = 0x037f;
	void **sp = (void **)top - WORDS;
	memset(sp, 0, WORDS * sizeof *sp);
	sp[CONTROL] = (void *)(default_x87 << 32 | default_mxcsr);
	sp[R12] = c;
	sp[RBX] = (void *)begin;
	sp[RETURN] = (void *)context_entry;
#elif defined(__aarch64__)
	enum { X19, X20, X30 = 11, WORDS = 20 };
	void **sp = (void **)top - WORDS;
	memset(sp, 0, WORDS * sizeof *sp);
	sp[X19] = (void *)begin;
	sp[X20] = c;
	sp[X30] = (void *)context_entry;
#endif
	must((uintptr_t)top % 16 == 0);
	return sp;
}

void context_init(struct context *c, void *stack, size_t bytes, void (*run)(void *arg), void *arg)
{
	*c = (struct context){ .main = run, .arg = arg };
	tell_born(c, stack, bytes);
	c->sp = first_frame((char *)stack + bytes, c);
}

void context_fini(struct context *c)
{
#if defined(CONTEXT_TSAN)
	__tsan_destroy_fiber(c->sanitizer);
#endif
	c->sp = NULL;
}

void context_switch(struct context *self, struct context *to)
{
	must(self != to && to->sp != NULL);
	tell_leaving(self, to, 0);
	context_swap(&self->sp, to->sp);
	tell_arrived(self);
}

void context_end(struct context *self, struct context *to)
{
	must(self != to && to->sp != NULL);
	tell_leaving(self, to, 1);
	context_swap(&self->sp, to->sp);
	must_not_reach("a context that has ended was switched to");
}
