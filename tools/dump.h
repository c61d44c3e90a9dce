/* dump.h - the files of a log directory, read and shown as Kafka's dump-log shows them
 * (kafka.tools.DumpLogSegments of 3.9). Only reads. Every file is hostile until it is decoded: what it says
 * wrong is told, and the next file follows.
 */
#ifndef SAMSA_TOOLS_DUMP_H
#define SAMSA_TOOLS_DUMP_H

#include "broker/protocol/batch.h"
#include "tools/dump_decode.h"
#include "tools/text.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	DUMP_FLUSH_BYTES = 64 << 10,   /* of what is to be printed, before it is handed on */
	DUMP_INFLATED_MAX = 1 << 30,   /* bytes of one batch, decompressed */
	DUMP_MAX_MESSAGE_BYTES = 5 << 20, /* --max-message-size, by default */
};

struct dump_options {
	bool print;          /* --print-data-log, or a decoder */
	bool deep;           /* --deep-iteration */
	bool skip_metadata;
	bool verify_only;
	bool sanity_only;
	bool json;
	bool check;          /* an index that was allotted and never used is none */
	int32_t max_message_bytes;
	int32_t max_bytes;   /* of each .log; INT32_MAX: all */
	enum decoder_kind key, value;
	const char *notice;  /* a line before each .log; or NULL */
};

struct dump {
	unsigned magic;
#define DUMP_MAGIC 0xd0b7e511u
	struct dump_options options;
	const char *cwd;     /* Kafka names files at the end by their absolute path */
	/* Where text goes: `error` is standard error. */
	void (*emit)(void *arg, bool error, struct slice text);
	void *arg;
	struct text out;
	struct text index_faults, timestamps, disorder, missing, gaps; /* told by dump_end(), in this order */
	struct codecs *codecs;
	struct decoded decoded;
	bool failed;         /* a file could not be read to its end */
};

void dump_init(struct dump *d, const struct dump_options *options, const char *cwd,
	void (*emit)(void *arg, bool error, struct slice text), void *arg);
/* Any file, by its suffix. */
void dump_file(struct dump *d, const char *path);
/* What Kafka says of all files after the last. */
void dump_end(struct dump *d);
void dump_free(struct dump *d);

/* ---- a .log that may grow while it is read ---- */

struct dump_log {
	const char *path;
	int fd;
	int64_t position;    /* behind the last whole batch */
	int64_t last_offset; /* of its last record, -1 none */
	struct text faults;  /* newest first, as Kafka lists them */
};

/* "Log starting offset: N". False: it cannot be opened, and that was told. */
bool dump_log_open(struct dump *d, struct dump_log *l, const char *path);
/* All whole batches up to `end`. False: what is there is no batch, and that was told. */
bool dump_log_up_to(struct dump *d, struct dump_log *l, int64_t end);
/* The size of the file, at most --max-bytes; negative errno. */
int64_t dump_log_size(const struct dump *d, const struct dump_log *l);
void dump_log_close(struct dump *d, struct dump_log *l);

/* ---- for the room ---- */

void dump_index(struct dump *d, const char *path);
void dump_time_index(struct dump *d, const char *path);
void dump_txn_index(struct dump *d, const char *path);
void dump_snapshot(struct dump *d, const char *path);
/* Hands on what is to be printed. */
void dump_flush(struct dump *d);
/* To standard error at once: the file is left where it is. */
void dump_fail(struct dump *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "/where/we/are/path", as Java's getAbsolutePath(). */
void dump_absolute(const struct dump *d, struct text *out, const char *path);

#endif
