# Sourced by deploy/try, deploy/test and deploy/bench: prepares .venv in the checkout.
#
#   set_up LOCK PACKAGE...
#
# LOCK names a list in deploy/locks; PACKAGEs are Debian packages, each as PACKAGE:COMMAND, where COMMAND tells that it is
# there (a path is tested, a word is looked for). As root, what is missing is installed; otherwise it is listed.

root=$(cd "$(dirname "$0")/.." && pwd -P)

have() {
    case $1 in
    /*) ls $1 >/dev/null 2>&1 ;; # unquoted: may hold a pattern
    *) command -v "$1" >/dev/null 2>&1 ;;
    esac
}

find_python() {
    for python in python3 python3.14 python3.13 python3.12 python3.11; do
        if have "$python" && "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
            return
        fi
    done
    python=
    return 1
}

missing_packages() {
    missing=
    for pair in "$@"; do
        have "${pair#*:}" || missing="$missing ${pair%%:*}"
    done
    if [ -n "$python" ]; then
        "$python" -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
    elif ! have python3; then # an older one stays what it is: installing would not change it
        missing="$missing python3 python3-venv"
    fi
    missing=${missing# }
}

install_packages() {
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        echo "Error: these packages are needed. Install them, then run this again:" >&2
        echo "    sudo apt-get install $missing" >&2
        exit 1
    fi
    echo "Installing $missing" >&2
    export DEBIAN_FRONTEND=noninteractive
    shown_when_it_fails apt-get update
    # shellcheck disable=SC2086 # a list of words
    shown_when_it_fails apt-get install -y --no-install-recommends -o Dpkg::Use-Pty=0 $missing
}

shown_when_it_fails() {
    said=$(mktemp)
    "$@" >"$said" 2>&1 || {
        status=$?
        cat "$said" >&2
        rm -f "$said"
        echo "Error: $1 $2 failed; what it said is above." >&2
        exit "$status"
    }
    rm -f "$said"
}

set_up() {
    lock=$root/deploy/locks/$1
    shift
    # The list for tests holds all that the others hold: an environment made for tests serves them too.
    for better in "$lock" "$root/deploy/locks/test.txt"; do
        wanted=$(cat "$better" "$root/deploy/locks/setuptools.txt" "$root/pyproject.toml" | sha256sum)
        if [ "$(cat "$root/.venv/luwte-stamp" 2>/dev/null)" = "$wanted" ]; then
            current=yes
        fi
    done
    wanted=$(cat "$lock" "$root/deploy/locks/setuptools.txt" "$root/pyproject.toml" | sha256sum)
    if [ -z "${current:-}" ]; then
        find_python || true
    else
        python=$root/.venv/bin/python
    fi
    missing_packages "$@"
    install_packages
    [ -z "${current:-}" ] || return 0
    [ -n "$python" ] || find_python || {
        echo "Error: Python 3.11 or newer is needed (Debian 12 or newer has it)." >&2
        exit 1
    }
    make_environment
}

make_environment() {
    (
        # Two set-ups at once would break each other's work; the second finds the first one's.
        flock 9
        [ "$(cat "$root/.venv/luwte-stamp" 2>/dev/null)" != "$wanted" ] || exit 0
        echo "Preparing the Python environment (once)" >&2
        rm -f "$root/.venv/luwte-stamp"
        "$python" -m venv "$root/.venv" || { rm -rf "$root/.venv"; exit 1; }
        pip="$root/.venv/bin/python -m pip --disable-pip-version-check --quiet"
        # What comes as source is built with the pinned tool, not with whatever is newest.
        $pip install --require-hashes --requirement "$root/deploy/locks/setuptools.txt"
        $pip install --require-hashes --no-build-isolation --requirement "$lock"
        $pip install --no-deps --no-build-isolation --editable "$root"
        echo "$wanted" >"$root/.venv/luwte-stamp"
    ) 9>"$root/.setup.lock"
}
