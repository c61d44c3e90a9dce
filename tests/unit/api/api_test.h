/* api_test.h - what the API room's tests share: its cores with real logs behind them and one client, all
 * turned by the test. Topics come and go by hand here, without a controller; requests that need one are shown
 * elsewhere (tests/it/0210_same_answers.py).
 */
#ifndef SAMSA_TESTS_API_TEST_H
#define SAMSA_TESTS_API_TEST_H

#include "broker/api/api.h"
#include "broker/net/client.h"
#include "broker/net/net.h"
#include "tests/unit/storage/storage_test.h"

enum { AT_CORES = 2, AT_BROKER = 1, AT_EPOCH = 5, AT_LOGS_MAX = 8 };

struct api_test {
	struct config *config;
	struct metrics *metrics;
	struct sys_helpers *helpers;
	struct reactor *control, *reactors[AT_CORES];
	struct api api;
	struct api_core *cores[AT_CORES];
	struct replicas *replicas[AT_CORES];
	struct net_listener listener;
	struct net *net;
	struct client *client;
	bool connected;
	struct client_call call;
	bool answered;
	int error;              /* of the last request: -ECANCELED and the like when the broker hung up */
	struct buf *holder;     /* of the last answer */
	struct arena arena;     /* of the last answer */
	struct kdec answer;     /* its body, to be decoded */
	struct msg net_closed;
	bool net_is_closed;
	struct {
		char topic[32];
		int32_t partition;
	} logs[AT_LOGS_MAX];
	int n_logs;
};

void at_begin(struct api_test *t);
void at_end(struct api_test *t);
/* Makes a topic led here, in AT_EPOCH; `overrides` are its settings ("key=value"), or NULL. */
void at_topic(struct api_test *t, const char *name, const struct uuid *id, int32_t partitions,
	      const struct config_setting *settings, size_t n);
/* Its leader is another broker now. */
void at_move(struct api_test *t, const char *name, int32_t partition, int32_t leader);

typedef void at_encode(struct kenc *e, int version, const void *msg);

/* Sends a request: `encode` writes its body. True when it was answered: t->answer is its body. */
bool at_send(struct api_test *t, int key, int version, at_encode *encode, const void *msg);
/* Without waiting; at_wait() gives the answer, at_turns() goes on for a while. */
void at_post(struct api_test *t, int key, int version, at_encode *encode, const void *msg);
bool at_wait(struct api_test *t);
void at_turns(struct api_test *t, int n);
/* A frame of these bytes, which need not be a request. True when it was answered. */
bool at_raw(struct api_test *t, const void *bytes, size_t n, int32_t correlation_id);

/* Produces a batch, acknowledged. */
void at_write(struct api_test *t, const char *topic, int32_t partition, const struct st_batch *batch);

/* AT_ASK(t, metadata, METADATA, 4, request, response): asks and decodes; true when all went well. */
#define AT_ASK(t, name, KEY, version, request, response)                                                     \
	(at_send((t), KAPI_##KEY, (version), at_encode_##name, (request)) &&                                 \
	 name##_response_decode(&(t)->answer, (version), (response)) == 0)
/* Once in a file, before its use. */
#define AT_ENCODER(name)                                                                                     \
	static void at_encode_##name(struct kenc *e, int version, const void *msg)                           \
	{                                                                                                    \
		const struct name##_request *m = msg;                                                        \
		name##_request_encode(e, version, m);                                                        \
	}

#endif
