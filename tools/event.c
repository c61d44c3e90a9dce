/* event.c - see event.h */
#include "tools/event.h"

#include "broker/reactor/sys.h"
#include "tools/out.h"

void event_begin(struct kdump *k, const char *name)
{
	kdump_init(k, KDUMP_MAX_BYTES);
	kdump_begin(k, NULL);
	kdump_int(k, "timestamp", sys_wall_ms());
	kdump_string(k, "name", slice_str(name));
}

void event_end(struct kdump *k)
{
	kdump_end(k);
	say("%s\n", k->text);
	out_flush();
	kdump_free(k);
}

void event_say(const char *name)
{
	struct kdump k;
	event_begin(&k, name);
	event_end(&k);
}
