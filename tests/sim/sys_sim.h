/* sys_sim.h - what the files of the simulated world share. Tests include sim.h. */
#ifndef SAMSA_TESTS_SYS_SIM_H
#define SAMSA_TESTS_SYS_SIM_H

#include "broker/base/must.h"
#include "broker/reactor/context.h"
#include "tests/sim/sim.h"

enum {
	SIM_HOST_MAGIC = 0x2b61f0d9,
	SIM_FD_FIRST = 100,               /* descriptors do not look like indexes */
	SIM_STACK_BYTES = 1 << 20,        /* of a thread */
	SIM_MS = 1000000,                 /* in ns */
};

/* ---- events: something that happens at a time. Embedded in what it happens to. ---- */

struct sim_event {
	int64_t at_ns;
	uint64_t number;  /* of two at the same time the one planned first is first */
	size_t place;     /* in the heap, from 1; 0: not planned */
	void (*run)(struct sim_event *e);
};

/* Moves it when it is planned already. */
void sim_plan(struct sim_event *e, int64_t after_ns, void (*run)(struct sim_event *e));
void sim_unplan(struct sim_event *e);
bool sim_planned(const struct sim_event *e);

/* ---- the trace ---- */

void sim_note(const char *what, uint64_t a, uint64_t b);
void sim_note_bytes(const char *what, uint64_t a, const void *bytes, size_t n);

/* ---- dice ---- */

/* What this seed's world is like: drawn once, so that some worlds are calm and others rough. */
struct sim_nature {
	int64_t latency_ns;   /* most that bytes travel between hosts */
	int64_t job_ns;       /* most that a helper takes */
	uint32_t piece_bytes; /* most that arrives at once */
	int short_percent;    /* how often a send takes less than it could */
	int cold_percent;     /* how often bytes of a file are not in memory */
};
const struct sim_nature *sim_nature(void);

/* ---- hosts ---- */

struct sim_disk;

/* What lives in a host's process beside its threads. */
struct sim_guest {
	struct list link; /* in host.guests */
	/* The process ends: frees what it is in. `vanished`: the host lost power. */
	void (*ended)(struct sim_guest *g, bool vanished);
};

struct sim_host {
	unsigned magic;
	int number;
	char name[64];
	uint8_t address[4];
	int cores;
	bool up;
	bool exiting;          /* the process ends as soon as the one who said so has left its stack */
	int exit_status;
	unsigned boots;
	uint16_t next_port;
	bool cut[SIM_HOSTS_MAX];
	struct list pollers, helpers, stacks, guests;
	struct sim_disk *disk;
};

/* Where the code that is running now belongs; never NULL in a system call. */
struct sim_host *sim_here(void);
/* For an event, or within a call: what runs belongs to `h` from now on. Returns where it belonged. */
struct sim_host *sim_enter(struct sim_host *h);
struct sim_host *sim_host_at(int number); /* NULL past the last */

/* ---- descriptors (sys_sim_fd.c) ---- */

struct sim_fd;

struct sim_fd_kind {
	const char *name;
	uint32_t (*ready)(struct sim_fd *f);
	/* Frees what it stands for. `vanished`: the host lost power, nobody is told. */
	void (*close)(struct sim_fd *f, bool vanished);
};

struct sim_fd {
	const struct sim_fd_kind *kind;
	struct sim_host *host;
	int number;
	int watchers; /* pollers that look at it */
};

int sim_fd_new(struct sim_fd *f, const struct sim_fd_kind *kind);
/* The open descriptor of that kind; anything else is a bug of the caller's. */
struct sim_fd *sim_fd_get(int fd, const struct sim_fd_kind *kind);
void sim_fd_close(struct sim_fd *f, bool vanished);
void sim_fds_close(struct sim_host *h, bool vanished); /* all of a host */
void sim_fds_free(void);

/* ---- pollers (sys_sim_fd.c) ---- */

bool sim_poller_ready(struct sys_poller *p);
void sim_pollers_free(struct sim_host *h);

/* ---- network (sys_sim_net.c) ---- */

void sim_net_init(void);
/* Those that still hold connections to it may learn that it forgot them. */
void sim_net_booted(struct sim_host *h);

/* ---- disks (sys_sim_disk.c) ---- */

struct sim_disk *sim_disk_new(void);
void sim_disk_free(struct sim_disk *d);
void sim_disk_crash(struct sim_host *h);

/* ---- the scheduler ---- */

/* As sim_step(), but nothing later than `limit_ns` happens: time then stands at the limit, and false is
 * returned. */
bool sim_step_until(int64_t limit_ns);
/* The thread that runs gives way until `p` is ready or woken or the time has come. False: the caller is the
 * test. */
bool sim_give_way(struct sys_poller *p, int64_t deadline_ns);
int64_t sim_deadline(int64_t timeout_ns);

#endif
