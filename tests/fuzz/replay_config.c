/* replay_config.c - fuzz_config without libFuzzer.
 *
 *	replay_config            the golden properties files, damaged in many ways; always the same
 *	replay_config --seeds DIR    writes these files as inputs for libFuzzer to start from
 *	replay_config FILE...    inputs that libFuzzer kept
 */
#include "tests/fuzz/fuzz.h"

#include "tests/unit/config/golden.h"

enum { DAMAGED_EACH = 300, DAMAGES_MAX = 8 };

/* xorshift: the same numbers in every run. */
static uint32_t next_number(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static void damage(char *text, size_t n, uint32_t *state)
{
	static const char edges[] = "\\\n\r=: ,#u-9\0";
	for (uint32_t left = 1 + next_number(state) % DAMAGES_MAX; left > 0; left--) {
		size_t at = next_number(state) % n;
		uint32_t how = next_number(state);
		text[at] = how % 2 ? edges[(how >> 8) % sizeof edges] : text[(how >> 8) % n];
	}
}

static void replay_damaged(const char *path, uint32_t *state)
{
	size_t n;
	char *text = golden_read(path, &n);
	LLVMFuzzerTestOneInput((const uint8_t *)text, n);
	for (int i = 0; i < DAMAGED_EACH; i++) {
		char *copy = mem_dup(text, n);
		damage(copy, n, state);
		LLVMFuzzerTestOneInput((const uint8_t *)copy,
			next_number(state) % 4 ? n : next_number(state) % n);
		free(copy);
	}
	free(text);
}

static int replay_file(const char *path)
{
	enum { LARGEST = 4 << 20 };
	FILE *f = fopen(path, "rb");
	if (!f) {
		perror(path);
		return 1;
	}
	uint8_t *bytes = mem_alloc(LARGEST);
	size_t n = fread(bytes, 1, LARGEST, f);
	fclose(f);
	LLVMFuzzerTestOneInput(bytes, n);
	free(bytes);
	return 0;
}

static const char *const golden_files[] = {
	"tests/golden/config/full.properties", "tests/golden/config/odd.properties", "etc/server.properties",
	NULL
};

static int write_seeds(const char *folder)
{
	for (int i = 0; golden_files[i]; i++) {
		size_t n;
		char *text = golden_read(golden_files[i], &n);
		char *path = mem_printf("%s/golden-%d", folder, i);
		FILE *f = fopen(path, "wb");
		if (!f || fwrite(text, 1, n, f) != n || fclose(f) != 0) {
			perror(path);
			return 1;
		}
		free(path);
		free(text);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--seeds") == 0)
		return write_seeds(argv[2]);
	int status = 0;
	uint32_t state = 2463534242;
	for (int i = 1; i < argc; i++)
		status |= replay_file(argv[i]);
	if (argc > 1)
		return status;
	for (int i = 0; golden_files[i]; i++)
		replay_damaged(golden_files[i], &state);
	return 0;
}
