/* sys.h - the seam to the kernel: the only door to time, randomness, sockets, files, threads and signals.
 *
 * Two implementations, chosen when a program is linked: sys_linux.c (the real world) and tests/sim/sys_sim.c
 * (a simulated one with a seed). Nothing above it makes a system call that blocks, tells time, gives
 * randomness or touches disk or network; tests/tidy.py checks the objects' undefined symbols.
 *
 * Errors are negative errno. File descriptors are the kernel's, or numbers that the simulated world gives.
 */
#ifndef SAMSA_REACTOR_SYS_H
#define SAMSA_REACTOR_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/* ---- time and randomness: any thread ---- */

int64_t sys_mono_ns(void);  /* never goes back */
int64_t sys_wall_ms(void);  /* since 1970, may jump */
void sys_random(void *bytes, size_t n);

/* ---- sockets: never block; -EAGAIN means wait for the poller ---- */

struct sys_addr {
	char text[64];  /* "192.0.2.1", "2001:db8::1" */
	uint16_t port;
	uint8_t len;    /* of raw; 4 or 16 */
	uint8_t raw[16];
};

/* Resolves and binds; `host` "" or NULL is every address. Blocks (DNS): at start or on a helper only. The
 * socket shares its port (SO_REUSEPORT) so that each core may have one. Returns the descriptor; *bound is
 * where. */
int sys_listen(const char *host, uint16_t port, int backlog, struct sys_addr *bound);
/* -EADDRINUSE when somebody listens there already. To be asked before the first sys_listen() on a port: as
 * sockets share their port, a second process would else take part of the first one's connections
 * unnoticed. */
int sys_port_taken(const char *host, uint16_t port);
/* -EMFILE, -ENFILE: no descriptor was left; the connection was taken and closed, so that the listener does
 * not stay readable for ever. */
int sys_accept(int listener, struct sys_addr *peer);
/* Resolves the name to at most `max` addresses. Blocks: on a helper only. Returns how many. */
int sys_resolve(const char *host, uint16_t port, struct sys_addr *out, int max);
/* Starts a connection; sys_connected() tells the outcome once the poller says writable. */
int sys_connect(const struct sys_addr *to);
int sys_connected(int fd);
void sys_socket_buffers(int fd, int send_bytes, int receive_bytes); /* -1 leaves the kernel's default */
ssize_t sys_recv(int fd, void *p, size_t n);                        /* 0 is the peer's end */
/* `more`: more bytes follow at once, the kernel may hold these back for a moment. */
ssize_t sys_sendv(int fd, const struct iovec *iov, int n, bool more);
/* 0: the file ends there. Waits for the disk where the range is not cached: ask sys_pread_cached() first. */
ssize_t sys_sendfile(int socket, int file, int64_t offset, size_t n);
void sys_shutdown_write(int fd);
void sys_close(int fd);

/* ---- the poller of one core: edge of the loop. Level-triggered. ---- */

enum { SYS_READABLE = 1, SYS_WRITABLE = 2, SYS_HANGUP = 4 };

struct sys_ready {
	void *cookie;
	uint32_t events;
};

struct sys_poller;

struct sys_poller *sys_poller_new(void);
void sys_poller_free(struct sys_poller *p);
int sys_poller_set(struct sys_poller *p, int fd, uint32_t events, void *cookie); /* adds or changes */
void sys_poller_remove(struct sys_poller *p, int fd);
/* Waits at most `timeout_ns` (-1: for ever, 0: not at all) and fills `ready`; returns how many, 0 when
 * woken. */
int sys_poller_wait(struct sys_poller *p, struct sys_ready *ready, int max, int64_t timeout_ns);
/* Ends a wait from any thread; a wake before the wait ends it too. */
void sys_poller_wake(struct sys_poller *p);

/* ---- files: regular files on disk ---- */

enum { SYS_READ = 1, SYS_WRITE = 2, SYS_CREATE = 4, SYS_TRUNCATE = 8, SYS_EXCLUSIVE = 16 };

struct sys_stat {
	int64_t size;      /* bytes */
	int64_t mtime_ms;
	bool is_dir, is_file; /* neither: a device, a pipe, ... */
};

int sys_open(const char *path, int flags);
ssize_t sys_pread(int fd, void *p, size_t n, int64_t offset);  /* fewer than n only at the end of the file */
/* As sys_pread, but -EAGAIN where the disk would have to be waited for. */
ssize_t sys_pread_cached(int fd, void *p, size_t n, int64_t offset);
/* All or an error: a short write is finished or reported. */
int sys_pwritev(int fd, const struct iovec *iov, int n, int64_t offset);
int sys_truncate(int fd, int64_t size);
int sys_preallocate(int fd, int64_t size); /* room on disk, the file does not grow; 0 where the disk cannot */
int sys_datasync(int fd);
int sys_sync(int fd);
int sys_sync_dir(const char *path);
int sys_fstat(int fd, struct sys_stat *out);
int sys_stat(const char *path, struct sys_stat *out);
int sys_set_mtime(const char *path, int64_t mtime_ms);
int sys_rename(const char *from, const char *to);
int sys_unlink(const char *path);
int sys_mkdir(const char *path);            /* 0 when it is there already; makes parents; mode 0755 */
int sys_rmdir(const char *path);
int sys_chmod_private(int fd);              /* 0600 */
/* Calls `each` for every entry but . and .. in no order, until it returns non-zero, which is then
 * returned. */
