/* connect.h - zookeeper.connect taken apart (org.apache.zookeeper.client.ConnectStringParser). */
#ifndef SAMSA_ZKUTIL_CONNECT_H
#define SAMSA_ZKUTIL_CONNECT_H

#include <stddef.h>
#include <stdint.h>

enum {
	ZK_HOSTS_MAX = 64,
	ZK_HOST_BYTES = 256,
	ZK_CHROOT_BYTES = 1024,
	ZK_WHY_BYTES = 160,
};

struct zk_host {
	char name[ZK_HOST_BYTES]; /* IPv6 without its brackets */
	uint16_t port;
};

struct zk_connect {
	struct zk_host hosts[ZK_HOSTS_MAX];
	unsigned n;
	char chroot[ZK_CHROOT_BYTES]; /* "/a/b", or "" */
};

/* 0, or -EINVAL with the reason in `why`. */
int zk_connect_parse(struct zk_connect *out, const char *connect, char why[ZK_WHY_BYTES]);
/* A path that ZooKeeper accepts (org.apache.zookeeper.common.PathUtils); NULL, or what is wrong with it. */
const char *zk_path_check(const char *path);

#endif
