/* kafka.h - a producer or a consumer for the commands that need one: librdkafka behind Java's property
 * names.
 *
 * Everything is called on the command's thread, and calls back there: from kafka_send(), kafka_poll(),
 * kafka_receive(), kafka_commit() and kafka_close(). Errors are -1 with the tool's failure set.
 */
#ifndef SAMSA_TOOLS_KAFKA_H
#define SAMSA_TOOLS_KAFKA_H

#include "broker/config/properties.h"
#include "tools/command.h"

#include <stdbool.h>
#include <stdint.h>

enum { KAFKA_HEADERS_MAX = 10000, KAFKA_POLL_MS = 100 };

struct kafka;

enum kafka_kind { KAFKA_PRODUCER, KAFKA_CONSUMER };

struct kafka_place {
	const char *topic;
	int32_t partition;
	int64_t offset; /* KAFKA_EARLIEST, KAFKA_LATEST, or one */
};

enum { KAFKA_EARLIEST = -2, KAFKA_LATEST = -1 };

struct kafka_header {
	const char *key;
	struct slice value; /* may be null */
};

enum kafka_timestamp { KAFKA_NO_TIMESTAMP, KAFKA_CREATE_TIME, KAFKA_LOG_APPEND_TIME };

struct kafka_record {
	struct kafka_place place;
	enum kafka_timestamp timestamp_type;
	int64_t timestamp; /* to be sent: 0 is now */
	struct slice key, value; /* may be null */
	struct kafka_header *headers;
	unsigned n_headers;
};

/* NULL where nobody wants to know. */
struct kafka_events {
	void *arg;
	/* The end of a record that kafka_send() took: `error` is NULL, or words, of Kafka's exception
	 * `class`. */
	void (*sent)(void *arg, void *tag, const struct kafka_place *place, const char *class,
		const char *error);
	void (*assigned)(void *arg, const struct kafka_place *places, unsigned n);
	void (*revoked)(void *arg, const struct kafka_place *places, unsigned n);
};

/* `settings` have Java's names, or librdkafka's. What neither knows is warned of on standard error, as Java
 * does. */
struct kafka *kafka_open(struct tool *t, enum kafka_kind kind, const struct properties *settings,
	const struct kafka_events *events);
/* Waits for what is under way; a consumer leaves its group and commits, if it commits by itself. */
void kafka_close(struct kafka *c); /* NULL: nothing */
/* SIGINT, SIGTERM or SIGHUP has come: its number, else 0. They no longer end the process. */
int kafka_interrupted(struct kafka *c);
/* What becomes readable then. */
int kafka_signals(const struct kafka *c);

/* Copies what it sends. Waits up to max.block.ms for room. What is refused at once ends in sent() too. */
void kafka_send(struct kafka *c, const struct kafka_record *r, void *tag);
void kafka_poll(struct kafka *c, int ms);
/* Until all that was sent has ended, or one more signal has come. */
void kafka_flush(struct kafka *c);

int kafka_begin_transactions(struct kafka *c); /* once */
int kafka_begin_transaction(struct kafka *c);
int kafka_commit_transaction(struct kafka *c);

int kafka_subscribe(struct kafka *c, const char *topic);
/* All topics whose whole name a regular expression matches. */
int kafka_subscribe_matching(struct kafka *c, const char *pattern);
int kafka_assign(struct kafka *c, const struct kafka_place *place);
/* The next record: 1, valid until the next call; 0, none came in `ms`; -1, the consumer cannot go on. */
int kafka_receive(struct kafka *c, int ms, struct kafka_record *out);
/* Offsets are of the next record to be read. Waits. */
int kafka_commit(struct kafka *c, const struct kafka_place *places, unsigned n);

/* The client's own numbers as JSON; NULL when none came yet. They come each second once asked for. */
const char *kafka_statistics(const struct kafka *c);

#endif
