/* row_priv.h - the words of the columns of config.tbl, kraft.tbl and topic.tbl: limits, and what a key means
 * that Samsa knows and does not honour. Include before the tables, in the one file that makes descriptions of
 * them.
 */
#ifndef SAMSA_CONFIG_ROW_PRIV_H
#define SAMSA_CONFIG_ROW_PRIV_H

#include <math.h>

#define ANY                            \
	{                              \
		LIMIT_NONE, 0, 0, NULL \
	}
#define AT_LEAST(low)                            \
	{                                        \
		LIMIT_RANGE, low, HUGE_VAL, NULL \
	}
#define BETWEEN(low, high)                   \
	{                                    \
		LIMIT_RANGE, low, high, NULL \
	}
#define ONE_OF(names)                    \
	{                                \
		LIMIT_NAMES, 0, 0, names \
	}
#define ONE_OF_FOLD(names)                    \
	{                                     \
		LIMIT_NAMES_FOLD, 0, 0, names \
	}
#define EACH_OF(names)                        \
	{                                     \
		LIMIT_LIST_NAMES, 0, 0, names \
	}
#define NOT_NULL                           \
	{                                  \
		LIMIT_NOT_NULL, 0, 0, NULL \
	}
#define NOT_EMPTY                           \
	{                                   \
		LIMIT_NOT_EMPTY, 0, 0, NULL \
	}
#define LIST_NOT_EMPTY                           \
	{                                        \
		LIMIT_LIST_NOT_EMPTY, 0, 0, NULL \
	}
#define GZIP_LEVEL                           \
	{                                    \
		LIMIT_GZIP_LEVEL, 0, 0, NULL \
	}
#define POOL_SIZE                           \
	{                                   \
		LIMIT_POOL_SIZE, 0, 0, NULL \
	}
#define VERSIONS                      \
	{                             \
		LIMIT_IBP, 0, 0, NULL \
	}
#define REPLICAS                           \
	{                                  \
		LIMIT_REPLICAS, 0, 0, NULL \
	}

/* Each ends the sentence "it is accepted without effect: ", or "the default only: " where the row says FIXED.
 */
#define CORES "there are no pools of threads here; num.cores says how many cores serve"
#define EVEN_PACE "moves are paced evenly, not by samples"
#define KRAFT_ONLY "only KRaft uses it, and this is a ZooKeeper-mode broker"
#define NEW_GROUPS "only KRaft has the group protocols that it is for"
#define NO_AUTHORIZER "there is no authorizer yet to wait for"
#define NO_CONTROL_PLANE "the controller speaks to brokers over the inter-broker listener"
#define NO_DOWNCONVERSION "batches are served as they are stored"
#define NO_JMX "there is no JMX; metrics are at metrics.port, in Prometheus' form"
#define NO_JVM "it is for the Java runtime, and there is none here"
#define NO_KRAFT "Samsa is a ZooKeeper-mode broker; take process.roles out and set zookeeper.connect"
#define NO_MIGRATION "the migration to KRaft is not possible with Samsa brokers"
#define NO_PLUGINS "Java classes cannot run here; take it out if you can do without it"
#define NO_PURGE "parked requests are dropped as soon as they are answered"
#define NO_QUOTAS "quotas and throttles are not enforced yet"
#define NO_REPLICATION "brokers do not replicate to each other yet"
#define NO_SAMPLES "metrics are plain counters and histograms, without windows"
#define NO_SASL "SASL is not served yet"
#define NO_TIERED "tiered storage does not exist here yet"
#define NO_TOKENS "delegation tokens are not served yet"
#define NO_TRANSACTIONS "transactions are not served yet"
#define NO_ZK_LOGIN "the broker cannot log in to ZooKeeper yet, so that protected znodes would be nobody's"
#define NO_ZK_TLS "the connection to ZooKeeper cannot be encrypted yet"
#define TLS_VERSIONS "ssl.enabled.protocols alone says which versions of TLS are spoken"
#define UNSTABLE "only final API versions are served"

#endif
