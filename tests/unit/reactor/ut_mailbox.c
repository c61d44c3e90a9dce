/* ut_mailbox.c - the mailbox: order, who wakes, and four senders against one owner. */
#include "broker/reactor/mailbox.h"
#include "tests/unit/ut.h"

enum { SENDERS = 4, EACH = 20000, CHAIN = 7 };

struct letter {
	struct msg msg;
	int sender, number;
};

static struct mailbox box;

static void nothing(struct reactor *here, struct msg *m)
{
	(void)here;
	(void)m;
}

static bool push_one(struct letter *l)
{
	struct msg_chain c;
	msg_chain_init(&c);
	msg_chain_add(&c, &l->msg);
	return mailbox_push(&box, &c);
}

static void the_oldest_comes_first(void)
{
	struct letter l[4] = { { .number = 0 } };
	struct msg_chain c;
	mailbox_init(&box);
	for (int i = 0; i < 4; i++)
		l[i] = (struct letter){ .msg.run = nothing, .number = i };
	push_one(&l[0]);
	msg_chain_init(&c);
	msg_chain_add(&c, &l[1].msg);
	msg_chain_add(&c, &l[2].msg);
	mailbox_push(&box, &c);
	CU_ASSERT_TRUE(msg_chain_empty(&c));
	push_one(&l[3]);
	struct msg *m = mailbox_take(&box);
	for (int i = 0; i < 4; i++, m = m->next)
		CU_ASSERT_PTR_EQUAL(m, &l[i].msg);
	CU_ASSERT_PTR_EQUAL(m, MSG_NONE);
	CU_ASSERT_TRUE(mailbox_empty(&box));
}

static void only_the_first_wakes_a_sleeper(void)
{
	struct letter l[3] = { { .msg.run = nothing }, { .msg.run = nothing }, { .msg.run = nothing } };
	mailbox_init(&box);
	CU_ASSERT_FALSE(push_one(&l[0]));
	CU_ASSERT_FALSE(mailbox_sleep(&box));
	CU_ASSERT_PTR_EQUAL(mailbox_take(&box), &l[0].msg);
	CU_ASSERT_TRUE(mailbox_sleep(&box));
	CU_ASSERT_TRUE(mailbox_empty(&box));
	CU_ASSERT_TRUE(push_one(&l[1]));
	CU_ASSERT_FALSE(push_one(&l[2]));
	CU_ASSERT_PTR_EQUAL(mailbox_take(&box), &l[1].msg);
}

static void waking_by_itself_ends_the_sleep(void)
{
	struct letter l = { .msg.run = nothing };
	mailbox_init(&box);
	CU_ASSERT_TRUE(mailbox_sleep(&box));
	CU_ASSERT_PTR_EQUAL(mailbox_take(&box), MSG_NONE);
	CU_ASSERT_FALSE(push_one(&l));
}

static struct letter letters[SENDERS][EACH];
static struct sys_poller *poller;
static atomic_int wakes;

/* Sends its letters in chains of a few. */
static void send_all(void *arg)
{
	struct letter *mine = arg;
	struct msg_chain c;
	msg_chain_init(&c);
	for (int i = 0; i < EACH; i++) {
		msg_chain_add(&c, &mine[i].msg);
		if ((i % CHAIN == 0 || i == EACH - 1) && mailbox_push(&box, &c)) {
			atomic_fetch_add(&wakes, 1);
			sys_poller_wake(poller);
		}
	}
}

static void each_senders_order_is_kept(void)
{
	struct sys_thread *threads[SENDERS];
	struct sys_ready ready[1];
	int next[SENDERS] = { 0 }, got = 0, slept = 0;
	mailbox_init(&box);
	poller = sys_poller_new();
	for (int s = 0; s < SENDERS; s++)
		for (int i = 0; i < EACH; i++)
			letters[s][i] = (struct letter){ .msg.run = nothing, .sender = s, .number = i };
	for (int s = 0; s < SENDERS; s++)
		threads[s] = sys_thread_start("sender", -1, send_all, letters[s]);
	while (got < SENDERS * EACH) {
		struct msg *m = mailbox_take(&box);
		if (m == MSG_NONE && mailbox_sleep(&box)) {
			while (atomic_load(&wakes) == slept)
				sys_poller_wait(poller, ready, 1, -1);
			slept++;
		}
		for (; m != MSG_NONE; got++) {
			struct letter *l = container_of(m, struct letter, msg);
			m = m->next;
			CU_ASSERT_EQUAL(l->number, next[l->sender]);
			next[l->sender]++;
		}
	}
	for (int s = 0; s < SENDERS; s++)
		sys_thread_join(threads[s]);
	CU_ASSERT_EQUAL(atomic_load(&wakes), slept);
	CU_ASSERT_TRUE(mailbox_empty(&box));
	sys_poller_free(poller);
}

static const struct ut_case cases[] = {
	UT(the_oldest_comes_first),
	UT(only_the_first_wakes_a_sleeper),
	UT(waking_by_itself_ends_the_sleep),
	UT(each_senders_order_is_kept),
};

int main(void)
{
	return ut_run("mailbox", cases, countof(cases));
}
