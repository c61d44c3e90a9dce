/* uuid.h - 16 bytes that name a topic, a cluster or a directory; as text 22 characters of base64url without
 * padding (org.apache.kafka.common.Uuid). */
#ifndef SAMSA_BASE_UUID_H
#define SAMSA_BASE_UUID_H

#include "broker/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { UUID_TEXT = 22 };

struct uuid {
	uint8_t b[16];
};

/* With its zero at the end. */
struct uuid_text {
	char s[UUID_TEXT + 2];
};

struct uuid_text uuid_format(const struct uuid *u);
/* 0 or -EINVAL. Padding ("==") is accepted. */
int uuid_parse(struct uuid *u, struct slice text);
/* Makes a version 4 uuid of 16 random bytes. False: draw again, its text would begin with '-', which command
 * lines take for an option. */
bool uuid_from_random(struct uuid *u, const uint8_t random[16]);
bool uuid_is_zero(const struct uuid *u);

static inline bool uuid_eq(const struct uuid *a, const struct uuid *b)
{
	return memcmp(a->b, b->b, sizeof a->b) == 0;
}

#endif
