/* password.h - passwords as Kafka keeps them under /config/brokers/<id>: encrypted by a key that comes
 * of password.encoder.secret, beside all that is needed to read them again.
 *
 * Facts: org.apache.kafka.security.EncryptingPasswordEncoder of 3.9; contract: zk_schema, section 4.5.
 * Key: PBKDF2 over HMAC with SHA-1, -224, -256, -384 or -512. Ciphers: AES and DESede in CBC, CFB and
 * OFB, DES in the same, and AES in GCM. Deriving a key takes milliseconds and more: not for a core.
 */
#ifndef SAMSA_CONFIG_PASSWORD_H
#define SAMSA_CONFIG_PASSWORD_H

#include "broker/base/arena.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	PASSWORD_SALT_BYTES = 256,
	PASSWORD_IV_BYTES = 16,
	PASSWORD_ITERATIONS_MAX = 10 * 1000 * 1000, /* some seconds of work; a znode may say any number */
	PASSWORD_BYTES_MAX = 1 << 20,
	PASSWORD_WHY_BYTES = 256,
};

/* password.encoder.*; what was written under other values is read all the same, but for the secret. */
struct password_encoder {
	const char *secret;
	const char *keyfactory; /* NULL: PBKDF2WithHmacSHA512 */
	const char *cipher;     /* "AES/CBC/PKCS5Padding" */
	int key_length;         /* bits */
	int iterations;
};

/* What only the seam can give. */
struct password_random {
	uint8_t salt[PASSWORD_SALT_BYTES], iv[PASSWORD_IV_BYTES];
};

/* Whether passwords can be encoded so; else the reason is in `why`. */
bool password_encoder_check(const struct password_encoder *e, char why[PASSWORD_WHY_BYTES]);
/* NULL, with the reason in `why`, when they cannot, or the arena is full. */
const char *password_encode(struct arena *a, const struct password_encoder *e,
	const struct password_random *random, const char *password, char why[PASSWORD_WHY_BYTES]);
/* NULL, with the reason in `why`, for what is not an encoded password, or was encoded by another secret. */
const char *password_decode(struct arena *a, const char *secret, const char *encoded,
	char why[PASSWORD_WHY_BYTES]);

#endif
