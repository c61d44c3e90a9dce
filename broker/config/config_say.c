/* config_say.c - what the log says about the configuration at start. */
#include "broker/base/log.h"
#include "broker/base/must.h"
#include "broker/config/check_priv.h"

#include <stdio.h>

static const char logger[] = "kafka.server.KafkaConfig";

void config_log_problems(const struct problems *problems)
{
	for (const struct problem *p = problems->first; p; p = p->next)
		log_write(p->level == PROBLEM_ERROR ? LOG_ERROR : LOG_WARN, logger, "%s", p->text);
}

static bool is_default(const struct config *c, enum config_key key)
{
	const char *default_text = config_descs[key].default_text, *text = c->given[key].text;
	return default_text && text ? strcmp(default_text, text) == 0 : default_text == text;
}

void config_report_unhonoured(const struct config *c)
{
	CHECK_OBJ_NOTNULL(c, CONFIG_MAGIC);
	for (int i = 0; i < CONFIG_KEYS; i++) {
		enum config_key key = (enum config_key)i;
		const struct config_desc *d = &config_descs[i];
		if (d->status != STATUS_KNOWN || !config_is_set(c, key))
			continue;
		const char *value = d->type == CONFIG_PASSWORD ? "[hidden]" : c->given[key].text;
		/* who set the default loses nothing */
		log_write(is_default(c, key) ? LOG_INFO : LOG_WARN, logger,
			"%s=%s (%s) is accepted without effect: %s", d->name, log_safe(slice_str(value)).s,
			where_set(c, key).s, d->meaning);
	}
}

static void log_list(const struct config *c, const struct config_desc *d)
{
	struct config_list list = config_value_of(c, (enum config_key)(d - config_descs)).list;
	char text[LOG_SAFE_BYTES] = "";
	for (size_t i = 0, at = 0; i < list.n && at < sizeof text; i++)
		at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", i ? ", " : "", list.v[i]);
	log_info(logger, "\t%s = [%s]", d->name, log_safe(slice_str(text)).s);
}

/* As Kafka prints a parsed value: lists in brackets, passwords hidden. */
static void log_value(const struct config *c, enum config_key key)
{
	const struct config_desc *d = &config_descs[key];
	const char *text = c->given[key].text;
	if (!text)
		log_info(logger, "\t%s = null", d->name);
	else if (d->type == CONFIG_PASSWORD)
		log_info(logger, "\t%s = [hidden]", d->name);
	else if (d->type != CONFIG_LIST)
		log_info(logger, "\t%s = %s", d->name, log_safe(slice_str(text)).s);
	else
		log_list(c, d);
}

void config_log_values(const struct config *c)
{
	CHECK_OBJ_NOTNULL(c, CONFIG_MAGIC);
	log_info(logger, "KafkaConfig values:");
	for (int key = 0; key < CONFIG_KEYS; key++)
		if (config_descs[key].origin != ORIGIN_DYNAMIC)
			log_value(c, (enum config_key)key);
}
