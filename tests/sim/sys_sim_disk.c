/* sys_sim_disk.c - the simulated disks: what is written, and what of it is safe.
 *
 * Each file has its bytes as they are now and as the disk has them; sectors that differ are dirty until a
 * sync. Each directory has its entries likewise, and what changed them is kept as a queue of operations:
 * those of a directory become safe in their order when it is synced, and with them the operations before them
 * that they build on. A rename is one operation, also between two directories.
 *
 * A crash keeps an arbitrary part: of dirty sectors any, of a file that grew any length between, of each
 * directory's operations any first few. Syncing a file does not make the entry safe by which it is found.
 * Real file systems are kinder than this, each in its own way.
 */
#include "tests/sim/sys_sim.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum {
	DISK_MAGIC = 0x5c97e1b3,
	INODE_MAGIC = 0x3fa4d826,
	SECTOR_BYTES = 512,
	DISK_FREE_BYTES = 1 << 30, /* said of a disk without a limit */
};

struct inode;

struct entry {
	char *name;
	struct inode *inode;
};

struct entries {
	struct entry *v;
	int n;
};

struct inode {
	unsigned magic;
	uint64_t id;
	int refs;                   /* entries, operations, descriptors */
	bool is_dir;
	int64_t mtime_ms;
	/* A file. Both have the same room; beyond their size they are zero. */
	uint8_t *now, *safe;
	bool *dirty;                /* of each sector */
	size_t room;
	int64_t now_size, safe_size;
	bool locked;
	/* A directory. */
	struct entries now_entries, safe_entries;
};

/* An entry is set to a file, or to nothing. */
struct change {
	struct inode *dir;
	char *name;
	struct inode *inode;
};

struct operation {
	struct list link; /* in disk.operations, oldest first */
	int n;
	struct change changes[2];
};

struct sim_disk {
	unsigned magic;
	uint64_t next_id;
	struct inode *root;
	struct list operations; /* that are not safe yet */
	int64_t free_bytes;     /* -1: no limit */
	bool broken;
};

struct file {
	struct sim_fd fd;
	struct inode *inode;
	int flags;
	bool holds_lock;
};

/* ---- inodes and entries ---- */

static struct inode *inode_new(struct sim_disk *d, bool is_dir)
{
	struct inode *i;
	ALLOC_OBJ(i, INODE_MAGIC);
	i->id = d->next_id++;
	i->is_dir = is_dir;
	i->mtime_ms = sys_wall_ms();
	return i;
}

static void entries_clear(struct entries *e);

static struct inode *inode_get(struct inode *i)
{
	i->refs++;
	return i;
}

static void inode_put(struct inode *i)
{
	if (!i || --i->refs > 0)
		return;
	entries_clear(&i->now_entries);
	entries_clear(&i->safe_entries);
	free(i->now);
	free(i->safe);
	free(i->dirty);
	FREE_OBJ(i);
}

static void entries_clear(struct entries *e)
{
	for (int i = 0; i < e->n; i++) {
		free(e->v[i].name);
		inode_put(e->v[i].inode);
	}
	free(e->v);
	*e = (struct entries){ .n = 0 };
}

static int entry_at(const struct entries *e, const char *name)
{
	int i = 0;
	while (i < e->n && strcmp(e->v[i].name, name) != 0)
		i++;
	return i;
}

static struct inode *entry_find(const struct entries *e, const char *name)
{
	int i = entry_at(e, name);
	return i < e->n ? e->v[i].inode : NULL;
}

/* To NULL: removes it. */
static void entry_set(struct entries *e, const char *name, struct inode *inode)
{
	int i = entry_at(e, name);
	struct inode *old = i < e->n ? e->v[i].inode : NULL;
	if (inode && i == e->n) {
		e->v = mem_realloc(e->v, (size_t)(e->n + 1) * sizeof *e->v);
		e->v[e->n++] = (struct entry){ mem_strdup(name), NULL };
	}
	if (inode) {
		e->v[i].inode = inode_get(inode);
	} else if (i < e->n) {
		free(e->v[i].name);
		e->v[i] = e->v[--e->n];
	}
	inode_put(old);
}

