/* kafka.c - see kafka.h. Part of the seam: librdkafka talks to the brokers on threads of its own. */
#include "tools/kafka.h"

#include "broker/base/must.h"
#include "broker/reactor/sys.h"
#include "tools/kafka_names.h"
#include "tools/out.h"

#include <librdkafka/rdkafka.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <stdio.h>

enum { KAFKA_MAGIC = 0xc11e7001, ERROR_BYTES = 512, TRANSACTION_MS = 60000 };

struct kafka {
	unsigned magic;
	struct tool *tool;
	enum kafka_kind kind;
	rd_kafka_t *rk;
	struct kafka_events events;
	int64_t max_block_ms;
	int signals, signal;
	rd_kafka_message_t *received;
	struct kafka_header headers[KAFKA_HEADERS_MAX];
	char *statistics;
};

static struct kafka *kafka_of(void *opaque)
{
	struct kafka *c = opaque;
	CHECK_OBJ_NOTNULL(c, KAFKA_MAGIC);
	return c;
}

/* An error in the words that Java has for it. */
static struct failure failure_of(struct kafka *c, rd_kafka_resp_err_t error, const char *words)
{
	const char *class = "KafkaException";
	if (error > 0) /* a broker's */
		return failure_of_code(c->tool, error, words ? slice_str(words) : SLICE_NULL);
	if (error == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT || error == RD_KAFKA_RESP_ERR__TIMED_OUT ||
		error == RD_KAFKA_RESP_ERR__QUEUE_FULL)
		class = "TimeoutException";
	else if (error == RD_KAFKA_RESP_ERR__TRANSPORT || error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
		class = "NetworkException";
	else if (error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION || error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
		return failure_of_code(c->tool, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, SLICE_NULL);
	else if (error == RD_KAFKA_RESP_ERR__AUTHENTICATION)
		class = "SaslAuthenticationException";
	else if (error == RD_KAFKA_RESP_ERR__SSL)
		class = "SslAuthenticationException";
	return (struct failure){ .class = class, .words = words ? words : rd_kafka_err2str(error) };
}

static int fail(struct kafka *c, rd_kafka_resp_err_t error, const char *words)
{
	if (!c->tool->failure.words)
		c->tool->failure = failure_of(c, error, words ? tool_text(c->tool, slice_str(words)) : NULL);
	return -1;
}

/* ---- what librdkafka tells ---- */

static void on_sent(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	struct kafka *c = kafka_of(opaque);
	struct kafka_place place = { rd_kafka_topic_name(m->rkt), m->partition, m->offset };
	struct failure f = { 0 };
	(void)rk;
	if (m->err)
		f = failure_of(c, m->err, m->err > 0 ? NULL : rd_kafka_err2str(m->err));
	if (c->events.sent)
		c->events.sent(c->events.arg, m->_private, &place, f.class, m->err ? f.words : NULL);
}

static void on_error(rd_kafka_t *rk, int error, const char *why, void *opaque)
{
	struct kafka *c = kafka_of(opaque);
	struct failure f = failure_of(c, (rd_kafka_resp_err_t)error, NULL);
	(void)rk;
	complain("WARN [%s] %s (%s)\n", c->tool->name, why, f.class);
}

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *words)
{
	(void)rk;
	if (level <= 3)
		complain("WARN %s: %s\n", facility, words);
}

static int on_statistics(rd_kafka_t *rk, char *json, size_t n, void *opaque)
{
	struct kafka *c = kafka_of(opaque);
	(void)rk, (void)n;
	free(c->statistics);
	c->statistics = json;
	return 1; /* it is ours now */
}

static void tell_places(struct kafka *c, void (*tell)(void *, const struct kafka_place *, unsigned),
	const rd_kafka_topic_partition_list_t *list)
{
	if (!tell)
		return;
	struct kafka_place *places = mem_alloc(((size_t)list->cnt + 1) * sizeof *places);
	for (int i = 0; i < list->cnt; i++)
		places[i] = (struct kafka_place){ list->elems[i].topic, list->elems[i].partition,
			list->elems[i].offset };
	tell(c->events.arg, places, (unsigned)list->cnt);
	free(places);
}

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t *list,
	void *opaque)
{
	struct kafka *c = kafka_of(opaque);
	bool assigned = what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
	bool cooperative = strcmp(rd_kafka_rebalance_protocol(rk), "COOPERATIVE") == 0;
	rd_kafka_error_t *error = NULL;
	if (!assigned)
		tell_places(c, c->events.revoked, list);
	if (cooperative)
		error = assigned ? rd_kafka_incremental_assign(rk, list) : rd_kafka_incremental_unassign(rk,
			list);
	else
		rd_kafka_assign(rk, assigned ? list : NULL);
	if (error)
		rd_kafka_error_destroy(error);
	if (assigned)
		tell_places(c, c->events.assigned, list);
}

