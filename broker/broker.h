/* broker.h - the broker as one object: its rooms, brought up in order and down in reverse.
 *
 * broker_new() makes reactors and helpers; broker_start() runs the start sequence in a fiber of the control
 * reactor; broker_stop() the end. Several brokers may live in one process, over the real seam or a simulated
 * one.
 */
#ifndef SAMSA_BROKER_H
#define SAMSA_BROKER_H

#include "broker/api/api.h"
#include "broker/config/config.h"
#include "broker/controller/controller.h"
#include "broker/net/net.h"
#include "broker/replica/manager.h"

enum broker_state {
	BROKER_NOT_RUNNING,
	BROKER_STARTING,
	BROKER_RECOVERY,
	BROKER_RUNNING,
	BROKER_STOPPING,
	BROKER_STOPPED,
};

enum { BROKER_CORES_MAX = 256 };

struct broker;

/* The configuration must outlive the broker. `cores` data reactors. */
struct broker *broker_new(const struct config *config, int cores);
struct reactor *broker_control(struct broker *b);
struct reactor *broker_core(struct broker *b, int core);
int broker_cores(const struct broker *b);

/* Begins the start sequence on the control reactor. `ended` is called there when the broker has stopped, with
 * the exit status: 0 after broker_stop(), 1 when it could not start or go on. */
void broker_start(struct broker *b, void (*ended)(void *arg, int status), void *arg);
/* Control reactor: ends in order; called again, it waits for less. */
void broker_stop(struct broker *b);
/* Control reactor: looks at the certificates again. */
void broker_reload(struct broker *b);
/* The reactors turn no more. */
void broker_free(struct broker *b);

/* Any thread. */
enum broker_state broker_state(const struct broker *b);
int broker_recovery_percent(const struct broker *b);

#endif
