/* replay_protocol.c - fuzz_protocol without libFuzzer.
 *
 *	replay_protocol                 every message of tests/golden, as it is and damaged; always the same
 *	replay_protocol FILE...         inputs that libFuzzer kept
 *	replay_protocol --seeds DIR     writes the golden messages as inputs for libFuzzer to start from
 */
#include "tests/fuzz/fuzz.h"

#include "broker/protocol/kapi.h"
#include "tests/unit/protocol/golden.h"

enum {
	HEAD_BYTES = 2,
	DAMAGED_EACH = 40,
	LONGEST = 4000, /* of what is damaged */
};

/* xorshift: the same numbers in every run. */
static uint32_t next_number(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static void damage(uint8_t *bytes, uint32_t n, uint32_t *state)
{
	static const uint8_t edges[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
	for (uint32_t left = 1 + next_number(state) % 4; left > 0; left--) {
		uint8_t *at = bytes + next_number(state) % n;
		uint32_t how = next_number(state) % 3, number = next_number(state);
		if (how == 0)
			*at = (uint8_t)number;
		else if (how == 1)
			*at = edges[number % countof(edges)];
		else
			*at ^= (uint8_t)(1u << number % 8);
	}
}

/* A golden row as an input; NULL for one that has its version in front, which is the same message again. */
static uint8_t *input_of(const struct golden *g, uint32_t *ret_n)
{
	const struct kmsg *kmsg = kmsg_find(g->column[1]);
	must(kmsg != NULL);
	if (strstr(g->column[4], "+version"))
		return NULL;
	uint8_t *frame = golden_bytes(g->column[5], ret_n), *input = mem_alloc(*ret_n + HEAD_BYTES);
	input[0] = (uint8_t)(kmsg - kmsgs);
	input[1] = (uint8_t)(atoi(g->column[3]) - kmsg->min);
	memcpy(input + HEAD_BYTES, frame, *ret_n);
	*ret_n += HEAD_BYTES;
	free(frame);
	return input;
}

static void replay_damaged(const uint8_t *input, uint32_t n, uint32_t *state)
{
	for (int i = 0; i < DAMAGED_EACH && n <= LONGEST; i++) {
		uint8_t *copy = mem_dup(input, n);
		damage(copy, n, state);
		LLVMFuzzerTestOneInput(copy, n);
		free(copy);
	}
}

static void write_seed(const char *folder, int number, const uint8_t *input, uint32_t n)
{
	char *path = mem_printf("%s/golden-%04d", folder, number);
	FILE *f = fopen(path, "wb");
	if (!f || fwrite(input, 1, n, f) != n || fclose(f) != 0) {
		perror(path);
		exit(1);
	}
	free(path);
}

/* Without a folder the messages are tried, with one they are written there. */
static int go_through_golden(const char *folder)
{
	struct golden g = golden_open("tests/golden/messages/vectors.tsv.zst");
	uint32_t n, state = 2463534242;
	int number = 0;
	while (golden_row(&g)) {
		uint8_t *input = input_of(&g, &n);
		if (!input)
			continue;
		if (folder) {
			write_seed(folder, number++, input, n);
		} else {
			LLVMFuzzerTestOneInput(input, n);
			replay_damaged(input, n, &state);
		}
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
	LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++) {
		size_t n;
		char *bytes = golden_file(argv[i], &n);
		LLVMFuzzerTestOneInput((const uint8_t *)bytes, n);
		free(bytes);
	}
	return 0;
}
