/* http.c - see http.h. */
#include "broker/metrics/http.h"

#include "broker/base/list.h"
#include "broker/base/must.h"

#include <microhttpd.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HTTP_MAGIC 0x4e77b00cu

enum { CONNECTIONS_AND_LEAVING = 2 * HTTP_CONNECTIONS_MAX };

/* A connection; all belong to the library's thread. */
struct visitor {
	struct list link; /* struct http.visitors */
	int fd;
};

struct http {
	unsigned magic;
	struct MHD_Daemon *daemon;
	struct list visitors; /* oldest first */
	unsigned n_visitors;
	void (*answer)(void *arg, const char *path, struct http_answer *out);
	void *arg;
};

/* Gives the answer away. */
static enum MHD_Result respond(struct MHD_Connection *connection, const struct http_answer *a)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(a->n, a->body, MHD_RESPMEM_MUST_FREE);
	if (!r) {
		free(a->body);
		return MHD_NO;
	}
	if (a->type)
		MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, a->type);
	if (a->status == HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	enum MHD_Result queued = MHD_queue_response(connection, a->status, r);
	MHD_destroy_response(r);
	return queued;
}

/* Called once when the head of a request is there, for each part of its body, and when it is complete. */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *path,
				  const char *method, const char *version, const char *body,
				  size_t *body_bytes, void **begun)
{
	struct http *h = arg;
	struct http_answer a = { .status = HTTP_METHOD_NOT_ALLOWED };
	CHECK_OBJ_NOTNULL(h, HTTP_MAGIC);
	must(version != NULL && (body != NULL || *body_bytes == 0));
	if (!*begun || *body_bytes > 0) {
		*begun = h;
		*body_bytes = 0; /* a body is of no interest */
		return MHD_YES;
	}
	/* Of an answer to HEAD the library sends the head only. */
	if (strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0)
		h->answer(h->arg, path, &a);
	return respond(connection, &a);
}

static struct visitor *enter(struct http *h, int fd)
{
	struct visitor *v = mem_alloc(sizeof *v);
	v->fd = fd;
	list_push_back(&h->visitors, &v->link);
	h->n_visitors++;
	return v;
}

/* Twice for one that was shown out. */
static void leave(struct http *h, struct visitor *v)
{
	if (!list_linked(&v->link))
		return;
	list_remove(&v->link);
	h->n_visitors--;
}

/* Whoever comes is let in, for it may be the one who asks whether the broker lives. Of those who are there
 * and take their time the oldest is shown out: the library finds its end, and closes. */
static void on_connection(void *arg, struct MHD_Connection *connection, void **kept,
			  enum MHD_ConnectionNotificationCode what)
{
	struct http *h = arg;
	CHECK_OBJ_NOTNULL(h, HTTP_MAGIC);
	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		leave(h, *kept);
		free(*kept);
		return;
	}
	if (h->n_visitors == HTTP_CONNECTIONS_MAX) {
		struct visitor *oldest = list_entry(h->visitors.next, struct visitor, link);
		shutdown(oldest->fd, SHUT_RDWR);
		leave(h, oldest);
	}
	int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	*kept = enter(h, fd);
}

struct http *http_start(int listener, void (*answer)(void *arg, const char *path, struct http_answer *out),
			void *arg)
{
	struct http *h;
	must(listener >= 0 && answer != NULL);
	ALLOC_OBJ(h, HTTP_MAGIC);
	h->answer = answer;
	h->arg = arg;
	list_init(&h->visitors);
	h->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO, 0, NULL, NULL,
				     on_request, h, MHD_OPTION_LISTEN_SOCKET, (MHD_socket)listener,
				     MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_AND_LEAVING,
				     MHD_OPTION_NOTIFY_CONNECTION, on_connection, h,
				     MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HTTP_IDLE_S, MHD_OPTION_END);
	if (h->daemon)
		return h;
	close(listener);
	FREE_OBJ(h);
	return NULL;
}

void http_stop(struct http *h)
{
	CHECK_OBJ_NOTNULL(h, HTTP_MAGIC);
	MHD_stop_daemon(h->daemon);
	FREE_OBJ(h);
}
