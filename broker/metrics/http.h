/* http.h - a small HTTP server of pages that are made when somebody asks for them.
 *
 * Of the seam: libmicrohttpd parses, and keeps sockets and a thread of its own. All pages are made on that
 * thread, one at a time, so a page that takes long makes others who ask wait, and no core.
 */
#ifndef SAMSA_METRICS_HTTP_H
#define SAMSA_METRICS_HTTP_H

#include <stddef.h>

enum {
	HTTP_OK = 200,
	HTTP_NOT_FOUND = 404,
	HTTP_METHOD_NOT_ALLOWED = 405,
	HTTP_UNAVAILABLE = 503,
	HTTP_CONNECTIONS_MAX = 32, /* at one time; for a further one the oldest is closed */
	HTTP_IDLE_S = 15,          /* a connection that is quiet for so long is closed */
};

struct http_answer {
	unsigned status;
	const char *type; /* of the content; a literal */
	char *body;       /* of mem_alloc(), given away; NULL where n is 0 */
	size_t n;
};

struct http;

/* `listener` is a listening socket, taken over. `answer` is asked for each GET and HEAD, by path without the
 * query. NULL when there is no thread or descriptor left for it; the socket is closed then, too. */
struct http *http_start(int listener, void (*answer)(void *arg, const char *path, struct http_answer *out),
			void *arg);
/* Waits for the page that is being made. Not from within `answer`. */
void http_stop(struct http *h);

#endif
