/* context.h - to leave one stack and go on with another, in the same thread. What fibers are made of, and the
 * simulated world's threads. Address and thread sanitizer are told of each switch.
 */
#ifndef SAMSA_REACTOR_CONTEXT_H
#define SAMSA_REACTOR_CONTEXT_H

#include <stddef.h>

struct context {
	void *sp;             /* of a context that has been left */
	void (*main)(void *arg);
	void *arg;
	struct context *from; /* who has switched to it last */
	void *sanitizer;      /* by what the sanitizer knows it */
	const void *stack;
	size_t stack_bytes;
};

/* A context that will run main(arg) on this stack when it is switched to for the first time. `main` must not
 * return. A context for the stack one is on already needs no more than zeroed memory. */
void context_init(struct context *c, void *stack, size_t bytes, void (*main)(void *arg), void *arg);
/* One that is not to be switched to any more. */
void context_fini(struct context *c);
/* Leaves the caller, which is `self`, until somebody switches to it again. */
void context_switch(struct context *self, struct context *to);
/* Leaves the caller for good. */
_Noreturn void context_end(struct context *self, struct context *to);

#endif