/* ---- open ---- */

/* The certificates of a PKCS12 file as PEM, on the heap; NULL and why. */
static char *pem_of_pkcs12(struct slice file, const char *password, const char **why)
{
	const unsigned char *p = file.p;
	EVP_PKEY *key = NULL;
	X509 *own = NULL;
	STACK_OF(X509) *trusted = NULL;
	char *pem = NULL, *text;
	PKCS12 *store = d2i_PKCS12(NULL, &p, (long)file.n);
	BIO *out = BIO_new(BIO_s_mem());
	*why = "it is no PKCS12 file";
	if (store && out && PKCS12_parse(store, password ? password : "", &key, &own, &trusted) == 1) {
		*why = "it has no certificate";
		for (int i = 0; i < sk_X509_num(trusted); i++)
			PEM_write_bio_X509(out, sk_X509_value(trusted, i));
		if (own)
			PEM_write_bio_X509(out, own);
		long n = BIO_get_mem_data(out, &text);
		if (n > 0)
			pem = mem_printf("%.*s", (int)n, text);
	} else if (store) {
		*why = "its password is another";
	}
	EVP_PKEY_free(key);
	X509_free(own);
	sk_X509_pop_free(trusted, X509_free);
	PKCS12_free(store);
	BIO_free(out);
	return pem;
}

static int trust(struct kafka *c, rd_kafka_conf_t *conf, const struct kafka_names *names)
{
	struct slice file;
	const char *why;
	char error[ERROR_BYTES];
	if (!names->truststore)
		return 0;
	if (tool_read_file(c->tool, names->truststore, &file) < 0)
		return -1;
	char *pem = pem_of_pkcs12(file, names->truststore_password, &why);
	if (!pem)
		return tool_fail(c->tool, "KafkaException", "Failed to load SSL keystore %s: %s",
			names->truststore, why);
	rd_kafka_conf_res_t rc = rd_kafka_conf_set(conf, "ssl.ca.pem", pem, error, sizeof error);
	free(pem);
	return rc == RD_KAFKA_CONF_OK ? 0 : tool_fail(c->tool, "KafkaException", "%s", error);
}

static int set_all(struct kafka *c, rd_kafka_conf_t *conf, const struct kafka_names *names)
{
	char error[ERROR_BYTES];
	for (uint32_t i = 0; i < names->set.n; i++) {
		const struct property *p = &names->set.v[i];
		rd_kafka_conf_res_t rc = rd_kafka_conf_set(conf, p->name, p->value, error, sizeof error);
		if (rc == RD_KAFKA_CONF_UNKNOWN)
			complain("WARN These configurations '[%s]' were supplied but are not used yet.\n",
				p->name);
		else if (rc == RD_KAFKA_CONF_INVALID)
			return tool_fail(c->tool, "ConfigException", "Invalid value %s for configuration %s: "
				"%s", p->value, p->name, error);
	}
	return 0;
}

static rd_kafka_conf_t *new_conf(struct kafka *c)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_set_opaque(conf, c);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_log_cb(conf, on_log);
	rd_kafka_conf_set_stats_cb(conf, on_statistics);
	if (c->kind == KAFKA_PRODUCER)
		rd_kafka_conf_set_dr_msg_cb(conf, on_sent);
	else
		rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
	return conf;
}

struct kafka *kafka_open(struct tool *t, enum kafka_kind kind, const struct properties *settings,
	const struct kafka_events *events)
{
	struct kafka *c;
	struct kafka_names names;
	char error[ERROR_BYTES];
	ALLOC_OBJ(c, KAFKA_MAGIC);
	c->tool = t;
	c->kind = kind;
	c->events = events ? *events : (struct kafka_events){ 0 };
	c->signals = sys_signals_open(); /* before librdkafka starts its threads */
	rd_kafka_conf_t *conf = new_conf(c);
	if (kafka_names(t, kind, settings, &names) == 0 && set_all(c, conf, &names) == 0 &&
		trust(c, conf, &names) == 0) {
		c->max_block_ms = names.max_block_ms;
		c->rk = rd_kafka_new(kind == KAFKA_PRODUCER ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER, conf,
			error, sizeof error);
		if (!c->rk)
			tool_fail(t, "KafkaException", "Failed to construct kafka %s: %s",
				kind == KAFKA_PRODUCER ? "producer" : "consumer", error);
	}
	properties_free(&names.set);
	if (!c->rk) {
		rd_kafka_conf_destroy(conf);
		kafka_close(c);
		return NULL;
	}
	if (kind == KAFKA_CONSUMER)
		rd_kafka_poll_set_consumer(c->rk);
	return c;
}