/* ---- operations on directories ---- */

static void operation_free(struct operation *o)
{
	for (int i = 0; i < o->n; i++) {
		inode_put(o->changes[i].dir);
		inode_put(o->changes[i].inode);
		free(o->changes[i].name);
	}
	free(o);
}

static struct operation *operation_new(struct sim_disk *d)
{
	struct operation *o = mem_zalloc(sizeof *o);
	list_push_back(&d->operations, &o->link);
	return o;
}

/* Now, and on the disk when the operation is made safe. */
static void change(struct operation *o, struct inode *dir, const char *name, struct inode *inode)
{
	must(o->n < 2 && dir->is_dir);
	o->changes[o->n++] = (struct change){
		.dir = inode_get(dir),
		.name = mem_strdup(name),
		.inode = inode ? inode_get(inode) : NULL,
	};
	entry_set(&dir->now_entries, name, inode);
	dir->mtime_ms = sys_wall_ms();
	sim_note_bytes(inode ? "enter" : "remove", dir->id, name, strlen(name));
}

static void change_one(struct sim_disk *d, struct inode *dir, const char *name, struct inode *inode)
{
	change(operation_new(d), dir, name, inode);
}

static void make_safe(struct operation *o)
{
	for (int i = 0; i < o->n; i++)
		entry_set(&o->changes[i].dir->safe_entries, o->changes[i].name, o->changes[i].inode);
	list_remove(&o->link);
	operation_free(o);
}

/* A set of directories; it holds what it names. */
struct dirs {
	struct inode **v;
	int n;
};

static bool dirs_have(const struct dirs *s, const struct operation *o)
{
	for (int i = 0; i < s->n; i++)
		for (int k = 0; k < o->n; k++)
			if (s->v[i] == o->changes[k].dir)
				return true;
	return false;
}

static void dirs_add(struct dirs *s, struct inode *dir)
{
	s->v = mem_realloc(s->v, (size_t)(s->n + 1) * sizeof(struct inode *));
	s->v[s->n++] = inode_get(dir);
}

static void dirs_add_all(struct dirs *s, const struct operation *o)
{
	for (int k = 0; k < o->n; k++)
		dirs_add(s, o->changes[k].dir);
}

static void dirs_clear(struct dirs *s)
{
	for (int i = 0; i < s->n; i++)
		inode_put(s->v[i]);
	free(s->v);
}

/* From the newest to the oldest: what touches the directory, and what comes before that in another it
 * touches. */
static void sync_entries(struct sim_disk *d, struct inode *dir)
{
	struct dirs wanted = { .n = 0 };
	struct list chosen, *l;
	list_init(&chosen);
	dirs_add(&wanted, dir);
	for (struct list *it = d->operations.prev, *before; it != &d->operations; it = before) {
		struct operation *o = list_entry(it, struct operation, link);
		before = it->prev;
		if (!dirs_have(&wanted, o))
			continue;
		dirs_add_all(&wanted, o);
		list_remove(it);
		list_push_front(&chosen, it);
	}
	while ((l = list_pop_front(&chosen)) != NULL) {
		list_push_back(&d->operations, l);
		make_safe(list_entry(l, struct operation, link));
	}
	dirs_clear(&wanted);
}

/* ---- the bytes of a file ---- */

static size_t sectors(size_t bytes)
{
	return (bytes + SECTOR_BYTES - 1) / SECTOR_BYTES;
}

