/* ut_connect.c - zookeeper.connect taken apart. */
#include "zkutil/connect.h"

#include "tests/unit/ut.h"

#include <errno.h>

static struct zk_connect c;
static char why[ZK_WHY_BYTES];

static int parse(const char *text)
{
	return zk_connect_parse(&c, text, why);
}

static void hosts_and_ports(void)
{
	CU_ASSERT_EQUAL(parse("a:1,b,10.0.0.1:65535"), 0);
	CU_ASSERT_EQUAL(c.n, 3);
	CU_ASSERT_STRING_EQUAL(c.hosts[0].name, "a");
	CU_ASSERT_EQUAL(c.hosts[0].port, 1);
	CU_ASSERT_EQUAL(c.hosts[1].port, 2181);
	CU_ASSERT_STRING_EQUAL(c.hosts[2].name, "10.0.0.1");
	CU_ASSERT_EQUAL(c.hosts[2].port, 65535);
	CU_ASSERT_STRING_EQUAL(c.chroot, "");
	CU_ASSERT_EQUAL(parse(" a:1 , , b:2 ,"), 0);
	CU_ASSERT_EQUAL(c.n, 2);
	CU_ASSERT_STRING_EQUAL(c.hosts[1].name, "b");
}

static void ipv6_in_brackets(void)
{
	CU_ASSERT_EQUAL(parse("[::1]:2182,[fe80::1]"), 0);
	CU_ASSERT_STRING_EQUAL(c.hosts[0].name, "::1");
	CU_ASSERT_EQUAL(c.hosts[0].port, 2182);
	CU_ASSERT_STRING_EQUAL(c.hosts[1].name, "fe80::1");
	CU_ASSERT_EQUAL(c.hosts[1].port, 2181);
}

static void a_chroot_for_all_hosts(void)
{
	CU_ASSERT_EQUAL(parse("a:1,b:2/kafka/one"), 0);
	CU_ASSERT_EQUAL(c.n, 2);
	CU_ASSERT_STRING_EQUAL(c.chroot, "/kafka/one");
	CU_ASSERT_EQUAL(parse("a:1/"), 0);
	CU_ASSERT_STRING_EQUAL(c.chroot, "");
}

static void what_cannot_be(void)
{
	static const char *const bad[] = { "", ",", "/x", "a:", "a:0", "a:65536", "a:x", "a:1:2", ":1",
		"[::1", "[::1]x", "[]:1", "a:123456", "a/x/", "a//x", "a/x/../y", "a/.", "a/x\ny" };
	for (size_t i = 0; i < countof(bad); i++) {
		CU_ASSERT_EQUAL(parse(bad[i]), -EINVAL);
		CU_ASSERT_TRUE(why[0] != 0);
	}
	char many[ZK_HOSTS_MAX * 2 + 3] = "";
	for (int i = 0; i <= ZK_HOSTS_MAX; i++)
		strcat(many, "a,");
	CU_ASSERT_EQUAL(parse(many), -EINVAL);
}

static void paths(void)
{
	CU_ASSERT_PTR_NULL(zk_path_check("/"));
	CU_ASSERT_PTR_NULL(zk_path_check("/a"));
	CU_ASSERT_PTR_NULL(zk_path_check("/a/...b/.c/\xc3\xbc"));
	CU_ASSERT_PTR_NOT_NULL(zk_path_check(""));
	CU_ASSERT_PTR_NOT_NULL(zk_path_check("a"));
	CU_ASSERT_PTR_NOT_NULL(zk_path_check("/a/"));
	CU_ASSERT_PTR_NOT_NULL(zk_path_check("//a"));
	CU_ASSERT_PTR_NOT_NULL(zk_path_check("/a/./b"));
	CU_ASSERT_PTR_NOT_NULL(zk_path_check("/a/.."));
	CU_ASSERT_PTR_NOT_NULL(zk_path_check("/a\x7f"));
}

static const struct ut_case cases[] = {
	UT(hosts_and_ports),
	UT(ipv6_in_brackets),
	UT(a_chroot_for_all_hosts),
	UT(what_cannot_be),
	UT(paths),
};

int main(void)
{
	return ut_run("connect", cases, countof(cases));
}