int sys_list_dir(const char *path, int (*each)(void *arg, const char *name, bool is_dir), void *arg);
/* An exclusive lock on `path`, created if missing; -EWOULDBLOCK when it is held, by Java's FileLock too.
 * Returns a descriptor; closing it lets the lock go. */
int sys_lock_file(const char *path);
/* The file system that holds `path`: its bytes, and how many of them this process may still use. */
struct sys_space {
	int64_t total, usable;
};
int sys_disk_space(const char *path, struct sys_space *out);
/* The working directory. -ERANGE: it has no room in `out`. */
int sys_working_dir(char *out, size_t n);

/* ---- threads ---- */

struct sys_thread;

/* Runs `main(arg)` on a thread of its own, pinned to `cpu` (-1: not). In the simulated world a thread has a
 * stack of its own, runs when the simulator says so, and gives way in sys_poller_wait(), sys_thread_join()
 * and sys_exit() only. */
struct sys_thread *sys_thread_start(const char *name, int cpu, void (*main)(void *arg), void *arg);
void sys_thread_join(struct sys_thread *t);
/* Names the calling thread; never 0. In the simulated world each reactor has a name of its own. */
uint64_t sys_thread_self(void);
/* CPU time that the calling thread has used. */
int64_t sys_thread_cpu_ns(void);
/* Interrupts a thread and tells where it is, one call of `line` for each frame. -ETIMEDOUT when it does not
 * answer (it waits in the kernel for the disk). For one caller at a time: the watchdog. */
int sys_thread_stack(uint64_t thread, void (*line)(void *arg, const char *text), void *arg);
/* The CPUs that affinity and cgroup quota grant; returns how many to use. An entry is -1 where the quota is
 * less than the affinity: the kernel then knows better than we which CPU is free. */
int sys_cpus(int *cpus, int max);

/* The helper pool: threads that own nothing. `work` runs on one of them, then `done` on the same thread (it
 * posts a message). The job is embedded in its owner. Order is not kept. */
struct sys_job {
	struct sys_job *next;
	void (*work)(struct sys_job *job);
	void (*done)(struct sys_job *job);
	int64_t queued_ns;
	const char *reason; /* counted and shown by the watchdog */
};

struct sys_helpers;
struct sys_helpers *sys_helpers_start(int threads);
void sys_helpers_submit(struct sys_helpers *h, struct sys_job *job);
/* Finishes what is queued, then ends the threads. */
void sys_helpers_stop(struct sys_helpers *h);

/* ---- fibers' stacks (see fiber.h) ---- */

struct sys_stack;
struct sys_stack *sys_stack_new(size_t bytes); /* with a guard page below */
void *sys_stack_base(struct sys_stack *s, size_t *bytes);
void sys_stack_free(struct sys_stack *s);

/* ---- process ---- */

/* Signals that are delivered as a readable descriptor: SIGTERM, SIGINT, SIGHUP. SIGPIPE is ignored. Call
 * before any thread starts. */
int sys_signals_open(void);
int sys_signals_next(int fd); /* the next signal's number, or 0 */
_Noreturn void sys_exit(int status);
/* What the kernel knows of this process; 0 where it does not tell. */
struct sys_process {
	int64_t cpu_ns;         /* of the user and of the system */
	int64_t resident_bytes, virtual_bytes;
	int64_t fds, fds_max;
	int64_t disk_read_bytes, disk_written_bytes; /* -1: the kernel does not tell */
};
void sys_process(struct sys_process *out);
/* As many open files as this process may give itself: the soft limit becomes the hard one. */
void sys_raise_fds(void);
int sys_hostname(char *out, size_t n);
/* A variable of the environment; NULL when it is not set. */
const char *sys_env(const char *name);
/* Names the boot: changes when the kernel was started anew. */
void sys_boot_id(char out[64]);

/* ---- log (base/log.h calls log_sink and log_enabled, which the seam defines) ---- */

enum { SYS_LOG_INHERIT = -1 };

/* `logger` NULL sets the root level. SYS_LOG_INHERIT takes a logger's own level away again. */
void sys_log_set_level(const char *logger, int level);
/* The level in force for a logger; NULL: the root's. LOG_LEVELS is off. */
int sys_log_level(const char *logger);
/* Where lines go: -1 is standard output. */
void sys_log_to(int fd);

#endif
