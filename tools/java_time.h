/* java_time.h - times and durations as Kafka's commands read them, that is as Java does. */
#ifndef SAMSA_TOOLS_JAVA_TIME_H
#define SAMSA_TOOLS_JAVA_TIME_H

#include <stdbool.h>
#include <stdint.h>

/* "2026-01-31T23:59:59.000", in UTC, or with Z, +01 or +01:30 behind it
 * (org.apache.kafka.common.utils.Utils.getDateTime). NULL; or why not, "T" for a text without one, "%" for
 * one that is no date. */
const char *java_datetime(const char *text, int64_t *ms);
bool java_datetime_has_zone(const char *text);
/* java.time.Duration.parse: "P2DT3H4M5.678S", signs anywhere. 0, or -EINVAL. */
int java_duration(const char *text, int64_t *ms);

#endif
