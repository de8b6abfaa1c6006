#!/usr/bin/env bash
# Installs what is missing:  install.sh [build] [bench] [mariadb] [mysql] [galera] [group] [browser] [make]
#   build    Swift of the right version, and git
#   bench    what the benchmark's C program needs
#   mariadb  the programs for a MariaDB server of with-servers.sh
#   mysql    the same for a MySQL server
#   galera   the same for a Galera cluster
#   group    the same for Group Replication
#   browser  Chromium, which the examples' tests look at a page with
#   make     make
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=Scripts/find-servers.sh
. Scripts/find-servers.sh

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "root is needed, and there is no sudo. Run this as root: $*"
    fi
}

apt_install() {
    local package output missing=()
    for package in "$@"; do
        [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    echo "Installing ${missing[*]}" >&2
    as_root apt-get update -qq
    # --no-remove: don't remove an installed server or client that conflicts with ours.
    output=$(as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq -o Dpkg::Use-Pty=0 --no-install-recommends --no-remove "${missing[@]}" 2>&1) || {
        echo "$output" >&2
        fail "apt-get could not install ${missing[*]}"
    }
}

brew_install() {
    local formula missing=()
    for formula in "$@"; do
        [ -d "$(brew --prefix)/opt/$formula" ] || missing+=("$formula")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    echo "Installing ${missing[*]}" >&2
    brew install --quiet "${missing[@]}" >&2 || fail "brew could not install ${missing[*]}"
}

# provide WHAT "APT PACKAGES" "HOMEBREW FORMULAE"
# shellcheck disable=SC2086 # the lists are to be split
provide() {
    if command -v apt-get >/dev/null; then
        apt_install $2
    elif command -v brew >/dev/null; then
        brew_install $3
    else
        fail "$1 missing, and neither apt-get nor Homebrew is here to install it (packages: $2)."
    fi
}

older() {
    [ "$1" != "$2" ] && [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | sed -n 1p)" = "$1" ]
}

install_build() {
    local needed found
    command -v swift >/dev/null || fail "Swift is missing. How to install it: https://www.swift.org/install/"
    needed=$(sed -n 's|^// swift-tools-version: *||p' Package.swift)
    found=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9.]*[0-9]\).*/\1/p')
    if older "$found" "$needed"; then
        fail "Swift $found is too old, $needed or newer is needed: https://www.swift.org/install/"
    fi
    command -v git >/dev/null || provide "git is" git git
}

install_bench() {
    if ! pkg-config --exists libmariadb 2>/dev/null; then
        provide "The C library of the benchmark's limit (or pkg-config) is" \
            "pkg-config libmariadb-dev" "pkgconf mariadb-connector-c"
    fi
}

# The certificates, the time zones: both servers need them.
install_server_tools() {
    command -v openssl >/dev/null || provide "The openssl command is" openssl openssl@3
    [ -e /usr/share/zoneinfo/Europe/Berlin ] || provide "The time zone database is" tzdata ""
    command -v perl >/dev/null || provide "perl is" perl-base perl
}

install_mariadb() {
    install_server_tools
    if find_mariadb; then return; fi
    if command -v apt-get >/dev/null; then
        apt_install_mariadb
    else
        provide "MariaDB's server is" mariadb-server mariadb
    fi
    find_mariadb || fail "mariadbd, mariadb-install-db, mariadb-tzinfo-to-sql or mariadb is missing after the installation."
}

# The package starts a server and makes it start at every boot; that is unwanted.
apt_install_mariadb() {
    local policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
        printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
        as_root chmod 755 $policy
    fi
    apt_install mariadb-server mariadb-client
    if [ -d /run/systemd/system ]; then as_root systemctl disable --quiet mariadb; fi
}

install_mysql() {
    install_server_tools
    if ! find_mysql; then
        if command -v apt-get >/dev/null; then
            fetch_mysql
        elif command -v brew >/dev/null; then
            brew_install mysql
        fi
        find_mysql || no_mysql "mysqld is missing."
    fi
    find_mysql_client || provide "A MySQL client is" mariadb-client mysql-client
}

no_mysql() {
    fail "$* Put MySQL's mysqld on PATH, or name servers that already run in MYSQL_URL."
}

