# What the words of ./dev share. Sourced with the top of the tree as the current directory.
set -euo pipefail
top=$PWD
run=$top/.run
word=$(basename "$0")
mkdir -p "$run"

say() { printf '==> %s\n' "$*"; }
die() { printf '%s: %s\n' "$word" "$*" >&2; exit 1; }

packages_of() { # GROUP...: the names that tests/dev/packages lists, but for those whose command is there already
	local group package command
	for group in "$@"; do
		awk -v g="$group" '$1 == g { print $2, $3 }' tests/dev/packages | while read -r package command; do
			[ -n "$command" ] && command -v "$command" > /dev/null || echo "$package"
		done
	done
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

build() { # DIR COMPILER "CONFIGURE-ARGUMENTS" [TARGET ...]: an existing DIR keeps its configuration
	local dir=$1 compiler=$2 arguments=$3 log=$run/$1.log; shift 3
	: > "$log"
	[ -x configure ] || ./autogen.sh >> "$log" 2>&1 || fail_with "$log" "autogen.sh failed"
	if [ ! -e "$dir/config.status" ]; then
		say "configuring $dir"
		mkdir -p "$dir"
		if command -v ccache > /dev/null; then compiler="ccache $compiler"; fi
		# shellcheck disable=SC2086
		(cd "$dir" && "$top/configure" CC="$compiler" $arguments) >> "$log" 2>&1 || fail_with "$log" "configure failed"
	fi
	say "building in $dir (its words: ${log#"$top/"})"
	make -C "$dir" -j"$(nproc)" "$@" >> "$log" 2>&1 || fail_with "$log" "make failed"
}

fail_with() { tail -30 "$1" >&2; printf '%s: %s, see %s\n' "$word" "$2" "${1#"$top/"}" >&2; return 1; }
