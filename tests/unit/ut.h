/* ut.h - the frame of a unit test program: a table of named cases, run with CUnit, exit status 1 when one
 * fails.
 *
 *	static void adds(void) { CU_ASSERT_EQUAL(1 + 1, 2); }
 *	static const struct ut_case cases[] = { UT(adds) };
 *	int main(void) { return ut_run("arithmetic", cases, countof(cases)); }
 */
#ifndef SAMSA_TESTS_UT_H
#define SAMSA_TESTS_UT_H

#include "broker/base/must.h"

#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>

struct ut_case {
	const char *name;
	void (*run)(void);
};

#define UT(function) { #function, function }

static inline int ut_run(const char *suite_name, const struct ut_case *cases, size_t n)
{
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 2;
	CU_pSuite suite = CU_add_suite(suite_name, NULL, NULL);
	for (size_t i = 0; suite && i < n; i++)
		if (!CU_add_test(suite, cases[i].name, cases[i].run))
			suite = NULL;
	if (!suite)
		return 2;
	CU_basic_set_mode(CU_BRM_NORMAL);
	CU_basic_run_tests();
	unsigned failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failed ? 1 : 0;
}

/* A path below the source tree: tests/golden/... Lives until the next call. */
static inline const char *ut_path(const char *relative)
{
	static char path[4096];
	const char *top = getenv("srcdir");
	snprintf(path, sizeof path, "%s/%s", top ? top : ".", relative);
	return path;
}

#endif
