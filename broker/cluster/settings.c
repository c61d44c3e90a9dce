/* settings.c - see settings.h. */
#include "broker/cluster/settings.h"

#include "broker/base/must.h"

static void settings_drop(struct hold *h)
{
	struct topic_settings *s = container_of(h, struct topic_settings, hold);
	topic_config_free(s->config);
	free(s);
}

struct topic_settings *topic_settings_new(struct topic_config *config)
{
	struct topic_settings *s = mem_zalloc(sizeof *s);
	atomic_init(&s->hold.count, 1);
	s->hold.drop = settings_drop;
	s->config = config;
	return s;
}
