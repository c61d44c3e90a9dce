/* ut_http.c - pages over HTTP: by path, GET and HEAD only, many on one connection, and an end that does not
 * wait for who is connected. */
#include "broker/metrics/http.h"
#include "broker/reactor/sys.h"
#include "tests/unit/ut.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BIG_BYTES = 1 << 20 };

struct server {
	struct http *http;
	uint16_t port;
	int asked;
};

static void answer(void *arg, const char *path, struct http_answer *out)
{
	struct server *s = arg;
	s->asked++;
	*out = (struct http_answer){ .status = HTTP_NOT_FOUND };
	if (strcmp(path, "/hello") == 0) {
		out->status = HTTP_OK;
		out->type = "text/plain";
		out->body = mem_strdup("hello, world\n");
		out->n = strlen(out->body);
	} else if (strcmp(path, "/big") == 0) {
		out->status = HTTP_UNAVAILABLE;
		out->body = mem_alloc(out->n = BIG_BYTES);
		memset(out->body, 'b', BIG_BYTES);
	}
}

static void start(struct server *s)
{
	struct sys_addr bound;
	int fd = sys_listen("127.0.0.1", 0, 128, &bound);
	CU_ASSERT_TRUE_FATAL(fd >= 0);
	*s = (struct server){ .port = bound.port };
	s->http = http_start(fd, answer, s);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s->http);
}

static int connect_to(const struct server *s)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(s->port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	CU_ASSERT_EQUAL(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* All that comes until the server hangs up; to be freed. */
static char *hear(int fd, size_t *n)
{
	char *text = mem_alloc(2 * BIG_BYTES + 1);
	ssize_t k;
	*n = 0;
	while ((k = recv(fd, text + *n, 2 * BIG_BYTES - *n, 0)) > 0)
		*n += (size_t)k;
	text[*n] = 0;
	close(fd);
	return text;
}

static char *ask(const struct server *s, const char *words, size_t *n)
{
	int fd = connect_to(s);
	say(fd, words);
	return hear(fd, n);
}

static void begins_and_ends(const struct server *s, const char *words, const char *begin, const char *end)
{
	size_t n;
	char *text = ask(s, words, &n);
	CU_ASSERT_EQUAL(strncmp(text, begin, strlen(begin)), 0);
	CU_ASSERT_TRUE(n > strlen(end));
	CU_ASSERT_STRING_EQUAL(text + n - strlen(end), end);
	free(text);
}

#define CLOSE "Host: x\r\nConnection: close\r\n\r\n"

static void pages(void)
{
	struct server s;
	size_t n;
	start(&s);
	begins_and_ends(&s, "GET /hello HTTP/1.1\r\n" CLOSE, "HTTP/1.1 200 ", "\r\n\r\nhello, world\n");
	begins_and_ends(&s, "GET /hello?a=b HTTP/1.1\r\n" CLOSE, "HTTP/1.1 200 ", "\r\n\r\nhello, world\n");
	begins_and_ends(&s, "HEAD /hello HTTP/1.1\r\n" CLOSE, "HTTP/1.1 200 ", "\r\n\r\n");
	begins_and_ends(&s, "GET /nothing HTTP/1.1\r\n" CLOSE, "HTTP/1.1 404 ", "\r\n\r\n");
	char *text = ask(&s, "GET /big HTTP/1.1\r\n" CLOSE, &n);
	CU_ASSERT_EQUAL(strncmp(text, "HTTP/1.1 503 ", 13), 0);
	CU_ASSERT_TRUE(n > BIG_BYTES && strspn(text + n - BIG_BYTES, "b") == BIG_BYTES);
	free(text);
	CU_ASSERT_EQUAL(s.asked, 5);
	http_stop(s.http);
}

static void only_reading(void)
{
	struct server s;
	start(&s);
	begins_and_ends(&s, "POST /hello HTTP/1.1\r\nContent-Length: 3\r\n" CLOSE "abc", "HTTP/1.1 405 ",
			"\r\n\r\n");
	begins_and_ends(&s, "DELETE /hello HTTP/1.1\r\n" CLOSE, "HTTP/1.1 405 ", "\r\n\r\n");
	CU_ASSERT_EQUAL(s.asked, 0);
	http_stop(s.http);
}

static void many_on_one_connection(void)
{
	struct server s;
	size_t n;
	start(&s);
	int fd = connect_to(&s);
	for (int i = 0; i < 4; i++)
		say(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	say(fd, "GET /hello HTTP/1.1\r\n" CLOSE);
	char *text = hear(fd, &n), *at = text;
	int pages = 0;
	while ((at = strstr(at, "hello, world")) != NULL)
		pages++, at++;
	CU_ASSERT_EQUAL(pages, 5);
	free(text);
	http_stop(s.http);
}

/* One who has connected and said nothing, or half a request, holds up neither others nor the end. */
static void half_a_request(void)
{
	struct server s;
	size_t n;
	start(&s);
	int silent = connect_to(&s), half = connect_to(&s);
	say(half, "GET /hel");
	begins_and_ends(&s, "GET /hello HTTP/1.1\r\n" CLOSE, "HTTP/1.1 200 ", "hello, world\n");
	http_stop(s.http);
	free(hear(half, &n));
	free(hear(silent, &n));
	CU_ASSERT_EQUAL(s.asked, 1);
}

/* However many hold their connections for as long as they can: who comes is answered, and the oldest goes. */
static void no_room_to_hold(void)
{
	enum { HOLDERS = 3 * HTTP_CONNECTIONS_MAX };
	struct server s;
	size_t n;
	int held[HOLDERS];
	start(&s);
	for (int i = 0; i < HOLDERS; i++) {
		held[i] = connect_to(&s);
		say(held[i], "GET /hel");
	}
	for (int i = 0; i < 3; i++)
		begins_and_ends(&s, "GET /hello HTTP/1.1\r\n" CLOSE, "HTTP/1.1 200 ", "hello, world\n");
	for (int i = 0; i < HOLDERS - HTTP_CONNECTIONS_MAX; i++)
		free(hear(held[i], &n));
	say(held[HOLDERS - 1], "lo HTTP/1.1\r\n" CLOSE);
	char *text = hear(held[HOLDERS - 1], &n);
	CU_ASSERT_EQUAL(strncmp(text, "HTTP/1.1 200 ", 13), 0);
	free(text);
	http_stop(s.http);
	for (int i = HOLDERS - HTTP_CONNECTIONS_MAX; i < HOLDERS - 1; i++)
		close(held[i]);
}

static void not_http(void)
{
	struct server s;
	size_t n;
	start(&s);
	char *text = ask(&s, "\x16\x03\x01\x02\r\n\r\n", &n);
	CU_ASSERT_EQUAL(strncmp(text, "HTTP/1.1 200", n < 12 ? n : 12) == 0 && n > 0, false);
	free(text);
	CU_ASSERT_EQUAL(s.asked, 0);
	http_stop(s.http);
}

int main(void)
{
	static const struct ut_case cases[] = {
		UT(pages), UT(only_reading), UT(many_on_one_connection), UT(half_a_request),
		UT(no_room_to_hold), UT(not_http),
	};
	return ut_run("http", cases, countof(cases));
}