static void make_room(struct inode *i, int64_t size)
{
	size_t old = i->room, room = old ? old : SECTOR_BYTES;
	if ((size_t)size <= old)
		return;
	while (room < (size_t)size)
		room *= 2;
	i->now = mem_realloc(i->now, room);
	i->safe = mem_realloc(i->safe, room);
	i->dirty = mem_realloc(i->dirty, sectors(room) * sizeof(bool));
	memset(i->now + old, 0, room - old);
	memset(i->safe + old, 0, room - old);
	memset(i->dirty + sectors(old), 0, (sectors(room) - sectors(old)) * sizeof(bool));
	i->room = room;
}

static void make_dirty(struct inode *i, int64_t from, int64_t to)
{
	for (size_t s = (size_t)from / SECTOR_BYTES; s < sectors((size_t)to); s++)
		i->dirty[s] = true;
}

static int set_size(struct sim_disk *d, struct inode *i, int64_t size)
{
	int64_t growth = size - i->now_size;
	if (growth > 0 && d->free_bytes >= 0 && growth > d->free_bytes)
		return -ENOSPC;
	if (d->free_bytes >= 0)
		d->free_bytes -= growth;
	make_room(i, size);
	if (growth < 0) {
		memset(i->now + size, 0, (size_t)-growth);
		make_dirty(i, size, i->now_size);
	}
	i->now_size = size;
	i->mtime_ms = sys_wall_ms();
	return 0;
}

static void sync_bytes(struct inode *i)
{
	for (size_t s = 0; s < sectors(i->room); s++) {
		if (i->dirty[s])
			memcpy(i->safe + s * SECTOR_BYTES, i->now + s * SECTOR_BYTES, SECTOR_BYTES);
		i->dirty[s] = false;
	}
	i->safe_size = i->now_size;
}

/* ---- crash ---- */

static void crash_bytes(struct inode *i, int keep_percent)
{
	int64_t size = sim_chance(keep_percent) ? i->now_size : i->safe_size;
	if (i->now_size > i->safe_size && sim_chance(50))
		size = i->safe_size + (int64_t)sim_dice((uint64_t)(i->now_size - i->safe_size) + 1);
	for (size_t s = 0; s < sectors(i->room); s++) {
		if (i->dirty[s] && s < sectors((size_t)i->now_size) && sim_chance(keep_percent))
			memcpy(i->safe + s * SECTOR_BYTES, i->now + s * SECTOR_BYTES, SECTOR_BYTES);
		i->dirty[s] = false;
	}
	if (i->room > 0) {
		memset(i->safe + size, 0, i->room - (size_t)size);
		memcpy(i->now, i->safe, i->room);
	}
	i->now_size = i->safe_size = size;
	i->locked = false;
	sim_note_bytes("survives", i->id, i->now, (size_t)size);
}

/* The entries of the disk become those that are; what they lead to follows. */
static void crash_tree(struct inode *dir, int keep_percent)
{
	entries_clear(&dir->now_entries);
	for (int i = 0; i < dir->safe_entries.n; i++) {
		struct entry *e = &dir->safe_entries.v[i];
		entry_set(&dir->now_entries, e->name, e->inode);
		sim_note_bytes("entry", dir->id, e->name, strlen(e->name));
		if (e->inode->is_dir)
			crash_tree(e->inode, keep_percent);
		else
			crash_bytes(e->inode, keep_percent);
	}
}

void sim_disk_crash(struct sim_host *h)
{
	struct sim_disk *d = h->disk;
	struct dirs lost = { .n = 0 };
	int keep_percent = (int)sim_dice(5) * 25;
	list_for_each_safe(it, &d->operations) {
		struct operation *o = list_entry(it, struct operation, link);
		if (!dirs_have(&lost, o) && sim_chance(keep_percent)) {
			make_safe(o);
			continue;
		}
		dirs_add_all(&lost, o);
		list_remove(it);
		operation_free(o);
	}
	dirs_clear(&lost);
	crash_tree(d->root, keep_percent);
}

/* ---- life of a disk ---- */

struct sim_disk *sim_disk_new(void)
{
	struct sim_disk *d;
	ALLOC_OBJ(d, DISK_MAGIC);
	list_init(&d->operations);
	d->root = inode_get(inode_new(d, true));
	d->free_bytes = -1;
	return d;
}