void kafka_close(struct kafka *c)
{
	if (!c)
		return;
	CHECK_OBJ(c, KAFKA_MAGIC);
	if (c->received)
		rd_kafka_message_destroy(c->received);
	c->received = NULL;
	if (c->rk && c->kind == KAFKA_CONSUMER)
		rd_kafka_consumer_close(c->rk);
	else if (c->rk)
		kafka_flush(c);
	if (c->rk)
		rd_kafka_destroy(c->rk);
	if (c->signals >= 0)
		sys_close(c->signals);
	free(c->statistics);
	FREE_OBJ(c);
}

int kafka_interrupted(struct kafka *c)
{
	CHECK_OBJ_NOTNULL(c, KAFKA_MAGIC);
	if (!c->signal && c->signals >= 0)
		c->signal = sys_signals_next(c->signals);
	return c->signal;
}

int kafka_signals(const struct kafka *c)
{
	return c->signals;
}

const char *kafka_statistics(const struct kafka *c)
{
	return c->statistics;
}

/* ---- a producer ---- */

static rd_kafka_headers_t *headers_of(const struct kafka_record *r)
{
	rd_kafka_headers_t *h = r->n_headers ? rd_kafka_headers_new(r->n_headers) : NULL;
	for (unsigned i = 0; i < r->n_headers; i++)
		rd_kafka_header_add(h, r->headers[i].key, -1, r->headers[i].value.p, r->headers[i].value.p ?
			(ssize_t)r->headers[i].value.n : 0);
	return h;
}

