/* range_priv.h - ranges of files in a chain, brought to memory without making the core wait for a disk.
 *
 * What is in the page cache is read at once. What is not is read by a helper (-EINPROGRESS) and then sent
 * from the memory it was read into, so that it does not matter whether the cache keeps it.
 *
 * sendfile would wait for the disk, so residency is asked first: the first and the last byte of a window are
 * read without waiting. Logs are written and read in order and the cache drops them in order, so a hole
 * between two resident ends is rare, and costs one wait when it happens, nothing else.
 */
#ifndef SAMSA_NET_RANGE_PRIV_H
#define SAMSA_NET_RANGE_PRIV_H

#include "broker/base/buf.h"

enum {
	RANGE_COLD_BYTES = 256 * 1024, /* what a helper reads at once */
};

struct filter;
struct lane;
struct cold_read;

/* The reader of one filter. */
struct range {
	struct lane *lane;
	struct filter *filter;      /* kicked when a helper is done */
	struct cold_read *cold;     /* under way or done, for the file link that is first in the chain */
	int hot_fd;                 /* what was found to be resident last */
	int64_t hot_from, hot_to;
};

void range_init(struct range *r, struct lane *lane, struct filter *filter);
/* A cold read that is under way forgets it. */
void range_fini(struct range *r);
/* Turns the first bytes of the file link at `*at`, at most `max`, to memory. 0, -EINPROGRESS, -EAGAIN for a
 * link that is cold and not the chain's first (nothing is begun), -EIO for a file that is shorter than the
 * link, or -errno. */
int range_load(struct range *r, struct chain *c, struct link **at, size_t max);
/* Whether `n` bytes of the chain's first link, a file's, can be sent by the kernel without waiting: 0; else
 * it begins to bring them to memory, as range_load(). The link may be memory after it. */
int range_probe(struct range *r, struct chain *c, size_t n);

#endif