void sim_disk_free(struct sim_disk *d)
{
	struct list *l;
	while ((l = list_pop_front(&d->operations)) != NULL)
		operation_free(list_entry(l, struct operation, link));
	inode_put(d->root);
	FREE_OBJ(d);
}

void sim_disk_room(struct sim_host *h, int64_t bytes)
{
	h->disk->free_bytes = bytes;
}

void sim_disk_break(struct sim_host *h, bool broken)
{
	h->disk->broken = broken;
}

/* ---- paths ---- */

/* The next name of a path, which is cut off it; false at the end. */
static bool next_name(const char **path, char name[NAME_MAX + 1])
{
	*path += strspn(*path, "/");
	size_t n = strcspn(*path, "/");
	must(n <= NAME_MAX);
	memcpy(name, *path, n);
	name[n] = 0;
	*path += n;
	return n > 0;
}

/* The directory that holds the last name of `path`, and that name; NULL when it is not there. */
static struct inode *parent_of(const char *path, char name[NAME_MAX + 1])
{
	struct inode *dir = sim_here()->disk->root;
	char next[NAME_MAX + 1];
	if (!next_name(&path, name))
		return NULL;
	while (next_name(&path, next)) {
		dir = entry_find(&dir->now_entries, name);
		if (!dir || !dir->is_dir)
			return NULL;
		memcpy(name, next, sizeof next);
	}
	return dir;
}

static struct inode *inode_of(const char *path)
{
	char name[NAME_MAX + 1];
	struct inode *dir = parent_of(path, name);
	if (!dir)
		return path[strspn(path, "/")] == 0 ? sim_here()->disk->root : NULL;
	return entry_find(&dir->now_entries, name);
}

/* ---- descriptors of files ---- */

static uint32_t file_ready(struct sim_fd *f)
{
	(void)f;
	return SYS_READABLE | SYS_WRITABLE;
}

static void file_close(struct sim_fd *fd, bool vanished)
{
	struct file *f = container_of(fd, struct file, fd);
	(void)vanished;
	if (f->holds_lock)
		f->inode->locked = false;
	inode_put(f->inode);
	free(f);
}

static const struct sim_fd_kind file_kind = { "file", file_ready, file_close };

static struct file *file_new(struct inode *i, int flags)
{
	struct file *f = mem_zalloc(sizeof *f);
	f->inode = inode_get(i);
	f->flags = flags;
	(void)sim_fd_new(&f->fd, &file_kind);
	return f;
}

static struct file *file_get(int fd)
{
	return container_of(sim_fd_get(fd, &file_kind), struct file, fd);
}

int sys_open(const char *path, int flags)
{
	char name[NAME_MAX + 1];
	struct sim_disk *d = sim_here()->disk;
	must(flags & (SYS_READ | SYS_WRITE));
	struct inode *dir = parent_of(path, name);
	struct inode *i = dir ? entry_find(&dir->now_entries, name) : NULL;
	if (d->broken)
		return -EIO;
	if (!dir || (!i && !(flags & SYS_CREATE)))
		return -ENOENT;
	if (i && (flags & SYS_CREATE) && (flags & SYS_EXCLUSIVE))
		return -EEXIST;
	if (i && i->is_dir)
		return -EISDIR;
	if (!i) {
		i = inode_new(d, false);
		change_one(d, dir, name, i);
	}
	if (flags & SYS_TRUNCATE)
		(void)set_size(d, i, 0);
	return file_new(i, flags)->fd.number;
}

ssize_t sys_pread(int fd, void *p, size_t n, int64_t offset)
{
	struct file *f = file_get(fd);
	if (!(f->flags & SYS_READ))
		return -EBADF;
	if (f->fd.host->disk->broken)
		return -EIO;
	if (offset >= f->inode->now_size)
		return 0;
	n = min_of(n, (size_t)(f->inode->now_size - offset));
	memcpy(p, f->inode->now + offset, n);
	return (ssize_t)n;
}

