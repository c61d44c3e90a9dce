/* main.c - the command line. */
#include "broker/broker_http.h"
#include "broker/broker_provide.h"
#include "broker/config/options.h"
#include "broker/process.h"
#include "broker/storage/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *start_http(struct broker *b, struct watchdog *dog, uint16_t port)
{
	return broker_http_start(b, dog, port);
}

static void stop_http(void *door)
{
	broker_http_stop(door);
}

static const struct process_http http = { start_http, stop_http };

int main(int argc, char **argv)
{
	struct options options;
	struct problems problems;
	char *text;
	size_t n;
	enum options_verdict verdict = options_parse(argc, argv, &options);
	if (verdict == OPTIONS_DONE || verdict == OPTIONS_WRONG)
		return verdict == OPTIONS_WRONG;
	int error = file_read(options.file, CONFIG_FILE_BYTES, &text, &n);
	if (error) {
		fprintf(stderr, "%s: %s\n", options.file, strerror(-error));
		return 1;
	}
	problems_init(&problems);
	struct config_source source = { options.file, slice_of(text, n), &broker_provider_reader };
	struct config *config = config_load(&source, options.overrides, options.n_overrides, &problems);
	int status = config == NULL;
	if (verdict == OPTIONS_CHECK)
		status = options_report(stdout, &options, config, &problems);
	else
		config_log_problems(&problems);
	if (verdict == OPTIONS_RUN && config) {
		config_log_values(config);
		config_report_unhonoured(config);
		sys_raise_fds();
		status = process_serve(config, &http);
	}
	if (config)
		config_free(config);
	problems_free(&problems);
	free(text);
	return status;
}
