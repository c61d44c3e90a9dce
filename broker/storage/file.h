/* file.h - small files read and replaced whole, and the names of a partition directory's files.
 *
 * All of it blocks: at open and close, or on a helper.
 */
#ifndef SAMSA_STORAGE_FILE_H
#define SAMSA_STORAGE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	FILE_PATH_MAX = 4096 + 320, /* a log directory, a partition directory, a file */
	FILE_WHOLE_MAX = 1 << 30,   /* a small file is not larger than this */
};

struct path {
	char s[FILE_PATH_MAX];
};

/* Suffixes of the files that belong to an offset. */
#define LOG_SUFFIX ".log"
#define INDEX_SUFFIX ".index"
#define TIME_INDEX_SUFFIX ".timeindex"
#define TXN_INDEX_SUFFIX ".txnindex"
#define SNAPSHOT_SUFFIX ".snapshot"
#define DELETED_SUFFIX ".deleted"
#define CLEANED_SUFFIX ".cleaned"
#define SWAP_SUFFIX ".swap"
#define CORRUPT_SUFFIX ".corrupt"

/* dir/name */
struct path path_in(const char *dir, const char *name);
/* dir/00000000000000000042.suffix */
struct path path_of(const char *dir, int64_t offset, const char *suffix);
/* path + suffix */
struct path path_plus(const struct path *path, const char *suffix);
/* Splits "00000000000000000042.log.swap" into offset and ".log.swap". False: the name does not begin with
 * 20 digits that make an offset and a dot. */
bool path_split(const char *name, int64_t *offset, const char **suffix);

enum { PATH_RANDOM_BYTES = 32 + 1 };
/* 32 hexadecimal digits, for a name that nothing has. */
void path_random(char out[PATH_RANDOM_BYTES]);

/* The whole file on the heap with a zero behind it; -ENOENT, -EFBIG, ... */
int file_read(const char *path, size_t max, char **bytes, size_t *n);
/* Writes <path>.tmp, flushes it, renames it over `path` and flushes the directory: a crash leaves the old
 * file or the new one. */
int file_replace(const char *path, const void *bytes, size_t n);
/* Writes without flushing, over what was there. */
int file_write(const char *path, const void *bytes, size_t n);
/* The bytes [position, size) of an open file become another, which is flushed. */
int file_copy_part(int from, const char *to, int64_t position, int64_t size);
/* Flushes a file by name. -ENOENT is no error: who deletes needs no flush. */
int file_sync(const char *path);
/* -ENOENT is no error. */
int file_remove(const char *path);
/* The size, 0 when it is missing, or negative errno. */
int64_t file_size(const char *path);
/* Makes a directory, and its parents, and what names them durable. Nothing is wrong when it is there
 * already. */
int file_make_dir(const char *path);
/* Flushes the directory that holds `path`. */
int file_sync_parent(const char *path);

#endif