ssize_t sys_pread_cached(int fd, void *p, size_t n, int64_t offset)
{
	return sim_chance(sim_nature()->cold_percent) ? -EAGAIN : sys_pread(fd, p, n, offset);
}

int sys_pwritev(int fd, const struct iovec *iov, int n, int64_t offset)
{
	struct file *f = file_get(fd);
	struct inode *i = f->inode;
	if (!(f->flags & SYS_WRITE))
		return -EBADF;
	if (f->fd.host->disk->broken)
		return -EIO;
	for (int k = 0; k < n; k++) {
		int64_t end = offset + (int64_t)iov[k].iov_len;
		int rc = end > i->now_size ? set_size(f->fd.host->disk, i, end) : 0;
		if (rc < 0)
			return rc;
		if (iov[k].iov_len > 0)
			memcpy(i->now + offset, iov[k].iov_base, iov[k].iov_len);
		sim_note_bytes("write", i->id, iov[k].iov_base, iov[k].iov_len);
		make_dirty(i, offset, end);
		offset = end;
	}
	i->mtime_ms = sys_wall_ms();
	return 0;
}

int sys_truncate(int fd, int64_t size)
{
	struct file *f = file_get(fd);
	sim_note("truncate", f->inode->id, (uint64_t)size);
	return f->fd.host->disk->broken ? -EIO : set_size(f->fd.host->disk, f->inode, size);
}

int sys_preallocate(int fd, int64_t size)
{
	struct file *f = file_get(fd);
	int64_t free_bytes = f->fd.host->disk->free_bytes;
	return free_bytes >= 0 && size - f->inode->now_size > free_bytes ? -ENOSPC : 0;
}

int sys_sync(int fd)
{
	struct file *f = file_get(fd);
	sim_note("sync", f->inode->id, 0);
	if (f->fd.host->disk->broken)
		return -EIO;
	sync_bytes(f->inode);
	return 0;
}

int sys_datasync(int fd)
{
	return sys_sync(fd);
}

int sys_sync_dir(const char *path)
{
	struct inode *dir = inode_of(path);
	if (!dir)
		return -ENOENT;
	if (!dir->is_dir)
		return -ENOTDIR;
	if (sim_here()->disk->broken)
		return -EIO;
	sim_note("sync dir", dir->id, 0);
	sync_entries(sim_here()->disk, dir);
	return 0;
}

/* ---- files by name ---- */

static void stat_out(const struct inode *i, struct sys_stat *out)
{
	*out = (struct sys_stat){ .size = i->now_size, .mtime_ms = i->mtime_ms, .is_dir = i->is_dir,
		.is_file = !i->is_dir };
}

int sys_fstat(int fd, struct sys_stat *out)
{
	stat_out(file_get(fd)->inode, out);
	return 0;
}

int sys_stat(const char *path, struct sys_stat *out)
{
	struct inode *i = inode_of(path);
	if (!i)
		return -ENOENT;
	stat_out(i, out);
	return 0;
}

int sys_set_mtime(const char *path, int64_t mtime_ms)
{
	struct inode *i = inode_of(path);
	if (!i)
		return -ENOENT;
	i->mtime_ms = mtime_ms;
	return 0;
}

static int may_replace(const struct inode *from, const struct inode *to)
{
	if (!to)
		return 0;
	if (to->is_dir != from->is_dir)
		return to->is_dir ? -EISDIR : -ENOTDIR;
	return to->now_entries.n > 0 ? -ENOTEMPTY : 0;
}