# Debian's stable releases have no MySQL server, sid has; Ubuntu has one that excludes MariaDB's. So MySQL is unpacked,
# with all libraries it uses, into a folder of its own.
fetch_mysql() {
    local ID='' VERSION_CODENAME='' origin suite package mirror cache partial deb
    # shellcheck disable=SC1091
    . /etc/os-release
    case $ID in
    debian)
        origin=Debian suite=sid package=mysql-server-core
        ;;
    ubuntu)
        origin=Ubuntu suite=$VERSION_CODENAME
        package=$(apt-cache --names-only search '^mysql-server-core-[0-9.]+$' | cut -d' ' -f1 | sort -V | tail -n 1)
        ;;
    *) no_mysql "A MySQL server can be fetched on Debian and Ubuntu only, this is $ID." ;;
    esac
    apt_install debootstrap gpgv
    mirror=$(apt_mirror $origin "$VERSION_CODENAME")
    if [ -z "$mirror" ]; then
        as_root apt-get update -qq
        mirror=$(apt_mirror $origin "$VERSION_CODENAME")
    fi
    [ -n "$mirror" ] || no_mysql "apt's sources name no mirror of $origin $VERSION_CODENAME."

    cache=$(dirname "$mysql_root")
    partial=$mysql_root.partial
    mkdir -p "$cache"
    exec 9>"$mysql_root.lock"
    flock 9
    # Another run may have fetched it while this one waited.
    if find_mysql; then return; fi
    echo "Fetching MySQL ($package of $origin $suite) into $mysql_root, once" >&2
    rm -rf "$partial"
    mkdir -p "$partial"/{debs,usr/{bin,lib,lib64,sbin}}
    debootstrap --download-only --variant=minbase --include="$package" "$suite" "$partial/debs" "$mirror" \
        >"$partial/log" 2>&1 || {
        tail -n 5 "$partial/log" >&2
        no_mysql "debootstrap could not fetch $package."
    }
    # Packages that still ship /lib must end up where the others are.
    for deb in bin lib lib64 sbin; do ln -s usr/$deb "$partial/$deb"; done
    for deb in "$partial"/debs/var/cache/apt/archives/*.deb; do
        dpkg-deb --fsys-tarfile "$deb" |
            tar --extract --directory "$partial" --keep-directory-symlink --no-same-owner --exclude='./dev/*'
    done
    rm -rf "$partial/debs"
    mv "$partial" "$mysql_root"
    exec 9>&-
}

# apt_mirror ORIGIN CODENAME: the address that this machine's own apt uses.
apt_mirror() {
    local mirror
    # shellcheck disable=SC2016 # the variables are apt's
    mirror=$(apt-get indextargets --format '$(ORIGIN)|$(CODENAME)|$(COMPONENT)|$(REPO_URI)' 'Identifier: Packages' |
        awk -F '|' -v origin="$1" -v codename="$2" \
            '$1 == origin && $2 == codename && $3 == "main" && !found { print $4; found = 1 }')
    # Cloud images name a file that lists mirrors.
    case $mirror in
    mirror+file:*) sed -n 's/^\(https\{0,1\}:[^[:space:]]*\).*/\1/p;T;q' "${mirror#mirror+file:}" ;;
    *) echo "$mirror" ;;
    esac
}

install_galera() {
    install_mariadb
    if find_galera && command -v rsync >/dev/null; then return; fi
    provide "Galera is" "galera-4 rsync" ""
    find_galera || fail "Galera's library is missing after the installation."
}

# It is part of MySQL.
install_group() { install_mysql; }

find_browser() {
    [ -n "${CHROMIUM:-}" ] || command -v chromium chromium-browser google-chrome >/dev/null ||
        [ -d /Applications/Chromium.app ] || [ -d "/Applications/Google Chrome.app" ]
}

install_browser() {
    if find_browser; then return; fi
    provide "Chromium is" chromium ""
    find_browser || fail "There is no Chromium. Install it or Google Chrome, or name its program in CHROMIUM."
}

install_make() {
    command -v make >/dev/null || provide "make is" make make
}

for kind in "$@"; do
    case $kind in
    build | bench | mariadb | mysql | galera | group | browser | make) "install_$kind" ;;
    *)
        fail "don't know how to install '$kind';" \
            "usage: install.sh [build] [bench] [mariadb] [mysql] [galera] [group] [browser] [make]"
        ;;
    esac
done
