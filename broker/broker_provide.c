/* broker_provide.c - see broker_provide.h. */
#include "broker/broker_provide.h"

#include "broker/reactor/sys.h"
#include "broker/storage/file.h"

#include <errno.h>

/* A pipe would make us wait for whoever writes into it. */
static int read_regular(const char *path, size_t max, char **bytes, size_t *n)
{
	struct sys_stat st;
	int error = sys_stat(path, &st);
	if (!error && !st.is_file)
		error = st.is_dir ? -EISDIR : -EINVAL;
	return error ? error : file_read(path, max, bytes, n);
}

static bool exists(const char *path)
{
	struct sys_stat st;
	return sys_stat(path, &st) == 0;
}

const struct provider_reader broker_provider_reader = { read_regular, exists, sys_env };
