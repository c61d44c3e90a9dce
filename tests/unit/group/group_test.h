/* group_test.h - what the group room's tests share: a core with one partition of __consumer_offsets on disk
 * and a coordinator, turned by the test. */
#ifndef SAMSA_TESTS_GROUP_TEST_H
#define SAMSA_TESTS_GROUP_TEST_H

#include "broker/group/coordinator.h"
#include "broker/group/group.h"
#include "tests/unit/storage/storage_test.h"

enum { GT_BROKER = 1, GT_EPOCH = 5, GT_MESSAGE_MAX = 1048588 };

struct group_test {
	struct st_log log;
	struct config *config;
	struct replicas *replicas;
	struct topic_settings *settings;
	struct partition *partition;
	struct coordinator *coordinator;
	struct coordinated *at;
};

/* Opens partition `index` in `dir`, made when missing; nobody leads it yet. `overrides` ("key=value") are
 * settings of the broker. */
void gt_begin(struct group_test *t, const char *dir, int32_t index, const char *const *overrides, size_t n);
void gt_end(struct group_test *t);
void gt_turns(struct group_test *t, int n);
void gt_turn_until(struct group_test *t, const bool *done);
/* This broker leads in `epoch`, or another one does. */
void gt_lead(struct group_test *t, int32_t epoch);
void gt_follow(struct group_test *t, int32_t epoch);
/* Turns until the partition is ACTIVE. */
void gt_wait_active(struct group_test *t);
/* Appends a batch of the test's own, not of the coordinator's. Takes the buffer. */
void gt_append(struct group_test *t, struct buf *batch);

/* Groups and offsets of the partition, a line for each, in order. */
struct gt_text {
	char text[16384];
};
const char *gt_dump(struct group_test *t, struct gt_text *room);

#endif
