/* scan.h - walks the batches of a .log file.
 *
 * By headers alone, which reads little of a file of large batches (to find an offset), or whole (to check
 * CRCs and to look into control batches). All magics.
 */
#ifndef SAMSA_STORAGE_SCAN_H
#define SAMSA_STORAGE_SCAN_H

#include "broker/protocol/batch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SCAN_WINDOW_BYTES = 4096,       /* for headers; lives on the stack of who looks something up */
	SCAN_WHOLE_BYTES = 256 * 1024,  /* for whole batches, to begin with */
};

struct scan {
	int fd;
	bool wait;          /* false: -EAGAIN where the disk would have to be waited for */
	bool owned;         /* the window is the scan's own and may grow */
	int64_t position;   /* of the next batch */
	int64_t end;        /* of what may be read */
	uint32_t reads;     /* how often the file was asked */
	uint8_t *window;
	size_t room, n;
	int64_t at;         /* where in the file the window stands */
	const char *why;    /* it is no batch */
};

/* A batch found. `b.n` is its size; of b.p only the header may be there (scan_whole makes the rest be). */
struct scanned {
	struct batch b;
	int64_t position;
};

/* Headers only, in a window of SCAN_WINDOW_BYTES that the caller has. */
void scan_headers(struct scan *s, int fd, bool wait, int64_t from, int64_t end, uint8_t *window);
/* For headers and whole batches; waits. scan_close() frees the window. */
void scan_open(struct scan *s, int fd, int64_t from, int64_t end);
/* With a window of `room` bytes to begin with. */
void scan_open_room(struct scan *s, int fd, int64_t from, int64_t end, size_t room);
void scan_close(struct scan *s);

/* The next batch: 1; 0 at the end (position < end: an incomplete batch is left); -EBADMSG: what is there
 * can be no batch (`why`); other negative errno of the read. The position stays before what is not a
 * batch. */
int scan_next(struct scan *s, struct scanned *out);
/* Reads the rest of the batch that scan_next() has found last. 0 or negative errno. */
int scan_whole(struct scan *s, struct scanned *found);

#endif
