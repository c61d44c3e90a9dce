/* in.c - see in.h. Part of the seam: it reads standard input, and keeps what was read and not yet asked for.
 * */
#include "tools/in.h"

#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

enum { IN_BYTES = 64 << 10 };

static struct {
	char bytes[IN_BYTES];
	size_t at, n;
	bool ended;
	bool after_cr; /* the line before ended in \r: a \n is part of its end */
} in;

/* 1 when there is something in the buffer; 0 at the end; -errno. */
static int fill(int stop)
{
	struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .fd = stop, .events = POLLIN } };
	if (in.at < in.n)
		return 1;
	if (in.ended)
		return 0;
	if (stop >= 0 && poll(fds, 2, -1) < 0 && errno != EINTR)
		return -errno;
	if (stop >= 0 && fds[1].revents)
		return -EINTR;
	ssize_t n = read(STDIN_FILENO, in.bytes, sizeof in.bytes);
	if (n < 0)
		return -errno;
	in.at = 0;
	in.n = (size_t)n;
	in.ended = n == 0;
	return n > 0;
}

static bool is_end(char c)
{
	return c == '\n' || c == '\r';
}

int in_line(struct text *line, int stop)
{
	int rc;
	bool any = false;
	text_clear(line);
	while ((rc = fill(stop)) > 0) {
		if (in.after_cr && in.bytes[in.at] == '\n')
			in.at++;
		in.after_cr = false;
		size_t from = in.at;
		while (in.at < in.n && !is_end(in.bytes[in.at]))
			in.at++;
		text_bytes(line, slice_of(in.bytes + from, in.at - from));
		any = any || in.at > from;
		if (line->n > IN_LINE_MAX)
			return -EFBIG;
		if (in.at < in.n) {
			in.after_cr = in.bytes[in.at++] == '\r';
			return 1;
		}
	}
	return rc < 0 ? rc : any;
}

bool in_is_terminal(void)
{
	return isatty(STDIN_FILENO) == 1;
}

const char *in_cwd(char *room, size_t n)
{
	return getcwd(room, n) ? room : "";
}

void in_local_time(int64_t ms, struct tm *out)
{
	time_t seconds = (time_t)(ms / 1000);
	localtime_r(&seconds, out);
}
