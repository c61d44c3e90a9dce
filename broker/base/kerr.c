/* kerr.c - see kerr.h. */
#include "broker/base/kerr.h"

#include "broker/base/must.h"

static const struct row {
	int code;
	const char *name;
	bool retriable;
} rows[] = {
#define X(code, name, retriable, refreshes) { code, #name, retriable },
#include "broker/base/kerr.tbl"
#undef X
};

/* Codes run from -1 without a gap. */
static const struct row *find(int code)
{
	size_t i = (size_t)(code - rows[0].code);
	return code >= rows[0].code && i < countof(rows) && rows[i].code == code ? &rows[i] : NULL;
}

const char *kerr_name(int code)
{
	const struct row *r = find(code);
	return r ? r->name : "UNKNOWN";
}

bool kerr_is_retriable(int code)
{
	const struct row *r = find(code);
	return r && r->retriable;
}
