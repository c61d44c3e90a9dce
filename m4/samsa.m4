# SAMSA_ADD_FLAG(VARIABLE, FLAG): appends FLAG to VARIABLE when the compiler takes it without a word.
AC_DEFUN([SAMSA_ADD_FLAG], [
  AS_VAR_PUSHDEF([known], [samsa_cv_flag_$2])
  AC_CACHE_CHECK([whether $CC takes $2], [known], [
    save_CFLAGS=$CFLAGS
    CFLAGS="$CFLAGS -Werror $2"
    AC_LINK_IFELSE([AC_LANG_PROGRAM()], [AS_VAR_SET([known], [yes])], [AS_VAR_SET([known], [no])])
    CFLAGS=$save_CFLAGS
  ])
  AS_VAR_IF([known], [yes], [$1="$$1 $2"])
  AS_VAR_POPDEF([known])
])

# SAMSA_COMPILER_FLAGS: C17, the strict warnings, and the hardening that both gcc and clang know.
AC_DEFUN([SAMSA_COMPILER_FLAGS], [
  AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror], [treat warnings as errors])], [], [enable_werror=no])
  SAMSA_CFLAGS=
  SAMSA_LDFLAGS=
  # Rows of tables leave out what is zero, which clang minds where gcc does not.
  m4_foreach_w([flag], [-std=gnu17 -Wall -Wextra -Wno-missing-field-initializers -Wconversion
    -Wno-sign-conversion -Wvla -Wshadow -Wundef -Wwrite-strings -Wstrict-prototypes -Wmissing-prototypes -Wmissing-declarations -Wold-style-definition
    -Wpointer-arith -Wcast-align -Wformat=2 -Wimplicit-fallthrough -Wnull-dereference -Wdouble-promotion
    -Wlogical-op -Wduplicated-cond -Wtrampolines -Wbidi-chars
    -fno-strict-overflow -fno-strict-aliasing -fno-delete-null-pointer-checks
    -fstack-protector-strong -fstack-clash-protection -fcf-protection=full -fPIE
    -ftrivial-auto-var-init=zero -fzero-call-used-regs=used-gpr -fno-omit-frame-pointer],
    [SAMSA_ADD_FLAG([SAMSA_CFLAGS], m4_defn([flag]))])
  m4_foreach_w([flag], [-pie [-Wl,-z,relro] [-Wl,-z,now] [-Wl,-z,noexecstack] [-Wl,-z,nodlopen] [-Wl,--as-needed]],
    [SAMSA_ADD_FLAG([SAMSA_LDFLAGS], m4_defn([flag]))])
  AS_IF([test "x$enable_werror" = xyes], [SAMSA_CFLAGS="$SAMSA_CFLAGS -Werror"])
  AC_SUBST([SAMSA_CFLAGS])
  AC_SUBST([SAMSA_LDFLAGS])
])

# SAMSA_SANITIZERS: --enable-sanitize=address,undefined or =thread, and --enable-fuzz (clang's libFuzzer).
AC_DEFUN([SAMSA_SANITIZERS], [
  AC_ARG_ENABLE([sanitize], [AS_HELP_STRING([--enable-sanitize=LIST], [build with these sanitizers])],
    [], [enable_sanitize=no])
  AC_ARG_ENABLE([fuzz], [AS_HELP_STRING([--enable-fuzz], [build the fuzz programs (clang)])], [], [enable_fuzz=no])
  AS_IF([test "x$enable_fuzz" = xyes && test "x$enable_sanitize" = xno], [enable_sanitize=address,undefined])
  AS_IF([test "x$enable_sanitize" != xno], [
    SAMSA_CFLAGS="$SAMSA_CFLAGS -fsanitize=$enable_sanitize -fno-sanitize-recover=all"
    SAMSA_LDFLAGS="$SAMSA_LDFLAGS -fsanitize=$enable_sanitize"
  ], [SAMSA_CFLAGS="$SAMSA_CFLAGS -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3"])
  AS_IF([test "x$enable_fuzz" = xyes], [SAMSA_CFLAGS="$SAMSA_CFLAGS -fsanitize=fuzzer-no-link"])
  AM_CONDITIONAL([FUZZ], [test "x$enable_fuzz" = xyes])
])

