/* uuid.c - see uuid.h. */
#include "broker/base/uuid.h"

#include "broker/base/must.h"

#include <errno.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

struct uuid_text uuid_format(const struct uuid *u)
{
	struct uuid_text t = { 0 };
	uint32_t bits = 0;
	int n_bits = 0, at = 0;
	for (size_t i = 0; i < sizeof u->b; i++) {
		bits = bits << 8 | u->b[i];
		for (n_bits += 8; n_bits >= 6; n_bits -= 6)
			t.s[at++] = alphabet[bits >> (n_bits - 6) & 63];
	}
	t.s[at++] = alphabet[bits << (6 - n_bits) & 63];
	must(at == UUID_TEXT);
	return t;
}

static int digit(uint8_t c)
{
	const char *at = c ? strchr(alphabet, c) : NULL;
	return at ? (int)(at - alphabet) : -1;
}

int uuid_parse(struct uuid *u, struct slice text)
{
	if (text.n == UUID_TEXT + 2 && memcmp(text.p + UUID_TEXT, "==", 2) == 0)
		text.n = UUID_TEXT;
	if (text.n != UUID_TEXT)
		return -EINVAL;
	uint32_t bits = 0;
	size_t at = 0;
	int n_bits = 0;
	for (size_t i = 0; i < text.n; i++) {
		int d = digit(text.p[i]);
		if (d < 0)
			return -EINVAL;
		bits = bits << 6 | (uint32_t)d;
		n_bits += 6;
		if (n_bits >= 8 && at < sizeof u->b) {
			n_bits -= 8;
			u->b[at++] = (uint8_t)(bits >> n_bits);
		}
	}
	must(at == sizeof u->b);
	return 0;
}

bool uuid_from_random(struct uuid *u, const uint8_t random[16])
{
	memcpy(u->b, random, sizeof u->b);
	u->b[6] = (uint8_t)(0x40 | (u->b[6] & 0x0f)); /* version 4 */
	u->b[8] = (uint8_t)(0x80 | (u->b[8] & 0x3f)); /* the variant of RFC 4122 */
	return uuid_format(u).s[0] != '-';
}

bool uuid_is_zero(const struct uuid *u)
{
	static const struct uuid zero;
	return uuid_eq(u, &zero);
}
