# The suites of a check. Each adds its lines to the tally, PASS or FAIL and a name; a word runs one, check runs all.

# The tally of a check: one line for each test, PASS or FAIL and its name.
tally=$run/tally
tally_start() { : > "$tally"; }
tally_add() { printf '%s %s\n' "$1" "$2" >> "$tally"; }
tally_end() { # prints the closing line; fails when a test failed or none ran
	local passed failed
	passed=$(grep -c '^PASS ' "$tally" || true)
	failed=$(grep -c '^FAIL ' "$tally" || true)
	sed -n 's/^FAIL /failed: /p' "$tally"
	printf '%s passed, %s failed\n' "$passed" "$failed"
	[ "$failed" = 0 ] && [ "$passed" != 0 ]
}

counted() { # NAME COMMAND...: a step that is itself one test
	local name=$1; shift
	if "$@"; then tally_add PASS "$name"; else tally_add FAIL "$name"; return 1; fi
}

unit_tests() { # DIR [make argument ...]: `make check`, each program one line of the tally
	local dir=$1 log=$run/check-$(basename "$1").log trs name result; shift
	say "unit tests in $dir (their words: ${log#"$top/"})"
	find "$dir" -name '*.trs' -delete
	make -C "$dir" -k -j"$(nproc)" check "$@" > "$log" 2>&1 || true
	while read -r trs; do
		name=${trs#"$dir/"} name=${name%.trs}
		result=$(sed -n 's/^:global-test-result: //p' "$trs")
		if [ "$result" = PASS ]; then tally_add PASS "$dir $name"; continue; fi
		tally_add FAIL "$dir $name"
		printf -- '--- %s\n' "$name"; tail -25 "${trs%.trs}.log"
	done < <(find "$dir" -name '*.trs' | sort)
	# What make could not even build left no result.
	if grep -q 'Error [0-9]' "$log" && ! grep -rqs --include='*.trs' '^:global-test-result: [^P]' "$dir"; then
		tail -20 "$log"; tally_add FAIL "$dir make check"
	fi
}

integration_tests() { # DIR CORES [option of tests/it/run ...]; two at a time, since many of them mostly wait
	local dir=$1 cores=$2; shift 2
	say "integration tests with $dir/samsa-broker on num.cores=$cores"
	tests/it/run --binary "$dir/samsa-broker" --tally "$tally" --label "$dir, $cores cores:" --cores "$cores" --jobs 2 "$@" || true
}

timed() { # SUITE [argument ...]: and how long it took
	local start=$SECONDS
	"$@"
	say "$1: $(((SECONDS - start) / 60)) min $(((SECONDS - start) % 60)) s"
}

# The integration tests run whole on two cores; on four, and under the sanitizers on one, without those that show
# commands and applications rather than the broker.
plain_suite() {
	counted "build" build build gcc "--enable-werror" || return 0
	unit_tests build
	integration_tests build 2
	integration_tests build 4 --scale 0.2 --skip 023 --skip 08
}

asan_suite() { # [option of tests/it/run ...]
	export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
	export UBSAN_OPTIONS=print_stacktrace=1
	counted "build-asan" build build-asan gcc "--enable-werror --enable-sanitize=address,undefined" || return 0
	unit_tests build-asan
	integration_tests build-asan 1 --scale 0.2 --patience 3 --skip 023 --skip 08 "$@"
}

# What runs on several threads at once: the reactor's room.
tsan_suite() {
	local programs
	programs=$(find tests/unit/reactor tests/sim -name "ut_*.c" | sed "s/\.c$//" | sort | xargs)
	counted "build-tsan" build build-tsan gcc "--enable-werror --enable-sanitize=thread" || return 0
	unit_tests build-tsan check_PROGRAMS="$programs" TESTS="$programs"
}

# Every entry of tests/fuzz/ in turn, from the seeds that its replay program writes. What is found stays in .run/fuzz/.
fuzz_suite() { # SECONDS-TOGETHER [NAME [option of libFuzzer ...]]
	local seconds=$1 names=${2:-} name dir each; shift; [ $# = 0 ] || shift
	[ -n "$names" ] || names=$(ls tests/fuzz/fuzz_*.c | sed 's/.*fuzz_\(.*\)\.c/\1/' | xargs)
	each=$((seconds / $(wc -w <<< "$names")))
	for name in $names; do
		dir=$run/fuzz/$name
		mkdir -p "$dir/seeds" "$dir/found"
		counted "fuzz $name: build" build_fuzz "$name" || continue
		say "fuzzing $name for $each s (its words: .run/fuzz/$name/log)"
		counted "fuzz $name" build-fuzz/tests/fuzz/fuzz_"$name" -max_total_time=$each -timeout=20 -rss_limit_mb=3072 \
			-artifact_prefix="$dir/" "$@" "$dir/found" "$dir/seeds" > "$dir/log" 2>&1 || tail -30 "$dir/log"
	done
}

build_fuzz() { # NAME: its libFuzzer program, and the seeds by its replay
	build build-fuzz clang "--enable-werror --enable-fuzz" "tests/fuzz/fuzz_$1" "tests/fuzz/replay_$1" &&
		build-fuzz/tests/fuzz/replay_"$1" --seeds "$run/fuzz/$1/seeds" > "$run/fuzz/$1/log" 2>&1
}

# The tarball builds without Python and autotools, installs, and leaves nothing behind.
dist_suite() {
	say "the release tarball (make distcheck; its words: .run/distcheck.log)"
	counted "distcheck" make -C build distcheck TESTS= PYTHON=: > "$run/distcheck.log" 2>&1 || tail -20 "$run/distcheck.log"
}