# SAMSA_NEED_HEADER(NAME, HEADER, FUNCTION, LIBRARY, DEBIAN-PACKAGE): for a library without a .pc file.
AC_DEFUN([SAMSA_NEED_HEADER], [
  AC_CHECK_HEADER([$2], [], [AC_MSG_ERROR([$1 is missing: apt-get install $5])])
  m4_ifval([$3], [
    AC_CHECK_LIB([$4], [$3], [SAMSA_LIBS="-l$4 $SAMSA_LIBS"], [AC_MSG_ERROR([$1 is missing: apt-get install $5])])])
])

# SAMSA_NEED(NAME, PC-MODULE, DEBIAN-PACKAGE)
AC_DEFUN([SAMSA_NEED], [
  PKG_CHECK_MODULES([$1], [$2], [SAMSA_LIBS="$SAMSA_LIBS $$1_LIBS"; SAMSA_CPPFLAGS="$SAMSA_CPPFLAGS $$1_CFLAGS"],
    [AC_MSG_ERROR([$2 is missing: apt-get install $3])])
])

AC_DEFUN([SAMSA_LIBRARIES], [
  SAMSA_LIBS="-lpthread -lm"
  SAMSA_CPPFLAGS=
  SAMSA_NEED([OPENSSL], [openssl >= 3.0], [libssl-dev])
  SAMSA_NEED([ZLIB], [zlib], [zlib1g-dev])
  SAMSA_NEED([LZ4], [liblz4], [liblz4-dev])
  SAMSA_NEED([ZSTD], [libzstd], [libzstd-dev])
  SAMSA_NEED([ISAL], [libisal], [libisal-dev])
  SAMSA_NEED([JANSSON], [jansson], [libjansson-dev])
  SAMSA_NEED([PCRE2], [libpcre2-8], [libpcre2-dev])
  SAMSA_NEED([MICROHTTPD], [libmicrohttpd], [libmicrohttpd-dev])
  SAMSA_NEED_HEADER([snappy], [snappy-c.h], [snappy_uncompress], [snappy], [libsnappy-dev])
  SAMSA_NEED_HEADER([uthash], [uthash.h], [], [], [uthash-dev])
  save_CPPFLAGS=$CPPFLAGS
  CPPFLAGS="$CPPFLAGS -DTHREADED"
  SAMSA_NEED_HEADER([the ZooKeeper C client], [zookeeper/zookeeper.h], [zoo_amulti], [zookeeper_mt], [libzookeeper-mt-dev])
  CPPFLAGS=$save_CPPFLAGS
  # Of the commands those that produce and consume.
  PKG_CHECK_MODULES([RDKAFKA], [rdkafka >= 1.6], [have_rdkafka=yes
    AC_DEFINE([HAVE_RDKAFKA], [1], [librdkafka is there: commands that produce and consume])],
    [have_rdkafka=no; AC_MSG_WARN([librdkafka is missing, the commands that produce and consume are left out: apt-get install librdkafka-dev])])
  AM_CONDITIONAL([RDKAFKA], [test "x$have_rdkafka" = xyes])
  # Tests only: without CUnit `make check` says so and leaves the unit tests out.
  PKG_CHECK_MODULES([CUNIT], [cunit], [have_cunit=yes],
    [have_cunit=no; AC_MSG_WARN([cunit is missing, make check will run no unit test: apt-get install libcunit1-dev])])
  AM_CONDITIONAL([CUNIT], [test "x$have_cunit" = xyes])
  AC_SUBST([SAMSA_LIBS])
  AC_SUBST([SAMSA_CPPFLAGS])
])
