/* file.c - see file.h */
#include "broker/storage/file.h"

#include "broker/base/must.h"
#include "broker/reactor/sys.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { OFFSET_DIGITS = 20, COPY_BYTES = 256 * 1024 };

struct path path_in(const char *dir, const char *name)
{
	struct path path;
	int n = snprintf(path.s, sizeof path.s, "%s/%s", dir, name);
	must(n > 0 && (size_t)n < sizeof path.s);
	return path;
}

struct path path_of(const char *dir, int64_t offset, const char *suffix)
{
	must(offset >= 0);
	struct path path;
	int n = snprintf(path.s, sizeof path.s, "%s/%020lld%s", dir, (long long)offset, suffix);
	must(n > 0 && (size_t)n < sizeof path.s);
	return path;
}

struct path path_plus(const struct path *path, const char *suffix)
{
	struct path longer;
	int n = snprintf(longer.s, sizeof longer.s, "%s%s", path->s, suffix);
	must(n > 0 && (size_t)n < sizeof longer.s);
	return longer;
}

void path_random(char out[PATH_RANDOM_BYTES])
{
	uint8_t random[PATH_RANDOM_BYTES / 2];
	sys_random(random, sizeof random);
	for (size_t i = 0; i < sizeof random; i++)
		snprintf(out + 2 * i, 3, "%02x", random[i]);
}

bool path_split(const char *name, int64_t *offset, const char **suffix)
{
	uint64_t v = 0;
	for (int i = 0; i < OFFSET_DIGITS; i++) {
		if (name[i] < '0' || name[i] > '9')
			return false;
		if (v > INT64_MAX / 10)
			return false;
		v = v * 10 + (uint64_t)(name[i] - '0');
	}
	if (v > INT64_MAX || name[OFFSET_DIGITS] != '.')
		return false;
	*offset = (int64_t)v;
	*suffix = name + OFFSET_DIGITS;
	return true;
}

static int read_open(int fd, size_t max, char **bytes, size_t *n)
{
	struct sys_stat st;
	int error = sys_fstat(fd, &st);
	if (error)
		return error;
	if (st.size < 0 || (uint64_t)st.size > max)
		return -EFBIG;
	char *p = mem_try((size_t)st.size + 1);
	if (!p)
		return -ENOMEM;
	ssize_t got = sys_pread(fd, p, (size_t)st.size, 0);
	if (got < 0) {
		free(p);
		return (int)got;
	}
	p[got] = 0;
	*bytes = p;
	*n = (size_t)got;
	return 0;
}

int file_read(const char *path, size_t max, char **bytes, size_t *n)
{
	must(max <= FILE_WHOLE_MAX);
	int fd = sys_open(path, SYS_READ);
	if (fd < 0)
		return fd;
	int error = read_open(fd, max, bytes, n);
	sys_close(fd);
	return error;
}

static int write_file(const char *path, const void *bytes, size_t n, bool flush)
{
	int fd = sys_open(path, SYS_WRITE | SYS_CREATE | SYS_TRUNCATE);
	if (fd < 0)
		return fd;
	struct iovec iov = { (void *)(uintptr_t)bytes, n };
	int error = n ? sys_pwritev(fd, &iov, 1, 0) : 0;
	if (!error && flush)
		error = sys_sync(fd);
	sys_close(fd);
	return error;
}

int file_write(const char *path, const void *bytes, size_t n)
{
	return write_file(path, bytes, n, false);
}

int file_sync_parent(const char *path)
{
	struct path dir;
	const char *slash = strrchr(path, '/');
	must(slash != NULL && (size_t)(slash - path) < sizeof dir.s);
	memcpy(dir.s, path, (size_t)(slash - path));
	dir.s[slash - path] = 0;
	return sys_sync_dir(slash == path ? "/" : dir.s);
}

int file_make_dir(const char *path)
{
	int error = sys_mkdir(path);
	struct path at;
	must(strlen(path) < sizeof at.s);
	memcpy(at.s, path, strlen(path) + 1);
	/* A directory above may be one that we may not open; then it was not us who made what lies in it. */
	for (char *slash; !error && (slash = strrchr(at.s, '/')) != NULL; *slash = 0)
		(void)file_sync_parent(at.s);
	return error;
}

int file_replace(const char *path, const void *bytes, size_t n)
{
	struct path tmp;
	int length = snprintf(tmp.s, sizeof tmp.s, "%s.tmp", path);
	must(length > 0 && (size_t)length < sizeof tmp.s);
	int error = write_file(tmp.s, bytes, n, true);
	if (!error)
		error = sys_rename(tmp.s, path);
	return error ? error : file_sync_parent(path);
}

int file_copy_part(int from, const char *to, int64_t position, int64_t size)
{
	int fd = sys_open(to, SYS_WRITE | SYS_CREATE | SYS_TRUNCATE);
	if (fd < 0)
		return fd;
	uint8_t *window = mem_alloc(COPY_BYTES);
	int error = 0;
	for (int64_t at = position; at < size && !error;) {
		ssize_t n = sys_pread(from, window, (size_t)min_of(size - at, (int64_t)COPY_BYTES), at);
		struct iovec iov = { window, (size_t)max_of(n, 0) };
		error = n <= 0 ? (n ? (int)n : -EIO) : sys_pwritev(fd, &iov, 1, at - position);
		at += max_of(n, 0);
	}
	free(window);
	if (!error)
		error = sys_sync(fd);
	sys_close(fd);
	return error;
}

int file_sync(const char *path)
{
	int fd = sys_open(path, SYS_READ);
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return fd;
	int error = sys_sync(fd);
	sys_close(fd);
	return error;
}

int file_remove(const char *path)
{
	int error = sys_unlink(path);
	return error == -ENOENT ? 0 : error;
}

int64_t file_size(const char *path)
{
	struct sys_stat st;
	int error = sys_stat(path, &st);
	if (error == -ENOENT)
		return 0;
	return error ? error : st.size;
}
