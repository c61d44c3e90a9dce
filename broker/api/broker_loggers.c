/* broker_loggers.c - the levels of the log's lines, as settings that last until the broker ends.
 * Facts: kafka.server.logger.RuntimeLoggerManager and kafka.utils.Log4jController of 3.9. */
#include "broker/api/resources.h"

#include "broker/base/must.h"
#include "broker/config/alter.h"
#include "broker/reactor/sys.h"

#define LOGGER "kafka.server.logger.RuntimeLoggerManager"

static const char *sys_name(const char *logger)
{
	return strcmp(logger, BROKER_LOGGER_ROOT) == 0 ? NULL : logger;
}

const char *broker_logger_level(const char *logger)
{
	int level = sys_log_level(sys_name(logger));
	return level >= LOG_LEVELS ? "OFF" : log_level_name((enum log_level)level);
}

static int level_of(const char *text)
{
	for (int level = 0; level < LOG_LEVELS; level++)
		if (strcmp(text, log_level_name((enum log_level)level)) == 0)
			return level;
	return -1;
}

/* ---- checks ---- */

static enum kerr refuse_level(struct arena *a, const struct alter_step *step, const char **why)
{
	*why = arena_printf(a, "Cannot set the log level of %s to %s as it is not a supported log level. "
			    "Valid log levels are DEBUG, ERROR, FATAL, INFO, TRACE, WARN", step->name,
			    step->value);
	return KERR_INVALID_CONFIG;
}

static enum kerr check_step(struct arena *a, const struct alter_step *step, const char **why)
{
	bool is_root = strcmp(step->name, BROKER_LOGGER_ROOT) == 0;
	if (step->op == ALTER_APPEND || step->op == ALTER_SUBTRACT) {
		*why = arena_printf(a, "%s operation is not allowed for the BROKER_LOGGER resource",
				    step->op == ALTER_APPEND ? "APPEND" : "SUBTRACT");
		return KERR_INVALID_REQUEST;
	}
	if (step->op != ALTER_SET && step->op != ALTER_DELETE) {
		*why = arena_printf(a, "Unknown operation type %d is not allowed for the BROKER_LOGGER "
				    "resource", step->op);
		return KERR_INVALID_REQUEST;
	}
	if (!is_root && !log_logger_exists(slice_str(step->name))) {
		*why = arena_printf(a, "Logger %s does not exist!", step->name);
		return KERR_INVALID_CONFIG;
	}
	if (step->op == ALTER_SET)
		return level_of(step->value) < 0 ? refuse_level(a, step, why) : KERR_NONE;
	if (is_root) {
		*why = "Removing the log level of the " BROKER_LOGGER_ROOT " logger is not allowed";
		return KERR_INVALID_REQUEST;
	}
	return KERR_NONE;
}

/* 3.9 says the number that it expected twice; here the second is the one that was received. */
static enum kerr check_name(struct arena *a, int32_t broker_id, struct slice name, const char **why)
{
	int32_t id;
	if (!resource_broker_id(name, &id))
		*why = arena_printf(a, "Node id must be an integer, but it is: %.*s", SLICE_ARGS(name));
	else if (id != broker_id)
		*why = arena_printf(a, "Unexpected node id. Expected %d, but received %d", broker_id, id);
	return *why ? KERR_INVALID_REQUEST : KERR_NONE;
}

/* ---- the change ---- */

static void take_step(const struct alter_step *step)
{
	bool sets = step->op == ALTER_SET;
	sys_log_set_level(sys_name(step->name), sets ? level_of(step->value) : SYS_LOG_INHERIT);
	if (sets)
		log_warn(LOGGER, "Updated the log level of %s to %s", step->name, step->value);
	else
		log_warn(LOGGER, "Unset the log level of %s", step->name);
}

enum kerr broker_loggers_alter(struct arena *a, int32_t broker_id, struct slice name,
			       const struct alter_step *steps, size_t n, bool validate_only,
			       const char **why)
{
	*why = NULL;
	enum kerr error = check_name(a, broker_id, name, why);
	for (size_t i = 0; !error && i < n; i++)
		error = check_step(a, &steps[i], why);
	for (size_t i = 0; !error && !validate_only && i < n; i++)
		take_step(&steps[i]);
	return error;
}
