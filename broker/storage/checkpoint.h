/* checkpoint.h - Kafka's text checkpoint files (kafka.server.checkpoints.CheckpointFile).
 *
 *	0			version
 *	2			how many entries follow
 *	topic 0 4711		one for each line, fields parted by white space
 *	topic 1 0
 *
 * An empty file has no entries. All of it blocks; the text may be made on a core and written on a helper.
 */
#ifndef SAMSA_STORAGE_CHECKPOINT_H
#define SAMSA_STORAGE_CHECKPOINT_H

#include "broker/base/slice.h"

#include <stddef.h>
#include <stdint.h>

enum {
	CHECKPOINT_FIELDS_MAX = 3,
	CHECKPOINT_BYTES_MAX = 256 << 20, /* about a million partitions with the longest names */
};

/* ---- read ---- */

/* Calls `entry` for each line, with exactly `fields` fields; it returns 0 or a negative errno that ends
 * the reading. -ENOENT: there is no file. -EBADMSG: version, count or a line is wrong; then some entries
 * may have been told. */
int checkpoint_read(const char *path, unsigned fields,
	int (*entry)(void *arg, const struct slice fields[CHECKPOINT_FIELDS_MAX]), void *arg);
/* 0 or -EBADMSG: a decimal number, nothing else. */
int checkpoint_number(struct slice field, int64_t *out);

/* recovery-point-offset-checkpoint, log-start-offset-checkpoint, replication-offset-checkpoint,
 * cleaner-offset-checkpoint. The topic's bytes live for the call. */
struct checkpoint_offsets {
	int (*entry)(struct checkpoint_offsets *here, struct slice topic, int32_t partition, int64_t offset);
};
int checkpoint_read_offsets(const char *path, struct checkpoint_offsets *here);

/* ---- write ---- */

struct checkpoint {
	char *text;
	size_t n, room;
	uint32_t entries;
};

void checkpoint_begin(struct checkpoint *c);
void checkpoint_add(struct checkpoint *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
void checkpoint_add_offset(struct checkpoint *c, struct slice topic, int32_t partition, int64_t offset);
/* The file's text, to be freed; `c` is empty afterwards. */
char *checkpoint_text(struct checkpoint *c, size_t *n);
/* Replaces the file so that a crash leaves the old or the new one. `c` is empty afterwards. Blocks. */
int checkpoint_write(struct checkpoint *c, const char *path);

#endif
