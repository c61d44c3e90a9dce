/* process.h - a broker as a process: its threads and its signals. The same over both worlds; main.c adds the
 * command line. */
#ifndef SAMSA_PROCESS_H
#define SAMSA_PROCESS_H

#include "broker/broker.h"

/* The door for metrics.port; its threads are the kernel's, so a simulated world has none. */
struct process_http {
	/* NULL when it cannot be, after a line in the log. */
	void *(*start)(struct broker *b, struct watchdog *dog, uint16_t port);
	void (*stop)(void *door);
};

/* Runs a broker until it has ended, by a signal or because it cannot go on; the exit status. The calling
 * thread becomes the control reactor's. Call before any thread starts. `http` may be NULL. */
int process_serve(const struct config *c, const struct process_http *http);

#endif
