# What the words of ./dev share. Sourced with the top of the tree as the current directory.
set -euo pipefail
top=$PWD
run=$top/.run
word=$(basename "$0")
mkdir -p "$run"

say() { printf '==> %s\n' "$*"; }
die() { printf '%s: %s\n' "$word" "$*" >&2; exit 1; }

packages_of() { # GROUP...: the names that tests/dev/packages lists
	local group
	for group in "$@"; do awk -v g="$group" '$1 == g { print $2 }' tests/dev/packages; done
}

missing_of() { # PACKAGE...: those that are not installed
	local p
	for p in "$@"; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || echo "$p"
	done
}

need() { # GROUP...: installs what is missing, or says what to ask for
	local missing as_root=
	# shellcheck disable=SC2046
	missing=$(missing_of $(packages_of "$@") | xargs)
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" != 0 ]; then
		command -v sudo >/dev/null && sudo -v 2>/dev/null && as_root=sudo ||
			die "packages are missing; ask someone with root to run: apt-get install --no-install-recommends $missing"
	fi
	say "installing packages: $missing"
	{ $as_root apt-get update && $as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y --no-install-recommends $missing; } > "$run/packages.log" 2>&1 ||
		{ tail -5 "$run/packages.log" >&2; die "apt-get failed, its words are in .run/packages.log"; }
}

build() { # DIR [configure argument ...]: makes DIR/samsa-broker; an existing DIR keeps its configuration
	local dir=$1 log=$run/build-$(basename "$1").log; shift
	: > "$log"
	[ -x configure ] || ./autogen.sh >> "$log" 2>&1 || fail_with "$log" "autogen.sh failed"
	if [ ! -e "$dir/config.status" ]; then
		say "configuring $dir"
		mkdir -p "$dir"
		command -v ccache >/dev/null && [[ " $* " != *" CC="* ]] && set -- "CC=ccache gcc" "$@"
		(cd "$dir" && "$top/configure" "$@") >> "$log" 2>&1 || fail_with "$log" "configure failed"
	fi
	say "building in $dir (its words: ${log#"$top/"})"
	make -C "$dir" -j"$(nproc)" >> "$log" 2>&1 || fail_with "$log" "make failed"
}

fail_with() { tail -30 "$1" >&2; printf '%s: %s, see %s\n' "$word" "$2" "${1#"$top/"}" >&2; return 1; }

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
	if grep -q 'Error [0-9]' "$log" && ! grep -qs '^:global-test-result: [^P]' $(find "$dir" -name '*.trs'); then
		tail -20 "$log"; tally_add FAIL "$dir make check"
	fi
}
