/* sys_linux_file.c - the seam to the kernel: files, directories, the disk. */
#include "config.h"

#include "broker/reactor/sys.h"

#include "broker/base/must.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITE_IOVS_MAX = 64 }; /* of one system call: the copy lives on the stack */

int sys_open(const char *path, int flags)
{
	int f = O_CLOEXEC;
	must(flags & (SYS_READ | SYS_WRITE));
	if ((flags & SYS_READ) && (flags & SYS_WRITE))
		f |= O_RDWR;
	else
		f |= flags & SYS_WRITE ? O_WRONLY : O_RDONLY;
	f |= flags & SYS_CREATE ? O_CREAT : 0;
	f |= flags & SYS_TRUNCATE ? O_TRUNC : 0;
	f |= flags & SYS_EXCLUSIVE ? O_EXCL : 0;
	int fd = open(path, f, 0644);
	return fd < 0 ? -errno : fd;
}

ssize_t sys_pread(int fd, void *p, size_t n, int64_t offset)
{
	size_t done = 0;
	while (done < n) {
		ssize_t k = pread(fd, (char *)p + done, n - done, offset + (int64_t)done);
		if (k == 0)
			break;
		if (k > 0)
			done += (size_t)k;
		else if (errno != EINTR)
			return -errno;
	}
	return (ssize_t)done;
}

ssize_t sys_pread_cached(int fd, void *p, size_t n, int64_t offset)
{
	size_t done = 0;
	while (done < n) {
		struct iovec iov = { (char *)p + done, n - done };
		ssize_t k = preadv2(fd, &iov, 1, offset + (int64_t)done, RWF_NOWAIT);
		if (k == 0)
			break;
		if (k > 0)
			done += (size_t)k;
		else if (errno == EOPNOTSUPP) /* a file system that cannot tell: as if nothing were cached */
			return -EAGAIN;
		else if (errno != EINTR)
			return -errno;
	}
	return (ssize_t)done;
}

/* Drops the first `n` bytes of the links. */
static void iov_skip(struct iovec **iov, int *count, size_t n)
{
	while (*count > 0 && n >= (*iov)->iov_len) {
		n -= (*iov)->iov_len;
		(*iov)++;
		(*count)--;
	}
	must(n == 0 || *count > 0);
	if (*count > 0) {
		(*iov)->iov_base = (char *)(*iov)->iov_base + n;
		(*iov)->iov_len -= n;
	}
}

static int write_all(int fd, struct iovec *iov, int count, int64_t *offset)
{
	iov_skip(&iov, &count, 0);
	while (count > 0) {
		ssize_t k = pwritev(fd, iov, count, *offset);
		if (k == 0)
			return -EIO;
		if (k < 0 && errno != EINTR)
			return -errno;
		if (k > 0) {
			*offset += k;
			iov_skip(&iov, &count, (size_t)k);
		}
	}
	return 0;
}

int sys_pwritev(int fd, const struct iovec *iov, int n, int64_t offset)
{
	struct iovec part[WRITE_IOVS_MAX];
	must(n >= 0 && offset >= 0);
	for (int i = 0; i < n; i += WRITE_IOVS_MAX) {
		int count = min_of(n - i, (int)WRITE_IOVS_MAX);
		memcpy(part, iov + i, (size_t)count * sizeof *iov);
		int rc = write_all(fd, part, count, &offset);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int result(int rc)
{
	return rc < 0 ? -errno : 0;
}

int sys_truncate(int fd, int64_t size)
{
	int rc;
	do
		rc = ftruncate(fd, size);
	while (rc < 0 && errno == EINTR);
	return result(rc);
}

int sys_preallocate(int fd, int64_t size)
{
	if (size == 0 || fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, size) == 0)
		return 0;
	return errno == EOPNOTSUPP || errno == ENOSYS ? 0 : -errno;
}

int sys_datasync(int fd)
{
	return result(fdatasync(fd));
}

int sys_sync(int fd)
{
	return result(fsync(fd));
}

int sys_sync_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int rc = result(fsync(fd));
	close(fd);
	return rc;
}

static void stat_out(const struct stat *from, struct sys_stat *to)
{
	*to = (struct sys_stat){
		.size = from->st_size,
		.mtime_ms = (int64_t)from->st_mtim.tv_sec * 1000 + from->st_mtim.tv_nsec / 1000000,
		.is_dir = S_ISDIR(from->st_mode),
		.is_file = S_ISREG(from->st_mode),
	};
}

int sys_fstat(int fd, struct sys_stat *out)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -errno;
	stat_out(&st, out);
	return 0;
}

int sys_stat(const char *path, struct sys_stat *out)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return -errno;
	stat_out(&st, out);
	return 0;
}

int sys_set_mtime(const char *path, int64_t mtime_ms)
{
	struct timespec times[2] = {
		{ .tv_nsec = UTIME_OMIT },
		{ .tv_sec = mtime_ms / 1000, .tv_nsec = mtime_ms % 1000 * 1000000 },
	};
	return result(utimensat(AT_FDCWD, path, times, 0));
}

int sys_rename(const char *from, const char *to)
{
	return result(rename(from, to));
}

int sys_unlink(const char *path)
{
	return result(unlink(path));
}

static int make_one_dir(const char *path)
{
	struct stat st;
	if (mkdir(path, 0755) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	if (stat(path, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int sys_mkdir(const char *path)
{
	char part[PATH_MAX];
	size_t n = strlen(path);
	if (n >= sizeof part)
		return -ENAMETOOLONG;
	for (size_t i = 1; i < n; i++) {
		if (path[i] != '/' || path[i - 1] == '/')
			continue;
		memcpy(part, path, i);
		part[i] = 0;
		int rc = make_one_dir(part);
		if (rc < 0)
			return rc;
	}
	return make_one_dir(path);
}

int sys_rmdir(const char *path)
{
	return result(rmdir(path));
}

int sys_chmod_private(int fd)
{
	return result(fchmod(fd, 0600));
}

static bool entry_is_dir(DIR *dir, const struct dirent *e)
{
	struct stat st;
	if (e->d_type != DT_UNKNOWN && e->d_type != DT_LNK)
		return e->d_type == DT_DIR;
	return fstatat(dirfd(dir), e->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

int sys_list_dir(const char *path, int (*each)(void *arg, const char *name, bool is_dir), void *arg)
{
	DIR *dir = opendir(path);
	int rc = 0;
	if (!dir)
		return -errno;
	while (rc == 0) {
		errno = 0;
		struct dirent *e = readdir(dir);
		if (!e) {
			rc = -errno;
			break;
		}
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = each(arg, e->d_name, entry_is_dir(dir, e));
	}
	closedir(dir);
	return rc;
}

/* A lock of the open file description: unlike a process's it holds between two brokers in one process, and
 * does not go when some other descriptor of the file is closed. It meets Java's process locks as its like. */
int sys_lock_file(const char *path)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	if (fcntl(fd, F_OFD_SETLK, &whole) == 0)
		return fd;
	int why = errno == EACCES ? EWOULDBLOCK : errno;
	close(fd);
	return -why;
}

int sys_disk_space(const char *path, struct sys_space *out)
{
	struct statvfs v;
	if (statvfs(path, &v) < 0)
		return -errno;
	*out = (struct sys_space){ (int64_t)v.f_blocks * (int64_t)v.f_frsize,
				   (int64_t)v.f_bavail * (int64_t)v.f_frsize };
	return 0;
}

int sys_working_dir(char *out, size_t n)
{
	return getcwd(out, n) ? 0 : -errno;
}
