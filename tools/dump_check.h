/* dump_check.h - whether the files of partitions are sound: batches, offsets, indexes, snapshots. */
#ifndef SAMSA_TOOLS_DUMP_CHECK_H
#define SAMSA_TOOLS_DUMP_CHECK_H

#include "tools/dump.h"

/* What was looked at, and how much of it is wrong. */
struct check {
	unsigned magic;
#define CHECK_MAGIC 0xc8ec4d01u
	struct dump *dump;    /* shows what is wrong, nothing else */
	uint64_t files, batches, records;
	uint64_t faults;      /* counted by who shows them: the dump's emit() */
	int64_t next;         /* the offset that the next batch of this partition should have; -1 any */
	int64_t cleaned;      /* below this offset the cleaner may have taken records */
};

void check_init(struct check *c, struct dump *d);
/* What the cleaner of the log directory has done to the partition of folder `dir`; its segments follow. */
void check_partition(struct check *c, const char *dir);
/* Any file of the partition, segments in the order of their offsets. */
void check_file(struct check *c, const char *path);

#endif
