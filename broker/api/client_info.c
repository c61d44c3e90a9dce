/* client_info.c - see client_info.h. */
#include "broker/api/client_info.h"

#include "broker/base/must.h"
#include "broker/net/net.h"

#include <string.h>

#define CLIENT_INFO_MAGIC 0xc11e7173u
#define UNKNOWN "unknown"

struct client_info {
	unsigned magic;
	struct kind *kind; /* of api_core.clients */
	struct kind *tls;  /* of api_core.ciphers; NULL without TLS */
	char name[CLIENT_TEXT_BYTES + 1], version[CLIENT_TEXT_BYTES + 1];
};

static struct client_info *info_of(const struct conn *conn)
{
	struct client_info *info = conn_user(conn);
	must(info == NULL || info->magic == CLIENT_INFO_MAGIC);
	return info;
}

static void keep(char to[CLIENT_TEXT_BYTES + 1], struct slice s)
{
	uint32_t n = min_of(s.n, (uint32_t)CLIENT_TEXT_BYTES);
	memcpy(to, s.p, n);
	to[n] = 0;
}

static void name(struct api_core *core, struct conn *conn, struct slice software, struct slice version)
{
	struct client_info *info = info_of(conn);
	keep(info->name, software);
	keep(info->version, version);
	info->kind = kind_enter(&core->clients, conn_listener(conn)->name, info->name, info->version);
}

void client_info_open(struct api_core *core, struct conn *conn)
{
	struct client_info *info;
	const char *cipher = conn_tls_cipher(conn);
	must(conn_is_open(conn) && conn_user(conn) == NULL);
	ALLOC_OBJ(info, CLIENT_INFO_MAGIC);
	conn_set_user(conn, info);
	name(core, conn, SLICE_LIT(UNKNOWN), SLICE_LIT(UNKNOWN));
	if (cipher)
		info->tls = kind_enter(&core->ciphers, conn_listener(conn)->name, cipher,
				       conn_tls_version(conn));
}

void client_info_set(struct api_core *core, struct conn *conn, struct slice software, struct slice version)
{
	struct client_info *info = info_of(conn);
	must(software.n > 0 && version.n > 0);
	if (!info)
		return;
	kind_leave(&core->clients, info->kind);
	name(core, conn, software, version);
}

void client_info_close(struct api_core *core, struct conn *conn)
{
	struct client_info *info = info_of(conn);
	must(info != NULL);
	conn_set_user(conn, NULL);
	kind_leave(&core->clients, info->kind);
	if (info->tls)
		kind_leave(&core->ciphers, info->tls);
	FREE_OBJ(info);
}

const char *client_name(const struct conn *conn)
{
	const struct client_info *info = info_of(conn);
	return info ? info->name : UNKNOWN;
}

const char *client_version(const struct conn *conn)
{
	const struct client_info *info = info_of(conn);
	return info ? info->version : UNKNOWN;
}

/* Of a connection that has ended meanwhile nobody knows any more whose it was. */
static void count(const struct request *req, int request)
{
	int row = deprecated_row(request, req->version);
	if (row < 0)
		return;
	const struct client_info *info = info_of(req->conn);
	kind_count_deprecated(info ? info->kind : kinds_rest(&req->core->clients), row);
}

void client_info_answered(const struct request *req)
{
	count(req, req->row->key);
	if (req->also != TALLY_NONE)
		count(req, req->also);
}
