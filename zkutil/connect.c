/* connect.c - see connect.h. */
#include "config.h"

#include "zkutil/connect.h"

#include "zkutil/zk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int refuse(char why[ZK_WHY_BYTES], const char *what, const char *text)
{
	snprintf(why, ZK_WHY_BYTES, "%s: '%.100s'", what, text);
	return -EINVAL;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* "port" of "host:port", or the port that everybody uses. */
static int parse_port(struct zk_host *h, const char *text, size_t n)
{
	unsigned port = 0;
	if (n == 0 || n > 5 || strspn(text, "0123456789") < n)
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		port = port * 10 + (unsigned)(text[i] - '0');
	h->port = (uint16_t)port;
	return port > 0 && port <= UINT16_MAX ? 0 : -EINVAL;
}

/* host, host:port, [v6], [v6]:port */
static int parse_host(struct zk_host *h, const char *text, size_t n)
{
	const char *end = text + n, *name = text, *colon = NULL;
	size_t length;
	*h = (struct zk_host){ .port = ZK_PORT };
	if (*text == '[') {
		const char *bracket = memchr(text, ']', n);
		if (!bracket || (bracket + 1 < end && bracket[1] != ':'))
			return -EINVAL;
		name = text + 1;
		length = (size_t)(bracket - name);
		colon = bracket + 1 < end ? bracket + 1 : NULL;
	} else {
		colon = memrchr(text, ':', n);
		length = colon ? (size_t)(colon - text) : n;
		if (colon && memchr(text, ':', length))
			return -EINVAL; /* IPv6 wants its brackets */
	}
	if (length == 0 || length >= sizeof h->name)
		return -EINVAL;
	memcpy(h->name, name, length);
	return colon ? parse_port(h, colon + 1, (size_t)(end - colon - 1)) : 0;
}

static int parse_hosts(struct zk_connect *out, const char *hosts, size_t n, char why[ZK_WHY_BYTES])
{
	for (const char *p = hosts, *end = hosts + n; p < end;) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		const char *stop = comma ? comma : end, *next = comma ? comma + 1 : end;
		while (p < stop && is_blank(*p))
			p++;
		while (stop > p && is_blank(stop[-1]))
			stop--;
		if (p < stop) {
			if (out->n == ZK_HOSTS_MAX)
				return refuse(why, "too many hosts", hosts);
			if (parse_host(&out->hosts[out->n], p, (size_t)(stop - p)) != 0)
				return refuse(why, "not host[:port]", p);
			out->n++;
		}
		p = next;
	}
	return out->n ? 0 : refuse(why, "no host", hosts);
}

int zk_connect_parse(struct zk_connect *out, const char *connect, char why[ZK_WHY_BYTES])
{
	const char *slash = strchr(connect, '/');
	*out = (struct zk_connect){ 0 };
	why[0] = 0;
	if (slash && slash[1]) {
		if (strlen(slash) >= sizeof out->chroot)
			return refuse(why, "chroot is too long", slash);
		const char *wrong = zk_path_check(slash);
		if (wrong)
			return refuse(why, wrong, slash);
		snprintf(out->chroot, sizeof out->chroot, "%s", slash);
	}
	return parse_hosts(out, connect, slash ? (size_t)(slash - connect) : strlen(connect), why);
}

/* A name between two slashes. */
static const char *check_name(const char *name, size_t n)
{
	if (n == 0)
		return "path has an empty name";
	if ((n == 1 && name[0] == '.') || (n == 2 && name[0] == '.' && name[1] == '.'))
		return "path is relative";
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
			return "path has a control character";
	return NULL;
}

const char *zk_path_check(const char *path)
{
	if (path[0] != '/')
		return "path does not start with /";
	for (const char *p = path; p && p[1];) {
		const char *name = p + 1;
		p = strchr(name, '/');
		if (p && !p[1])
			return "path ends with /";
		const char *wrong = check_name(name, p ? (size_t)(p - name) : strlen(name));
		if (wrong)
			return wrong;
	}
	return NULL;
}
