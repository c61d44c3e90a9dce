/* replay_znode.c - fuzz_znode without libFuzzer.
 *
 *	replay_znode            the golden contents, damaged in many ways; always the same
 *	replay_znode FILE...    inputs that libFuzzer kept
 *	replay_znode --seeds DIR    writes the golden contents as inputs for libFuzzer to start from
 */
#include "tests/fuzz/fuzz.h"

#include "tests/unit/ut.h"

#include <stdbool.h>
#include <string.h>

enum { DAMAGED_EACH = 100, DAMAGES_MAX = 4, LARGEST = 4 << 20 };

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
	static const char edges[] = "{}[]\",:\\-019.etn u\xff";
	for (uint32_t left = 1 + next_number(state) % DAMAGES_MAX; left > 0; left--) {
		size_t at = next_number(state) % n;
		uint32_t how = next_number(state);
		text[at] = how % 2 ? edges[(how >> 8) % sizeof edges] : text[(how >> 8) % n];
	}
}

static bool replay_damaged(const char *text, size_t n, void *arg)
{
	uint32_t *state = arg;
	LLVMFuzzerTestOneInput((const uint8_t *)text, n);
	for (int i = 0; n > 0 && i < DAMAGED_EACH; i++) {
		size_t kept = next_number(state) % 4 ? n : next_number(state) % n;
		char *copy = mem_dup(text, n);
		damage(copy, n, state);
		char *exact = mem_dup(copy, kept); /* no byte beyond, for the sanitizer to see */
		LLVMFuzzerTestOneInput((const uint8_t *)exact, kept);
		free(exact);
		free(copy);
	}
	return true;
}

struct seeds {
	const char *folder;
	int n;
};

static bool write_seed(const char *text, size_t n, void *arg)
{
	struct seeds *seeds = arg;
	char *path = mem_printf("%s/golden-%d", seeds->folder, seeds->n++);
	FILE *f = fopen(path, "wb");
	bool ok = f && fwrite(text, 1, n, f) == n;
	if (f)
		ok &= fclose(f) == 0;
	if (!ok)
		perror(path);
	free(path);
	return ok;
}

/* Each golden content in turn; ends early when take() fails. */
static int each_golden(bool (*take)(const char *text, size_t n, void *arg), void *arg)
{
	FILE *f = fopen(ut_path("tests/golden/znodes/contents.tsv"), "r");
	char *line = mem_alloc(LARGEST);
	bool ok = f != NULL;
	while (ok && fgets(line, LARGEST, f)) {
		const char *json = strchr(line, '\t');
		ok = !json || take(json + 1, strcspn(json + 1, "\n"), arg);
	}
	free(line);
	if (f)
		fclose(f);
	return ok ? 0 : 1;
}

static int replay_file(const char *path)
{
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

int main(int argc, char **argv)
{
	uint32_t state = 2463534242;
	if (argc == 3 && strcmp(argv[1], "--seeds") == 0)
		return each_golden(write_seed, &(struct seeds){ argv[2], 0 });
	int status = argc > 1 ? 0 : each_golden(replay_damaged, &state);
	for (int i = 1; i < argc; i++)
		status |= replay_file(argv[i]);
	return status;
}