int sys_rename(const char *from, const char *to)
{
	char from_name[NAME_MAX + 1], to_name[NAME_MAX + 1];
	struct sim_disk *d = sim_here()->disk;
	struct inode *from_dir = parent_of(from, from_name), *to_dir = parent_of(to, to_name);
	struct inode *i = from_dir ? entry_find(&from_dir->now_entries, from_name) : NULL;
	if (!i || !to_dir)
		return -ENOENT;
	struct inode *old = entry_find(&to_dir->now_entries, to_name);
	int rc = d->broken ? -EIO : may_replace(i, old);
	if (rc < 0 || i == old)
		return rc;
	struct operation *o = operation_new(d);
	change(o, to_dir, to_name, i);
	change(o, from_dir, from_name, NULL);
	return 0;
}

int sys_unlink(const char *path)
{
	char name[NAME_MAX + 1];
	struct sim_disk *d = sim_here()->disk;
	struct inode *dir = parent_of(path, name);
	struct inode *i = dir ? entry_find(&dir->now_entries, name) : NULL;
	if (!i)
		return -ENOENT;
	if (i->is_dir)
		return -EISDIR;
	if (d->broken)
		return -EIO;
	if (d->free_bytes >= 0)
		d->free_bytes += i->now_size;
	change_one(d, dir, name, NULL);
	return 0;
}

int sys_mkdir(const char *path)
{
	struct sim_disk *d = sim_here()->disk;
	struct inode *dir = d->root;
	char name[NAME_MAX + 1];
	while (next_name(&path, name)) {
		struct inode *i = entry_find(&dir->now_entries, name);
		if (!i && d->broken)
			return -EIO;
		if (!i) {
			i = inode_new(d, true);
			change_one(d, dir, name, i);
		}
		if (!i->is_dir)
			return -ENOTDIR;
		dir = i;
	}
	return 0;
}

int sys_rmdir(const char *path)
{
	char name[NAME_MAX + 1];
	struct inode *dir = parent_of(path, name);
	struct inode *i = dir ? entry_find(&dir->now_entries, name) : NULL;
	if (!i)
		return -ENOENT;
	if (!i->is_dir)
		return -ENOTDIR;
	if (i->now_entries.n > 0)
		return -ENOTEMPTY;
	change_one(sim_here()->disk, dir, name, NULL);
	return 0;
}

int sys_chmod_private(int fd)
{
	(void)file_get(fd); /* nobody else is in this world */
	return 0;
}

/* Over a copy, as `each` may remove what it is told of. */
int sys_list_dir(const char *path, int (*each)(void *arg, const char *name, bool is_dir), void *arg)
{
	struct inode *dir = inode_of(path);
	struct entries copy = { .n = 0 };
	int rc = 0;
	if (!dir)
		return -ENOENT;
	if (!dir->is_dir)
		return -ENOTDIR;
	for (int i = 0; i < dir->now_entries.n; i++)
		entry_set(&copy, dir->now_entries.v[i].name, dir->now_entries.v[i].inode);
	int first = copy.n > 0 ? (int)sim_dice((uint64_t)copy.n) : 0;
	for (int k = 0; k < copy.n && rc == 0; k++) {
		const struct entry *e = &copy.v[(first + k) % copy.n];
		rc = each(arg, e->name, e->inode->is_dir);
	}
	entries_clear(&copy);
	return rc;
}

int sys_lock_file(const char *path)
{
	int fd = sys_open(path, SYS_READ | SYS_WRITE | SYS_CREATE);
	if (fd < 0)
		return fd;
	struct file *f = file_get(fd);
	if (f->inode->locked) {
		sim_fd_close(&f->fd, false);
		return -EWOULDBLOCK;
	}
	f->inode->locked = f->holds_lock = true;
	return fd;
}

int sys_disk_space(const char *path, struct sys_space *out)
{
	int64_t free_bytes = sim_here()->disk->free_bytes;
	if (!inode_of(path))
		return -ENOENT;
	*out = (struct sys_space){ DISK_FREE_BYTES, free_bytes < 0 ? DISK_FREE_BYTES : free_bytes };
	return 0;
}

int sys_working_dir(char *out, size_t n)
{
	return (size_t)snprintf(out, n, "/") < n ? 0 : -ERANGE;
}
