/* mkpath.h - creates a node and, where they are missing, its parents. Belongs to the owner of the zk. */
#ifndef SAMSA_ZKUTIL_MKPATH_H
#define SAMSA_ZKUTIL_MKPATH_H

#include "zkutil/zk.h"

/* Embedded by the caller, who must keep it until done(). */
struct mkpath {
	unsigned magic;
#define MKPATH_MAGIC 0x6d6b7061
	struct zk *zk;
	struct zk_op leaf;
	struct zk_req req;
	char *path;   /* cut at `length`: what is being created */
	size_t length;
	void (*done)(struct mkpath *m);
	void *ctx;    /* the caller's */
	/* the answer: ZK_OK, ZK_NODEEXISTS, or what went wrong */
	enum zk_err err;
	char *created; /* when ZK_OK; the caller's to free */
};

/* `path` and `data` are borrowed until done(). Parents are persistent with null data; one that exists is
 * fine. */
void mkpath_start(struct mkpath *m, struct zk *zk, const char *path, struct slice data, enum zk_mode mode,
	void (*done)(struct mkpath *m), void *ctx);

#endif