static rd_kafka_resp_err_t produce(struct kafka *c, const struct kafka_record *r, void *tag)
{
	rd_kafka_headers_t *headers = headers_of(r);
	rd_kafka_resp_err_t error = rd_kafka_producev(c->rk, RD_KAFKA_V_TOPIC(r->place.topic),
		RD_KAFKA_V_PARTITION(r->place.partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
		RD_KAFKA_V_KEY(r->key.p, r->key.n), RD_KAFKA_V_VALUE((void *)(uintptr_t)r->value.p,
		r->value.n), RD_KAFKA_V_TIMESTAMP(r->timestamp), RD_KAFKA_V_HEADERS(headers),
		RD_KAFKA_V_OPAQUE(tag), RD_KAFKA_V_END);
	if (error && headers)
		rd_kafka_headers_destroy(headers);
	return error;
}

void kafka_send(struct kafka *c, const struct kafka_record *r, void *tag)
{
	CHECK_OBJ_NOTNULL(c, KAFKA_MAGIC);
	int64_t give_up = sys_mono_ns() + c->max_block_ms * INT64_C(1000000);
	rd_kafka_resp_err_t error;
	while ((error = produce(c, r, tag)) == RD_KAFKA_RESP_ERR__QUEUE_FULL && sys_mono_ns() < give_up &&
		!kafka_interrupted(c))
		rd_kafka_poll(c->rk, KAFKA_POLL_MS);
	if (error && c->events.sent) {
		struct failure f = failure_of(c, error, error > 0 ? NULL : rd_kafka_err2str(error));
		c->events.sent(c->events.arg, tag, &r->place, f.class, f.words);
	}
}

void kafka_poll(struct kafka *c, int ms)
{
	CHECK_OBJ_NOTNULL(c, KAFKA_MAGIC);
	rd_kafka_poll(c->rk, ms);
}

void kafka_flush(struct kafka *c)
{
	CHECK_OBJ_NOTNULL(c, KAFKA_MAGIC);
	kafka_interrupted(c);
	while (rd_kafka_outq_len(c->rk) > 0 && sys_signals_next(c->signals) == 0)
		rd_kafka_flush(c->rk, KAFKA_POLL_MS);
}

static int ended(struct kafka *c, rd_kafka_error_t *error)
{
	if (!error)
		return 0;
	int rc = fail(c, rd_kafka_error_code(error), rd_kafka_error_string(error));
	rd_kafka_error_destroy(error);
	return rc;
}

int kafka_begin_transactions(struct kafka *c)
{
	return ended(c, rd_kafka_init_transactions(c->rk, TRANSACTION_MS));
}

int kafka_begin_transaction(struct kafka *c)
{
	return ended(c, rd_kafka_begin_transaction(c->rk));
}

int kafka_commit_transaction(struct kafka *c)
{
	return ended(c, rd_kafka_commit_transaction(c->rk, TRANSACTION_MS));
}

/* ---- a consumer ---- */

static int subscribe(struct kafka *c, const char *name)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(list, name, RD_KAFKA_PARTITION_UA);
	rd_kafka_resp_err_t error = rd_kafka_subscribe(c->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	return error ? fail(c, error, NULL) : 0;
}

int kafka_subscribe(struct kafka *c, const char *topic)
{
	return subscribe(c, topic);
}

int kafka_subscribe_matching(struct kafka *c, const char *pattern)
{
	return subscribe(c, tool_printf(c->tool, "^(%s)$", pattern));
}

int kafka_assign(struct kafka *c, const struct kafka_place *place)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(list, place->topic, place->partition)->offset =
		place->offset == KAFKA_EARLIEST ? RD_KAFKA_OFFSET_BEGINNING :
		place->offset == KAFKA_LATEST ? RD_KAFKA_OFFSET_END : place->offset;
	rd_kafka_resp_err_t error = rd_kafka_assign(c->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	return error ? fail(c, error, NULL) : 0;
}

static enum kafka_timestamp timestamp_type(rd_kafka_timestamp_type_t type)
{
	return type == RD_KAFKA_TIMESTAMP_CREATE_TIME ? KAFKA_CREATE_TIME :
		type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME ? KAFKA_LOG_APPEND_TIME : KAFKA_NO_TIMESTAMP;
}

static void take(struct kafka *c, const rd_kafka_message_t *m, struct kafka_record *out)
{
	rd_kafka_timestamp_type_t type;
	rd_kafka_headers_t *headers;
	*out = (struct kafka_record){ .place = { rd_kafka_topic_name(m->rkt), m->partition, m->offset },
		.key = m->key ? slice_of(m->key, m->key_len) : SLICE_NULL,
		.value = m->payload ? slice_of(m->payload, m->len) : SLICE_NULL, .headers = c->headers };
	out->timestamp = rd_kafka_message_timestamp(m, &type);
	out->timestamp_type = timestamp_type(type);
	if (rd_kafka_message_headers(m, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return;
	const void *value;
	size_t n;
	while (out->n_headers < KAFKA_HEADERS_MAX && rd_kafka_header_get_all(headers, out->n_headers,
		&c->headers[out->n_headers].key, &value, &n) == RD_KAFKA_RESP_ERR_NO_ERROR)
		c->headers[out->n_headers++].value = value ? slice_of(value, n) : SLICE_NULL;
}

/* What a consumer can wait out; the others end it, as they do in Java. */
static bool passes(rd_kafka_resp_err_t error)
{
	switch (error) {
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
	case RD_KAFKA_RESP_ERR_INVALID_GROUP_ID:
	case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
	case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
	case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
	case RD_KAFKA_RESP_ERR__NO_OFFSET:
	case RD_KAFKA_RESP_ERR__FATAL:
	case RD_KAFKA_RESP_ERR__AUTHENTICATION:
		return false;
	default:
		return true;
	}
}

int kafka_receive(struct kafka *c, int ms, struct kafka_record *out)
{
	CHECK_OBJ_NOTNULL(c, KAFKA_MAGIC);
	if (c->received)
		rd_kafka_message_destroy(c->received);
	c->received = rd_kafka_consumer_poll(c->rk, ms);
	if (!c->received)
		return 0;
	if (!c->received->err) {
		take(c, c->received, out);
		return 1;
	}
	const char *words = rd_kafka_message_errstr(c->received);
	if (!passes(c->received->err))
		return fail(c, c->received->err, words);
	complain("WARN [%s] %s\n", c->tool->name, words);
	return 0;
}

int kafka_commit(struct kafka *c, const struct kafka_place *places, unsigned n)
{
	CHECK_OBJ_NOTNULL(c, KAFKA_MAGIC);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);
	for (unsigned i = 0; i < n; i++)
		rd_kafka_topic_partition_list_add(list, places[i].topic, places[i].partition)->offset =
			places[i].offset;
	rd_kafka_resp_err_t error = rd_kafka_commit(c->rk, list, 0);
	rd_kafka_topic_partition_list_destroy(list);
	return error ? fail(c, error, NULL) : 0;
}
