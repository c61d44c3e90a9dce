/* replay_records.c - fuzz_batch and fuzz_compress without libFuzzer.
 *
 *	replay_batch                 every batch of tests/golden, as it is and damaged; always the same
 *	replay_batch FILE...         inputs that libFuzzer kept
 *	replay_batch --seeds DIR     writes the golden batches as inputs for libFuzzer to start from
 */
#include "tests/fuzz/fuzz_records.h"

#include "tests/unit/protocol/golden.h"

enum {
	DAMAGED_EACH = 60,
	LONGEST = 4000,		/* of what is damaged */
	HEADS_EACH = 64,	/* first bytes that each input is tried with */
};

/* xorshift: the same numbers in every run. */
static uint32_t next_number(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static void damage(uint8_t *bytes, size_t n, uint32_t *state)
{
	static const uint8_t edges[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };

	for (uint32_t left = 1 + next_number(state) % 3; left > 0; left--) {
		uint8_t *at = bytes + next_number(state) % n;
		uint32_t how = next_number(state);
		if (how % 2)
			*at = edges[(how >> 8) % countof(edges)];
		else
			*at ^= (uint8_t)(1u << (how >> 8) % 8);
	}
}

static void replay(uint8_t *input, size_t n, uint32_t *state)
{
	uint8_t head = input[0];

	for (uint8_t i = 0; i < HEADS_EACH && n <= LONGEST; i++) {
		input[0] = i;
		LLVMFuzzerTestOneInput(input, n);
	}
	input[0] = head;
	LLVMFuzzerTestOneInput(input, n);
	for (int i = 0; i < DAMAGED_EACH && n <= LONGEST; i++) {
		uint8_t *copy = mem_dup(input, n);
		damage(copy, n, state);
		LLVMFuzzerTestOneInput(copy, n);
		free(copy);
	}
}

static void write_seed(const char *folder, int number, const uint8_t *input, size_t n)
{
	char *path = mem_printf("%s/golden-%04d", folder, number);
	FILE *f = fopen(path, "wb");

	if (!f || fwrite(input, 1, n, f) != n || fclose(f) != 0) {
		perror(path);
		exit(1);
	}
	free(path);
}

/* Without a folder the batches are tried, with one they are written there. */
static int go_through_golden(const char *folder)
{
	struct golden g = golden_open("tests/golden/records/vectors.tsv.zst");
	uint32_t n, state = 2463534242;
	int number = 0;

	while (golden_row(&g)) {
		uint8_t *batch = golden_bytes(g.column[1], &n), *input = mem_alloc(n + FUZZ_HEAD_BYTES);
		size_t size = fuzz_input_of(batch, n, input);
		if (size > 0 && folder)
			write_seed(folder, number++, input, size);
		else if (size > 0)
			replay(input, size, &state);
		free(batch);
		free(input);
	}
	golden_close(&g);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 1)
		return go_through_golden(NULL);
	if (argc == 3 && strcmp(argv[1], "--seeds") == 0)
		return go_through_golden(argv[2]);
	for (int i = 1; i < argc; i++) {
		size_t n;
		char *bytes = golden_file(argv[i], &n);
		LLVMFuzzerTestOneInput((const uint8_t *)bytes, n);
		free(bytes);
	}
	return 0;
}
